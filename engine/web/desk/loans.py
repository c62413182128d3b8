"""Loans at the desk: who has what, what is due, out and back in seconds by the number on the label; no health data."""

from __future__ import annotations

from io import BytesIO
from typing import Annotated, Any, Final

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine import loans_store
from engine.carrying import write_table
from engine.contract.ids import is_id
from engine.dates import read_day
from engine.loans import ENDS, SORTS, Loan, hinders, read_address, read_asset, read_remark, rules
from engine.loans_store import Back, Wish
from engine.loans_view import HEAD, Held, rows, stock, today_of, unsettled
from engine.locale import Language
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_caseload, repo_devices, repo_loans, repo_protection, repo_residents
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/loans"
NEW: Final = "/loans/new"
_MOST: Final = 12
_UNUSED: Final = "unused"


@door.page(PAGE, "loan")
def listed(desk: TheDesk, session: Signed, asset: str = "") -> Response:
    """What is out or not wiped in my towns, and a field for the number on a label, which leads to its thing."""
    now, lang = desk.now(), session.lang
    read = read_asset(asset) if asset.strip() else None
    with write(desk.engine) as connection:
        if isinstance(read, str):
            known = _mine(connection, session, read)
            return RedirectResponse(f"{PAGE}/{read}" if known else f"{NEW}?asset={read}", 303)
        found = unsettled(connection, session.who.municipalities, now)
        note(connection, desk, session, "loans-view", now, detail=[one.loan.asset for one in found])
    context = {"rows": [_row(one, lang) for one in found], "refused": read, "error": read, "typed": asset[:40]}
    return desk.page("loans/list.html", lang, session, status=422 if read else 200, here=PAGE, **context)


@door.page("/loans.csv", "loan")
def inventory(desk: TheDesk, session: Signed) -> Response:
    """Everything of my towns that was ever lent, for a spreadsheet."""
    now, made = desk.now(), _Kept()
    with write(desk.engine) as connection:
        found = rows(stock(connection, session.who.municipalities, now))
        note(connection, desk, session, "export-loans", now, detail=[row[0] for row in found])
    write_table(made, HEAD, found)
    heads = {"Content-Disposition": f'attachment; filename="loans-{today_of(now).isoformat()}.csv"'}
    return Response(made.content, media_type="text/csv; charset=utf-8", headers=heads)


@door.page(NEW, "loan")
def form(desk: TheDesk, session: Signed, asset: str = "", who: str = "") -> Response:
    """The form that lends a thing; `who` looks for its borrower."""
    return _lending(desk, session, {"asset": asset[:40], "who": " ".join(who.split())[:60]}, None)


@door.form(NEW, "loan")
def lend(
    desk: TheDesk, session: Trusted, asset: Annotated[str, Form()] = "", resident: Annotated[str, Form()] = "",
    sort: Annotated[str, Form()] = "", due: Annotated[str, Form()] = "", address: Annotated[str, Form()] = "",
    gateway: Annotated[str, Form()] = "", remark: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Lends it to somebody of my towns."""
    typed = {"asset": asset[:40], "resident": resident.strip()[:20], "sort": sort, "due": due[:10],
             "address": address[:40], "remark": remark[:400], "gateway": gateway.strip()[:20]}  # fmt: skip
    wish = _wish(typed)
    if isinstance(wish, Refusal):
        return _lending(desk, session, typed, wish)
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, wish.resident) if is_id(wish.resident, "r") else None
        other = repo_loans.newest(connection, wish.asset)
        if person is None or not session.who.within(person.municipality_code):
            done: Loan | Refusal = Refusal("unknown-resident", "there is no such resident", "resident")
        elif other is not None and not session.who.within(other.municipality):
            done = Refusal("taken", "this number cannot be used here", "asset")
        else:
            done = loans_store.lend(connection, wish, desk.now(), By(session.by, desk.os_user))
    if isinstance(done, Refusal):
        return _lending(desk, session, typed, done)
    return RedirectResponse(f"{PAGE}/{done.asset}", 303)


@door.page(f"{PAGE}/{{asset}}", "loan")
def look(asset: str, desk: TheDesk, session: Signed) -> Response:
    """One thing: with whom it is, and what is left to do before the next one gets it."""
    return _show(desk, session, asset, None, {})


@door.form(f"{PAGE}/{{asset}}/return", "loan")
def take_back(
    asset: str, desk: TheDesk, session: Trusted, ended: Annotated[str, Form()] = "",
    device: Annotated[str, Form()] = "", gateway: Annotated[str, Form()] = "", remark: Annotated[str, Form()] = "",
    cleared: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Notes that it came back, is lost or broken."""
    words, became = read_remark(remark), next((one for one in ENDS if one == ended), None)
    typed: dict[str, Any] = {"remark": remark[:400], "ended": ended, "cleared": cleared, "gateway": gateway[:20]}
    if isinstance(words, Refusal):
        return _show(desk, session, asset, words, typed)
    if became is None:
        raise SorryError(400, "bad-request", back=f"{PAGE}/{asset}")
    back = Back(
        ended=became, cleared=bool(cleared), unused=device == _UNUSED, gateway=gateway.strip() or None,
        device=None if device in {"", _UNUSED} else device, remark=words,
    )  # fmt: skip
    with write(desk.engine) as connection:
        loan = _known(connection, session, asset)
        done = loans_store.take_back(connection, loan, back, desk.now(), By(session.by, desk.os_user))
    return _after(desk, session, asset, done, typed)


@door.form(f"{PAGE}/{{asset}}/extend", "loan")
def extend(asset: str, desk: TheDesk, session: Trusted, due: Annotated[str, Form()] = "") -> Response:
    """Changes the due day."""
    day = read_day(due, "due") or Refusal("unreadable-date", "write the day as 2026-11-21", "due")
    if isinstance(day, Refusal):
        return _show(desk, session, asset, day, {})
    with write(desk.engine) as connection:
        loan = _known(connection, session, asset)
        done = loans_store.extend(connection, loan, day, desk.now(), By(session.by, desk.os_user))
    return _after(desk, session, asset, done, {})


@door.form(f"{PAGE}/{{asset}}/clear", "loan")
def clear(asset: str, desk: TheDesk, session: Trusted) -> Response:
    """Notes that its own memory is cleared."""
    with write(desk.engine) as connection:
        loan = _known(connection, session, asset)
        done = loans_store.clear(connection, loan, desk.now(), By(session.by, desk.os_user))
    return _after(desk, session, asset, done, {})


@door.form(f"{PAGE}/{{asset}}/wiped", "loan")
def wiped(asset: str, desk: TheDesk, session: Trusted, remark: Annotated[str, Form()] = "") -> Response:
    """Notes that nothing is left on a gateway that will never answer."""
    words = read_remark(remark) or Refusal("remark", "say how it is known", "remark")
    if isinstance(words, Refusal):
        return _show(desk, session, asset, words, {})
    with write(desk.engine) as connection:
        loan = _known(connection, session, asset)
        done = loans_store.wipe_by_hand(connection, loan, words, desk.now(), By(session.by, desk.os_user))
    return _after(desk, session, asset, done, {})


class _Kept(BytesIO):
    """What was written, still there after it was closed."""

    content: bytes = b""

    def close(self) -> None:
        self.content = self.content or self.getvalue()
        super().close()


def _wish(typed: dict[str, str]) -> Wish | Refusal:
    """What the form asks for, or the first thing in it that cannot be."""
    sort = next((one for one in SORTS if one == typed["sort"]), None)
    if sort is None:
        raise SorryError(400, "bad-request", back=PAGE)
    asset, day = read_asset(typed["asset"]), read_day(typed["due"], "due")
    place, words = read_address(typed["address"]), read_remark(typed["remark"])
    if isinstance(asset, Refusal):
        return asset
    if isinstance(day, Refusal) or isinstance(place, Refusal) or isinstance(words, Refusal):
        return next(one for one in (day, place, words) if isinstance(one, Refusal))
    return Wish(
        asset=asset, sort=sort, resident=typed["resident"], due=day, address=place, remark=words,
        gateway=typed["gateway"] or None,
    )  # fmt: skip


def _asset(text: str) -> str:
    read = read_asset(text)
    if isinstance(read, Refusal):
        raise SorryError(404, "not-found", back=PAGE)
    return read


def _mine(connection: Connection, session: Session, asset: str) -> Loan | None:
    """The newest loan of that thing, if a town of mine lends it: what another one has is not there."""
    found = repo_loans.newest(connection, asset)
    return found if found is not None and session.who.within(found.municipality) else None


def _known(connection: Connection, session: Session, asset: str) -> Loan:
    found = _mine(connection, session, _asset(asset))
    if found is None:
        raise SorryError(404, "not-found", back=PAGE)
    return found


def _after(desk: Desk, session: Session, asset: str, done: Loan | Refusal, typed: dict[str, Any]) -> Response:
    if isinstance(done, Refusal):
        return _show(desk, session, asset, done, typed)
    return RedirectResponse(f"{PAGE}/{done.asset}", 303)


def _show(desk: Desk, session: Session, asset: str, refused: Refusal | None, typed: dict[str, Any]) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        loan = _known(connection, session, asset)
        held = repo_residents.get(connection, loan.resident) if loan.state == "out" else None
        # The town lent it: also where the borrower lives in another one by now, it is to come back.
        person = repo_protection.masked(connection, held, now) if held else None
        devices = _candidates(connection, loan, lang) if loan.state == "out" else []
        note(connection, desk, session, "loan-view", now, subject=loan.resident, detail=[loan.asset])
    context: dict[str, Any] = {
        "asset": loan.asset, "loan": loan, "person": _who(person) if person else None, "devices": devices,
        "ends": ENDS, "unused": _UNUSED, "typed": typed, "refused": refused, "error": refused,
        "day": lambda at: fact_rows.day(lang, at), "today": today_of(now).isoformat(), "new": NEW,
        "measures": rules().of(loan.sort).measures, "free": hinders(loan, loan.sort) is None,
    }  # fmt: skip
    here, status = f"{PAGE}/{loan.asset}", 422 if refused else 200
    return desk.page("loans/loan.html", lang, session, status=status, here=here, **context)


def _lending(desk: Desk, session: Session, typed: dict[str, Any], refused: Refusal | None) -> Response:
    now, lang, read = desk.now(), session.lang, read_asset(typed["asset"])
    with write(desk.engine) as connection:
        last = _mine(connection, session, read) if isinstance(read, str) else None
        found = _matches(connection, session, typed)
        note(connection, desk, session, "loan-form-view", now, detail=[one[0] for one in found] or None)
    context: dict[str, Any] = {
        "typed": typed, "refused": refused, "error": refused, "matches": found, "sorts": SORTS, "last": last,
        "asset": read if isinstance(read, str) else typed["asset"], "today": today_of(now).isoformat(),
    }  # fmt: skip
    return desk.page("loans/new.html", lang, session, status=422 if refused else 200, here=NEW, **context)


def _candidates(connection: Connection, loan: Loan, lang: Language) -> list[tuple[str, str]]:
    """The devices of the borrower's home that the thing may be, unless that is known: id, what it is, since when."""
    if loan.device and repo_devices.of(connection, [loan.device]):
        return []
    found = repo_devices.of(connection, repo_loans.candidates(connection, loan))
    return [
        (
            name,
            f"{' '.join(filter(None, (one.maker, one.model))) or one.profile} ({fact_rows.day(lang, one.first_seen)})",
        )
        for name, one in found.items()
    ]


def _matches(connection: Connection, session: Session, typed: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Who may be meant by what was typed as a name: id, how the name is read, and the birth date."""
    looked = typed.get("who", "")
    found = repo_caseload.search(connection, session.who.municipalities, looked, limit=_MOST) if looked else []
    if not looked and is_id(typed.get("resident", ""), "r"):
        one = repo_residents.get(connection, typed["resident"])
        found = [one] if one and session.who.within(one.municipality_code) else []
    return [(one.id, people_rows.kana(one), one.birth_date.isoformat()) for one in found]


def _who(person: Resident) -> dict[str, str]:
    return {"id": person.id, "kana": people_rows.kana(person), "phone": person.phone or ""}


def _row(one: Held, lang: Language) -> dict[str, Any]:
    who = _who(one.person) if one.person else None
    return {
        "asset": one.loan.asset, "sort": one.loan.sort, "state": one.loan.state, "when": one.when, "who": who,
        "due": fact_rows.day(lang, one.loan.due_on), "collect": one.collect,
    }  # fmt: skip

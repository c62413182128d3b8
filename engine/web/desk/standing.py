"""Standing approvals: made, shown, suspended, ended. Off until the operator switches them on, as every page says."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id, new_id
from engine.decisions import reason_of
from engine.refusal import Refusal
from engine.rules.model import SpokenRule
from engine.standing import LEAST_SAMPLE, LONGEST, MOST_A_DAY, Approval, Population, draft, ended, state_of, suspended
from engine.store import repo_staff, repo_standing
from engine.store.database import Connection, read, write
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import standing_urgent
from engine.web.desk import standing_view as view
from engine.web.desk.standing_view import Typed
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
_LIMITS: Final = {"days": LONGEST.days, "cap": MOST_A_DAY, "sample": LEAST_SAMPLE}


@door.page("/standing", "standing.see")
def overview(desk: TheDesk, session: Signed) -> Response:
    """What is signed for in this person's towns, what became of it, and what is over."""
    now = desk.now()
    with write(desk.engine) as connection:
        towns = view.towns_of(connection, session.who)
        found = repo_standing.listed(connection, towns)
        people = [name for one in found for name in (one.signed_by, one.ended_by) if name]
        names = repo_staff.names_of(connection, people)
        rows = [
            view.shown(session.lang, one, towns, names, repo_standing.used(connection, one.id, now), now)
            for one in found
        ]
        note(connection, desk, session, "standing-view", now)
    live, over = [row for row in rows if row["live"]], [row for row in rows if not row["live"]]
    return desk.page(
        "standing/list.html", session.lang, session, here="/standing", live=live, over=over,
        on=desk.automatic.standing, may_sign=session.who.may("standing.sign"),
    )  # fmt: skip


@door.page("/standing/new", "standing.sign")
def new(desk: TheDesk, session: Signed, request: Request) -> Response:
    """The form of a new approval; with a rule in the address also what it would have covered, before anybody signs."""
    asked = {name: str(value)[:40] for name, value in request.query_params.items() if name in Typed.__struct_fields__}
    return _new(desk, session, Typed(**asked), None, tried="rule" in asked)


@door.form("/standing/new", "standing.sign")
def sign(
    desk: TheDesk,
    session: Trusted,
    rule: Annotated[str, Form()] = "",
    municipality: Annotated[str, Form()] = "",
    age_from: Annotated[str, Form()] = "",
    age_to: Annotated[str, Form()] = "",
    sex: Annotated[str, Form()] = "",
    days: Annotated[str, Form()] = "",
    daily_cap: Annotated[str, Form()] = "",
    sample_percent: Annotated[str, Form()] = "",
    digest: Annotated[str, Form()] = "",
) -> Response:
    """Sign: what was read on the page must still be what the rule says."""
    typed = Typed(
        rule=rule, municipality=municipality, age_from=age_from, age_to=age_to, sex=sex, days=days,
        daily_cap=daily_cap, sample_percent=sample_percent,
    )  # fmt: skip
    now = desk.now()
    with write(desk.engine) as connection:
        found = _checked(typed, session, view.towns_of(connection, session.who), desk)
        if isinstance(found, tuple) and found[0].digest != digest:
            found = Refusal("words-changed", "the words are not those that were shown", "rule")
        if isinstance(found, tuple):
            made = msgspec.structs.replace(found[0], id=new_id("p", SystemRandom()), signed_at=now)
            repo_standing.add(connection, made, os_user=desk.os_user)
    if isinstance(found, Refusal):
        return _new(desk, session, typed, found, tried=True)
    return RedirectResponse(f"/standing/{made.id}", 303)


# Before the pages of single approvals, whose addresses would swallow it.
door.router.include_router(standing_urgent.door.router)


@door.page("/standing/{approval}", "standing.see")
def look(approval: str, desk: TheDesk, session: Signed) -> Response:
    """One approval: its words, what it was used for by day, and what people made of what was sampled."""
    return _show(desk, session, approval)


@door.form("/standing/{approval}/suspend", "standing.sign")
def suspend(
    approval: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Stop it at once; it is not taken up again, whoever wants it signs anew."""
    return _stop(desk, session, approval, version, reason, suspend=True)


@door.form("/standing/{approval}/end", "standing.sign")
def end(
    approval: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """End it for good."""
    return _stop(desk, session, approval, version, reason, suspend=False)


def _new(desk: Desk, session: Session, typed: Typed, refused: Refusal | None, *, tried: bool) -> Response:
    now = desk.now()
    found: tuple[Approval, SpokenRule] | Refusal | None = refused
    counted = None
    with read(desk.engine) as connection:
        towns = view.towns_of(connection, session.who)
        if not typed.municipality and towns:
            typed = msgspec.structs.replace(typed, municipality=next(iter(towns)))
        if tried and refused is None:
            found = _checked(typed, session, towns, desk)
        if isinstance(found, tuple):
            counted = view.preview(connection, found[0], found[1], now)
    more: dict[str, Any] = {"approval": None, "words": [], "added": [], "sentence": ""}
    if isinstance(found, tuple):
        more = {
            "approval": found[0], "words": view.words_of(found[1]), "added": view.added_words(found[1]),
            "sentence": view.sentence(session.lang, found[0], towns),
        }  # fmt: skip
    wrong = found if isinstance(found, Refusal) else None
    return desk.page(
        "standing/new.html", session.lang, session, status=200 if refused is None else 422, here="/standing/new",
        typed=typed, rules=view.coverable(now), towns=towns, preview=counted, wrong=wrong, limits=_LIMITS,
        on=desk.automatic.standing, **more,
    )  # fmt: skip


def _checked(
    typed: Typed, session: Session, towns: dict[str, str], desk: Desk
) -> tuple[Approval, SpokenRule] | Refusal:
    """The approval that was typed with its rule, or the first thing that is wrong with it."""
    if typed.municipality not in towns:
        return Refusal("municipality", "not one of this person's municipalities", "municipality")
    rule = view.rules_now(desk.now()).get(typed.rule)
    fit = draft(rule, Population(), days=1, daily_cap=1, sample_percent=LEAST_SAMPLE)
    if isinstance(fit, Refusal):
        return fit
    made = view.candidate(typed, fit, session.by, desk.now())
    if isinstance(made, Refusal):
        return made
    days = view.number_of(typed.days, "days")
    checked = draft(
        rule, made.population, days=days if isinstance(days, int) else 0, daily_cap=made.daily_cap,
        sample_percent=made.sample_percent,
    )  # fmt: skip
    return checked if isinstance(checked, Refusal) else (made, checked)


def _approval_of(connection: Connection, session: Session, name: str) -> Approval:
    found = repo_standing.get(connection, name) if is_id(name, "p") else None
    if found is None or not session.who.within(found.municipality_code):
        raise SorryError(404, "not-found", back="/standing")
    return found


def _show(desk: Desk, session: Session, name: str, *, wrong: Refusal | None = None, reason: str = "") -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        found = _approval_of(connection, session, name)
        used = repo_standing.used(connection, found.id, now)
        samples = repo_standing.uses(connection, found.id, sampled=True)
        people = [found.signed_by, found.ended_by or "", *(one.decided_by or "" for one in samples)]
        names = repo_staff.names_of(connection, [one for one in people if one])
        row = view.shown(session.lang, found, view.towns_of(connection, session.who), names, used, now)
        days = repo_standing.days(connection, found.id)
        note(connection, desk, session, "standing-view", now, subject=found.id)
    rule = view.rules_now(now).get(found.rule_id)
    told, added = ([], []) if rule is None or row["outdated"] else (view.words_of(rule), view.added_words(rule))
    sampled = [view.sample(session.lang, one, names) for one in samples]
    return desk.page(
        "standing/show.html", session.lang, session, status=200 if wrong is None else 422,
        here=f"/standing/{found.id}", one=row, days=days, samples=sampled, words=told, added=added, wrong=wrong,
        reason=reason,
        on=desk.automatic.standing, may_sign=session.who.may("standing.sign"),
    )  # fmt: skip


def _stop(desk: Desk, session: Session, name: str, version: int, typed: str, *, suspend: bool) -> Response:
    now, reason = desk.now(), reason_of(typed)
    if isinstance(reason, str) and not reason and suspend:
        reason = Refusal("needs-reason", "say why", "reason")
    if isinstance(reason, Refusal):
        return _show(desk, session, name, wrong=reason, reason=typed)
    with write(desk.engine) as connection:
        found = _approval_of(connection, session, name)
        after = (suspended if suspend else ended)(found, session.by, now, reason)
        stale = version != found.version or state_of(found, now) == "expired"
        if isinstance(after, Refusal) or stale or not repo_standing.change(connection, after, os_user=desk.os_user):
            raise SorryError(409, "conflict", back=f"/standing/{found.id}")
    return RedirectResponse(f"/standing/{found.id}", 303)

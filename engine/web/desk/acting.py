"""The desk enters who acts for a resident and ends it: on which basis, by which paper, for what, until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.acting import BASES, GROUNDS, SCOPES, WHYS, Acting, Draft, ends, holds
from engine.contract.ids import is_id
from engine.dates import read_day
from engine.onetime import shown
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_acting, repo_codes, repo_family, repo_residents, repo_staff
from engine.store.acting_entry import Wanted, careful, enter, withdraw
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.web.account.codes import Holder
from engine.web.account.staff import base_of
from engine.web.account.times import spoken_day
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.me.family_scope import RELATIONS
from engine.web.scope import known
from engine.web.sessions import Session

door = Door()
_FIELDS: Final = 60


@door.page("/residents/{resident}/acting", "acting.decide")
def look(resident: str, desk: TheDesk, session: Signed) -> Response:
    """Who acts for this resident, who did, and a form for another."""
    return _show(desk, session, resident, {}, None)


@door.form("/residents/{resident}/acting", "acting.decide")
async def grant(resident: str, request: Request, desk: TheDesk, session: Trusted) -> Response:
    """Enters somebody; the paper is named and never kept."""
    sent = await request.form(max_fields=_FIELDS)
    typed = {name: value.strip() for name, value in sent.items() if isinstance(value, str)}
    scope = [one for one in sent.getlist("scope") if isinstance(one, str)]
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        wanted = _wanted(connection, session, typed, scope)
        by = By(session.by, desk.os_user)
        made = enter(connection, person, wanted, now, by, SystemRandom()) if isinstance(wanted, Wanted) else wanted
    if isinstance(made, Refusal):
        return _show(desk, session, resident, typed | {"scope": " ".join(scope)}, made)
    return RedirectResponse(f"/residents/{person.id}/acting", 303)


@door.form("/residents/{resident}/acting/end", "acting.decide")
def end(
    resident: str, desk: TheDesk, session: Trusted, acting: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Ends it from this moment: the paper no longer holds, or it was a mistake."""
    now, reason = desk.now(), next((one for one in WHYS if one == why), None)
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        found = _theirs(connection, person, acting)
        done: Acting | Refusal = Refusal("no-reason", "say why it ends", "why")
        if reason is not None:
            done = withdraw(connection, found.id, By(session.by, desk.os_user), reason, now)
    if isinstance(done, Refusal):
        return _show(desk, session, resident, {}, done)
    return RedirectResponse(f"/residents/{person.id}/acting", 303)


@door.form("/residents/{resident}/acting/code", "code.issue")
def code(
    request: Request, resident: str, desk: TheDesk, session: Trusted, acting: Annotated[str, Form()] = ""
) -> Response:  # fmt: skip
    """A one-time code for whoever acts, to be printed; nobody signs in as the resident."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        found = _theirs(connection, person, acting)
        member = repo_family.get(connection, found.actor) if is_id(found.actor, "m") else None
        if member is None or member.ended_at is not None or not holds(found, person.birth_date, now):
            raise SorryError(403, "forbidden", back=f"/residents/{person.id}/acting")
        made = repo_codes.issue(connection, member.id, "code", now, By(session.by, desk.os_user), SystemRandom())
        note(connection, desk, session, "acting-code", now, subject=found.id)
    more: dict[str, Any] = {
        "person": person, "holder": Holder(id=member.id, name=member.name, relation=member.relation, codes=()),
        "kind": "code", "made": made, "base": base_of(request, desk), "day": spoken_day(made.until, session.lang),
        "code": shown(made.secret), "qr": None,
    }  # fmt: skip
    return desk.page("account/handout.html", session.lang, session, here=f"/residents/{person.id}/acting", **more)


def _wanted(connection: Connection, session: Session, typed: Mapping[str, str], scope: list[str]) -> Wanted | Refusal:
    """What the form says; somebody of another town is nobody that could be named."""
    actor = typed.get("actor", "")
    if is_id(actor, "r"):
        other = repo_residents.get(connection, actor)
        if other is None or not session.who.within(other.municipality_code):
            return Refusal("no-such-account", "there is no such account", "actor")
    until = read_day(typed.get("until", ""), "until")
    if isinstance(until, Refusal):
        return until
    relation = next((one for one in RELATIONS if one == typed.get("relation")), "other")
    draft = Draft(
        basis=typed.get("basis", ""), scope=scope, seen=typed.get("seen", ""), until=until,
        agreed_by=typed.get("agreed_by") or None,
    )  # fmt: skip
    sure = typed.get("confirmed") == "yes"
    return Wanted(draft=draft, actor=actor, name=typed.get("name", ""), relation=relation, confirmed=sure)


def _theirs(connection: Connection, person: Resident, name: str) -> Acting:
    found = repo_acting.get(connection, name) if is_id(name, "j") else None
    if found is None or found.resident != person.id:
        raise SorryError(404, "not-found", back=f"/residents/{person.id}")
    return found


def _show(
    desk: Desk, session: Session, resident: str, typed: Mapping[str, str], refused: Refusal | None
) -> Response:  # fmt: skip
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        every = repo_acting.of_resident(connection, person.id)
        names = repo_acting.names_of(connection, [one.actor for one in every])
        staff = repo_staff.names_of(connection, {one.by for one in every})
        family = [one for one in repo_family.named_by(connection, person.id) if one.ended_at is None]
        hidden = careful(connection, person, now)
        note(connection, desk, session, "acting-list-view", now, subject=person.id, detail=[one.id for one in every])
    rows = [_row(one, person, names, staff, lang, now) for one in every]
    context: dict[str, Any] = {
        "person": person, "who": people_rows.who(person, lang, now), "now_rows": [one for one in rows if one["live"]],
        "past_rows": [one for one in rows if not one["live"]], "bases": BASES, "grounds": GROUNDS, "scopes": SCOPES,
        "whys": WHYS, "family": family, "relations": RELATIONS, "hidden": hidden, "typed": typed,
        "refused": refused, "error": refused,
    }  # fmt: skip
    status = 422 if refused else 200
    here = f"/residents/{person.id}/acting"
    return desk.page("acting/acting.html", lang, session, status=status, here=here, **context)


def _row(
    one: Acting, person: Resident, names: Mapping[str, str], staff: Mapping[str, str], lang: Any, now: datetime
) -> dict[str, Any]:  # fmt: skip
    end_ = ends(one, person.birth_date)
    return {
        "id": one.id, "name": names.get(one.actor, one.actor), "actor": one.actor, "basis": one.basis,
        "law": one.law, "scope": one.scope, "seen": one.seen, "since": fact_rows.day(lang, one.since),
        "until": fact_rows.day(lang, end_) if end_ else "", "by": staff.get(one.by, one.by), "reason": one.reason,
        "live": holds(one, person.birth_date, now), "account": is_id(one.actor, "m"),
    }  # fmt: skip

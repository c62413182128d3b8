"""One-time codes and QR cards that sign residents and family in, made at the desk."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.cards import text_of
from engine.onetime import shown
from engine.people import Resident
from engine.store import repo_codes, repo_family, repo_notices, repo_staff
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.repo_codes import Code
from engine.web.account.enrol import drawn
from engine.web.account.staff import base_of
from engine.web.account.times import day, spoken_day
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.scope import known

door = Door()


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may be given a code: the resident, or a family member they named."""

    id: str
    name: str
    relation: str
    codes: tuple[Code, ...]


@door.page("/residents/{resident}/codes", "code.issue")
def overview(desk: TheDesk, session: Signed, resident: str) -> Response:
    """What the resident and their family have been given, and what of it is good."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        holders = _holders(connection, person)
        names = repo_staff.names_of(connection, [code.issued_by for one in holders for code in one.codes])
        note(connection, desk, session, "codes-view", now, subject=person.id)
    more: dict[str, Any] = {"person": person, "holders": holders, "names": names, "now": now, "day": day}
    here = f"/residents/{person.id}/codes"
    return desk.page("account/codes.html", session.lang, session, here=here, **more)


@door.form("/residents/{resident}/codes/issue", "code.issue")
def issue(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    resident: str,
    subject: Annotated[str, Form()],
    kind: Annotated[Literal["code", "card"], Form()],
) -> Response:
    """Makes one and shows it to be printed, this once; an earlier one opens nothing any more."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        holder = _holder(connection, person, subject)
        if person.status != "active" or (kind == "card" and holder.id != person.id):
            raise SorryError(403, "forbidden", back=f"/residents/{person.id}/codes")
        made = repo_codes.issue(connection, holder.id, kind, now, By(session.by, desk.os_user), SystemRandom())
        if holder.id != person.id:
            # A code of their family opens the resident's pages: they read of it where they read who looked.
            note(connection, desk, session, "sign-in-code-family", now, subject=person.id, detail=[holder.id])
        # Whoever holds a code can be taken for its owner: the owner hears that one was made.
        repo_notices.owe(connection, person.id, "code", made.id, now)
    base, card = base_of(request, desk), text_of(made.secret)
    more: dict[str, Any] = {
        "person": person, "holder": holder, "kind": kind, "made": made, "base": base,
        "day": spoken_day(made.until, session.lang),
        "code": shown(made.secret) if kind == "code" else card,
        "qr": drawn(f"{base}/signin?{urlencode({'card': card})}") if kind == "card" else None,
    }  # fmt: skip
    return desk.page("account/handout.html", session.lang, session, here=f"/residents/{person.id}/codes", **more)


@door.form("/residents/{resident}/codes/revoke", "code.issue")
def revoke(
    desk: TheDesk,
    session: Trusted,
    resident: str,
    subject: Annotated[str, Form()],
    code: Annotated[str, Form()],
) -> Response:
    """Makes one open nothing any more; with a lost card its holder is signed out everywhere."""
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        holder = _holder(connection, person, subject)
        repo_codes.revoke(connection, code, holder.id, desk.now(), By(session.by, desk.os_user))
    return RedirectResponse(f"/residents/{person.id}/codes", 303)


def _holders(connection: Connection, person: Resident) -> list[Holder]:
    """The resident first, then the family they named."""
    family = [one for one in repo_family.named_by(connection, person.id) if one.ended_at is None]
    people = [(person.id, f"{person.family_name} {person.given_name}".strip(), "")]
    people += [(one.id, one.name, one.relation) for one in family]
    return [
        Holder(id=id_, name=name, relation=relation, codes=tuple(repo_codes.of(connection, id_)))
        for id_, name, relation in people
    ]


def _holder(connection: Connection, person: Resident, subject: str) -> Holder:
    found = next((one for one in _holders(connection, person) if one.id == subject), None)
    if found is None:
        raise SorryError(404, "not-found", back=f"/residents/{person.id}/codes")
    return found

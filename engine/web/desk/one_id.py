"""The desk's page of somebody's city ID: whether it is linked, ending a link with its reason, and what was refused."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id
from engine.people import Resident
from engine.store import repo_acting, repo_family, repo_one_id, repo_staff
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.repo_one_id import Link
from engine.web.account.times import day, minute
from engine.web.context import Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.scope import known

door = Door()
REASONS: Final = ("reissued", "lost", "wrong", "asked")


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose ID may be linked: the resident, or a family member they named."""

    id: str
    name: str
    relation: str
    now: Link | None
    before: tuple[Link, ...]
    refused: tuple[str, ...]


@door.page("/residents/{resident}/one-id", "enrol")
def overview(desk: TheDesk, session: Signed, resident: str, done: str = "") -> Response:
    """Who of them is linked since when and how, every link that ended, and tries that were refused."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        holders = [_holder(connection, *one) for one in _people(connection, person)]
        names = repo_staff.names_of(connection, [by for one in holders for by in _actors(one)])
        note(connection, desk, session, "one-id-view", now, subject=person.id)
    more: dict[str, Any] = {
        "person": person, "holders": holders, "names": names, "reasons": REASONS, "day": day,
        "done": done == "unlinked",
    }  # fmt: skip
    return desk.page("account/one_id_desk.html", session.lang, session, here=f"/residents/{person.id}/one-id", **more)


@door.form("/residents/{resident}/one-id/unlink", "enrol")
def unlink(
    desk: TheDesk,
    session: Trusted,
    resident: str,
    subject: Annotated[str, Form()] = "",
    link: Annotated[int, Form()] = 0,
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Ends a link for one of the listed reasons; whoever is signed in by it is signed out at once."""
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        back = f"/residents/{person.id}/one-id"
        if reason not in REASONS:
            raise SorryError(400, "bad-request", back=back)
        if subject not in {one[0] for one in _people(connection, person)}:
            raise SorryError(404, "not-found", back=back)
        repo_one_id.unlink(connection, link, subject, reason, desk.now(), By(session.by, desk.os_user))
    return RedirectResponse(f"{back}?done=unlinked", 303)


def _people(connection: Connection, person: Resident) -> list[tuple[str, str, str]]:
    """The resident first, then the family they named and whoever acts for them with an account of their own."""
    acting = [one.actor for one in repo_acting.of_resident(connection, person.id) if is_id(one.actor, "m")]
    others = (repo_family.get(connection, name) for name in dict.fromkeys(acting))
    family = {one.id: one for one in (*repo_family.named_by(connection, person.id), *others) if one is not None}
    mine = (person.id, f"{person.family_name} {person.given_name}".strip(), "")
    return [mine, *((one.id, one.name, one.relation) for one in family.values() if one.ended_at is None)]


def _holder(connection: Connection, id: str, name: str, relation: str) -> Holder:  # noqa: A002
    links = repo_one_id.links_of(connection, id)
    return Holder(
        id=id, name=name, relation=relation, now=next((one for one in links if one.ended_at is None), None),
        before=tuple(one for one in links if one.ended_at is not None),
        refused=tuple(minute(at) for at in repo_one_id.refused_of(connection, id)),
    )  # fmt: skip


def _actors(holder: Holder) -> list[str]:
    links = [*holder.before, *([holder.now] if holder.now else [])]
    return [by for one in links for by in (one.by, one.ended_by) if by]

"""Who acts for whom: entered, ended, and asked for at every page and form; audited under the basis' own id (`j-…`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine import acting
from engine.acting import Acting, Scope, Why
from engine.contract.ids import is_id
from engine.locale import Language, text
from engine.people import Resident
from engine.refusal import Refusal
from engine.situation import gone
from engine.store import audit, repo_family, repo_life, repo_residents
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import RESIDENT
from engine.store.tables_desk import FAMILY_MEMBER
from engine.store.tables_rights import ACTING

_INSTANTS: Final = ("since", "until", "at", "ended_at")


def add(connection: Connection, made: Acting, by: By) -> None:
    """Stores a new basis with its audit entry, which names the basis and whom it is for only by their ids."""
    connection.execute(insert(ACTING), _row(made))
    _record(connection, "acting-grant", made, made.at, by)


def end(connection: Connection, id: str, by: By, why: Why, now: datetime) -> Acting | Refusal:  # noqa: A002
    """Ends one; refused as unknown-acting, already-ended, not-yours or conflict."""
    found = get(connection, id)
    if found is None:
        return Refusal("unknown-acting", f"there is no {id}")
    after = acting.ended(found, by.actor, why, now)
    if isinstance(after, Refusal):
        return after
    mine = (ACTING.c.id == id) & (ACTING.c.version == found.version)
    if connection.execute(update(ACTING).where(mine).values(_row(after))).rowcount != 1:
        return Refusal("conflict", f"{id} was changed meanwhile")
    _record(connection, "acting-end", after, now, by)
    return after


def end_of(connection: Connection, resident: str, by: By, why: Why, now: datetime) -> int:
    """Ends everything by which anybody acts for a resident; how many."""
    open_ = [one for one in of_resident(connection, resident) if one.ended_at is None]
    return sum(isinstance(end(connection, one.id, by, why, now), Acting) for one in open_)


def get(connection: Connection, id: str) -> Acting | None:  # noqa: A002
    """The basis of that id, over or not."""
    return next(iter(_read(connection, ACTING.c.id == id)), None)


def of_resident(connection: Connection, resident: str) -> list[Acting]:
    """Everything by which anybody ever acted for a resident, newest first."""
    return _read(connection, ACTING.c.resident_id == resident)


def of_actor(connection: Connection, actor: str) -> list[Acting]:
    """Everything by which somebody ever acted for others, newest first."""
    return _read(connection, ACTING.c.actor == actor)


def may_act(connection: Connection, actor: str, resident: str, scope: Scope, when: datetime) -> Acting | None:
    """The basis on which `actor` may do `scope` for `resident` at `when`, else None; both must live here still."""
    found = standing(connection, actor, resident, when)
    return next((one for one, held in found if scope in held), None)


def standing(
    connection: Connection, actor: str, resident: str, when: datetime
) -> list[tuple[Acting, frozenset[Scope]]]:
    """Each basis that holds between these two at `when` with what it is good for now, newest first."""
    mine = _read(connection, (ACTING.c.actor == actor) & (ACTING.c.resident_id == resident))
    person = repo_residents.get(connection, resident) if mine else None
    if person is None or gone(repo_life.situation(connection, resident), when) or not _here(connection, actor, when):
        return []
    found = ((one, acting.scope_at(one, person.birth_date, when)) for one in mine)
    return [(one, held) for one, held in found if held]


def live(connection: Connection, person: Resident, when: datetime) -> list[Acting]:
    """By whom and on which basis somebody acts for `person` at `when`."""
    return [one for one in of_resident(connection, person.id) if acting.holds(one, person.birth_date, when)]


def agreement(connection: Connection, resident: str, agreed_by: str | None, when: datetime) -> bool:
    """Whether that yes can stand for the resident: their own, or that of a guardian who speaks of their consents."""
    if agreed_by == resident:
        return True
    found = get(connection, agreed_by) if agreed_by and is_id(agreed_by, "j") else None
    person = repo_residents.get(connection, resident)
    if found is None or person is None or found.resident != resident:
        return False
    return "consents" in acting.scope_at(found, person.birth_date, when)


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The names of these accounts of family and residents; others are left out."""
    wanted = sorted(set(ids))
    found: dict[str, str] = {}
    for part in parts_of(wanted):
        query = select(FAMILY_MEMBER.c.id, FAMILY_MEMBER.c.name).where(FAMILY_MEMBER.c.id.in_(part))
        found |= {row.id: row.name for row in connection.execute(query)}
        people = select(RESIDENT.c.id, RESIDENT.c.family_name, RESIDENT.c.given_name).where(RESIDENT.c.id.in_(part))
        found |= {row.id: f"{row.family_name} {row.given_name}".strip() for row in connection.execute(people)}
    return found


def titles(connection: Connection, resident: str, lang: Language) -> dict[str, str]:
    """How the resident is told of whoever acts or acted for them: the name with the basis, by the actor's id."""
    every = of_resident(connection, resident)
    names = names_of(connection, (one.actor for one in every))
    # The newest comes first, and is what somebody is called by.
    told = {one.actor: text(lang, "resident", f"me.acting.basis.{one.basis}") for one in reversed(every)}
    return {
        actor: text(lang, "resident", "me.acting.title", name=names.get(actor, actor), basis=basis)
        for actor, basis in told.items()
    }


def shown(connection: Connection, resident: str, lang: Language, when: datetime) -> list[dict[str, Any]]:
    """Who acts for a resident now, as the page of consents says it: name, basis, for what, until when, may I end it."""
    person = repo_residents.get(connection, resident)
    held = [] if person is None else live(connection, person, when)
    names = names_of(connection, (one.actor for one in held))
    return [
        {
            "id": one.id, "name": names.get(one.actor, one.actor), "basis": one.basis,
            "scope": [text(lang, "resident", f"me.acting.scope.{part}") for part in one.scope],
            "until": acting.ends(one, person.birth_date) if person else None,
            "mine": acting.GROUNDS[one.basis].by_resident,
        }
        for one in held
    ]  # fmt: skip


def _here(connection: Connection, actor: str, when: datetime) -> bool:
    """Whether the one who acts still has an account: family that was not ended, a resident who did not die or move."""
    if is_id(actor, "m"):
        member = repo_family.get(connection, actor)
        return member is not None and member.ended_at is None
    return is_id(actor, "r") and gone(repo_life.situation(connection, actor), when) is None


def _read(connection: Connection, where: Any) -> list[Acting]:
    query = select(ACTING).where(where).order_by(ACTING.c.since.desc(), ACTING.c.id)
    return [_acting(row) for row in connection.execute(query).mappings()]


def _record(connection: Connection, action: str, one: Acting, now: datetime, by: By) -> None:
    detail: Collection[Any] = [one.id, one.resident, one.actor, one.basis, list(one.scope), one.version]
    audit.note(connection, action, one.id, by, now, detail)


def _row(one: Acting) -> dict[str, Any]:
    row = msgspec.structs.asdict(one) | {"scope": msgspec.json.encode(one.scope).decode()}
    row["resident_id"] = row.pop("resident")
    for name in _INSTANTS:
        row[name] = None if row[name] is None else to_micros(row[name])
    return row


def _acting(row: Any) -> Acting:
    fields = {name: row[name] for name in Acting.__struct_fields__ if name != "resident"}
    fields |= {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    scope = msgspec.json.decode(row["scope"])
    return msgspec.convert(fields | {"resident": row["resident_id"], "scope": scope}, Acting)

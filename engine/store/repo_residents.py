"""Residents: added, edited by compare-and-swap, listed in kana order, found by name however it is typed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from engine.names import collation_key, kana_key, search_key
from engine.people import Resident, search_key_of
from engine.store import audit, repo_outbox
from engine.store.instants import to_micros
from engine.store.repo_owing import owe_residents
from engine.store.tables import ADVICE, BINDING, DEVICE, RESIDENT
from engine.store.tables_desk import REQUEST
from engine.store.tallies import note_people_changed


class Conflict(msgspec.Struct, frozen=True):
    """Somebody else changed it first; `current` is its version now, None when it is gone."""

    id: str
    expected: int
    current: int | None


def add(connection: Connection, resident: Resident, now: datetime, *, actor: str, os_user: str) -> None:
    """Stores a new resident with its audit entry; the household and municipality must be there."""
    connection.execute(insert(RESIDENT), _row(resident) | {"created_at": to_micros(now)})
    _record(connection, "resident-add", resident, now, actor, os_user)


def edit(connection: Connection, changed: Resident, now: datetime, *, actor: str, os_user: str) -> Resident | Conflict:
    """Stores `changed` if its version follows the stored one directly, with its audit entry.

    Who moved out, or is no longer active, gives up the user slots of the devices left behind. What waits for them is
    judged anew: age, sex, height and being here decide about advice. Who moves to another municipality takes along what
    waits there: its nurses see it from then on, and those of the former no more.
    """
    audit.take_turn(connection)
    expected = changed.version - 1
    mine = (RESIDENT.c.id == changed.id) & (RESIDENT.c.version == expected)
    if connection.execute(update(RESIDENT).where(mine).values(_row(changed))).rowcount != 1:
        current = connection.execute(select(RESIDENT.c.version).where(RESIDENT.c.id == changed.id)).scalar()
        return Conflict(changed.id, expected, current)
    _take_along(connection, changed)
    left = BINDING.c.resident_id == changed.id
    if changed.status == "active" and changed.household_id is not None:
        home = select(DEVICE.c.id).where(DEVICE.c.household_id == changed.household_id)
        left &= BINDING.c.device_id.not_in(home)
    connection.execute(delete(BINDING).where(left))
    _record(connection, "resident-edit", changed, now, actor, os_user)
    repo_outbox.put(connection, "evaluate", [changed.id], now)
    owe_residents(connection, [changed.id], now)
    return changed


def _take_along(connection: Connection, person: Resident) -> None:
    """Advice and requests that wait for somebody lie in the municipality of the person; what is done stays."""
    town = person.municipality_code
    waits = (ADVICE.c.resident_id == person.id) & ADVICE.c.shelf.in_(("open", "held", "later"))
    waits &= ADVICE.c.municipality_code != town
    # Whoever was given it works for the former municipality.
    connection.execute(update(ADVICE).where(waits).values(municipality_code=town, assigned_to=None))
    asked = (REQUEST.c.resident_id == person.id) & REQUEST.c.closed_at.is_(None) & (REQUEST.c.municipality_code != town)
    connection.execute(update(REQUEST).where(asked).values(municipality_code=town))


def get(connection: Connection, id: str) -> Resident | None:  # noqa: A002
    """The resident of that id."""
    return next(iter(get_many(connection, [id])), None)


def get_many(connection: Connection, ids: Iterable[str]) -> list[Resident]:
    """The residents of these ids that exist, in kana order."""
    return _read(connection, RESIDENT.c.id.in_(sorted(set(ids))))


def listed(connection: Connection, *, household: str | None = None, status: str | None = None) -> list[Resident]:
    """Everybody, or who lives in one household or has one status, in kana order."""
    where: Any = RESIDENT.c.id.is_not(None)
    if household is not None:
        where &= RESIDENT.c.household_id == household
    if status is not None:
        where &= RESIDENT.c.status == status
    return _read(connection, where)


def search(connection: Connection, text: str, *, limit: int = 50) -> list[Resident]:
    """Up to `limit` residents whose name, kana or alias contains `text`, whatever width, kana or variant is typed."""
    key = search_key(text)
    return _read(connection, RESIDENT.c.search_key.contains(key, autoescape=True))[:limit] if key else []


def households_known(connection: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """The household each of these residents lives in, None for one without or no longer active."""
    query = select(RESIDENT.c.id, RESIDENT.c.household_id, RESIDENT.c.status)
    found = connection.execute(query.where(RESIDENT.c.id.in_(sorted(set(ids)))))
    return {row.id: row.household_id if row.status == "active" else None for row in found}


def in_kana_order(resident: Resident) -> tuple[Any, ...]:
    """A sort key: family kana, given kana, then age and id, so that the order is total."""
    kana = collation_key(resident.family_kana), collation_key(resident.given_kana)
    return (*kana, resident.birth_date, resident.id)


def _read(connection: Connection, where: Any) -> list[Resident]:
    found = [_resident(row) for row in connection.execute(select(RESIDENT).where(where)).mappings()]
    return sorted(found, key=in_kana_order)


def _record(connection: Connection, action: str, resident: Resident, now: datetime, actor: str, os_user: str) -> None:
    # A hash of a name or a birth date could be found back by trying all of them: the version is all that is kept.
    detail = audit.detail_hash([resident.id, resident.version])
    entry = audit.Entry(
        at=to_micros(now), actor=actor, os_user=os_user, action=action, subject=resident.id, detail_hash=detail
    )
    audit.append(connection, entry)
    note_people_changed(connection)


def _row(resident: Resident) -> dict[str, Any]:
    texts = {
        "birth_date": resident.birth_date.isoformat(),
        "height_cm": None if resident.height_cm is None else format(resident.height_cm, "f"),
        "height_on": None if resident.height_on is None else resident.height_on.isoformat(),
        "search_key": search_key_of(resident),
        "kana_key": kana_key(resident.family_kana, resident.given_kana),
    }
    return msgspec.structs.asdict(resident) | texts


def _resident(row: Any) -> Resident:
    fields = {name: row[name] for name in Resident.__struct_fields__}
    fields["birth_date"] = date.fromisoformat(row["birth_date"])
    fields["height_cm"] = None if row["height_cm"] is None else Decimal(row["height_cm"])
    fields["height_on"] = None if row["height_on"] is None else date.fromisoformat(row["height_on"])
    return Resident(**fields)

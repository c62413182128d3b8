"""What residents asked for: added with a due date, answered, closed or handed on by compare-and-swap."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from random import Random, SystemRandom
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update

from engine.contract.ids import new_id
from engine.people import Resident
from engine.requests import DeskName, Kind, Request, desk_of, due_of
from engine.store.instants import from_micros, to_micros
from engine.store.repo_residents import Conflict
from engine.store.tables_desk import REQUEST

_INSTANTS: Final = ("due_at", "created_at", "closed_at")


def add(
    connection: Connection,
    resident: Resident,
    kind: Kind,
    text: str,
    about: str | None,
    now: datetime,
    rng: Random | None = None,
) -> Request:
    """Stores what `resident` asks for and says by when it is answered; `text` has passed `requests.words_of`.

    The audit entry is the caller's, who knows who typed it.
    """
    town = resident.municipality_code
    asked = Request(
        id=new_id("q", rng or SystemRandom()), resident_id=resident.id, municipality_code=town, kind=kind, about=about,
        text=text, desk=desk_of(kind, about), due_at=due_of(kind, town, now), state="open",
        created_at=now,
    )  # fmt: skip
    connection.execute(insert(REQUEST), _row(asked))
    return asked


def change(connection: Connection, changed: Request) -> Request | Conflict:
    """Stores `changed` if it is still the version that was looked at; of two who answer exactly one wins."""
    mine = (REQUEST.c.id == changed.id) & (REQUEST.c.version == changed.version)
    after = msgspec.structs.replace(changed, version=changed.version + 1)
    if connection.execute(update(REQUEST).where(mine).values(_row(after))).rowcount == 1:
        return after
    current = connection.execute(select(REQUEST.c.version).where(REQUEST.c.id == changed.id)).scalar()
    return Conflict(changed.id, changed.version, current)


def hand_on(connection: Connection, asked: Request, text: str, by: str, now: datetime) -> Request | Conflict:
    """Closes a health request and opens one for the help desk with `text` instead of the resident's own words.

    Whatever a resident told a nurse is not read at the help desk; the promised day stays.
    """
    done = change(connection, msgspec.structs.replace(asked, state="handed", closed_at=now, closed_by=by))
    if isinstance(done, Conflict):
        return done
    made = Request(
        id=new_id("q", SystemRandom()), resident_id=asked.resident_id, municipality_code=asked.municipality_code,
        kind="device", about=asked.id, text=text, desk="devices", due_at=asked.due_at, state="open", created_at=now,
    )  # fmt: skip
    connection.execute(insert(REQUEST), _row(made))
    return made


def get(connection: Connection, id: str) -> Request | None:  # noqa: A002
    """The request of that id."""
    row = connection.execute(select(REQUEST).where(REQUEST.c.id == id)).mappings().first()
    return None if row is None else _request(row)


def of(connection: Connection, resident: str, *, limit: int = 100) -> list[Request]:
    """What one resident asked for, newest first."""
    query = select(REQUEST).where(REQUEST.c.resident_id == resident)
    return _read(connection, query.order_by(REQUEST.c.created_at.desc(), REQUEST.c.id).limit(limit))


def waiting(
    connection: Connection,
    desk: DeskName,
    towns: Collection[str] | None,
    *,
    after: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[Request]:
    """What waits at a desk for these towns (None: all), due first; `after` is due_at and id of the last one seen."""
    query = select(REQUEST).where(_at_desk(desk, towns), REQUEST.c.state == "open")
    if after is not None:
        due, name = after
        query = query.where((REQUEST.c.due_at > due) | ((REQUEST.c.due_at == due) & (REQUEST.c.id > name)))
    return _read(connection, query.order_by(REQUEST.c.due_at, REQUEST.c.id).limit(limit))


def finished(
    connection: Connection, desk: DeskName, towns: Collection[str] | None, *, limit: int = 20
) -> list[Request]:
    """What was answered, closed or handed on last."""
    query = select(REQUEST).where(_at_desk(desk, towns), REQUEST.c.state.in_(("answered", "closed", "handed")))
    return _read(connection, query.order_by(REQUEST.c.closed_at.desc(), REQUEST.c.id).limit(limit))


def count(connection: Connection, desk: DeskName, towns: Collection[str] | None, now: datetime) -> tuple[int, int]:
    """How many wait at a desk, and how many of them are overdue."""
    late = func.sum(case((REQUEST.c.due_at < to_micros(now), 1), else_=0))
    query = select(func.count(), func.coalesce(late, 0)).where(_at_desk(desk, towns), REQUEST.c.state == "open")
    waits, overdue = connection.execute(query).one()
    return int(waits), int(overdue)


def _at_desk(desk: DeskName, towns: Collection[str] | None) -> Any:
    where = REQUEST.c.desk == desk
    return where if towns is None else where & REQUEST.c.municipality_code.in_(sorted(towns))


def _read(connection: Connection, query: Any) -> list[Request]:
    return [_request(row) for row in connection.execute(query).mappings()]


def _row(asked: Request) -> dict[str, Any]:
    fields = msgspec.structs.asdict(asked)
    return fields | {name: None if fields[name] is None else to_micros(fields[name]) for name in _INSTANTS}


def _request(row: Any) -> Request:
    fields = {name: row[name] for name in Request.__struct_fields__}
    return Request(**fields | {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS})

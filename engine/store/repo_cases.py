"""Cases and what was done in them: every change is one compare-and-swap, one event and one audit entry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from engine.cases import Case, Detail, Event, Goal, Sort, State
from engine.cases_book import book
from engine.cases_points import contact_points
from engine.clinical_values import day_of
from engine.refusal import Refusal
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.tables import RESIDENT
from engine.store.tables_following import CASE_EVENT, GUIDANCE_CASE

_DETAIL: Final = msgspec.json.Decoder(Detail)
_GOAL: Final = msgspec.json.Decoder(Goal)
_NOTHING: Final = Detail()
_DAYS: Final = ("interviewed_on", "next_on")


def add(connection: Connection, case: Case, by: By, detail: Detail = _NOTHING) -> Case | Refusal:
    """Stores a new case with its first event; refused as `already-open` where one of that programme is open."""
    try:
        with connection.begin_nested():
            connection.execute(insert(GUIDANCE_CASE), _row(case))
    except IntegrityError:
        return Refusal("already-open", f"{case.resident} is followed in {case.programme} already", "programme")
    keep(connection, case, "opened", case.opened_at, by, detail)
    return case


def change(
    connection: Connection, after: Case, sort: Sort, now: datetime, by: By, detail: Detail = _NOTHING, points: int = 0
) -> Case | Refusal:
    """Stores `after`, whose version follows the stored one, with its event; refused as `conflict`, or already-open."""
    # The turn before the row: who marks a class holds the turn, and would wait for a row whose holder waits for it.
    audit.take_turn(connection)
    mine = (GUIDANCE_CASE.c.id == after.id) & (GUIDANCE_CASE.c.version == after.version - 1)
    done = connection.execute(update(GUIDANCE_CASE).where(mine).values(_row(after)))
    if done.rowcount != 1:
        return Refusal("conflict", "somebody else changed this case at the same moment; look at it again")
    keep(connection, after, sort, now, by, detail, points)
    return after


def keep(
    connection: Connection, case: Case, sort: Sort, now: datetime, by: By, detail: Detail, points: int = 0
) -> None:  # fmt: skip
    """Adds one event to a case, with its audit entry, which holds no word of it."""
    told = msgspec.json.encode(detail).decode()
    connection.execute(
        insert(CASE_EVENT),
        {"case_id": case.id, "sort": sort, "at": to_micros(now), "by": by.actor, "detail": told, "points": points},
    )
    audit.note(connection, f"case-{sort}", case.resident, by, now, [case.id, told, points])


def get(connection: Connection, id: str) -> Case | None:  # noqa: A002
    """The case of that id."""
    return next(iter(_read(connection, GUIDANCE_CASE.c.id == id)), None)


def of_resident(connection: Connection, resident: str) -> list[Case]:
    """Every case of one resident, oldest first."""
    return _read(connection, GUIDANCE_CASE.c.resident_id == resident)


def open_of(connection: Connection, resident: str) -> list[Case]:
    """The cases of one resident that are open, oldest first."""
    return _read(connection, (GUIDANCE_CASE.c.resident_id == resident) & (GUIDANCE_CASE.c.state == "open"))


def listed(
    connection: Connection, towns: Collection[str] | None, state: State = "open", *, limit: int | None = None
) -> list[Case]:  # fmt: skip
    """The cases of who lives in these towns (None: all) in that state, oldest first; with `limit` the newest.

    Where they live now decides, not where the case began: who moved within the region is followed by their new town.
    """
    where = GUIDANCE_CASE.c.state == state
    if towns is not None:
        here = select(RESIDENT.c.id).where(RESIDENT.c.municipality_code.in_(sorted(towns)))
        where &= GUIDANCE_CASE.c.resident_id.in_(here)
    return _read(connection, where, limit=limit)


def events(connection: Connection, case: str) -> list[Event]:
    """What was done in one case, oldest first."""
    return events_of(connection, [case])[case]


def events_of(connection: Connection, cases: Iterable[str]) -> dict[str, list[Event]]:
    """What was done in each of these cases, oldest first."""
    names = sorted(set(cases))
    found: dict[str, list[Event]] = {name: [] for name in names}
    for some in parts_of(names):
        part = CASE_EVENT.c.case_id.in_(some)
        for row in connection.execute(select(CASE_EVENT).where(part).order_by(CASE_EVENT.c.seq)).mappings():
            found[row["case_id"]].append(_event(row))
    return found


def note_contact(
    connection: Connection,
    resident: str,
    contact: str,
    how: str,
    outcome: str,
    minutes: int | None,
    now: datetime,
    by: By,
) -> None:
    """A contact of a resident becomes an event of every case they are in, with its points.

    Once somebody was spoken to, a next contact that was due is done: until a new day is planned the case is on the
    list as unplanned. A try in vain leaves it where it is.
    """
    for case in open_of(connection, resident):
        done, today = events(connection, case.id), day_of(now)
        points, counted = contact_points(book(), case, how, outcome, minutes, today, done)
        detail = Detail(how=how, outcome=outcome, minutes=minutes, contact=contact, counted=counted)
        spoken = outcome not in {"message", "absent"} and how != "letter"
        if spoken and case.next_on is not None and case.next_on <= today:
            after = msgspec.structs.replace(case, next_on=None, version=case.version + 1)
            if isinstance(change(connection, after, "contact", now, by, detail, points), Case):
                continue
        keep(connection, case, "contact", now, by, detail, points)


def _read(connection: Connection, where: Any, *, limit: int | None = None) -> list[Case]:
    last = func.coalesce(GUIDANCE_CASE.c.ended_at, GUIDANCE_CASE.c.opened_at)
    newest = last.desc() if limit is not None else GUIDANCE_CASE.c.opened_at
    query = select(GUIDANCE_CASE).where(where).order_by(newest, GUIDANCE_CASE.c.id).limit(limit)
    return [_case(row) for row in connection.execute(query).mappings()]


def _row(case: Case) -> dict[str, Any]:
    return {
        "id": case.id, "resident_id": case.resident, "municipality_code": case.municipality,
        "programme": case.programme, "basis": case.basis,
        "goal": None if case.goal is None else msgspec.json.encode(case.goal).decode(), "staff_id": case.staff,
        "interviewed_on": _written(case.interviewed_on), "next_on": _written(case.next_on), "state": case.state,
        "opened_at": to_micros(case.opened_at), "opened_by": case.opened_by,
        "ended_at": None if case.ended_at is None else to_micros(case.ended_at), "ended_by": case.ended_by,
        "reason": case.reason, "version": case.version,
    }  # fmt: skip


def _case(row: Any) -> Case:
    days = {name: None if row[name] is None else date.fromisoformat(row[name]) for name in _DAYS}
    return Case(
        id=row["id"], resident=row["resident_id"], municipality=row["municipality_code"], programme=row["programme"],
        basis=row["basis"], goal=None if row["goal"] is None else _GOAL.decode(row["goal"]), staff=row["staff_id"],
        state=row["state"], opened_at=from_micros(row["opened_at"]), opened_by=row["opened_by"],
        ended_at=None if row["ended_at"] is None else from_micros(row["ended_at"]), ended_by=row["ended_by"],
        reason=row["reason"], version=row["version"], **days,
    )  # fmt: skip


def _event(row: Any) -> Event:
    return Event(
        sort=row["sort"], at=from_micros(row["at"]), by=row["by"], detail=_DETAIL.decode(row["detail"]),
        points=row["points"],
    )  # fmt: skip


def _written(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def residents_of(cases: Sequence[Case]) -> list[str]:
    """The residents of these cases, each once."""
    return sorted({case.resident for case in cases})

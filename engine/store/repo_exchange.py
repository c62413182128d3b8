"""What is exchanged with the city: under which number it knows whom, what waits for a person, and every file."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from engine.exchange import Sort
from engine.exchange_rows import Said
from engine.people import Resident
from engine.store import audit, repo_residents
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_places import ZONE
from engine.store.tables import READING, RESIDENT
from engine.store.tables_desk import CONTACT
from engine.store.tables_exchange import CITY_NUMBER, EXCHANGE_PROPOSAL, EXCHANGE_RUN

Direction = Literal["in", "out"]
State = Literal["open", "accepted", "kept", "refused", "gone"]
_SAID: Final = msgspec.json.Decoder(Said)
_NOTHING: Final = "{}"
# Enough to see that the city says something else; too little to find a name by trying all of them.
_DIGEST: Final = 8


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """Under which number the city knows a resident, what its list told last, and since when it does not name them."""

    number: str
    resident: str
    said: Said | None
    missing_since: date | None


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What the city's list says of a resident and a person decides; `said` is None once that was done."""

    seq: int
    municipality_code: str
    number: str
    resident: str
    sort: Sort
    reason: str | None
    said: Said | None
    digest: str
    state: State
    at: datetime
    decided_at: datetime | None
    decided_by: str | None
    version: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken in or given out; `told` is its counts and refused rows as JSON."""

    seq: int
    municipality_code: str
    direction: Direction
    mapping: str
    sha256: str
    rows: int
    told: dict[str, Any]
    reached: int | None
    by: str
    at: datetime


def numbers(connection: Connection, town: str) -> list[Number]:
    """Everybody of a town whom the city knows by a number."""
    query = select(CITY_NUMBER).where(CITY_NUMBER.c.municipality_code == town).order_by(CITY_NUMBER.c.number)
    return [_number(row) for row in connection.execute(query).mappings()]


def numbers_of(connection: Connection, town: str, resident: str) -> list[Number]:
    """Under which numbers a town knows one resident."""
    mine = (CITY_NUMBER.c.municipality_code == town) & (CITY_NUMBER.c.resident_id == resident)
    return [_number(row) for row in connection.execute(select(CITY_NUMBER).where(mine)).mappings()]


def number(connection: Connection, town: str, number: str) -> Number | None:
    """Whom a town knows by that number."""
    mine = (CITY_NUMBER.c.municipality_code == town) & (CITY_NUMBER.c.number == number)
    row = connection.execute(select(CITY_NUMBER).where(mine)).mappings().first()
    return None if row is None else _number(row)


def link(connection: Connection, town: str, resident: str, said: Said, by: By, now: datetime) -> None:
    """The resident is known by this number from now on, and by none before; with its audit entry."""
    mine = (CITY_NUMBER.c.municipality_code == town) & (CITY_NUMBER.c.resident_id == resident)
    connection.execute(delete(CITY_NUMBER).where(mine))
    row = {"municipality_code": town, "number": said.number, "resident_id": resident, "at": to_micros(now)}
    connection.execute(insert(CITY_NUMBER), row | {"said": _json(said), "missing_since": None})
    audit.note(connection, "city-number-link", resident, by, now, [town, said.number])


def unlink(connection: Connection, town: str, number: str, resident: str, by: By, now: datetime) -> None:
    """The number is not this resident's any more; with its audit entry."""
    mine = (CITY_NUMBER.c.municipality_code == town) & (CITY_NUMBER.c.number == number)
    connection.execute(delete(CITY_NUMBER).where(mine, CITY_NUMBER.c.resident_id == resident))
    audit.note(connection, "city-number-unlink", resident, by, now, [town, number])


def tell(connection: Connection, town: str, said: Said) -> None:
    """Notes what the list told of a number."""
    mine = (CITY_NUMBER.c.municipality_code == town) & (CITY_NUMBER.c.number == said.number)
    connection.execute(update(CITY_NUMBER).where(mine).values(said=_json(said)))


def miss(connection: Connection, town: str, numbers: Iterable[str], day: date | None) -> None:
    """Notes that these numbers are not on the list since `day`, or that they are again (None)."""
    names = sorted(set(numbers))
    for some in parts_of(names):
        mine = (CITY_NUMBER.c.municipality_code == town) & CITY_NUMBER.c.number.in_(some)
        said = None if day is None else day.isoformat()
        connection.execute(update(CITY_NUMBER).where(mine).values(missing_since=said))


def missing(connection: Connection, towns: Collection[str] | None) -> list[tuple[str, Number]]:
    """Whom the newest whole list of these towns (None: all) did not name, by town, the longest first."""
    query = select(CITY_NUMBER).where(CITY_NUMBER.c.missing_since.is_not(None))
    if towns is not None:
        query = query.where(CITY_NUMBER.c.municipality_code.in_(sorted(towns)))
    rows = connection.execute(query.order_by(CITY_NUMBER.c.missing_since, CITY_NUMBER.c.number)).mappings()
    return [(row["municipality_code"], _number(row)) for row in rows]


def propose(
    connection: Connection, town: str, resident: str, said: Said, sort: Sort, reason: str | None, now: datetime
) -> Literal["proposed", "waits", "refused"]:
    """Puts a row before a person, once a number and resident; whether that is new, waits already or was refused.

    What was refused is not proposed again while the list says the same.
    """
    mine = _pair(town, said.number, resident)
    row = connection.execute(select(EXCHANGE_PROPOSAL).where(mine)).mappings().first()
    digest = hashlib.sha256(msgspec.json.encode([sort, reason, said])).hexdigest()[:_DIGEST]
    fresh: dict[str, Any] = {"sort": sort, "reason": reason, "said": _json(said), "digest": digest, "state": "open",
                             "decided_at": None, "decided_by": None}  # fmt: skip
    if row is None:
        start = {"municipality_code": town, "number": said.number, "resident_id": resident, "at": to_micros(now)}
        connection.execute(insert(EXCHANGE_PROPOSAL), start | fresh | {"version": 1})
        return "proposed"
    if row["digest"] == digest and row["state"] in {"open", "refused"}:
        return "waits" if row["state"] == "open" else "refused"
    if row["state"] != "open":
        fresh["at"] = to_micros(now)
    connection.execute(update(EXCHANGE_PROPOSAL).where(mine).values(fresh | {"version": row["version"] + 1}))
    return "proposed"


def settle(connection: Connection, proposal: Proposal, state: State, by: By, now: datetime) -> bool:
    """Ends a proposal, its words with it, with an audit entry; False where somebody else did before."""
    mine = (EXCHANGE_PROPOSAL.c.seq == proposal.seq) & (EXCHANGE_PROPOSAL.c.version == proposal.version)
    mine &= EXCHANGE_PROPOSAL.c.state == "open"
    values = {"state": state, "said": _NOTHING, "decided_at": to_micros(now), "decided_by": by.actor,
              "version": proposal.version + 1}  # fmt: skip
    if connection.execute(update(EXCHANGE_PROPOSAL).where(mine).values(values)).rowcount != 1:
        return False
    audit.note(connection, f"city-{state}", proposal.resident, by, now, [proposal.seq, proposal.sort])
    return True


def get(connection: Connection, seq: int) -> Proposal | None:
    """One proposal by its number."""
    row = connection.execute(select(EXCHANGE_PROPOSAL).where(EXCHANGE_PROPOSAL.c.seq == seq)).mappings().first()
    return None if row is None else _proposal(row)


def proposals(
    connection: Connection, towns: Collection[str] | None, *, states: Iterable[State] = ("open",), limit: int = 10_000
) -> list[Proposal]:
    """What waits (or is in these states) in these towns (None: all), the oldest first."""
    query = select(EXCHANGE_PROPOSAL).where(EXCHANGE_PROPOSAL.c.state.in_(sorted(states)))
    if towns is not None:
        query = query.where(EXCHANGE_PROPOSAL.c.municipality_code.in_(sorted(towns)))
    rows = connection.execute(query.order_by(EXCHANGE_PROPOSAL.c.at, EXCHANGE_PROPOSAL.c.seq).limit(limit)).mappings()
    return [_proposal(row) for row in rows]


def near(connection: Connection, proposal: Proposal) -> list[Proposal]:
    """The other open questions of whom it is about the same number or the same resident, the oldest first."""
    mine = (EXCHANGE_PROPOSAL.c.municipality_code == proposal.municipality_code) & (EXCHANGE_PROPOSAL.c.state == "open")
    mine &= (EXCHANGE_PROPOSAL.c.sort == "link") & (EXCHANGE_PROPOSAL.c.seq != proposal.seq)
    one = (EXCHANGE_PROPOSAL.c.number == proposal.number) | (EXCHANGE_PROPOSAL.c.resident_id == proposal.resident)
    query = select(EXCHANGE_PROPOSAL).where(mine, one).order_by(EXCHANGE_PROPOSAL.c.at, EXCHANGE_PROPOSAL.c.seq)
    return [_proposal(row) for row in connection.execute(query).mappings()]


def lone(connection: Connection, towns: Collection[str] | None, limit: int = 10_000) -> list[Proposal]:
    """The open questions of whom it is that have no other about the same number or resident, the oldest first."""
    mine = EXCHANGE_PROPOSAL
    once = select(func.min(mine.c.seq)).where(mine.c.state == "open", mine.c.sort == "link").having(func.count() == 1)
    query = select(mine).where(
        mine.c.seq.in_(once.group_by(mine.c.municipality_code, mine.c.number)),
        mine.c.seq.in_(once.group_by(mine.c.resident_id)),
    )  # fmt: skip
    if towns is not None:
        query = query.where(mine.c.municipality_code.in_(sorted(towns)))
    rows = connection.execute(query.order_by(mine.c.at, mine.c.seq).limit(limit)).mappings()
    return [_proposal(row) for row in rows]


def keep_run(connection: Connection, run: Run) -> int:
    """Stores that a file was exchanged; its number. It is never changed."""
    row = {
        "municipality_code": run.municipality_code, "direction": run.direction, "mapping": run.mapping,
        "sha256": run.sha256, "rows": run.rows, "refused": msgspec.json.encode(run.told).decode(),
        "reached": run.reached, "by": run.by, "at": to_micros(run.at),
    }  # fmt: skip
    made = connection.execute(insert(EXCHANGE_RUN), row).inserted_primary_key
    return int(made[0]) if made is not None else 0


def run_of(connection: Connection, town: str, direction: Direction, sha256: str) -> Run | None:
    """The run of a file with these bytes."""
    mine = (EXCHANGE_RUN.c.municipality_code == town) & (EXCHANGE_RUN.c.direction == direction)
    query = select(EXCHANGE_RUN).where(mine, EXCHANGE_RUN.c.sha256 == sha256)
    row = connection.execute(query).mappings().first()
    return None if row is None else _run(row)


def runs(connection: Connection, limit: int = 50) -> list[Run]:
    """The newest files, newest first."""
    rows = connection.execute(select(EXCHANGE_RUN).order_by(EXCHANGE_RUN.c.seq.desc()).limit(limit)).mappings()
    return [_run(row) for row in rows]


def run_at(connection: Connection, seq: int) -> Run | None:
    """One file by the number of its run."""
    row = connection.execute(select(EXCHANGE_RUN).where(EXCHANGE_RUN.c.seq == seq)).mappings().first()
    return None if row is None else _run(row)


def reached(connection: Connection, town: str, direction: Direction) -> int | None:
    """How far the files of a town and direction came: the newest list's stamp, or the last line given out."""
    mine = (EXCHANGE_RUN.c.municipality_code == town) & (EXCHANGE_RUN.c.direction == direction)
    found = connection.execute(select(func.max(EXCHANGE_RUN.c.reached)).where(mine)).scalar()
    return None if found is None else int(found)


def people_of(connection: Connection, town: str, more: Collection[str]) -> list[Resident]:
    """The active residents registered in a town, and `more` wherever they are."""
    active = (RESIDENT.c.municipality_code == town) & (RESIDENT.c.status == "active")
    ids = sorted({*connection.execute(select(RESIDENT.c.id).where(active)).scalars(), *more})
    found: list[Resident] = []
    for some in parts_of(ids):
        found += repo_residents.get_many(connection, some)
    return found


def living_in(connection: Connection, town: str, residents: Iterable[str]) -> frozenset[str]:
    """Those of these residents who are registered in the town."""
    found: set[str] = set()
    for some in parts_of(sorted(residents)):
        query = select(RESIDENT.c.id).where(RESIDENT.c.id.in_(some), RESIDENT.c.municipality_code == town)
        found.update(connection.execute(query).scalars())
    return frozenset(found)


def spoken(connection: Connection, resident: str) -> date | None:
    """The local day on which staff last spoke with a resident themself."""
    mine = (CONTACT.c.resident_id == resident) & CONTACT.c.outcome.in_(("reached", "refused"))
    return _local_day(connection.execute(select(func.max(CONTACT.c.at)).where(mine)).scalar())


def newest(connection: Connection, resident: str) -> date | None:
    """The local day of the newest reading that is filed under a resident."""
    mine = (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")
    return _local_day(connection.execute(select(func.max(READING.c.measured_at)).where(mine)).scalar())


def _local_day(at: Any) -> date | None:
    return None if at is None else from_micros(int(at)).astimezone(ZoneInfo(ZONE)).date()


def _pair(town: str, number: str, resident: str) -> Any:
    mine = (EXCHANGE_PROPOSAL.c.municipality_code == town) & (EXCHANGE_PROPOSAL.c.number == number)
    return mine & (EXCHANGE_PROPOSAL.c.resident_id == resident)


def _json(said: Said) -> str:
    return msgspec.json.encode(said).decode()


def _told(text: str) -> Said | None:
    return None if text == _NOTHING else _SAID.decode(text)


def _number(row: Any) -> Number:
    since = row["missing_since"]
    return Number(
        number=row["number"], resident=row["resident_id"], said=_told(row["said"]),
        missing_since=None if since is None else date.fromisoformat(since),
    )  # fmt: skip


def _proposal(row: Any) -> Proposal:
    decided = row["decided_at"]
    plain = {name: row[name] for name in ("seq", "municipality_code", "number", "sort", "reason", "digest", "state")}
    return Proposal(
        **plain, resident=row["resident_id"], said=_told(row["said"]), at=from_micros(row["at"]),
        decided_at=None if decided is None else from_micros(decided), decided_by=row["decided_by"],
        version=row["version"],
    )  # fmt: skip


def _run(row: Any) -> Run:
    plain = {name: row[name] for name in ("seq", "municipality_code", "direction", "mapping", "sha256", "rows",
                                          "reached", "by")}  # fmt: skip
    return Run(**plain, told=msgspec.json.decode(row["refused"]), at=from_micros(row["at"]))

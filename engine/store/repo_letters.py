"""Letters and the batches they were printed in: kept once a resident, kind and matter; where each is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, exists, func, insert, or_, select, update

from engine.letters import Reason, Said, Sort, State, To, came_from, in_post_order
from engine.people import Resident
from engine.referrals import SAYS, Answer
from engine.refusal import Refusal
from engine.store import audit, repo_referrals, repo_residents
from engine.store.database import insert_new
from engine.store.filing import By
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.tables import RESIDENT
from engine.store.tables_following import LETTER, LETTER_BATCH

_SAID: Final = msgspec.json.Decoder(Said)
_INSTANTS: Final = ("made_at", "printed_at", "sent_at", "returned_at", "replied_at")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Letters that were made as one file: how many, and its sha256."""

    seq: int
    municipality_code: str
    sort: Sort
    period: str
    letters: int
    pages: int
    sha256: str
    by: str
    at: datetime


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One letter and where it is; `reason` is why it came back."""

    seq: int
    batch: int
    resident: str
    sort: Sort
    about: str
    code: str
    said: Said
    state: State
    made_at: datetime
    printed_at: datetime | None
    sent_at: datetime | None
    returned_at: datetime | None
    replied_at: datetime | None
    reason: Reason | None
    version: int


def readers(connection: Connection, town: str) -> list[Resident]:
    """The residents of a town who are written to on paper, in kana order."""
    mine = (RESIDENT.c.municipality_code == town) & (RESIDENT.c.channel == "letter")
    ids = list(connection.execute(select(RESIDENT.c.id).where(mine)).scalars())
    found: list[Resident] = []
    for some in parts_of(ids):
        found += repo_residents.get_many(connection, some)
    return sorted(found, key=repo_residents.in_kana_order)


def channels(connection: Connection, towns: Collection[str] | None) -> dict[str, int]:
    """How many active residents of these towns (None: all) are reached by which channel."""
    query = select(RESIDENT.c.channel, func.count()).where(RESIDENT.c.status == "active")
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    return {channel: int(count) for channel, count in connection.execute(query.group_by(RESIDENT.c.channel))}


def told(connection: Connection, residents: Iterable[str], sort: Sort) -> set[tuple[str, str]]:
    """What these residents were written already: who, and about what."""
    names, found = sorted(set(residents)), set()
    for some in parts_of(names):
        mine = LETTER.c.resident_id.in_(some) & (LETTER.c.sort == sort)
        query = select(LETTER.c.resident_id, LETTER.c.about).where(mine)
        found |= {(row.resident_id, row.about) for row in connection.execute(query)}
    return found


def astray(connection: Connection, residents: Iterable[str]) -> dict[str, To]:
    """Where the newest letter that came back went, of those of whom nothing newer is known."""
    names, found = sorted(set(residents)), dict[str, To]()
    for some in parts_of(names):
        back = LETTER.c.resident_id.in_(some) & _astray()
        query = select(LETTER.c.resident_id, LETTER.c.said).where(back).order_by(LETTER.c.seq)
        for row in connection.execute(query):
            found[row.resident_id] = _SAID.decode(row.said).to
    return found


def keep(connection: Connection, letters: Sequence[Said], batch: Batch, by: By) -> Batch | None:
    """Stores a batch and its letters with an audit entry for each; None where one of them is there already."""
    row = {name: getattr(batch, name) for name in Batch.__struct_fields__ if name != "seq"}
    made = connection.execute(insert(LETTER_BATCH), row | {"at": to_micros(batch.at)}).inserted_primary_key
    seq = int(made[0]) if made is not None else 0
    if insert_new(connection, LETTER, [_new(one, seq, batch.at) for one in letters]) != len(letters):
        return None
    for one in letters:
        _record(connection, "letter-make", one.resident, [one.code, one.sort, one.about], batch.at, by)
    return msgspec.structs.replace(batch, seq=seq)


def batch_of(connection: Connection, seq: int) -> Batch | None:
    """One batch by its number."""
    row = connection.execute(select(LETTER_BATCH).where(LETTER_BATCH.c.seq == seq)).mappings().first()
    return None if row is None else _batch(row)


def batches(connection: Connection, towns: Collection[str] | None, limit: int = 50) -> list[Batch]:
    """The newest batches of these towns (None: all), newest first."""
    query = select(LETTER_BATCH).order_by(LETTER_BATCH.c.seq.desc()).limit(limit)
    if towns is not None:
        query = query.where(LETTER_BATCH.c.municipality_code.in_(sorted(towns)))
    return [_batch(row) for row in connection.execute(query).mappings()]


def states(connection: Connection, seqs: Iterable[int]) -> dict[int, dict[State, int]]:
    """How many letters of each of these batches are in which state."""
    names, found = sorted(set(seqs)), dict[int, dict[State, int]]()
    query = select(LETTER.c.batch, LETTER.c.state, func.count()).where(LETTER.c.batch.in_(names))
    for batch, state, count in connection.execute(query.group_by(LETTER.c.batch, LETTER.c.state)):
        found.setdefault(batch, {})[state] = int(count)
    return found


def of_batch(connection: Connection, seq: int) -> list[Letter]:
    """The letters of a batch, in the order of the post."""
    found = _read(connection, select(LETTER).where(LETTER.c.batch == seq))
    return sorted(found, key=lambda one: in_post_order(one.said))


def of_resident(connection: Connection, resident: str, limit: int = 24) -> list[Letter]:
    """The newest letters to one resident, newest first."""
    query = select(LETTER).where(LETTER.c.resident_id == resident)
    return _read(connection, query.order_by(LETTER.c.seq.desc()).limit(limit))


def by_code(connection: Connection, code: str) -> Letter | None:
    """The letter of that code."""
    return next(iter(_read(connection, select(LETTER).where(LETTER.c.code == code))), None)


def returned(connection: Connection, towns: Collection[str] | None, limit: int = 200) -> list[Letter]:
    """What came back from these towns (None: all), of each resident of whom nothing newer is known, newest first."""
    newest = select(func.max(LETTER.c.seq)).where(_astray()).group_by(LETTER.c.resident_id)
    query = select(LETTER).where(LETTER.c.seq.in_(newest))
    if towns is not None:
        query = query.join(RESIDENT, RESIDENT.c.id == LETTER.c.resident_id)
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    return _read(connection, query.order_by(LETTER.c.returned_at.desc(), LETTER.c.seq).limit(limit))


def move_batch(connection: Connection, seq: int, to: State, now: datetime, by: By) -> list[str]:
    """Notes that a whole batch came to be `to`; the residents whose letters did, each with an audit entry."""
    mine = (LETTER.c.batch == seq) & LETTER.c.state.in_(sorted(came_from(to)))
    query = select(LETTER.c.seq, LETTER.c.resident_id, LETTER.c.code).where(mine).order_by(LETTER.c.seq)
    rows = list(connection.execute(query))
    changed = {"state": to, f"{to}_at": to_micros(now), "version": LETTER.c.version + 1}
    for some in parts_of(rows):
        part = [row.seq for row in some]
        connection.execute(update(LETTER).where(LETTER.c.seq.in_(part), mine).values(changed))
    for row in rows:
        _record(connection, f"letter-{to}", row.resident_id, [row.code], now, by)
    return [row.resident_id for row in rows]


def move(
    connection: Connection, letter: Letter, to: State, now: datetime, by: By, reason: Reason | None = None
) -> bool:
    """Notes that one letter came to be `to`, with its audit entry; of two who do it exactly one wins."""
    mine = (LETTER.c.seq == letter.seq) & (LETTER.c.version == letter.version)
    mine &= LETTER.c.state.in_(sorted(came_from(to)))
    changed = {"state": to, f"{to}_at": to_micros(now), "version": letter.version + 1, "reason": reason}
    if connection.execute(update(LETTER).where(mine).values(changed)).rowcount != 1:
        return False
    _record(connection, f"letter-{to}", letter.resident, [letter.code, reason or ""], now, by)
    return True


def note_visit(connection: Connection, advice: str, state: str, seen_on: date | None, now: datetime, by: By) -> bool:
    """Writes what somebody said of the doctor into the follow-up of their referral; whether one is kept."""
    said = next((one for one in SAYS if one == state), None)
    if said is None:
        return False
    day = seen_on if said == "seen" else None
    done = repo_referrals.say(connection, advice, Answer(said=said, by=by.actor, day=day), now, by)
    return not isinstance(done, Refusal)


def _astray() -> Any:
    """It came back, and nobody was written to or answered since: what was already on its way then says nothing."""
    later = LETTER.alias()
    since = or_(later.c.made_at > LETTER.c.returned_at, later.c.replied_at > LETTER.c.returned_at)
    return (LETTER.c.state == "returned") & ~exists().where(later.c.resident_id == LETTER.c.resident_id, since)


def _read(connection: Connection, query: Any) -> list[Letter]:
    return [_letter(row) for row in connection.execute(query).mappings()]


def _new(said: Said, batch: int, now: datetime) -> dict[str, Any]:
    return {
        "batch": batch, "resident_id": said.resident, "sort": said.sort, "about": said.about, "code": said.code,
        "said": msgspec.json.encode(said).decode(), "state": "made", "made_at": to_micros(now), "printed_at": None,
        "sent_at": None, "returned_at": None, "replied_at": None, "reason": None, "version": 1,
    }  # fmt: skip


def _letter(row: Any) -> Letter:
    fields = {name: row[name] for name in Letter.__struct_fields__ if name not in {"resident", "said"}}
    times = {name: None if row[name] is None else from_micros(row[name]) for name in _INSTANTS}
    return Letter(**(fields | times), resident=row["resident_id"], said=_SAID.decode(row["said"]))


def _batch(row: Any) -> Batch:
    return Batch(**{name: row[name] for name in Batch.__struct_fields__} | {"at": from_micros(row["at"])})


def _record(connection: Connection, action: str, subject: str, detail: Sequence[str], now: datetime, by: By) -> None:
    audit.note(connection, action, subject, by, now, list(detail))

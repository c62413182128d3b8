"""Bringing a take-out in: the same records under the same ids, all or none, and no consent that was not given here.

What a person agreed to in another house they agreed to there. Here it is history: only `record` holds on, because the
file is brought to be kept; everything else ends with the import unless they said at the desk that it shall hold here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from random import SystemRandom
from typing import Any, Final

import msgspec

from engine.carrying_store import tables_of
from engine.consent import PURPOSES, Event, say
from engine.contract.ids import is_id
from engine.imports.model import FileError
from engine.interests import chosen
from engine.names import keep
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import (
    audit,
    repo_addresses,
    repo_advice,
    repo_closing,
    repo_consents,
    repo_entries,
    repo_facts,
    repo_interests,
    repo_outbox,
    repo_places,
    repo_requests,
    repo_residents,
    repo_takeout,
)
from engine.store.database import Connection, Engine, write
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.readings import EVALUATE
from engine.store.tallies import note_people_changed
from engine.takeout import ROWS
from engine.takeout_checks import Checked
from engine.takeout_opening import Opened

CHANNEL: Final = "import"
# Without it nothing may be kept, and whoever brings the file brings it to be kept.
_HOLDS: Final = frozenset({"record"})
_LOOSE: Final = ("interest", "address")
_ALL: Final = 10_000
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What was brought in: records by table, and the purposes that held in the other house and do not hold here."""

    resident: str
    household: str | None
    counts: Mapping[str, int]
    ended: tuple[str, ...]


class _NotTakenError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def take(
    engine: Engine, brought: Opened, now: datetime, by: By, seal: Seal, *,
    household: str | None = None, keep_consents: bool = False,
) -> Taken | Refusal:  # fmt: skip
    """Stores everything of an opened take-out in one transaction, or nothing of it.

    Refused id-taken, erased-here, household-taken, unknown-household, unknown-municipality, already-here, bad-record.
    `household` is a home of this house the person moves into; without it their own comes along.
    """
    try:
        with write(engine) as connection:
            audit.take_turn(connection)
            return _taken(connection, brought, now, by, seal, household, keep_consents=keep_consents)
    except _NotTakenError as error:
        return error.refusal
    except FileError as error:
        return Refusal(error.code, error.message)
    except repo_takeout.ClashError as error:
        return Refusal("bad-record", f"the records contradict each other: {error}")


def _taken(
    connection: Connection, brought: Opened, now: datetime, by: By, seal: Seal, home: str | None, *, keep_consents: bool
) -> Taken:
    who = brought.manifest.resident
    _make_room(connection, brought, home)
    checked, counts, places = Checked(who, now), Counter[str](), list[int]()
    for table in ROWS:
        if table not in _LOOSE:
            records = _moved(table, _sound(table, brought, checked), home)
            counts[table] = repo_takeout.store(connection, table, records, places)
    counts["interest"] = _like(connection, brought, who, seal)
    counts["address"] = _reach(connection, brought, who, now, seal)
    _read_back(connection, who, now)
    ended = _end(connection, who, now, by, seal, keep_consents=keep_consents)
    detail = [[one.sha256 for one in brought.manifest.files], keep_consents]
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action="account-import", subject=who,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)
    repo_outbox.put(connection, EVALUATE, [who], now)
    note_people_changed(connection)
    person = repo_residents.get(connection, who)
    where = None if person is None else person.household_id
    return Taken(resident=who, household=where, counts={name: n for name, n in counts.items() if n}, ended=ended)


def _make_room(connection: Connection, brought: Opened, home: str | None) -> None:
    """Nobody and nothing of these ids is here: a file never adds to somebody's record or moves into their home."""
    who = brought.manifest.resident
    if repo_residents.get(connection, who) is not None:
        raise _NotTakenError(Refusal("id-taken", f"{who} is here already"))
    if repo_closing.get(connection, who) is not None:
        raise _NotTakenError(Refusal("erased-here", f"{who} was erased here: what was erased does not come back"))
    if brought.manifest.municipality not in repo_places.municipalities(connection):
        named = brought.manifest.municipality
        raise _NotTakenError(Refusal("unknown-municipality", f"{named} is not a municipality of this region"))
    if home is not None and repo_places.household(connection, home) is None:
        raise _NotTakenError(Refusal("unknown-household", f"there is no household {home}"))
    for table in ROWS:
        if table in _LOOSE or (table == "household" and home is not None):
            continue
        if repo_takeout.taken(connection, table, brought.records(table)):
            code = "household-taken" if table == "household" else "already-here"
            raise _NotTakenError(Refusal(code, f"a {table} of this file is here already", table))


def _sound(table: str, brought: Opened, checked: Checked) -> Iterator[dict[str, Any]]:
    """The records as they come, each looked at before it is stored; the first bad one ends the import."""
    for number, record in enumerate(brought.records(table), 1):
        fault = repo_takeout.fault_of(table, record) or checked.fault(table, record)
        if fault is not None:
            raise _NotTakenError(Refusal("bad-record", f"{table}, line {number}: {fault}", table))
        yield record


def _moved(table: str, records: Iterator[dict[str, Any]], home: str | None) -> Iterator[dict[str, Any]]:
    """The records as they are stored where the person moves into a home of this house; readings stay as they were."""
    if home is None:
        yield from records
    elif table == "household":
        for _ in records:  # looked at, not stored
            pass
    else:
        for record in records:
            yield record | {"household_id": home} if table in {"resident", "device"} else record


def _like(connection: Connection, brought: Opened, who: str, seal: Seal) -> int:
    codes = [record.get("code") for record in brought.records("interest")]
    if not codes:
        return 0
    liked = chosen(code for code in codes if isinstance(code, str))
    if isinstance(liked, Refusal) or len(liked) != len(codes):
        raise _NotTakenError(Refusal("bad-record", "interest: unknown or too many", "interest"))
    repo_interests.keep(connection, repo_interests.pseudonym(seal, who), liked)
    return len(liked)


def _reach(connection: Connection, brought: Opened, who: str, now: datetime, seal: Seal) -> int:
    """Mail addresses, to be proved anew: a file says nothing about who reads what is sent there."""
    count = 0
    for record in brought.records("address"):
        address = record.get("address")
        named = keep(address) if isinstance(address, str) else Refusal("none", "")
        if record.keys() != {"channel", "address"} or record["channel"] != "mail" or isinstance(named, Refusal):
            raise _NotTakenError(Refusal("bad-record", "address: not a mail address", "address"))
        repo_addresses.add(connection, seal, who, "mail", named, now, SystemRandom(), verified=False)
        count += 1
    return count


def _read_back(connection: Connection, who: str, now: datetime) -> None:
    """Everything once as the pages will read it: what we would trip over tomorrow is refused today."""
    try:
        person = repo_residents.get(connection, who)
        if person is None:
            raise ValueError("no resident in it")
        read = [
            person, *repo_consents.history(connection, who), *repo_facts.of_one(connection, who),
            *repo_entries.of(connection, who), *repo_requests.of(connection, who, limit=_ALL),
            *repo_advice.listed(connection, resident=who, states=None, limit=_ALL),
        ]  # fmt: skip
        for one in read:
            msgspec.convert(msgspec.to_builtins(one), type(one))
        for _, _, rows in tables_of(connection, person, now, person.language):
            for _ in rows:
                pass
    except _UNREADABLE as error:
        raise _NotTakenError(Refusal("bad-record", f"cannot be read again: {type(error).__name__}")) from error


def _end(
    connection: Connection, who: str, now: datetime, by: By, seal: Seal, *, keep_consents: bool
) -> tuple[str, ...]:  # fmt: skip
    """Ends what was agreed to elsewhere, for everybody it was agreed to for; which purposes.

    Kept or not, people of the other house are nobody here: an id in a file opens no record to whoever has it here.
    """
    agreed = [event for event in repo_consents.history(connection, who) if event.granted]
    if keep_consents:
        ended = {(one.purpose, one.recipient) for one in agreed if is_id(one.recipient or "", "m")}
    else:
        ended = {(one.purpose, None) for one in agreed if one.purpose not in _HOLDS}
    for purpose, recipient in sorted(ended, key=lambda one: (PURPOSES.index(one[0]), one[1] or "")):
        draft = Event(
            resident=who, purpose=purpose, recipient=recipient, granted=False, at=now, actor=by.actor, channel=CHANNEL
        )
        said = say(draft)
        if isinstance(said, Refusal):
            raise _NotTakenError(Refusal("bad-record", f"consent: {said.message}", "consent"))
        repo_consents.append(connection, said, os_user=by.os_user, seal=seal)
    named = {purpose for purpose, _ in ended}
    return tuple(purpose for purpose in PURPOSES if purpose in named)

"""Whether the records of a take-out hang together and are one person's: how a made-up file is found out. Pure.

Each record is looked at in the order of the tables; what later ones may name was seen before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, get_args

import msgspec

from engine.before_after import FELT, SORTS, Rating, book, rated
from engine.consent import PURPOSES
from engine.contract.ids import is_id
from engine.contract.kinds import KINDS
from engine.contract.reading import END
from engine.referrals import STATES
from engine.refusal import Refusal
from engine.requests import DeskName, Kind

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_NUMBER: Final = re.compile(rf"-?\d{{1,15}}(\.\d{{1,12}})?{END}")
_READING: Final = re.compile(rf"[a-z2-7]{{26}}{END}")
_IDS: Final[Mapping[str, Any]] = {
    "household": "h", "resident": "r", "device": "d", "fact": "f", "care_entry": "e", "advice": "a", "request": "q",
}  # fmt: skip
# When something was written down, wherever it stands.
_WRITTEN: Final = (
    "created_at", "updated_at", "recorded_at", "received_at", "stored_at", "first_seen", "last_seen", "since",
    "delivered_at", "answered_at", "started_at", "ended_at",
)  # fmt: skip
# Which column of a table names a record of which earlier one.
_NAMES: Final[Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "binding": (("device_id", ("device",)),),
    "measurement": (("reading_id", ("reading",)),),
    "fact_origin": (("fact_id", ("fact",)),),
    "fact_release": (("fact_id", ("fact", "care_entry")),),
    "advice_event": (("advice_id", ("advice",)),),
    "advice_response": (("advice_id", ("advice",)),),
    "referral": (("advice_id", ("advice",)),),
}


class Checked:
    """The records seen so far of one archive; `fault` says what is wrong with the next."""

    def __init__(self, resident: str, now: datetime) -> None:
        self.resident = resident
        self.now = (now - _EPOCH) // timedelta(microseconds=1)
        self.seen: dict[str, set[str]] = {}
        self.consents = 0

    def fault(self, table: str, record: Mapping[str, Any]) -> str | None:
        """The reason code why `record` cannot be taken: foreign, id, dangling, state or value; None where it can."""
        key = record.get("id")
        found = self._stranger(table, record, key) or self._ahead(record)
        if found is None and table in _OWN:
            found = _OWN[table](self, record)
        if found is None and key is not None:
            self.seen.setdefault(table, set()).add(key)
        return found

    def _stranger(self, table: str, record: Mapping[str, Any], key: Any) -> str | None:
        """Somebody else's, twice, or about what is not in the file."""
        if record.get("resident_id", self.resident) != self.resident or (table == "resident" and key != self.resident):
            return "foreign"
        if table in _IDS and not (isinstance(key, str) and is_id(key, _IDS[table])):
            return "id"
        if key is not None and key in self.seen.get(table, ()):
            return "id"
        named = ((record[column], earlier) for column, earlier in _NAMES.get(table, ()))
        known = all(any(name in self.seen.get(one, ()) for one in earlier) for name, earlier in named)
        return None if known else "dangling"

    def _ahead(self, record: Mapping[str, Any]) -> str | None:
        """Written down after today: it would stand above all that comes."""
        return "value" if any((record.get(name) or 0) > self.now + _DAY for name in _WRITTEN) else None


def _household(state: Checked, _record: Mapping[str, Any]) -> str | None:
    return "foreign" if state.seen.get("household") else None


def _person(state: Checked, record: Mapping[str, Any]) -> str | None:
    homes = state.seen.get("household", set())
    named = record["household_id"]
    return None if (named is None and not homes) or {named} == homes else "foreign"


def _home(state: Checked, record: Mapping[str, Any]) -> str | None:
    return None if record["household_id"] in state.seen.get("household", ()) else "foreign"


def _consent(state: Checked, record: Mapping[str, Any]) -> str | None:
    state.consents += 1
    # A yes of tomorrow would stand against every no of today.
    return None if record["purpose"] in PURPOSES and record["at"] <= state.now else "value"


def _source(state: Checked, record: Mapping[str, Any]) -> str | None:
    return None if 0 <= record["seq"] < state.consents else "dangling"


def _reading(state: Checked, record: Mapping[str, Any]) -> str | None:
    if not _READING.fullmatch(record["id"]):
        return "id"
    known = record["outcome"] == "accepted" and record["certainty"] in {"sure", "assumed"}
    return None if known and record["measured_at"] <= state.now + _DAY else "state"


def _measurement(_state: Checked, record: Mapping[str, Any]) -> str | None:
    numbers = all(_NUMBER.match(record[name]) for name in ("value", "device_value"))
    return None if numbers and record["kind"] in KINDS else "value"


def _fact(state: Checked, record: Mapping[str, Any]) -> str | None:
    return None if record["recorded_at"] <= state.now else "value"


def _advice(_state: Checked, record: Mapping[str, Any]) -> str | None:
    # Whatever waits or is held would be sent by this house, whose nurses never looked at it.
    return None if record["state"] == "delivered" and record["shelf"] == "done" else "state"


def _request(_state: Checked, record: Mapping[str, Any]) -> str | None:
    return None if record["kind"] in get_args(Kind) and record["desk"] in get_args(DeskName) else "value"


def _referral(_state: Checked, record: Mapping[str, Any]) -> str | None:
    days = (record["ask_on"], *filter(None, (record["seen_on"],)))
    known = record["state"] in STATES and record["asked"] >= 0
    return None if known and all(map(_is_day, days)) else "value"


def _session(state: Checked, record: Mapping[str, Any]) -> str | None:
    if record["asked"] is not None and record["asked"] not in state.seen.get("request", ()):
        return "dangling"
    if record["taken_back_at"] is not None:
        return "state"
    begun, over = record["started_at"], record["ended_at"]
    sound = record["sort"] in SORTS and (over is None or begun < over) and _is_felt(record["felt"])
    return None if sound else "value"


def _is_felt(said: str) -> bool:
    try:
        felt = msgspec.json.decode(said, type=dict[str, Rating])
    except (msgspec.MsgspecError, RecursionError):
        return False
    told = [(kind, one) for kind, rating in felt.items() for one in (rating.before, rating.after) if one is not None]
    return felt.keys() <= set(FELT) and not any(isinstance(rated(book(), *one), Refusal) for one in told)


def _is_day(said: str) -> bool:
    try:
        return date.fromisoformat(said).isoformat() == said
    except ValueError:
        return False


_DAY: Final = 24 * 3_600 * 1_000_000
_OWN: Final[Mapping[str, Callable[[Checked, Mapping[str, Any]], str | None]]] = {
    "household": _household, "resident": _person, "device": _home, "consent": _consent,
    "consent_source": _source, "reading": _reading, "measurement": _measurement,
    "fact": _fact, "care_entry": _fact, "advice": _advice, "request": _request,
    "referral": _referral, "before_after": _session,
}  # fmt: skip

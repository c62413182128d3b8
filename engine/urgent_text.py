"""Urgent texts that a physician signed: when a confirming re-measurement sends one by itself, and when it never does.

Pure. Two red readings of the same person, surely theirs, from a bonded device, within 24 hours (R11 of the privacy and
security notes asks for a re-measurement within ten minutes, or any two in 24 hours: the second holds whenever the
first does). One alone, or one that is only probably somebody's, sends nothing; its item waits for the nurse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Final, Literal

import msgspec

from engine.refusal import Refusal
from engine.review import Event, Item
from engine.rules import FlagRule, Rule
from engine.safety import LOW_RED_FLAGS, red_flags
from engine.standing import digest_of

APART: Final = timedelta(hours=24)
# A cuff needs about a minute: two readings nearer than that are one measurement told twice.
NEAREST: Final = timedelta(seconds=60)
# What was measured longer ago is no news that must leave at night; the nurse's item says it.
FRESH: Final = timedelta(hours=24)
_SERIOUS: Final = frozenset({"urgent", "emergency"})
_TIMED: Final = frozenset({"device", "received"})
_SENDABLE: Final = frozenset({"open", "claimed", "snoozed", "escalated", "approved"})
Way = Literal["pressure", "fast", "slow"]
# Where the evidence of an item holds what its person measured: by the way in which a reading is red.
_SIGNALS: Final[dict[Way, dict[str, str]]] = {
    "pressure": {"bp.home.systolic_max": "systolic", "bp.home.diastolic_max": "diastolic"},
    "fast": {"heart.resting_max": "resting-heart-rate"},
    "slow": {"heart.resting_min": "resting-heart-rate"},
}
Reason = Literal[
    "not-serious", "no-signature", "other-text", "edited", "not-flag", "decided", "unconfirmed", "not-its-evidence",
]  # fmt: skip


class SignedText(msgspec.Struct, frozen=True, kw_only=True):
    """A physician's signature on the words of an urgent rule in one municipality; it holds until somebody ends it."""

    id: str
    municipality_code: str
    rule_id: str
    rule_version: int
    text_version: int
    digest: str
    signed_by: str
    signed_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A stored reading of one resident as far as a confirmation depends on it; values in the kinds' own units."""

    id: str
    values: tuple[tuple[str, Decimal], ...]
    measured_at: datetime
    device: str = ""
    sequence: int | None = None
    certainty: str | None = "sure"
    provenance: str = "bonded"
    time_quality: str = "device"
    experimental: bool = False
    preliminary: bool = False
    accepted: bool = True

    @property
    def counts(self) -> bool:
        """Whether it can confirm anything: surely this person's, at a known time, from a bonded device."""
        proven = not self.experimental and not self.preliminary and self.accepted
        return proven and self.certainty == "sure" and self.provenance == "bonded" and self.time_quality in _TIMED


class Confirmed(msgspec.Struct, frozen=True):
    """Two readings that say the same red thing: their ids, the earlier first, and the way in which they are red."""

    first: str
    second: str
    way: Way


class NotSent(msgspec.Struct, frozen=True):
    """Why nothing leaves without a person."""

    reason: Reason


def signable(rule: Rule | None) -> FlagRule | Refusal:
    """The rule whose urgent text may be signed, or why not: `unknown-rule`, `not-urgent`, `not-confirmable`.

    Only what somebody can measure again at home can be confirmed.
    """
    if rule is None:
        return Refusal("unknown-rule", "there is no such rule in force", "rule")
    if not isinstance(rule, FlagRule) or not any(case.severity in _SERIOUS for case in rule.case):
        return Refusal("not-urgent", f"{rule.id} has no urgent text", "rule")
    if not any(rule.signals & names.keys() for names in _SIGNALS.values()):
        return Refusal("not-confirmable", f"{rule.id} looks at nothing that is measured again at home", "rule")
    return rule


def confirmed(readings: Iterable[Seen], now: datetime) -> tuple[Confirmed, ...]:
    """Every pair of readings, newest first, in which the second confirms the first at `now` (aware).

    Both count, are red in the same way (pressure, or a pulse too fast, or one too slow), lie between one minute and
    24 hours apart, are not one measurement told twice, and the second was made in the 24 hours before `now`.
    """
    able = sorted((one for one in readings if one.counts and one.measured_at <= now), key=_order)
    ways = {one.id: ways_of(one.values) for one in able}
    found = [
        (second.measured_at, Confirmed(first.id, second.id, way))
        for first, second in combinations(able, 2)
        if NEAREST <= second.measured_at - first.measured_at <= APART
        and now - second.measured_at <= FRESH
        and not _told_twice(first, second)
        for way in sorted(ways[first.id] & ways[second.id])
    ]
    ordered = sorted(found, key=lambda one: (one[0], one[1].second, one[1].first, one[1].way), reverse=True)
    return tuple(pair for _, pair in ordered)


def ways_of(values: Iterable[tuple[str, Decimal]]) -> frozenset[Way]:
    """In which ways one reading is red: its pressure, or a pulse at rest that is too fast or too slow."""
    known = dict(values)
    return frozenset(_way(kind, known[kind]) for kind in red_flags(known.items()))


def sends(
    item: Item, signed: SignedText | None, rule: Rule | None, events: Sequence[Event], pairs: Sequence[Confirmed]
) -> Confirmed | NotSent:
    """The pair that sends `item` at once, or why it waits; `rule` is the one in force, `events` the item's history.

    Exactly what was signed goes out: another rule version, text version, a changed catalogue or an edited text waits.
    """
    barriers: Sequence[tuple[Reason, bool]] = (
        ("not-serious", item.severity not in _SERIOUS),
        ("not-flag", not isinstance(rule, FlagRule)),
        ("decided", item.state not in _SENDABLE),
        ("no-signature", signed is None or signed.ended_at is not None),
        ("other-text", signed is not None and not (_signed_for(signed, item) and _unchanged(signed, rule))),
        ("edited", any(event.command == "edit" for event in events)),
        ("unconfirmed", not pairs),
    )
    reason = next((code for code, holds in barriers if holds), None)
    if reason is not None:
        return NotSent(reason)
    return next((pair for pair in pairs if _says(item, pair.way)), None) or NotSent("not-its-evidence")


def _signed_for(signed: SignedText, item: Item) -> bool:
    return (signed.rule_id, signed.rule_version, signed.text_version) == (
        item.rule_id, item.rule_version, item.text_version,
    )  # fmt: skip


def _unchanged(signed: SignedText, rule: Rule | None) -> bool:
    known = isinstance(rule, FlagRule) and (rule.id, rule.version, rule.text_version)
    return known == (signed.rule_id, signed.rule_version, signed.text_version) and (
        rule is not None and digest_of(rule) == signed.digest
    )


def _says(item: Item, way: Way) -> bool:
    """Whether the item's own evidence is red in that way: a check-up's pressure is not confirmed at home."""
    signals = item.evidence.get("signals", {})
    told = {name: signals.get(name, {}).get("value") for name in _SIGNALS[way]}
    values = [(_SIGNALS[way][name], Decimal(value)) for name, value in told.items() if value is not None]
    return way in ways_of(values)


def _way(kind: str, value: Decimal) -> Way:
    if kind in {"systolic", "diastolic"}:
        return "pressure"
    return "slow" if value <= LOW_RED_FLAGS["resting-heart-rate"] else "fast"


def _told_twice(one: Seen, other: Seen) -> bool:
    """Whether a device without a clock may have told one measurement twice: the same numbers, none of its own."""
    by_its_clock = one.time_quality == other.time_quality == "device"
    numbered = None not in {one.sequence, other.sequence} and one.sequence != other.sequence
    if by_its_clock or numbered or one.device != other.device:
        return False
    first, second = dict(one.values), dict(other.values)
    return all(first[kind] == second[kind] for kind in first.keys() & second.keys())


def _order(reading: Seen) -> tuple[datetime, str]:
    return reading.measured_at, reading.id

"""What becomes of a reading: accepted, duplicate, unassigned or refused - a value with a reason, never a log line.

Pure: what the store knows comes in as `Household` and `Recent`. The order of the checks is a promise: a reading whose
person has not consented to recording is refused before its content is looked at, so its values are never kept.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter

import msgspec

from engine.assignment import (
    UNKNOWN_SLOT,
    Certainty,
    Owner,
    doubted,
    left_to_numbers,
    owner_of,
)
from engine.contract.kinds import KINDS, ROOM
from engine.contract.reading import Reading, Value
from engine.contract.units import accepts, convert
from engine.household import DeviceFacts, Household, is_stray, present, was_elsewhere

# The same broadcast heard by two gateways of a home, both stamping their own receive time (DESIGN section 2).
SAME_BROADCAST = timedelta(minutes=10)
AT_ONCE = timedelta()
FUTURE = timedelta(hours=24)
# No device of ours existed before the Bluetooth health profiles did; older clocks are unset clocks.
EARLIEST_YEAR = 2013
_ROOM = frozenset(kind.code for kind in ROOM)


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An earlier reading of the same device near the same time; `owner` None while it is nobody's."""

    id: str
    gateway: str
    slot: int | None
    measured_at: datetime
    values: frozenset[tuple[str, str]]
    owner: Owner | None = None


# How the readings of a device are ordered in `Recent`.
moment_of = attrgetter("measured_at")


class Recent(msgspec.Struct, frozen=True):
    """What the store already holds: content digests by id, and readings near in time by device, oldest first.

    `owners` says by id whose a reading is; one that is missing there is nobody's.
    """

    digests: dict[str, str] = {}
    near: dict[str, list[Seen]] = {}
    owners: dict[str, str] = {}


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A value in the kind's unit and in the device's own words."""

    kind: str
    value: Decimal
    unit: str
    device_value: str
    device_unit: str


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A surely or presumably known person's reading; `dropped` are kinds left out as implausible.

    `posterior` is the owner's share where the numbers decided, None where a slot or a person said it.
    """

    reading: Reading
    resident: str
    certainty: Certainty
    values: tuple[Stored, ...]
    dropped: tuple[str, ...] = ()
    experimental: bool = False
    posterior: float | None = None


class Unassigned(msgspec.Struct, frozen=True, gc=False):
    """A good reading of nobody yet; it waits in the inbox."""

    reading: Reading
    values: tuple[Stored, ...]
    dropped: tuple[str, ...] = ()
    experimental: bool = False


class OfRoom(Unassigned, frozen=True, gc=False):
    """A room's climate or a device's battery: the household's, never a person's, and no question to anybody."""


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """Nothing new: `of` is the reading it repeats (its own id when it was simply sent again)."""

    reading: Reading
    of: str


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Kept but not used, with a reason code; `keep` False drops the content (no consent to record)."""

    reading: Reading
    code: str
    keep: bool = True


Outcome = Accepted | Unassigned | Duplicate | Refused


def digest(reading: Reading) -> str:
    """A hash of what the measurement says, the same in every gateway that heard it."""
    return digest_of(reading.device, reading.user_slot, reading.sequence, _pairs(reading))


def digest_of(device: str, slot: int | None, sequence: int | None, pairs: Iterable[tuple[str, str]]) -> str:
    """The same of a stored reading, whose kinds and digits are `pairs`."""
    return hashlib.sha256(msgspec.json.encode([device, slot, sequence, sorted(pairs)])).hexdigest()


def accept(
    reading: Reading,
    gateway: str,
    household: Household,
    recent: Recent,
    now: datetime,
    fitting: Owner | None = None,
) -> Outcome:
    """What becomes of `reading`, heard by `gateway` in `household`; total and without side effects.

    `fitting` is whom the numbers name, looked at only where neither device nor person said whose it is. A member who
    does not let us record competes like any other, so that their reading is refused and not filed under somebody else.
    """
    known = recent.digests.get(reading.id)
    if known is not None and known == digest(reading):
        return Duplicate(reading, reading.id)
    stray = reading.id not in recent.owners and is_stray(reading, gateway, household)
    household = present(household, reading)
    device = household.devices.get(reading.device, DeviceFacts())
    owner = None if stray else _whose(reading, gateway, household, recent, fitting)
    if not _may_record(owner, household):
        return Refused(reading, "no-consent", keep=False)
    withheld = _withheld(owner, household)
    if withheld:
        spoken = tuple(value for value in reading.values if value.kind not in withheld)
        if not spoken:
            return Refused(reading, "no-consent", keep=False)
        reading = msgspec.structs.replace(reading, values=spoken)
    if known is not None:
        # Only now: what is kept of a conflict has passed the consent, and what was withheld before is no difference.
        return Duplicate(reading, reading.id) if known == digest(reading) else Refused(reading, "conflict")
    code = _impossible_time(reading, now)
    if code:
        return Refused(reading, code)
    if owner and reading.id not in recent.owners and was_elsewhere(owner.resident, reading, household):
        owner = None  # who is in hospital may be home on leave: somebody is asked
    return _judge_values(reading, gateway, owner, device, recent)


def _whose(reading: Reading, gateway: str, household: Household, recent: Recent, fitting: Owner | None) -> Owner | None:
    """The owner by what is stored of it, by what device and person say, and only then by the numbers."""
    if reading.id in recent.owners:
        # Whose it was filed as decides what of it may be looked at; what the list says by now may be another's.
        return Owner(recent.owners[reading.id], "sure")
    device = household.devices.get(reading.device, DeviceFacts())
    if not open_to_numbers(reading, household):
        return owner_of(reading, device.bindings, household.residents, device.taken_over)
    twin = _twin(reading, gateway, recent)
    named = fitting if twin is None else twin.owner
    if named is None or named.resident not in household.residents:
        return None
    return doubted(named) if reading.user_slot == UNKNOWN_SLOT and device.bindings else named


def open_to_numbers(reading: Reading, household: Household) -> bool:
    """Whether this is a weighing on a known, shared scale of which neither device nor person said whose it is.

    A device that was never introduced may still turn out to be somebody's own: its readings wait for its first note.
    """
    device = household.devices.get(reading.device)
    return device is not None and left_to_numbers(reading, device.bindings)


def _may_record(owner: Owner | None, household: Household) -> bool:
    return owner.resident in household.recording if owner else bool(household.recording)


def _withheld(owner: Owner | None, household: Household) -> frozenset[str]:
    """The kinds that must not be kept: the owner's, or of nobody's reading those that nobody here lets us record."""
    if owner is not None:
        return household.withheld.get(owner.resident, frozenset())
    each = [household.withheld.get(name, frozenset()) for name in household.recording]
    # A room's climate is nobody's to withhold.
    return frozenset[str]().union(*each[:1]).intersection(*each[1:]) - _ROOM


def _impossible_time(reading: Reading, now: datetime) -> str | None:
    if reading.measured_at > now + FUTURE:
        return "future"
    return "past" if reading.measured_at.year < EARLIEST_YEAR else None


def _judge_values(reading: Reading, gateway: str, owner: Owner | None, device: DeviceFacts, recent: Recent) -> Outcome:
    kept, dropped = [], []
    for value in reading.values:
        stored = store_form(value)
        if isinstance(stored, str):
            dropped.append((value.kind, stored))
        else:
            kept.append(stored)
    if _crossed(kept):
        dropped += [(item.kind, "implausible") for item in kept if KINDS[item.kind].panel]
        kept = [item for item in kept if not KINDS[item.kind].panel]
    if not kept:
        return Refused(reading, dropped[0][1])
    fresh, of = _new_kinds(reading, gateway, kept, recent)
    if of and not fresh:
        return Duplicate(reading, of)
    names = tuple(kind for kind, _ in dropped)
    if all(item.kind in _ROOM for item in kept):
        return OfRoom(reading, fresh, names, device.experimental)
    if owner is None:
        return Unassigned(reading, fresh, names, device.experimental)
    return Accepted(reading, owner.resident, owner.certainty, fresh, names, device.experimental, owner.posterior)


def store_form(value: Value) -> Stored | str:
    """The value in the kind's unit, or the reason code why it cannot be kept."""
    kind = KINDS.get(value.kind)
    if kind is None:
        return "unknown-kind"
    if not accepts(value.unit, kind.unit):
        return "unknown-unit"
    amount = convert(Decimal(value.value), value.unit, kind.unit, max(kind.decimals, 2))
    if not kind.low <= amount <= kind.high:
        return "implausible"
    return Stored(value.kind, amount, kind.unit, value.value, value.unit)


def _crossed(values: list[Stored]) -> bool:
    """A cuff that reports a diastolic pressure at or above the systolic one has measured nothing."""
    found = {item.kind: item.value for item in values}
    return "systolic" in found and "diastolic" in found and found["diastolic"] >= found["systolic"]


def _new_kinds(
    reading: Reading, gateway: str, values: list[Stored], recent: Recent
) -> tuple[tuple[Stored, ...], str | None]:
    """The values not yet stored for this measurement, and the reading that holds the others."""
    others = _candidates(reading, recent)
    if not others:
        return tuple(values), None
    pairs = frozenset((item.kind, item.device_value) for item in values)
    seen: set[tuple[str, str]] = set()
    of = None
    for other in others:
        if _same_measurement(reading, gateway, other):
            both = other.values & pairs
            if both:
                seen |= both
                of = of or other.id
    return tuple(item for item in values if (item.kind, item.device_value) not in seen), of


def _candidates(reading: Reading, recent: Recent) -> Sequence[Seen]:
    """The earlier readings of the device that are near enough in time to be the same one."""
    known = recent.near.get(reading.device, ())
    margin = AT_ONCE if reading.time_quality == "device" else SAME_BROADCAST
    # A home's backlog is many readings of one device: looking at all of them for each would take the square of that.
    low = bisect_left(known, reading.measured_at - margin, key=moment_of)
    return known[low : bisect_right(known, reading.measured_at + margin, lo=low, key=moment_of)]


def _twin(reading: Reading, gateway: str, recent: Recent) -> Seen | None:
    """The earlier part of the same measurement: what comes after it (an impedance) is whose that is."""
    pairs = _pairs(reading)
    others = _candidates(reading, recent)
    return next((it for it in others if it.values & pairs and _same_measurement(reading, gateway, it)), None)


def _same_measurement(reading: Reading, gateway: str, other: Seen) -> bool:
    """Whether `other` may be the same one; who says to be another person made another measurement."""
    hint = reading.person_hint
    another = hint is not None and other.owner is not None and other.owner.resident != hint
    return not another and other.slot == reading.user_slot and _same_moment(reading, gateway, other)


def _same_moment(reading: Reading, gateway: str, other: Seen) -> bool:
    if other.measured_at == reading.measured_at:
        return True
    # One gateway tells its own repeats apart when it mints the id; two gateways cannot see each other's minting.
    heard_twice = reading.time_quality != "device" and gateway != other.gateway
    if not heard_twice or abs(other.measured_at - reading.measured_at) > SAME_BROADCAST:
        return False
    return other.values >= _pairs(reading)


def _pairs(reading: Reading) -> frozenset[tuple[str, str]]:
    return frozenset((value.kind, value.value) for value in reading.values)

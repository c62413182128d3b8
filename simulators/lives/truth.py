"""What was truly so when an alert was raised, and what the alerts of many lives come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from engine.activity import VALID_LOW
from simulators.lives.fates import HOURS, TRUE, Span
from simulators.lives.homes import Home
from simulators.lives.known import excuses
from simulators.lives.people import PEDOMETER
from simulators.lives.town import Town

Alarm = Literal["activity-drop", "person-silent", "device-silent"]
PERSON: Final[frozenset[Alarm]] = frozenset({"activity-drop", "person-silent"})
# A seven-day mean still holds what was up to nine days ago: seven, and the days a drop must last beyond them.
_MEMORY: Final = 9 * HOURS
# Whoever measured within the time the rule asks for was not silent, whatever arrived.
_RULE: Final = 36.0
# Nobody can be found by a rule of 36 hours whom somebody else found in two days.
_LONG: Final = 48.0
_MONTH: Final = 365.0 / 12


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """An alert about the watched person of home `home`: of which sort, since when it says, and when it was raised."""

    home: int
    sort: Alarm
    since: float
    at: float
    cause: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was to be found, and hours from its beginning to the first alert of each kind, None for none."""

    sort: str
    lasted: float
    person: float | None
    device: float | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How well one sort of event was found before it was over.

    `long` lasted more than two days. `with_device` counts those of whom an alert about a device came, too, or instead.
    """

    events: int
    found: int
    long: int
    long_found: int
    with_device: int
    median_hours: float | None
    most_hours: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What many lives showed. Rates are per 100 person-months.

    `device_right` is the share of alerts about a device that had a fault behind them; behind the others somebody
    measured less than usual, or was not at home. `false` counts alerts about a person by what was truly so. `broken`
    are device silences told as a person's, and `excused` alerts about who is known to be away: both must be none.
    """

    people: int
    person_months: float
    alerts: dict[str, int]
    true: dict[str, int]
    precision: dict[str, float | None]
    false: dict[str, dict[str, int]]
    false_rate: float
    device_rate: float
    device_right: float | None
    nurse_minutes: float
    helpdesk_minutes: float
    found: dict[str, Found]
    broken: int
    excused: int

    @property
    def sound(self) -> bool:
        """Whether the hard rules held."""
        return self.broken == 0 and self.excused == 0


def why(town: Town, home: Home, one: Raised) -> str:
    """What was truly so: the sort of event, else why the alert is false.

    trip, hospital, gone (dead, not told yet), lapse, late (the event is over), snow, device, chance.
    """
    since = one.at - _MEMORY if one.sort == "activity-drop" else one.since
    spans = home.people[0].spans
    now = next((span for span in spans if span.covers(one.at)), None)
    if now is not None:
        return now.sort
    before = [span for span in spans if span.start < one.at and span.end > since]
    if before:
        return "late" if before[-1].sort in TRUE else before[-1].sort
    if one.sort == "activity-drop":
        if any(start < one.at and end > since for start, end, _ in town.storms):
            return "snow"
        pedometers = [fault for device in home.people[0].devices if device.kind == 0 for fault in device.faults]
        if any(fault.start < one.at and fault.end > since for fault in (*pedometers, *home.faults)):
            return "device"
    return "chance"


def is_broken(home: Home, one: Raised) -> bool:
    """Whether silence of things was told as a person's: within the rule's time they measured, and nobody heard it."""
    if one.sort != "person-silent":
        return False
    for device, line in zip(home.people[0].devices, home.heard[0], strict=True):
        counts = line.meant & (line.value >= (VALID_LOW if device.kind == PEDOMETER else 0))
        lost = counts & (line.at <= one.at) & ~(line.heard <= one.at)
        if one.at - float(line.at[lost].max(initial=-np.inf)) < _RULE:
            return True
    return False


def has_fault(home: Home, one: Raised) -> bool:
    """Whether something of the home did not work during the silence that is told."""
    faults = [fault for person in home.people for device in person.devices for fault in device.faults]
    return any(fault.start <= one.at and fault.end > one.since for fault in (*faults, *home.faults))


def is_excused(home: Home, one: Raised) -> bool:
    """Whether the programme knew at that moment that they are away."""
    return one.sort in PERSON and any(start <= one.at < end for start, end in excuses(home.people[0].spans))


def events_of(home: Home, raised: Sequence[Raised], hours: float) -> list[Event]:
    """What was to be found in this life, with the alerts that were raised before it was over."""
    found = []
    for span in home.people[0].spans:
        if span.sort not in TRUE or span.end > hours:
            continue
        inside = [one for one in raised if span.covers(one.at)]
        found.append(
            Event(
                sort=span.sort, lasted=span.end - span.start,
                person=min((one.at - span.start for one in inside if one.sort in PERSON), default=None),
                device=min((one.at - span.start for one in inside if one.sort not in PERSON), default=None),
            )
        )  # fmt: skip
    return found


def watched_hours(town: Town, span: Iterable[Span]) -> float:
    """How long somebody is watched over: after the days of learning, until they are known to be dead."""
    gone = next((one for one in span if one.sort == "gone"), None)
    end = town.hours if gone is None or gone.known is None else min(gone.known, town.hours)
    return max(end - town.fixed.learning_days * HOURS, 0.0)


class Tally:
    """Counts home by home; nothing is kept of a life but its events and alerts."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.people, self.hours, self.broken, self.excused = 0, 0.0, 0, 0
        self._right = 0
        self.alerts: Counter[str] = Counter()
        self.because: dict[str, Counter[str]] = {"activity-drop": Counter(), "person-silent": Counter()}
        self.events: list[Event] = []

    def add(self, home: Home, raised: Sequence[Raised]) -> None:
        """One more life with its alerts."""
        self.people += 1
        self.hours += watched_hours(self._town, home.people[0].spans)
        self.events += events_of(home, raised, self._town.hours)
        for one in raised:
            self.alerts[one.sort] += 1
            self._right += one.sort not in PERSON and has_fault(home, one)
            if one.sort in PERSON:
                self.because[one.sort][why(self._town, home, one)] += 1
                self.broken += is_broken(home, one)
                self.excused += is_excused(home, one)

    def figures(self) -> Figures:
        """What it comes to."""
        months = self.hours / HOURS / _MONTH
        true = {sort: sum(counted[name] for name in TRUE) for sort, counted in self.because.items()}
        false = {
            sort: {name: count for name, count in sorted(counted.items()) if name not in TRUE}
            for sort, counted in self.because.items()
        }
        about_person = sum(self.alerts[sort] for sort in PERSON)
        per = 100 / max(months, 1e-9)
        minutes = self._town.fixed.minutes
        return Figures(
            people=self.people, person_months=months, alerts=dict(self.alerts), true=true,
            precision={sort: true[sort] / self.alerts[sort] if self.alerts[sort] else None for sort in true},
            false=false, false_rate=(about_person - sum(true.values())) * per,
            device_rate=self.alerts["device-silent"] * per,
            device_right=self._right / self.alerts["device-silent"] if self.alerts["device-silent"] else None,
            nurse_minutes=about_person * minutes.person * per,
            helpdesk_minutes=self.alerts["device-silent"] * minutes.device * per,
            found={sort: _found([one for one in self.events if one.sort == sort]) for sort in sorted(TRUE)},
            broken=self.broken, excused=self.excused,
        )  # fmt: skip


def _found(events: Sequence[Event]) -> Found:
    delays = [one.person for one in events if one.person is not None]
    long = [one for one in events if one.lasted > _LONG]
    return Found(
        events=len(events), found=len(delays), long=len(long),
        long_found=sum(one.person is not None for one in long),
        with_device=sum(one.person is not None or one.device is not None for one in events),
        median_hours=float(np.median(delays)) if delays else None,
        most_hours=float(np.quantile(delays, 0.9)) if delays else None,
    )  # fmt: skip

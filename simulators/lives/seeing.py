"""What the watching knows of one life at every full hour: signs of the person, words of devices, days of steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np

from engine.activity import VALID_LOW
from engine.situation import Situation
from engine.watching import Device as Seen
from engine.watching_rhythm import present, usual
from engine.watching_rules import rules
from engine.watching_signs import signs, unbroken
from simulators.lives.fates import HOURS
from simulators.lives.homes import Heard, Home, shared_scale
from simulators.lives.known import ZONE, instant, known
from simulators.lives.people import PEDOMETER, Device, Flags
from simulators.lives.town import Floats, Town

_LATELY: Final = 60
_NEVER: Final = -1e9


class Line:
    """One device as the engine hears it: by the hour its last sign and last word, and the days of its steps."""

    def __init__(self, town: Town, device: Device, heard: Heard, name: str, *, beside: Heard | None = None) -> None:
        self.device, self.name, self.own, self._town = device, name, beside is None, town
        got = np.isfinite(heard.heard)
        order = np.argsort(heard.heard[got], kind="stable")
        self._got, self._at, self._value = heard.heard[got][order], heard.at[got][order], heard.value[got][order]
        sign = _signs(town, device.kind, self._at, self._value)
        self._sign_got, self._sign_at = self._got[sign], self._at[sign]
        hours = np.arange(int(town.hours) + 1, dtype=np.float64)
        self.last_sign = _last(hours, self._sign_got, self._sign_at)
        self._word_got, self._word_at = self._got, self._at
        if beside is not None:
            both = np.concatenate([self._got, beside.heard]), np.concatenate([self._at, beside.at])
            known_at = np.argsort(both[0], kind="stable")[: int(np.isfinite(both[0]).sum())]
            self._word_got, self._word_at = both[0][known_at], both[1][known_at]
        self._last_word = _last(hours, self._word_got, self._word_at)
        self._key: tuple[float, int, Situation] | None = None
        self._usual: timedelta | None = None

    def quiet(self, hours: Floats) -> Flags:
        """At which full hours nothing was heard of the person by it for longer than anybody's floor."""
        return hours - self.last_sign > rules().silence.floor_hours

    def is_late(self, hour: int, situation: Situation) -> bool:
        """Whether the judge could call it late; who came home meanwhile is left to the judge."""
        limit = rules().silence.limit(self.usual(hour, situation))
        return limit is not None and hour - self.last_sign[hour] > limit / timedelta(hours=1)

    def usual(self, hour: int, situation: Situation) -> timedelta | None:
        """How long the person was usually quiet with this device until the day began, out of what is known now."""
        midnight = float(hour // HOURS * HOURS)
        heard = self._sign_at[: int(np.searchsorted(self._sign_got, hour, side="right"))]
        lately = heard[(heard >= midnight - (rules().silence.days + 1) * HOURS) & (heard <= midnight)]
        key = (midnight, len(lately), situation)
        if key != self._key:
            told = [instant(self._town, at) for at in np.sort(lately).tolist()]
            self._key, self._usual = key, usual(told, instant(self._town, midnight), situation)
        return self._usual

    def seen(self, hour: int, situation: Situation) -> Seen:
        """The device for the judge; of one that is not quiet nobody asks what is usual or how its battery is."""
        sign, word = float(self.last_sign[hour]), float(self._last_word[hour])
        quiet = _NEVER < sign < hour - rules().silence.floor_hours
        return Seen(
            id=self.name, own=self.own, battery=self.device.battery(word) if quiet else None,
            sign=instant(self._town, sign) if sign > _NEVER else None,
            usual=self.usual(hour, situation) if quiet else None,
            heard=instant(self._town, word) if word > _NEVER else None,
            unbroken=self._unbroken(hour) if quiet and hour - word <= rules().witness.alive_hours else None,
        )  # fmt: skip

    def _unbroken(self, hour: int) -> datetime | None:
        """From when it is heard without a gap, as far back as the round asks."""
        heard = self._word_at[: int(np.searchsorted(self._word_got, hour, side="right"))]
        lately = np.sort(heard[heard >= hour - rules().silence.longest_days * HOURS])
        return unbroken([instant(self._town, at) for at in lately.tolist()])

    def signs(self, hour: int) -> Floats:
        """When the person gave the signs of the last three months that are known by now."""
        heard = self._sign_at[: int(np.searchsorted(self._sign_got, hour, side="right"))]
        return heard[heard >= hour - rules().silence.days * HOURS]

    def steps(self, hour: int, days: int = _LATELY) -> dict[date, int]:
        """The valid days of steps that are known, the last two months of them; the day that runs is no day yet."""
        today = int(hour // HOURS)
        first = max(today - days, 0)
        begin = int(np.searchsorted(self._got, first * HOURS))
        count = int(np.searchsorted(self._got, hour, side="right"))
        most = np.zeros(today + 1 - first)
        at = (self._at[begin:count] // HOURS).astype(int) - first
        np.maximum.at(most, at[at >= 0], self._value[begin:count][at >= 0])
        whole = enumerate(most.tolist()[:-1])
        return {self._town.day(first + day): int(steps) for day, steps in whole if steps >= VALID_LOW}


class Sight:
    """Everything that is known of the watched person of one home, hour by hour."""

    def __init__(self, town: Town, home: Home) -> None:
        shared = shared_scale(home)
        self.name, self._town = f"r-{home.number}", town
        self._lines = [
            Line(
                town, device, heard, f"d-{home.number}-{place}",
                beside=home.heard[1][shared[1]] if shared is not None and place == shared[0] else None,
            )
            for place, (device, heard) in enumerate(zip(home.people[0].devices, home.heard[0], strict=True))
        ]  # fmt: skip
        self._known = known(town, self.name, home.people[0].spans)
        self._from = np.array([at for at, _ in self._known])
        hours = np.arange(int(town.hours) + 1, dtype=np.float64)
        self._quiet = [line.quiet(hours) for line in self._lines]

    def is_late(self, hour: int) -> bool:
        """Whether a device of theirs is late, so that the judge has to look."""
        return any(
            quiet[hour] and line.is_late(hour, self.situation(hour))
            for quiet, line in zip(self._quiet, self._lines, strict=True)
        )

    def situation(self, hour: int) -> Situation:
        """What was told of their life until this hour."""
        if len(self._known) == 1:
            return self._known[0][1]
        return self._known[int(np.searchsorted(self._from, hour, side="right")) - 1][1]

    def steps(self, hour: int) -> Mapping[date, int]:
        """The valid days of steps that are known; nothing of whoever has no pedometer."""
        found = [line for line in self._lines if line.device.kind == PEDOMETER]
        return found[0].steps(hour) if found else {}

    def every_day(self) -> Mapping[date, int]:
        """Every valid day of steps that was ever known."""
        found = [line for line in self._lines if line.device.kind == PEDOMETER]
        return found[0].steps(int(self._town.hours), self._town.days) if found else {}

    def present(self, hour: int) -> datetime | None:
        """From when the person's signs by all devices come without an unusual quiet, as the round asks it."""
        told = np.sort(np.concatenate([line.signs(hour) for line in self._lines]))
        signs = [instant(self._town, at) for at in told.tolist()]
        start = instant(self._town, hour // HOURS * HOURS)
        return present(signs, usual([at for at in signs if at <= start], start, self.situation(hour)))

    def devices(self, hour: int) -> tuple[Seen, ...]:
        """Their devices for the judge."""
        situation = self.situation(hour)
        return tuple(line.seen(hour, situation) for line in self._lines)


def _signs(town: Town, kind: int, at: Floats, value: Floats) -> Flags:
    """Which uses are signs of the person, as the watching tells them from words of a device."""
    if kind != PEDOMETER:
        return np.ones(len(at), dtype=bool)
    points = [
        Total(instant(town, hours), Decimal(int(steps)), instant(town, hours // HOURS * HOURS))
        for hours, steps in zip(at.tolist(), value.tolist(), strict=True)
    ]
    found = frozenset(signs({"steps-day": points}, ZONE))
    return np.array([point.at in found for point in points], dtype=bool)


class Total(msgspec.Struct, frozen=True):
    """What a pedometer tells: a running total and since when it counts."""

    at: datetime
    value: Decimal
    since: datetime | None
    device_id: str = ""


def _last(hours: Floats, got: Floats, at: Floats) -> Floats:
    """By the hour, the newest `at` of what was got until then."""
    if not len(got):
        return np.full(len(hours), _NEVER)
    newest = np.maximum.accumulate(at)
    count = np.searchsorted(got, hours, side="right")
    return np.where(count > 0, newest[np.maximum(count - 1, 0)], _NEVER)

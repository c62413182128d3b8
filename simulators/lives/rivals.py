"""Simpler rules on the same lives, as loud as the watching: hours without any word, and a fixed number of steps.

Each is given the threshold that suits it best on these very lives, which the watching is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from simulators.lives.fates import HOURS, TRUE, Span
from simulators.lives.homes import Home
from simulators.lives.known import excuses
from simulators.lives.people import Flags
from simulators.lives.seeing import Sight
from simulators.lives.town import Floats, Town

SUDDEN: Final = frozenset({"sudden", "death"})
SLOW: Final = TRUE - SUDDEN
NAIVE_HOURS: Final = 36.0
_HOURS: Final = np.arange(36.0, 24.0 * 60, 3.0)
_STEPS: Final = np.arange(5000.0, 0.0, -25.0)
_NEEDED, _WEEK, _LASTS = 4, 7, 3


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """A simpler rule with its threshold: alerts, how many were true, how many of the events were found in time."""

    threshold: float
    alerts: int
    true: int
    events: int
    found: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The watching beside simpler rules; `*_equal` have at most as many alerts as the watching.

    `silence` finds who fell or died; `steps` whom illness or decline keeps at home.
    """

    silence: Rival
    silence_naive: Rival
    silence_equal: Rival
    drop: Rival
    drop_equal: Rival


class _Life(msgspec.Struct, frozen=True, kw_only=True):
    last: Floats
    quiet: Floats
    steps: Floats
    events: tuple[Span, ...]
    excused: tuple[tuple[float, float], ...]


class Rivals:
    """Remembers of each life what the simpler rules need."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._lives: list[_Life] = []

    def add(self, home: Home) -> None:
        """One more life."""
        town = self._town
        got = np.sort(np.concatenate([line.heard[np.isfinite(line.heard)] for line in home.heard[0]]))
        begin = town.fixed.learning_days * HOURS
        got = np.concatenate([[begin], got[(got >= begin) & (got < town.hours)], [town.hours]])
        quiet = np.diff(got)
        long = quiet > NAIVE_HOURS
        spans = tuple(one for one in home.people[0].spans if one.sort in TRUE and one.end <= town.hours)
        self._lives.append(
            _Life(
                last=got[:-1][long], quiet=quiet[long], steps=_weeks(town, Sight(town, home)), events=spans,
                excused=tuple(excuses(home.people[0].spans)),
            )
        )  # fmt: skip

    def silent(self, hours: float) -> Rival:
        """An alert once nothing was heard of anybody's device for so many hours, whatever is usual or broken."""
        return _rival(
            hours, [(life, (life.last + hours)[life.quiet > hours].tolist()) for life in self._lives], SUDDEN
        )  # fmt: skip

    def few(self, steps: float) -> Rival:
        """An alert once the mean of a week was below a number of steps on three days running."""
        first = self._town.fixed.learning_days
        return _rival(steps, [(life, _falls(life.steps < steps, first)) for life in self._lives], SLOW)

    def compared(self, silence: Rival, drop: Rival) -> Compared:
        """The simpler rules beside what the watching did."""
        return Compared(
            silence=silence, drop=drop, silence_naive=self.silent(NAIVE_HOURS),
            silence_equal=next(
                (one for hours in _HOURS if (one := self.silent(float(hours))).alerts <= silence.alerts),
                self.silent(float(_HOURS[-1])),
            ),
            drop_equal=next(
                (one for steps in _STEPS if (one := self.few(float(steps))).alerts <= drop.alerts),
                self.few(0.0),
            ),
        )  # fmt: skip


def _weeks(town: Town, sight: Sight) -> Floats:
    """By day after the learning, the mean of the valid days among the seven before; NaN without four of them."""
    known = sight.every_day()
    steps = np.array([known.get(town.day(day), np.nan) for day in range(town.days)], dtype=np.float64)
    weeks = np.lib.stride_tricks.sliding_window_view(steps[town.fixed.learning_days - _WEEK :], _WEEK)
    valid = np.isfinite(weeks)
    count = valid.sum(axis=1)
    mean = np.where(valid, weeks, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= _NEEDED, mean, np.nan)


def _falls(low: Flags, first: int) -> list[float]:
    """The hours at which a run of low days is three days long; `first` is the day after the first window."""
    found, run = [], 0
    for place, is_low in enumerate(low.tolist()):
        run = run + 1 if is_low else 0
        if run == _LASTS:
            found.append((place + first) * HOURS)
    return found


def _rival(threshold: float, lives: Sequence[tuple[_Life, list[float]]], sorts: frozenset[str]) -> Rival:
    alerts = true = found = events = 0
    for life, times in lives:
        told = [at for at in times if not any(start <= at < end for start, end in life.excused)]
        wanted = [one for one in life.events if one.sort in sorts]
        alerts += len(told)
        true += sum(any(one.covers(at) for one in life.events) for at in told)
        events += len(wanted)
        found += sum(any(one.covers(at) for at in told) for one in wanted)
    return Rival(threshold=threshold, alerts=alerts, true=true, events=events, found=found)

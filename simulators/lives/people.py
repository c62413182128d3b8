"""One person's rhythm: how much they walk on each day, when they measure, what of it their things could tell."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.activity import VALID_LOW
from simulators.lives.fates import ABSENT, HOURS, Fault, Span, device_faults, draw_spans
from simulators.lives.frozen import Frozen
from simulators.lives.town import Floats, Town

Flags = NDArray[np.bool_]
WEEK: Final = 7
PEDOMETER, SCALE, CUFF = 0, 1, 2
KINDS: Final = ("pedometer", "scale", "cuff")
_READ_FROM, _READ_UNTIL = 7.0, 21.8
_MOST_READS: Final = 6


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A thing of a person: what it is, when it failed, when its batteries were new, and what it does by itself."""

    kind: int
    faults: tuple[Fault, ...]
    batteries: tuple[float, ...]
    battery_days: float
    tells_battery: bool
    keeps: bool
    speaks_alone: bool

    def battery(self, at: float) -> int | None:
        """What it tells of its battery at `at`, in percent; None where it never tells."""
        if not self.tells_battery:
            return None
        new = max((start for start in self.batteries if start <= at), default=at)
        return int(np.clip(round(100 * (1 - (at - new) / HOURS / self.battery_days)), 1, 100))


class Uses(msgspec.Struct, frozen=True):
    """What one device had to tell: instants, values, and whether the person did something (else it spoke by itself)."""

    at: Floats
    value: Floats
    meant: Flags


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One resident: their devices, what happens to them, and what each device had to tell, whoever heard it."""

    devices: tuple[Device, ...]
    spans: tuple[Span, ...]
    uses: tuple[Uses, ...]


class _Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How one person lives: the usual steps of each day, how often they wear the pedometer, their hour of measuring."""

    steps: Floats
    worn: float
    hour: float


def draw_person(town: Town, rng: np.random.Generator, *, alone: bool, spans: tuple[Span, ...] | None = None) -> Person:
    """A person of this town; `spans` are drawn unless they are given."""
    fixed = town.fixed
    if spans is None:
        spans = draw_spans(fixed, rng, town.hours, alone=alone)
    kinds = [kind for kind in (PEDOMETER, SCALE, CUFF) if rng.random() < _share(fixed, kind)] or [PEDOMETER]
    devices = tuple(_device(town, rng, kind) for kind in kinds)
    habits = _habits(town, rng)
    uses = tuple(
        _reads(town, rng, habits, spans, speaks_alone=one.speaks_alone)
        if one.kind == PEDOMETER
        else _measures(town, rng, one.kind, habits, spans)
        for one in devices
    )
    return Person(devices=devices, spans=spans, uses=uses)


def _share(fixed: Frozen, kind: int) -> float:
    return (fixed.people.pedometer, fixed.people.scale, fixed.people.cuff)[kind]


def _device(town: Town, rng: np.random.Generator, kind: int) -> Device:
    fixed = town.fixed.device
    days = fixed.pedometer_battery_days if kind == PEDOMETER else fixed.other_battery_days
    faults, batteries = device_faults(town.fixed, rng, town.hours, days)
    return Device(
        kind=kind, faults=faults, batteries=batteries, battery_days=days,
        tells_battery=bool(rng.random() < fixed.tells_battery),
        keeps=kind != PEDOMETER and bool(rng.random() < fixed.keeps),
        speaks_alone=kind == PEDOMETER and bool(rng.random() < town.fixed.people.speaks_alone),
    )  # fmt: skip


def _habits(town: Town, rng: np.random.Generator) -> _Habits:
    walking, days = town.fixed.walking, town.days
    usual = walking.median * np.exp(walking.between * rng.standard_normal())
    weekday = np.exp(walking.weekday * rng.standard_normal(WEEK))
    season = town.months ** (1 + walking.season_between * rng.standard_normal())
    storm = town.storm ** max(1 + town.fixed.snow.storm_between * rng.standard_normal(), 0.0)
    fresh = rng.standard_normal(days) * walking.noise
    luck = fresh + walking.carried * np.concatenate([[0.0], fresh[:-1]])
    first = town.fixed.first_day.weekday()
    steps = usual * weekday[(np.arange(days) + first) % WEEK] * season * storm * np.exp(luck)
    worn = walking.worn_forgetful if rng.random() < walking.forgetful else walking.worn
    return _Habits(steps=steps, worn=float(rng.beta(*worn)), hour=float(rng.uniform(6.0, 9.0)))


def _level(spans: tuple[Span, ...], at: Floats, what: str) -> Floats:
    """The share of the usual that is walked or measured at these instants; illness comes and goes by degrees."""
    level = np.ones(at.shape)
    for one in spans:
        low = one.walk if what == "walk" else one.measure
        if one.sort in ABSENT or low == 1.0:
            continue
        down = np.clip((at - one.start) / max(one.full - one.start, 1e-9), 0.0, 1.0)
        level = np.where((at >= one.start) & (at < one.end), np.minimum(level, 1 - (1 - low) * down), level)
    return level


def absent(spans: tuple[Span, ...], at: Floats) -> Flags:
    """Whether the person is not at home at these instants."""
    found = np.zeros(at.shape, dtype=bool)
    for one in spans:
        if one.sort in ABSENT:
            found |= _inside(one, at)
    return found


def _reads(
    town: Town, rng: np.random.Generator, habits: _Habits, spans: tuple[Span, ...], *, speaks_alone: bool
) -> Uses:  # fmt: skip
    """A running total that begins again every midnight, read a few times a day."""
    walking, days = town.fixed.walking, town.days
    count = np.minimum(rng.poisson(walking.reads - 1, days) + 1, _MOST_READS)
    hour = np.sort(rng.uniform(_READ_FROM, _READ_UNTIL, (days, _MOST_READS)), axis=1)
    day = np.arange(days, dtype=np.float64)
    at = day[:, None] * HOURS + hour
    read = np.arange(_MOST_READS)[None, :] >= _MOST_READS - count[:, None]
    worn = (rng.random(days) < habits.worn)[:, None] & np.ones_like(read)
    for one in spans:
        if one.sort == "lapse" and not one.pedometer:
            worn &= ~_inside(one, at)
    part = np.where(rng.random(days) < walking.part_days, rng.uniform(*walking.part, days), 1.0)
    walked = habits.steps * part * _level(spans, day * HOURS + HOURS / 2, "walk")
    table = np.minimum(rng.exponential(walking.table_steps, days), VALID_LOW - 1)[:, None]
    value = np.where(worn, walked[:, None] * _walked_by(hour), np.where(speaks_alone, table, 0.0))
    meant, spoken = worn, read
    for one in spans:
        inside = _inside(one, at)
        if one.sort in {"sudden", "death"}:
            # Whoever lies there walks no more: a total stays what it was, and the next days begin and end at nothing.
            stopped = habits.steps * _walked_by(one.start - day * HOURS)
            value = np.where(inside, np.minimum(value, stopped[:, None]), value)
            meant = meant & ~inside
            spoken = spoken & (~inside | speaks_alone)
        elif one.sort in ABSENT:
            value = np.where(inside, np.minimum(value, table), value)
            meant = meant & ~inside
            # Left on the table it goes on speaking, if it is one that speaks by itself.
            spoken = spoken & (~inside | (speaks_alone and not one.pedometer))
    spoken = spoken & (meant | speaks_alone)
    # A total never falls within its day, whoever wears it and wherever it lies.
    value = np.maximum.accumulate(np.floor(value), axis=1)
    return Uses(at[spoken], value[spoken], meant[spoken])


def _inside(span: Span, at: Floats) -> Flags:
    return (at >= span.start) & (at < span.end)


def _walked_by(hour: Floats) -> Floats:
    """The share of a day's steps that is walked by its hour."""
    return np.clip((hour - _READ_FROM + 1) / (_READ_UNTIL - _READ_FROM + 1), 0.0, 1.0)


def _measures(town: Town, rng: np.random.Generator, kind: int, habits: _Habits, spans: tuple[Span, ...]) -> Uses:
    """Weighings or pressures in the morning: daily, on most days, or once a week on an own weekday."""
    measuring, days = town.fixed.measuring, town.days
    daily, weekly = (
        (measuring.scale_daily, measuring.scale_weekly)
        if kind == SCALE
        else (measuring.cuff_daily, measuring.cuff_weekly)
    )
    draw = rng.random()
    own = np.ones(days, dtype=bool)
    kept = measuring.kept[0] if draw < daily else measuring.kept[1]
    if daily <= draw < daily + weekly:
        own = np.arange(days) % WEEK == rng.integers(WEEK)
        kept = measuring.kept[2]
    at = np.arange(days) * HOURS + habits.hour + rng.uniform(0.0, 1.5, days)
    does = own & (rng.random(days) < kept * _level(spans, at, "measure")) & ~absent(spans, at)
    value = 60 + 5 * rng.standard_normal() if kind == SCALE else 135.0
    return Uses(at[does], value + rng.normal(0, 0.4, int(does.sum())), np.ones(int(does.sum()), dtype=bool))

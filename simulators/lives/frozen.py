"""The frozen numbers of the simulated lives; the file beside this one says where each comes from."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

Pair = tuple[float, float]


class _People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alone: float
    pedometer: float
    scale: float
    cuff: float
    speaks_alone: float


class _Walking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    median: float
    between: float
    noise: float
    carried: float
    weekday: float
    months: tuple[float, ...]
    season_between: float
    worn: Pair
    worn_forgetful: Pair
    forgetful: float
    part_days: float
    part: Pair
    table_steps: float
    reads: float


class _Measuring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scale_daily: float
    scale_weekly: float
    cuff_daily: float
    cuff_weekly: float
    kept: tuple[float, float, float]
    lapses: float
    lapse_days: Pair
    lapse_pedometer: float


class _Snow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    storms: float
    storm_days: Pair
    storm_walk: Pair
    storm_between: float


class _Home(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    storm_cut: float
    storm_cut_hours: Pair
    cuts: float
    cut_hours: Pair
    unplugged: float
    unplugged_hours: Pair
    router: float
    router_hours: Pair
    deaf: float
    deaf_hours: Pair
    neighbours: float
    visitors: float
    visitor_taken: float


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    broken: float
    replaced_days: Pair
    pedometer_battery_days: float
    other_battery_days: float
    tells_battery: float
    changed_days: Pair
    keeps: float


class _Away(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trips: float
    trip_days: Pair
    stays: float
    stay_days: Pair
    told: float


class _Hospital(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stays: float
    mean_days: float
    recorded: float
    recorded_late: float
    late_days: Pair


class _Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sudden: float
    death: float
    found_shares: tuple[float, ...]
    found_days: tuple[float, ...]
    gradual: float
    gradual_onset_days: Pair
    gradual_walk: Pair
    gradual_days: Pair
    gradual_measure: float
    gradual_hospital: float
    decline: float
    decline_onset_days: Pair
    decline_walk: Pair
    decline_days: Pair


class _Minutes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    person: float
    device: float


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is true in the lives."""

    held_out: int
    first_day: date
    learning_days: int
    people: _People
    walking: _Walking
    measuring: _Measuring
    snow: _Snow
    home: _Home
    device: _Device
    away: _Away
    hospital: _Hospital
    events: _Events
    minutes: _Minutes


@cache
def frozen() -> Frozen:
    """The frozen numbers."""
    text = (Path(__file__).parent / "constants.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Frozen)

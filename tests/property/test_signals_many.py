"""A city is many people: its columns are the signals of each of them, to the last digit."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.people import Resident
from engine.signals import Point, Signals, bmi, signals
from engine.signals_columns import bmi_column, half_up
from engine.signals_many import City, empty_city, signals_many

TOKYO = ZoneInfo("Asia/Tokyo")
WIDTH = 400
Days = dict[int, Any]
KEPT = st.sampled_from((0.9, 0.6, 0.15, 1.0))
SPANS = st.sampled_from((60, 0, 5, 20, 230, WIDTH))


def at(today: date, ago: int, hour: int, value: object, kind: str) -> Point:
    when = datetime(today.year, today.month, today.day, hour, tzinfo=TOKYO) - timedelta(days=ago)
    name = "cuff" if kind in {"systolic", "diastolic", "pulse"} else kind
    return Point(at=when, value=Decimal(str(value)), unit="1", reading_id=f"{name}-{ago}-{hour}", device_id=kind)


class Life:
    """What one drawn person measured, as stored points and as rows of days."""

    def __init__(self, today: date, born: date, sex: str, height: Decimal | None) -> None:
        self.today, self.born, self.sex, self.height = today, born, sex, height
        self.weights: Days = {}
        self.steps: Days = {}
        self.pressures: dict[int, dict[int, tuple[int, int, int]]] = {}

    def alone(self) -> Signals:
        today, history = self.today, {
            "body-weight": [at(self.today, ago, 21, kg, "w") for ago, kg in self.weights.items()],
            "steps-day": [at(self.today, ago, 12, steps, "s") for ago, steps in self.steps.items()],
        }  # fmt: skip
        for place, kind in enumerate(("systolic", "diastolic", "pulse-rate")):
            history[kind] = [
                at(today, ago, hour, values[place], "cuff")
                for ago, hours in self.pressures.items()
                for hour, values in hours.items()
            ]
        person = Resident(
            id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="花子",
            family_kana="サトウ", given_kana="ハナコ", birth_date=self.born, sex=self.sex, height_cm=self.height,  # type: ignore[arg-type]
        )  # fmt: skip
        now = datetime(today.year, today.month, today.day, 21, tzinfo=TOKYO)
        return signals(
            person, {kind: sorted(points, key=lambda p: p.at) for kind, points in history.items()}, TOKYO, now
        )

    def row(self, days: dict[int, float], width: int = 7) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        found = np.full((1, width), np.nan)
        for ago, value in days.items():
            found[0, width - 1 - ago] = value
        return found

    def city(self) -> City:
        rows: dict[str, Any] = {}
        for place, kind in enumerate(("systolic", "diastolic")):
            halves = {
                name: {
                    ago: fmean(mine)
                    for ago, hours in self.pressures.items()
                    if (mine := [values[place] for hour, values in hours.items() if (hour < 12) is early])
                }
                for name, early in (("morning", True), ("evening", False))
            }
            rows |= {f"{kind}_{name}": self.row(days) for name, days in halves.items()}
            rows[f"{kind}_top"] = self.row(
                {ago: max(v[place] for v in h.values()) for ago, h in self.pressures.items()}
            )
        pulses = {ago: [values[2] for values in hours.values()] for ago, hours in self.pressures.items()}
        rows["rest"] = self.row({ago: float(np.median(rates)) for ago, rates in pulses.items()})
        rows["rest_top"] = self.row({ago: max(rates) for ago, rates in pulses.items()})
        rows["rest_low"] = self.row({ago: min(rates) for ago, rates in pulses.items()})
        rows["weights"] = self.row({ago: float(kg) for ago, kg in self.weights.items()}, WIDTH)
        rows["steps"] = self.row(self.steps, WIDTH)
        male = {"male": 1.0, "female": 0.0}.get(self.sex, np.nan)
        return replace(
            empty_city(self.today, 1), born=np.array([self.born], dtype="datetime64[D]"), male=np.array([male]),
            height_cm=np.array([float(self.height) if self.height else np.nan]), worn=rows["steps"] >= 0, **rows,
        )  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> Life:
    today = draw(st.dates(date(2025, 1, 1), date(2028, 12, 31)))
    life = Life(
        today, draw(st.dates(date(1930, 1, 1), date(2010, 12, 31))), draw(st.sampled_from(("male", "female", "other"))),
        draw(st.none() | st.decimals("140", "190", places=1)),
    )  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    start, slope, kept = draw(st.integers(40, 110)), draw(st.sampled_from((-0.03, 0.0, 0.02, 0.3))), draw(KEPT)
    for ago in np.flatnonzero(rng.random(draw(SPANS)) < kept):
        wrong = rng.choice([0.0, 0.0, 0.0, 0.0, 6.0]) * (rng.random() < 0.2)
        life.weights[int(ago)] = f"{start - slope * ago + rng.normal(0, 0.4) + wrong:.2f}"
    for ago in np.flatnonzero(rng.random(draw(SPANS)) < draw(KEPT)):
        life.steps[int(ago)] = int(rng.choice([50, 60_000, 100, 49_999, *rng.integers(500, 15_000, 40)]))
    for ago in np.flatnonzero(rng.random(7) < kept):
        hours = rng.choice([6, 7, 8, 19, 20, 21], rng.integers(1, 5), replace=False)
        life.pressures[int(ago)] = {
            int(hour): (int(rng.integers(90, 200)), int(rng.integers(50, 120)), int(rng.integers(35, 130)))
            for hour in hours
        }
    return life


@settings(max_examples=40)
@given(lives())
def test_a_city_of_one_has_the_signals_of_that_one(life: Life) -> None:
    alone, many = life.alone(), signals_many(life.city())
    assert many.keys() == alone.values.keys()
    for name, signal in alone.values.items():
        found = many[name][0]
        assert signal.value == (None if np.isnan(found) else Decimal(repr(float(found)))), name


@settings(max_examples=10)
@given(st.lists(lives(), min_size=2, max_size=4), st.integers(1, 4))
def test_neighbours_and_blocks_change_nobody_s_signals(found: list[Life], block: int) -> None:
    cities = [life.city() for life in found]
    today = cities[0].today
    parts = [replace(city, today=today) for city in cities]
    whole = City(
        today=today,
        **{
            f.name: np.concatenate([getattr(city, f.name) for city in parts]) for f in fields(City) if f.name != "today"
        },
    )
    together = signals_many(whole, block=block)
    for row, city in enumerate(parts):
        for name, column in signals_many(city).items():
            np.testing.assert_array_equal(together[name][row], column[0], err_msg=name)


@given(st.decimals("20", "250", places=2), st.decimals("100", "220", places=2))
def test_the_column_of_body_mass_is_as_exact_as_the_decimal_one(weight: Decimal, height: Decimal) -> None:
    found = bmi_column(np.array([float(weight)]), np.array([float(height)]))[0]
    assert Decimal(repr(float(found))) == bmi(weight, height)


@given(st.integers(100, 400), st.integers(100, 220))
def test_ties_of_body_mass_go_up_in_the_column_too(twentieths: int, height: int) -> None:
    """The weight that makes exactly x.x5, wherever it has two decimals."""
    weight = Decimal(2 * twentieths + 1) / 20 * height * height / 10_000
    if weight == weight.quantize(Decimal("0.01")):
        found = bmi_column(np.array([float(weight)]), np.array([float(height)]))[0]
        assert Decimal(repr(float(found))) == bmi(weight, Decimal(height)) == Decimal(twentieths + 1) / 10


@given(st.fractions(-300, 300, max_denominator=20_000), st.integers(0, 2))
def test_halves_go_up_whatever_binary_fractions_say(value: Any, digits: int) -> None:
    scaled = abs(value) * 10**digits
    exact = (scaled * 2 + 1) // 2
    sign = 1 if value >= 0 else -1
    found = half_up(np.array([float(value)]), digits)[0]
    assert Decimal(repr(float(found))) == sign * Decimal(int(exact)).scaleb(-digits)


def test_nobody_at_all_is_a_city_too() -> None:
    found = signals_many(empty_city(date(2026, 11, 21), 0))
    assert all(column.shape == (0,) for column in found.values())


def test_who_measures_everything_every_day_has_every_signal_both_ways() -> None:
    life = Life(date(2026, 11, 21), date(1960, 5, 1), "female", Decimal("152.5"))
    life.weights = {ago: f"{62 + 0.05 * ago + 0.2 * (ago % 3):.2f}" for ago in range(WIDTH)}
    life.steps = {ago: 4000 + 13 * ago for ago in range(WIDTH)}
    life.pressures = {ago: {7: (140 + ago, 85, 60 + ago), 21: (131, 80 + ago, 72)} for ago in range(7)}
    alone, many = life.alone(), signals_many(life.city())
    assert {name for name, signal in alone.values.items() if signal.value is None} == set()
    for name, signal in alone.values.items():
        assert signal.value == Decimal(repr(float(many[name][0]))), name

"""The one call for a town: what was measured and told is put together as for one person, and nobody gets lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.goal_columns import bmi_after_goal
from engine.judge import judge
from engine.picture import _kept
from engine.plans.needs import bmi_after, first_goal
from engine.rules import load_catalogue
from engine.rules.model import SEVERITIES
from engine.series.fit import fit
from engine.signals import Signal, Signals, bmi_signal
from engine.signals_many import City, empty_city, signals_many
from engine.town import judge_town, picture_many
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
RULES = load_catalogue()


def town(people: int, seed: int = 1) -> City:
    """People of all ages with a weight, steps and pressure; every fifth was never on a scale."""
    rng = np.random.default_rng(seed)
    weights = np.round(60 + rng.normal(0, 12, (people, 1)) + rng.normal(0, 0.4, (people, 60)), 1)
    weights[rng.random(weights.shape) < 0.4] = np.nan
    weights[::5] = np.nan
    pressure: dict[str, Any] = {
        f"{kind}_{part}": np.rint(usual + rng.normal(0, 12, (people, 1)) + rng.normal(0, 4, (people, 7)))
        for kind, usual in (("systolic", 135), ("diastolic", 82))
        for part in ("morning", "evening", "top")
    }
    ages = rng.integers(20, 95, people) * 365
    return replace(
        empty_city(TODAY, people), born=np.datetime64(TODAY) - ages.astype("timedelta64[D]"),
        male=(rng.random(people) < 0.5).astype(np.float64), height_cm=np.round(rng.normal(158, 8, people), 1),
        weights=weights, steps=np.rint(rng.normal(5000, 1500, (people, 60))), worn=np.ones((people, 60), dtype=bool),
        **pressure,
    )  # fmt: skip


def facts(people: int, seed: int = 2) -> dict[str, NDArray[np.float64]]:
    """Check-ups and answers, each told of about half of the people."""
    rng = np.random.default_rng(seed)
    numbers = {
        "bp.office.systolic": (140, 20),
        "bp.office.diastolic": (85, 12),
        "lab.egfr": (62, 20),
        "height": (160, 8),
    }
    drawn = {name: np.round(rng.normal(mean, sd, people)) for name, (mean, sd) in numbers.items()}
    drawn |= {name: (rng.random(people) < 0.1).astype(np.float64) for name in sorted(ANSWERS)}
    return {name: np.where(rng.random(people) < 0.5, column, np.nan) for name, column in drawn.items()}


def alone(measured: dict[str, NDArray[np.float64]], told: dict[str, NDArray[np.float64]], at: int) -> Signals:
    """The picture of the person in row `at`, put together as that of a stored resident is."""
    seen, said = (
        {
            name: Signal(
                value=None if np.isnan(column[at]) else Decimal(repr(float(column[at]))), unit=VOCABULARY[name].unit
            )
            for name, column in columns.items()
        }
        for columns in (measured, told)
    )
    values = {**seen, **said, **_kept(Signals(NOW, seen), said)}
    return Signals(NOW, {**values, "bmi": bmi_signal(values["weight.level"], values["height"])})


def test_everybody_in_a_town_is_judged_as_they_are_alone() -> None:
    city, told = town(60), facts(60)
    many, measured = judge_town(city, told, RULES), signals_many(city)
    urgency = many.urgency()
    for at in range(60):
        one = judge(alone(measured, told, at), RULES)
        assert urgency[at] == (-1 if one.urgency is None else SEVERITIES.index(one.urgency))
        for code in ("exercise_increase", "weight_loss", "calorie_deficit"):
            assert many.must_not(code)[at] == (code in one.must_not - {"everything"})
            sure = any(bar.code == code and bar.sure for bar in one.bars)
            assert many.must_not(code, sure=True)[at] == sure


def test_a_check_up_s_height_counts_for_the_body_mass_and_the_register_s_stands_where_there_was_none() -> None:
    city = replace(town(2), height_cm=np.array([160.0, 160.0]), weights=np.full((2, 5), 60.0))
    found = picture_many(city, {"height": np.array([150.0, np.nan])})
    assert found["height"].tolist() == [150.0, 160.0]
    assert found["bmi"].tolist() == [26.7, 23.4]


def test_one_emergency_among_thousands_is_found_in_its_row() -> None:
    people = 5000
    symptom = np.zeros(people)
    symptom[4321] = 1.0
    told = {name: np.zeros(people) for name in ANSWERS} | {"symptom.red-flag": symptom}
    urgency = judge_town(empty_city(TODAY, people), told, RULES).urgency()
    assert np.flatnonzero(urgency == SEVERITIES.index("emergency")).tolist() == [4321]


def test_stored_parameters_are_each_person_s_own() -> None:
    city = town(8)
    model = fit(city.weights)
    found = picture_many(city, {}, model)["weight.level"]
    assert not np.array_equal(found, picture_many(city, {})["weight.level"], equal_nan=True)
    for at in range(8):
        row = slice(at, at + 1)
        one = replace(city, **{
            name: getattr(city, name)[row] for name in City.__dataclass_fields__ if name != "today"
        })  # fmt: skip
        assert np.array_equal(picture_many(one, {}, model.of(row))["weight.level"], found[row], equal_nan=True)


def test_days_kept_in_half_the_memory_give_the_same_picture() -> None:
    city = town(200)
    days = {
        name: column.astype(np.float32)
        for name in City.__dataclass_fields__
        if name not in {"today", "born"} and (column := getattr(city, name)).ndim == 2 and column.dtype == np.float64
    }
    whole, half = picture_many(city, {}), picture_many(replace(city, **days), {})
    for name, column in whole.items():
        np.testing.assert_array_equal(half[name], column, err_msg=name)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"lab.sodium": np.zeros(3)}, "lab.sodium is not a signal"),
        ({name: np.zeros(3) for name in sorted(DERIVED)[:1]}, "is not a signal that can be told"),
        ({"lab.hba1c": np.zeros(2)}, "lab.hba1c must be 3 float64"),
        ({"lab.hba1c": np.full(3, 5.6, dtype=np.float32)}, "not (3,) float32"),
    ],
)
def test_a_column_that_cannot_be_judged_is_refused_by_name(told: dict[str, NDArray[np.float64]], why: str) -> None:
    with pytest.raises(ValueError) as refused:
        picture_many(empty_city(TODAY, 3), told)
    assert why in str(refused.value)


def test_the_first_goal_of_a_town_is_exact_to_the_tenth_for_every_weight() -> None:
    rng = np.random.default_rng(3)
    weight = np.concatenate([np.round(rng.uniform(20, 200, 2000), 2), np.array([1.5, 66.666, 83.33, 116.67])])
    height = np.concatenate([np.round(rng.uniform(120, 200, 2000), 1), np.array([150.0, 150.0, 150.05, 170.001])])
    bmi = np.round(weight * 1e4 / height**2, 1)
    bmi[:2] = 25.0, 35.0
    for at, found in enumerate(bmi_after_goal(weight, bmi, height)):
        kg, index, cm = (Decimal(repr(float(column[at]))) for column in (weight, bmi, height))
        assert Decimal(repr(float(found))) == bmi_after(kg, first_goal(kg, index), cm)

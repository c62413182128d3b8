"""What is said of one kind over some days: a change only where it is sure, else the average, else nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.courses import COURSES, SPANS, Said, said, sentence
from engine.locale import LANGUAGES
from engine.safety import wording_faults
from engine.signals import Point

NOW = datetime(2026, 11, 21, 18, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
WEIGHT = COURSES["weight"]
_NAMES = count()


def point(ago: float, value: float | str, **more: Any) -> Point:
    at = (NOW - timedelta(days=ago)).astimezone(UTC)
    fields: dict[str, Any] = {
        "at": at,
        "value": Decimal(str(value)),
        "unit": "kg",
        "reading_id": f"r{next(_NAMES)}",
        "device_id": "d",
    }
    return Point(**(fields | more))


def weights(slope: float, days: int = 30, noise: float = 0.3, **more: Any) -> dict[str, list[Point]]:
    """A reading a day with the noise of a body, seeded; `slope` in kg per week."""
    rng = np.random.default_rng(7)
    return {
        "body-weight": [
            point(ago, round(60 + slope * (days - ago) / 7 + rng.normal(0, noise), 2), **more) for ago in range(days)
        ]
    }


@pytest.mark.parametrize(("slope", "verdict"), [(-0.3, "fell"), (0.3, "rose"), (0.0, "steady")])
def test_a_change_of_weight_is_spoken_when_it_is_sure(slope: float, verdict: str) -> None:
    found = said(WEIGHT, weights(slope), NOW, 30)
    assert found.verdict == verdict
    if slope:
        # Between the medians of the first and of the last week lie 23 days.
        assert found.change is not None
        assert abs(float(found.change) - 0.3 * 23 / 7) < 0.4


def test_what_is_only_probably_theirs_says_nothing() -> None:
    history = weights(-0.5, certainty="assumed")
    assert said(WEIGHT, history, NOW, 30) == Said(verdict="few", span=30, days=0)


def test_ten_days_do_not_speak_for_a_month_nor_a_month_for_a_year() -> None:
    assert said(WEIGHT, weights(-1.0, days=10), NOW, 30).verdict == "few"
    assert said(WEIGHT, weights(-1.0, days=30), NOW, 30).verdict == "fell"
    assert said(WEIGHT, weights(-1.0, days=30), NOW, 365).verdict == "few"


def test_a_slope_that_the_ends_deny_is_not_spoken() -> None:
    """Weeks of losing that were put on again at the end: down by the slope, up by the scale."""
    history = weights(-0.6, noise=0.05)
    back = [point(ago, "61.5") for ago in range(7)]
    kept = [one for one in history["body-weight"] if one.at < back[-1].at - timedelta(hours=1)]
    assert said(WEIGHT, {"body-weight": kept + back}, NOW, 30).verdict not in {"fell", "few"}


def test_everything_else_is_an_average_of_days() -> None:
    steps = COURSES["steps"]
    history = {
        "steps-day": [point(1, 4000, unit="{steps}/d"), point(2, 5001, unit="{steps}/d"), point(0, 90, unit="{steps}/d"),
                      point(3, 70_000, unit="{steps}/d")],
    }  # fmt: skip
    found = said(steps, history, NOW, 30)
    assert (found.mean, found.days) == (Decimal(4501), 2), "today is not over, and nobody walks 70,000 steps"
    assert sentence(steps, found, "ja") == "この30日の 平均は 1日 4,501歩です。"
    pressure = COURSES["pressure"]
    halves = {"systolic": [point(1, 150), point(1, 130), point(2, 121), point(3, 190)],
              "diastolic": [point(1, 90), point(1, 80), point(2, 80)]}  # fmt: skip
    found = said(pressure, halves, NOW, 90)
    assert (found.mean, found.mean_low) == (Decimal(131), Decimal(83)), "both numbers of a day, or none"
    assert said(pressure, {"systolic": [point(1, 150)], "diastolic": [point(1, 90)]}, NOW, 30).verdict == "few"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("span", SPANS)
def test_every_sentence_can_be_put_before_a_resident(language: Any, span: int) -> None:
    for course in COURSES.values():
        mean = Said(verdict="mean", span=span, days=9, mean=Decimal("12345.6"), mean_low=Decimal(100))
        change = [Said(verdict=one, span=span, days=9, change=Decimal("12.3")) for one in ("fell", "rose")]
        rest = [Said(verdict=one, span=span, days=9) for one in ("steady", "few")]
        for found in (mean, *change, *rest):
            assert wording_faults(language, sentence(course, found, language)) == ()


@given(
    st.lists(st.tuples(st.floats(0, 400), st.decimals(20, 250, places=2), st.booleans()), max_size=60),
    st.sampled_from(SPANS),
    st.sampled_from(sorted(COURSES)),
)
def test_any_history_can_be_spoken_of_and_doubtful_values_change_nothing(
    values: list[tuple[float, Decimal, bool]], span: int, key: str
) -> None:
    course = COURSES[key]
    points = [point(ago, str(value), certainty="sure" if sure else "assumed") for ago, value, sure in values]
    sure = [one for one in points if one.certainty == "sure"]
    found = said(course, dict.fromkeys(course.kinds, points), NOW, span)
    assert found == said(course, dict.fromkeys(course.kinds, sure), NOW, span)
    assert found.change is None or found.change > 0
    later = [msgspec.structs.replace(one, at=NOW + timedelta(days=1)) for one in points]
    with_later = [*points, *later]
    assert found == said(course, dict.fromkeys(course.kinds, with_later), NOW, span), "nothing of tomorrow"

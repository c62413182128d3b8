"""Charts of any series: well-formed, nothing outside the picture, the same whatever order the dots came in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from engine.charts import MARKS, Chart, Dot, Zone, draw, rows
from engine.charts_scale import COUNTED, LEAST, day_ticks, value_scale
from engine.locale import LANGUAGES

UNITS = (*sorted(COUNTED), *sorted(LEAST), "mg/dL", "{score}")
EARLY, LATE = (datetime(year, 1, 1) for year in (1900, 2100))  # noqa: DTZ001 - Hypothesis wants them naive
values = st.one_of(
    st.decimals(-200, 200_000, places=2), st.decimals("-1e12", "1e12", allow_nan=False), st.just(Decimal("1e-30"))
)
instants = st.datetimes(EARLY, LATE, timezones=st.just(UTC))
near = st.builds(lambda minutes: datetime(2026, 8, 1, tzinfo=UTC) + timedelta(minutes=minutes), st.integers(0, 130_000))
dots = st.lists(
    st.builds(Dot, at=st.one_of(near, instants), value=values, mark=st.sampled_from(MARKS), low=st.none() | values),
    max_size=40,
)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
floats = st.floats(-1e12, 1e12)
zones = st.lists(
    st.builds(Zone, low=st.none() | values, high=st.none() | values, label=st.text(max_size=9)), max_size=3
)
charts = st.builds(
    Chart,
    title=st.text(max_size=20), description=st.text(max_size=40), unit=st.sampled_from(UNITS),
    dots=dots.map(tuple), zones=zones.map(tuple), language=st.sampled_from(LANGUAGES),
    line=st.lists(st.tuples(days, floats), max_size=9).map(tuple),
    band=st.lists(st.tuples(days, floats, floats), max_size=9).map(tuple),
    first=st.none() | days, last=st.none() | days,
)  # fmt: skip
NUMBER = r"-?\d+(?:\.\d+)?"


@given(charts, st.booleans())
def test_any_series_is_well_formed_and_inside_the_picture(chart: Chart, narrow: bool) -> None:
    svg = draw(chart, narrow=narrow)
    root = ET.fromstring(svg)
    _, _, wide, high = map(float, (root.get("viewBox") or "").split())
    for found in root.iter():
        for name in ("x", "y", "width", "height"):
            said = found.get(name)
            if said is not None and said != "100%":
                assert -0.1 <= float(said) <= (wide if name in {"x", "width"} else high)
        if (path := found.get("d")) is not None:
            spots = re.findall(rf"[ML]({NUMBER}) ({NUMBER})", path)
            assert spots
            assert not re.search("[^MLVhvmazl0-9. -]", path)
            assert all(0 <= float(x) <= wide and 0 <= float(y) <= high for x, y in spots)


@given(charts, st.randoms(use_true_random=False))
def test_the_order_in_which_dots_came_changes_nothing(chart: Chart, rng: object) -> None:
    mixed = list(chart.dots)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    other = msgspec.structs.replace(chart, dots=tuple(mixed))
    assert draw(other) == draw(chart)
    assert len(rows(other)) == len(chart.dots)


@given(st.lists(st.floats(-1e12, 1e12), max_size=20), st.sampled_from(UNITS))
@example([0.0, 0.0], "kg")
@example([62.4] * 3, "kg")
def test_a_scale_holds_every_value_in_few_round_steps(numbers: list[float], unit: str) -> None:
    scale = value_scale(numbers, unit)
    assert all(-1e-9 <= scale.share(one) <= 1 + 1e-9 for one in numbers)
    assert 2 <= len(scale.ticks()) <= 13
    assert len({said for _, said in scale.ticks()}) == len(scale.ticks())
    if unit in LEAST:
        assert scale.high - scale.low >= LEAST[unit] * 0.999
    if unit in COUNTED and all(one >= 0 for one in numbers):
        assert scale.low == 0
    if all(one >= 0 for one in numbers):
        assert scale.low >= 0


@given(days, st.integers(0, 60_000), st.integers(2, 12), st.sampled_from(LANGUAGES))
def test_days_are_few_in_order_and_within_the_chart(first: date, span: int, room: int, language: str) -> None:
    last = first + timedelta(days=span)
    ticks = day_ticks(first, last, room, language)  # type: ignore[arg-type]
    found = [day for day, _ in ticks]
    assert found == sorted(set(found))
    assert all(first <= day <= last for day in found)
    assert len(found) <= room


def test_three_thousand_dots_are_drawn_too() -> None:
    many = tuple(
        Dot(at=datetime(2018, 1, 1, tzinfo=UTC) + timedelta(days=n), value=Decimal(n * 37 % 500)) for n in range(3000)
    )
    chart = Chart(title="t", description="", unit="kg", dots=many)
    assert ET.fromstring(draw(chart)) is not None
    assert len(rows(chart)) == 3000

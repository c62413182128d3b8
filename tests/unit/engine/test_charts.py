"""Charts: the same bytes for the same days, every sign in shape and words, and a table that says all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.charts import MARKS, Chart, Dot, Zone, draw, rows
from engine.charts_kinds import PRESSURE, STEPS, WEIGHT, chart_of, described, kinds_of, mark_of, title_of
from engine.contract.kinds import KINDS
from engine.locale import LANGUAGES
from engine.signals import Point

TOKYO = ZoneInfo("Asia/Tokyo")
FIRST, LAST = date(2026, 8, 24), date(2026, 11, 21)
SVG = "{http://www.w3.org/2000/svg}"


def point(day: date, value: str, kind: str = WEIGHT, *, hour: int = 7, name: str = "", **more: object) -> Point:
    at = datetime(day.year, day.month, day.day, hour, 0, tzinfo=TOKYO).astimezone(UTC)
    base = Point(at=at, value=Decimal(value), unit=KINDS[kind].unit, reading_id=name or f"{kind}{day}", device_id="d-a")
    return msgspec.structs.replace(base, **more)


def days(count: int, last: date = LAST) -> list[date]:
    return [last - timedelta(days=ago) for ago in reversed(range(count))]


def weights(count: int = 90) -> dict[str, list[Point]]:
    """Falling by 20 g a day with a wave of the week, each tenth day entered by hand, one from another's feet perhaps."""
    found = []
    for number, day in enumerate(days(count)):
        kg = Decimal("63.40") - Decimal("0.02") * number + Decimal((number * 7) % 5) / 20
        hand = number % 10 == 4
        found.append(point(day, str(kg), provenance="self-reported" if hand else "bonded"))
    found[-20] = msgspec.structs.replace(found[-20], certainty="assumed", value=Decimal("65.1"))
    found[-9] = msgspec.structs.replace(found[-9], preliminary=True)
    return {WEIGHT: found}


def weight_chart(count: int = 90) -> Chart:
    return chart_of(WEIGHT, weights(count), TOKYO, FIRST, LAST, "ja")


def pressure_chart() -> Chart:
    history = {
        "systolic": [point(day, str(128 + (n * 11) % 19), "systolic", name=f"bp{n}") for n, day in enumerate(days(14))],
        "diastolic": [point(day, str(78 + (n * 5) % 9), "diastolic", name=f"bp{n}") for n, day in enumerate(days(14))],
    }
    drawn = chart_of(PRESSURE, history, TOKYO, LAST - timedelta(days=13), LAST, "ja")
    marked = tuple(
        msgspec.structs.replace(dot, mark="trigger" if number < 9 else "later") for number, dot in enumerate(drawn.dots)
    )
    return msgspec.structs.replace(
        drawn, dots=marked, zones=(Zone(low=Decimal(135), high=None, label="上が 135 から"),)
    )


def steps_chart() -> Chart:
    history = {
        "steps-day": [point(day, str(2400 + (n * 1311) % 5200), "steps-day", hour=23) for n, day in enumerate(days(30))]
    }
    return chart_of(STEPS, history, TOKYO, LAST - timedelta(days=29), LAST, "en")


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


@pytest.mark.parametrize(
    ("name", "svg"),
    [
        ("weight-90-days.svg", draw(weight_chart())),
        ("weight-90-days-phone.svg", draw(weight_chart(), narrow=True)),
        ("pressure-with-limit.svg", draw(pressure_chart())),
        ("steps-30-days-en.svg", draw(steps_chart())),
        ("nothing-yet.svg", draw(described(Chart(title="脈", description="", unit="/min", shown="回/分")))),
    ],
)
def test_a_chart_is_the_picture_it_was(golden: Callable[[str, str], None], name: str, svg: str) -> None:
    golden(f"charts/{name}", svg + "\n")


def test_the_table_twin_says_every_dot_newest_first_with_what_is_special(golden: Callable[[str, str], None]) -> None:
    told = [
        f"{row.when} | {row.value} | {row.note}"
        for chart in (weight_chart(35), pressure_chart(), steps_chart())
        for row in rows(chart)
    ]
    golden("charts/tables.txt", "\n".join(told) + "\n")


def test_a_chart_of_ninety_days_is_small_and_owes_nothing_to_any_other_place() -> None:
    for chart in (weight_chart(), pressure_chart(), steps_chart()):
        svg = draw(chart)
        assert len(svg.encode()) <= 12_000
        assert set(re.findall(r"https?://[^\"]+", svg)) == {"http://www.w3.org/2000/svg"}
        # What a page's strict policy would block, or what could differ between two runs.
        assert not re.search(r"style|script|href|NaN|inf", svg)


def test_a_chart_says_its_name_and_what_it_shows_to_who_cannot_see_it() -> None:
    chart = weight_chart()
    root = parsed(draw(chart, name="w"))
    assert root.get("role") == "img"
    names = (root.get("aria-labelledby") or "").split()
    told = {found.get("id"): found.text for found in root if found.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert [told[name] for name in names] == [chart.title, chart.description]
    assert "90回" in chart.description
    assert "いちばん 高い 値は 65.1 kgです。" in chart.description


def test_two_charts_on_one_page_share_no_id() -> None:
    ids = [found.get("id") for name in ("a", "b") for found in parsed(draw(steps_chart(), name=name)).iter()]
    named = [one for one in ids if one]
    assert len(named) == len(set(named)) == 4


def test_every_mark_has_a_shape_and_words_of_its_own() -> None:
    at = datetime(2026, 11, 1, 7, tzinfo=TOKYO)
    shapes, words = set(), set()
    for mark in MARKS:
        chart = Chart(title="t", description="", unit="kg", dots=(Dot(at=at, value=Decimal(60), mark=mark),))
        root = parsed(draw(chart))
        path = [found for found in root.iter(f"{SVG}path") if found.get("d", "").startswith("M")][-1]
        shapes.add(re.sub(r"^M[\d.]+ [\d.]+", "", path.get("d", "")))
        words.add(rows(chart)[0].note)
    assert len(shapes) == len(words) == len(MARKS)


def test_the_noise_of_a_scale_does_not_look_like_a_mountain() -> None:
    flat = Chart(
        title="t", description="", unit="kg",
        dots=tuple(Dot(at=datetime(2026, 11, day, 7, tzinfo=TOKYO), value=Decimal(60) + Decimal(day % 2) / 5) for day in range(1, 9)),
    )  # fmt: skip
    heights = [float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h\.01", draw(flat))]
    assert len(heights) == 8
    # 200 g are at most a tenth of the picture's height, because the scale spans at least 4 kg.
    assert max(heights) - min(heights) <= 30


def test_what_is_counted_stands_on_zero() -> None:
    labels = [found.text for found in parsed(draw(steps_chart())).iter(f"{SVG}text")]
    assert "0" in labels


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e13", "-1e400"])
def test_a_number_no_scale_can_show_is_refused_where_it_comes_in(value: str) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        Dot(at=datetime(2026, 11, 1, tzinfo=TOKYO), value=Decimal(value))
    zone = Zone(low=Decimal(value), high=None, label="x")
    with pytest.raises(ValueError, match="finite numbers"):
        draw(Chart(title="t", description="", unit="kg", zones=(zone,)))


def test_words_from_people_stay_words_in_the_picture() -> None:
    evil = '</title><script>alert(1)</script>\x00\x0b\ud800"&<'
    zones = (Zone(low=Decimal(60), high=None, label=evil),)
    svg = draw(Chart(title=evil, description=evil, unit="kg", shown=evil, zones=zones))
    assert not [found for found in parsed(svg).iter() if found.tag.endswith("script")]


def test_days_are_those_of_the_home_and_only_those_asked_for() -> None:
    late = point(LAST, "60", hour=0)  # 15:00 UTC of the day before
    early = point(FIRST - timedelta(days=1), "61", hour=23)
    chart = chart_of(WEIGHT, {WEIGHT: [early, late]}, TOKYO, FIRST, LAST, "ja")
    assert [dot.at.date() for dot in chart.dots] == [LAST]
    assert rows(chart)[0].when == "2026年11月21日(土) 00:00"


def test_a_line_is_drawn_through_proven_values_only() -> None:
    odd = point(LAST, "75.0", certainty="assumed")
    with_it = chart_of(WEIGHT, {WEIGHT: [*weights(30)[WEIGHT][:-1], odd]}, TOKYO, FIRST, LAST, "ja")
    without = chart_of(WEIGHT, {WEIGHT: weights(30)[WEIGHT][:-1]}, TOKYO, FIRST, LAST, "ja")
    assert with_it.line == without.line
    assert len(with_it.dots) == len(without.dots) + 1
    assert all(low < value < high for (_, value), (_, low, high) in zip(with_it.line, with_it.band, strict=True))


def test_marks_of_points_say_the_gravest_doubt() -> None:
    base = point(LAST, "60")
    change = msgspec.structs.replace
    assert mark_of(base) == "plain"
    assert mark_of(change(base, provenance="self-reported")) == "manual"
    assert mark_of(change(base, provenance="self-reported", certainty="assumed")) == "assumed"
    assert mark_of(change(base, preliminary=True, certainty="assumed")) == "rough"


def test_every_kind_of_the_contract_has_a_chart_and_a_name_in_both_languages() -> None:
    for kind in (*KINDS, STEPS, PRESSURE):
        for language in LANGUAGES:
            chart = chart_of(kind, {}, TOKYO, FIRST, LAST, language)
            assert chart.title == title_of(kind, language)
            parsed(draw(chart))
        assert kinds_of(kind)
    with pytest.raises(KeyError):
        kinds_of("mood")

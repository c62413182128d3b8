"""The page for a doctor: means as the rules count them, nothing that is not surely theirs, always one page."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.kinds import KINDS
from engine.courses import COURSES
from engine.home_summary import ENOUGH, LIMIT, Half, HomeSummary, home_summary, pressure_means
from engine.home_summary_page import SOURCE, html, words
from engine.rules.catalogue_files import catalogue_texts
from engine.signals import Point, signals
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
PERSON = resident(HANAKO, "花子", date(1951, 5, 5))


def point(kind: str, at: datetime, value: str, **more: object) -> Point:
    base = Point(
        at=at, value=Decimal(value), unit=KINDS[kind].unit, reading_id=f"{kind[-5:]}{at.timestamp()}", device_id="d-1"
    )
    return msgspec.structs.replace(base, **more)


def pressures(days: Iterable[int], rng: Random, hours: tuple[int, ...] = (22, 12)) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {"systolic": [], "diastolic": []}
    for day in days:
        for hour in hours:
            at = (NOW - timedelta(days=day)).replace(hour=hour) - timedelta(days=hour > 12)
            name = f"bp{at.timestamp()}"
            found["systolic"].append(point("systolic", at, str(rng.randint(110, 165)), reading_id=name))
            found["diastolic"].append(point("diastolic", at, str(rng.randint(60, 99)), reading_id=name))
    return {kind: sorted(points, key=lambda one: one.at) for kind, points in found.items()}


def made(history: dict[str, list[Point]], days: int = 30) -> HomeSummary:
    return home_summary(PERSON, history, TOKYO, NOW, days=days, shown=list(COURSES))


@given(
    st.sets(st.integers(0, 6), min_size=5), st.integers(0, 999), st.sampled_from([(22,), (12,), (22, 12), (22, 15, 12)])
)
def test_the_means_of_seven_days_are_those_the_rules_see(days: set[int], seed: int, hours: tuple[int, ...]) -> None:
    history = pressures(days, Random(seed), hours)
    seen = signals(PERSON, history, TOKYO, NOW)
    names: dict[Half, str] = {"morning": "morning", "evening": "evening", "day": "mean"}
    means = {one.half: one for one in pressure_means(history, TOKYO, NOW) if one.span == 7}
    assert means
    for half, name in names.items():
        high, low = (seen.value(f"bp.home.{side}_{name}") for side in ("systolic", "diastolic"))
        if high is not None and low is not None:
            one = means[half]
            assert abs(one.high - high) <= Decimal("0.1")
            assert abs(one.low - low) <= Decimal("0.1")
            assert one.enough


def test_days_count_once_however_often_was_measured() -> None:
    often = pressures([0], Random(1), (22,))
    at = often["systolic"][0].at
    history = {"systolic": [point("systolic", at, "160"), point("systolic", at + timedelta(minutes=1), "140"),
                            point("systolic", at - timedelta(days=1), "120")],
               "diastolic": [point("diastolic", at, "90"), point("diastolic", at + timedelta(minutes=1), "80"),
                             point("diastolic", at - timedelta(days=1), "70")]}  # fmt: skip
    [week] = [one for one in pressure_means(history, TOKYO, NOW) if (one.span, one.half) == (7, "morning")]
    assert (week.high, week.low, week.days, week.readings, week.enough) == (
        Decimal("135.0"), Decimal("77.5"), 2, 3, False)  # fmt: skip
    assert week.reaches, "135 itself is the limit"


@pytest.mark.parametrize(
    ("high", "low", "reaches"), [("134.9", "84.9", False), ("135", "70", True), ("120", "85", True)]
)
def test_the_limit_itself_counts(high: str, low: str, reaches: bool) -> None:
    at = NOW - timedelta(hours=1)
    history = {"systolic": [point("systolic", at, high)], "diastolic": [point("diastolic", at, low)]}
    assert {one.reaches for one in pressure_means(history, TOKYO, NOW)} == {reaches}


def test_the_limit_and_its_source_are_those_of_the_rule() -> None:
    rule = tomllib.loads(catalogue_texts()["home-bp-high"])
    assert SOURCE in rule["source"][0]["title"]
    assert f"{ENOUGH}日" in rule["source"][0]["section"]
    assert "/".join(str(one) for one in LIMIT) in rule["source"][0]["section"]


def test_what_is_not_surely_theirs_is_counted_and_neither_averaged_nor_drawn() -> None:
    history = pressures(range(8), Random(2)) | {"body-weight": [
        point("body-weight", NOW - timedelta(days=2), "62.30"),
        point("body-weight", NOW - timedelta(days=1), "88.80", certainty="assumed"),
        point("body-weight", NOW - timedelta(hours=9), "99.90", preliminary=True),
        point("body-weight", NOW - timedelta(hours=8), "77.70", experimental=True),
        point("body-weight", NOW - timedelta(hours=7), "55.50", time_quality="unknown"),
        point("body-weight", NOW - timedelta(hours=6), "62.40", provenance="self-reported", time_quality="received"),
    ]}  # fmt: skip
    summary = made(history)
    assert summary.weight is not None
    assert (summary.weight.newest, summary.weight.change) == (Decimal("62.40"), None)
    counts = summary.counts
    assert (counts.assumed, counts.estimated, counts.unproven, counts.undated, counts.by_hand, counts.received) == (
        1, 1, 1, 1, 1, 1)  # fmt: skip
    page = html(summary, "ja", basis="x")
    assert not any(value in page for value in ("88.8", "99.9", "77.7", "55.5"))
    assert "本人と確かめていない 1回、推定値 1回、検証中の機器 1回、時刻が不明 1回" in page
    assert {one.device for one in summary.sources} == {"d-1", None}


def test_only_what_may_be_shown_is_there() -> None:
    history = pressures(range(8), Random(2)) | {"body-weight": [point("body-weight", NOW, "62.30")]}
    summary = home_summary(PERSON, history, TOKYO, NOW, days=30, shown=["pressure"])
    assert (summary.weight, set(summary.history)) == (None, {"systolic", "diastolic"})
    assert "62.3" not in html(summary, "ja", basis="x")
    empty = home_summary(PERSON, history, TOKYO, NOW, days=30, shown=[])
    assert "この期間の測定はありません。" in html(empty, "ja", basis="x")


def full() -> HomeSummary:
    """Everything a page can hold, at its longest."""
    history: dict[str, list[Point]] = pressures(range(32), Random(3))
    values = {"body-weight": "62.30", "pulse-rate": "66", "waist": "84.0", "body-fat": "28.1", "body-temperature": "36.4",
              "spo2": "97", "sleep-duration": "412", "steps-day": "5231"}  # fmt: skip
    marks: list[dict[str, object]] = [{"certainty": "assumed"}, {"preliminary": True}, {"experimental": True}, {"time_quality": "unknown"},
             {"time_quality": "received"}, {"provenance": "self-reported"}]  # fmt: skip
    for number, (kind, value) in enumerate(values.items()):
        history[kind] = [
            point(kind, NOW - timedelta(days=day, hours=3), value, device_id=f"d-{number}") for day in range(32)
        ]
        history[kind] += [
            point(kind, NOW - timedelta(days=1, hours=hour), value, **mark) for hour, mark in enumerate(marks, 5)
        ]
        history[kind].sort(key=lambda one: one.at)
    return made(history)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_everything_fits_one_page_and_says_what_it_is_not(lang: str) -> None:
    from weasyprint import HTML

    summary = full()
    names = {f"d-{number}": "Omron Healthcare HEM-7281T 自動血圧計" for number in range(9)}
    page = html(summary, "en" if lang == "en" else "ja", basis="choukai-net " * 4, devices=names, test=True)
    assert len(HTML(string=page).render().pages) == 1
    assert page == html(full(), "en" if lang == "en" else "ja", basis="choukai-net " * 4, devices=names, test=True)
    assert ("24時間の見守りではありません" if lang == "ja" else "Nobody monitors these values") in page
    assert "JSH2025" in page
    assert not re.search(r"正常|異常|normal|診断は", page)
    assert not re.search(r"https?://(?!www\.w3\.org)", page), "asks for no other file"


def test_the_words_of_a_page_are_as_they_were(golden: Callable[[str, str], None]) -> None:
    summary = made(pressures(range(8), Random(5)) | {"body-weight": [point("body-weight", NOW, "62.30")]})
    for lang in ("ja", "en"):
        told = words(summary, "ja" if lang == "ja" else "en", basis="-", devices={"d-1": "HEM-7281T"})
        golden(f"bridge/home-summary.{lang}.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def test_a_page_names_the_days_its_means_rest_on() -> None:
    said = words(made(pressures([0, 1, 2], Random(4))), "ja", basis="x", devices={})
    week = said["pressure"][0]
    assert (week["when"], week["few"]) == ("7日間 朝", "5日未満")
    assert re.fullmatch(r"\d+\.\d / \d+\.\d", week["value"])
    assert said["period"] == "期間 2026-10-23 〜 2026-11-21（30日間、測定 6回）"

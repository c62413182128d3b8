"""What is typed at an item, and the charts of its evidence: promises that need no store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.charts import draw, rows
from engine.clinical import Fact
from engine.refusal import Refusal
from engine.review import LONGEST_SNOOZE, NEXT_READING, READING_WAIT
from engine.signals import Point
from engine.web.desk.item_charts import MOST, draw_of, plots_of
from engine.web.desk.item_typed import Typed, faults_of, note_of, plain_text, text_refusal, until_of

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
DAY = timedelta(days=1)


@given(st.text(max_size=200))
def test_a_text_is_kept_the_same_however_often_it_is_sent(text: str) -> None:
    kept = plain_text(text)
    assert plain_text(kept) == kept
    assert "\r" not in kept
    assert plain_text(kept.replace("\n", "\r\n")) == kept, "a browser sends other line ends"


@given(st.text(max_size=2_100))
def test_a_note_is_kept_whole_or_refused(text: str) -> None:
    found = note_of(text)
    if isinstance(found, Refusal):
        assert found.code in {"empty", "too-long", "control-character"}
    else:
        assert found
        assert note_of(found) == found


@given(
    st.sampled_from(["tomorrow", "next-reading", "date", "", "x"]),
    st.dates().map(str) | st.text(max_size=12) | st.integers(-5, 120).map(lambda n: str((NOW + n * DAY).date())),
    st.integers(-400_000, 400_000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)
def test_whatever_is_chosen_a_sleep_ends_later_and_in_time(when: str, day: str, now: datetime) -> None:
    found = until_of(when, day, now, TOKYO)
    if isinstance(found, Refusal):
        assert found.code == "until"
        assert when not in {"tomorrow", "next-reading"}
        return
    until, reason = found
    assert now < until <= now + LONGEST_SNOOZE
    assert (reason == NEXT_READING) == (when == "next-reading")
    if reason is None:
        assert until.astimezone(TOKYO).hour == 8


def test_the_next_reading_is_waited_for_thirty_days() -> None:
    assert until_of("next-reading", "", NOW, TOKYO) == (NOW + READING_WAIT, NEXT_READING)


def test_every_fault_has_a_code_and_the_words_it_was_found_in() -> None:
    assert faults_of("話しましょう。", "Talk to us.") == ()
    found = faults_of("糖尿病です。\n\n" + "あ" * 41, "You are normal. Really.")
    assert [(language, code) for language, code, _ in found] == [
        ("ja", "disease"), ("ja", "empty-line"), ("ja", "too-long"), ("en", "normal"), ("en", "two-sentences"),
    ]  # fmt: skip
    assert found[0][2] == "糖尿病"


def test_texts_beyond_any_message_are_refused_before_they_are_read() -> None:
    assert text_refusal("あ" * 2_000, "a") is None
    assert text_refusal("あ" * 2_001, "a").code == "too-long"  # type: ignore[union-attr]
    assert text_refusal("あ\u202e", "a").code == "control-character"  # type: ignore[union-attr]


def test_a_field_speaks_only_in_the_form_it_was_typed_in() -> None:
    typed = Typed(form="reject", reason="x")
    assert (typed.said("reject", "reason"), typed.said("escalate", "reason")) == ("x", "")
    assert typed.holds_words
    assert not Typed(form="approve", asked=frozenset({"pregnancy"})).holds_words


def point(name: str, value: str, at: datetime, kind: str = "mm[Hg]", **more: Any) -> Point:
    return Point(at=at, value=Decimal(value), unit=kind, reading_id=name, device_id="d-x", **more)


def signal(*inputs: str, value: str = "150") -> dict[str, Any]:
    return {"value": value, "inputs": list(inputs), "inputs_total": len(inputs)}


def evidence(**signals: dict[str, Any]) -> dict[str, Any]:
    found = {name.replace("__", "."): one for name, one in signals.items()}
    return {"as_of": NOW.isoformat(), "signals": found, "reasons": []}


def test_the_signals_the_reasons_name_are_drawn_first_one_chart_a_series() -> None:
    told = evidence(
        bmi=signal("r1"), weight__level=signal("r1"), bp__home__systolic_mean=signal("r2"), age=signal(),
        bp__home__diastolic_mean=signal("r2"), heart__resting=signal("r3"), lab__hba1c=signal("f-1"),
    )  # fmt: skip
    told["reasons"] = ["weight.level = 80 >= 70", "lab.hba1c = 6.9 >= 6.5", "age known"]
    plots = plots_of(told)
    assert [plot.signal for plot in plots] == ["weight.level", "lab.hba1c", "bp.home.diastolic_mean"]
    assert len(plots) == MOST
    assert plots_of({}) == ()


def drawn(
    told: dict[str, Any], history: dict[str, Any], facts: tuple[Fact, ...] = (), height: str | None = None
) -> Any:
    [plot] = plots_of(told)
    return draw_of(plot, told, history, facts, Decimal(height) if height else None, TOKYO, "ja")


def test_dots_tell_what_triggered_what_was_usual_and_what_came_since() -> None:
    told = evidence(bp__home__systolic_max=signal("r2"))
    told["reasons"] = ["bp.home.systolic_max = 182 >= 180"]
    history = {
        "systolic": [
            point("r1", "150", NOW - DAY), point("r2", "182", NOW), point("r3", "149", NOW + DAY),
            point("r4", "151", NOW - DAY, certainty="assumed"), point("r5", "152", NOW, experimental=True),
        ]
    }  # fmt: skip
    chart = drawn(told, history)
    assert [(str(dot.value), dot.mark) for dot in chart.dots] == [
        ("150", "plain"), ("182", "trigger"), ("149", "later"), ("151", "assumed"),
    ]  # fmt: skip
    [zone] = chart.zones
    assert (zone.low, zone.high) == (Decimal(180), None)
    assert "180" in draw(chart)
    assert len(rows(chart)) == 4


def test_a_weight_behind_a_body_mass_index_is_drawn_on_its_scale() -> None:
    told = evidence(bmi=signal("r1"))
    told["reasons"] = ["bmi = 28.4 >= 25.0", "bmi = 28.4 < 30.0"]
    history = {"body-weight": [point("r1", "84", NOW, "kg")]}
    chart = drawn(told, history, height="172")
    assert [str(dot.value) for dot in chart.dots] == ["28.4"]
    assert (chart.zones[0].low, chart.zones[0].high) == (Decimal("25.0"), Decimal("30.0"))
    plain = drawn(told, history)
    assert ([str(dot.value) for dot in plain.dots], plain.unit, plain.zones) == (["84"], "kg", ())


def test_a_laboratory_value_is_drawn_from_what_was_recorded_and_not_taken_back() -> None:
    def fact(name: str, value: str, ago: int, **more: Any) -> Fact:
        at = NOW - ago * DAY
        return Fact(resident="r-x", code="lab.hba1c", value=value, unit="%", at=at, recorded_at=at, id=name, **more)

    told = evidence(lab__hba1c=signal("f-2", value="6.9"))
    facts = (
        fact("f-1", "6.4", 400),
        fact("f-2", "6.9", 30),
        fact("f-3", "9.9", 20),
        fact("f-4", "9.9", 20, retracts="f-3"),
    )
    chart = drawn(told, {}, facts)
    assert [(str(dot.value), dot.mark) for dot in chart.dots] == [("6.4", "plain"), ("6.9", "trigger")]


@pytest.mark.parametrize("reason", ["bmi = x >= y", "bmi = 1 >= ", "bmi known", "", "bmi = not asked >= 25"])
def test_a_reason_that_is_no_comparison_draws_no_limit(reason: str) -> None:
    told = evidence(bmi=signal("r1")) | {"reasons": [reason]}
    assert drawn(told, {"body-weight": [point("r1", "84", NOW, "kg")]}, height="172").zones == ()

"""What people type: names in two languages, any width, and a better guess for what cannot be."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Value
from engine.imports.spoken import NAMES, parse, unusual
from engine.intake import store_form
from engine.refusal import Refusal


def said(words: str, unit: str | None = None) -> list[tuple[str, str, str]] | str:
    found = parse(words.split(), unit)
    if isinstance(found, Refusal):
        return f"{found.code} {found.message}".strip()
    return [(value.kind, value.value, value.unit) for value in found]


@pytest.mark.parametrize(
    ("words", "unit", "expected"),
    [
        ("weight 62.3", None, [("body-weight", "62.3", "kg")]),
        ("体重 ６２．３", None, [("body-weight", "62.3", "kg")]),
        ("体重 ６２．３ｋｇ", None, [("body-weight", "62.3", "kg")]),
        ("weight 137.4", "lb", [("body-weight", "137.4", "[lb_av]")]),
        ("weight 137.4lb", None, [("body-weight", "137.4", "[lb_av]")]),
        ("weight 62.3kg", "lb", [("body-weight", "62.3", "kg")]),
        ("血圧 １２８／７６ 脈拍 70", None,
         [("systolic", "128", "mm[Hg]"), ("diastolic", "76", "mm[Hg]"), ("pulse-rate", "70", "/min")]),
        ("bp 128-76mmHg", None, [("systolic", "128", "mm[Hg]"), ("diastolic", "76", "mm[Hg]")]),
        ("steps 5,400", None, [("steps-day", "5400", "{steps}/d")]),
        ("歩数 5400歩", None, [("steps-day", "5400", "{steps}")]),
        ("waist 88 height 152.5", "lb", [("waist", "88", "cm"), ("body-height", "152.5", "cm")]),
        ("temperature 36.5", None, [("body-temperature", "36.5", "Cel")]),
        ("weight 623", None, "implausible 62.3"),
        ("bp 76/128", None, "crossed 128/76"),
        ("bp 76/76", None, "crossed"),
        ("bp 400/76", None, "implausible"),
        ("bp 128", None, "not-a-pressure write both numbers: 128/76"),
        ("steps 540000", None, "implausible 54000"),
        ("weight heavy", None, "not-a-number"),
        ("weight", None, "missing-value write a name and a number: weight 62.3 bp 128/76"),
        ("weight 62 体重 63", None, "twice"),
        ("weight 62cm", None, "unknown-unit body weight cannot be in cm"),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_values_or_a_question(words: str, unit: str | None, expected: object) -> None:
    assert said(words, unit) == expected


@given(st.lists(st.one_of(st.sampled_from([*NAMES, "kg", "128/76"]), st.text(max_size=12)), max_size=6))
def test_nothing_that_is_typed_crashes_and_nothing_impossible_passes(words: list[str]) -> None:
    found = parse(words)
    if not isinstance(found, Refusal):
        assert not any(isinstance(store_form(value), str) for value in found)


def test_a_jump_is_asked_about_and_a_step_is_not() -> None:
    before = {"body-weight": Decimal("62.3")}
    doubt = unusual((Value("body-weight", "6.23", "kg"),), before)
    assert doubt is not None
    assert (doubt.before, doubt.now) == (Decimal("62.3"), Decimal("6.23"))
    assert unusual((Value("body-weight", "60.1", "kg"),), before) is None
    assert unusual((Value("body-weight", "137.4", "[lb_av]"),), before) is None
    assert unusual((Value("body-weight", "6.23", "kg"),), {}) is None

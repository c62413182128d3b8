"""The rules of points as data, vouchers, and what can be learnt of one member from a team's pot."""

from __future__ import annotations

import json
import re
from datetime import date
from importlib.resources import files
from random import Random
from typing import get_args

import msgspec
import pytest

from engine.contract.kinds import KINDS
from engine.points import (
    EXPIRED,
    REDEEMED,
    Book,
    Deed,
    Entry,
    Life,
    Rule,
    Span,
    balance,
    book,
    checked,
    period_of,
    settle,
)
from engine.points_pot import due, most_of_one, odds, share, told
from engine.points_statement import redeem, statement
from engine.refusal import Refusal
from engine.rules.model import MustNot

DAY = date(2026, 11, 21)
TEXT = files("engine").joinpath("points.toml").read_text(encoding="utf-8")


def changed(rule: str, **fields: object) -> Book:
    """The rules with other fields in one of them, as they would be read."""
    raw = msgspec.toml.decode(TEXT)
    for one in raw["rule"]:
        if one["id"] == rule:
            one.update(fields)
    return checked(msgspec.convert(raw, Book))


def given(points: int, sort: str = "measuring", day: date = DAY, rule: str = "measured") -> Entry:
    return Entry(rule=rule, version=1, sort=sort, about=day.isoformat(), turn=0, on=day, points=points)


def test_no_rule_can_read_a_weight_a_value_or_a_goal() -> None:
    # Beside steps of moving a rule has no field that any number of a body could stand in.
    assert {field.name for field in msgspec.structs.fields(Rule)} == {
        "id", "version", "sort", "every", "needs", "at_least", "points", "most", "barred_by", "ja", "en", "reason",
    }  # fmt: skip
    assert {field.name for field in msgspec.structs.fields(Deed)} == {"sort", "day", "amount"}
    for rule in book().rule:
        words = json.dumps([rule.id, rule.ja, rule.en, *rule.barred_by], ensure_ascii=False)
        assert not re.search(r"weight|bmi|waist|kg|goal|体重|腹囲|減|やせ|目標", words, re.IGNORECASE), rule.id
        assert not any(kind.ja in words for kind in KINDS.values()), rule.id
        assert rule.at_least == 0 or rule.sort == "moving"


def test_moving_and_nothing_else_is_barred_by_words_that_vetoes_know() -> None:
    for rule in book().rule:
        assert bool(rule.barred_by) == (rule.sort == "moving")
        assert set(rule.barred_by) <= set(get_args(MustNot))


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("measured", {"barred_by": ["exercise_increase"]}), ("walked", {"barred_by": []}),
        ("measured", {"at_least": 62}), ("walked", {"every": "week"}), ("measured", {"needs": 2}),
        ("measured", {"id": "walked"}), ("measured", {"id": REDEEMED}), ("measured", {"id": EXPIRED}), ("measured", {"weight_below": 62}),
        ("measured", {"sort": "losing"}),
    ],
)  # fmt: skip
def test_rules_that_could_not_be_meant_are_refused(rule: str, fields: dict[str, object]) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=r"."):
        changed(rule, **fields)


def test_a_pot_with_moving_in_it_is_refused() -> None:
    raw = msgspec.toml.decode(TEXT)
    raw["pot"]["sorts"].append("moving")
    with pytest.raises(ValueError, match="doctor"):
        checked(msgspec.convert(raw, Book))


def test_a_fiscal_year_begins_in_april_and_a_week_on_monday() -> None:
    assert [period_of("year", day).about for day in (date(2026, 3, 31), date(2026, 4, 1))] == ["FY2025", "FY2026"]
    week = period_of("week", date(2027, 1, 3))
    assert (week.about, week.first, week.last) == ("2026-W53", date(2026, 12, 28), date(2027, 1, 3))


def test_a_check_up_counts_at_once_and_once_in_its_year_and_weeks_count_when_they_are_over() -> None:
    deeds = [Deed("check-up", date(2026, 6, 3)), Deed("check-up", date(2026, 10, 9)), Deed("learning", DAY)]
    made = settle(book().rule, deeds, Life(), (), Span(since=date(2026, 9, 1), today=date(2026, 11, 22)))
    assert [(one.rule, one.about, one.on) for one in made] == [("check-up", "FY2026", date(2026, 6, 3))]
    later = settle(book().rule, deeds, Life(), made, Span(since=date(2026, 9, 1), today=date(2026, 11, 23)))
    assert [(one.rule, one.about) for one in later] == [("read", "2026-W47")]


def test_another_version_of_a_rule_leaves_what_was_given() -> None:
    deeds, span = [Deed("measuring", DAY)], Span(since=date(2026, 9, 1), today=date(2026, 11, 23))
    before = settle(book().rule, deeds, Life(), (), span)
    rules = changed("measured", version=2, points=9).rule
    assert settle(rules, deeds, Life(), before, span) == ()
    [back] = settle(rules, [], Life(), before, span)
    assert (back.points, back.version) == (-before[0].points, before[0].version)


def test_a_voucher_costs_what_it_says_and_no_more_than_there_is() -> None:
    entries = [given(250)]
    made = redeem(book(), entries, 200, DAY, Random(1))
    assert isinstance(made, Entry)
    assert balance([*entries, made]) == 50
    assert [(one.points, len(one.code)) for one in statement(book(), [*entries, made], DAY).vouchers] == [(200, 8)]
    for points, code in ((150, "odd-points"), (50, "odd-points"), (-100, "odd-points"), (300, "not-enough")):
        refused = redeem(book(), entries, points, DAY, Random(1))
        assert isinstance(refused, Refusal)
        assert refused.code == code


def test_moving_and_check_ups_never_enter_a_pot() -> None:
    entries = [
        given(40),
        given(60, "moving", rule="walked"),
        given(100, "check-up", rule="check-up"),
        given(5, "learning"),
    ]
    assert share(book(), [*entries, given(7, day=date(2026, 10, 31))], "2026-11") == 45


def test_a_small_team_and_a_month_that_is_not_over_tell_nothing() -> None:
    assert told(book(), "2026-11", [50] * 9, Random(1)).points is None
    assert told(book(), "2026-11", [50] * 10, Random(1)).points is not None
    assert not due("2026-11", book().pot, date(2026, 12, 7))
    assert due("2026-11", book().pot, date(2026, 12, 8))


def test_nine_members_who_know_their_own_shares_cannot_tell_whether_the_tenth_gave_all_or_nothing() -> None:
    """The best guess from the pot is right in e/(1+e) = 73 % of months at most; without it in half of them."""
    most, rng, right, rounds = most_of_one(book()), Random(8), 0, 3000
    others = [37, 12, 85, 0, 60, 41, 5, 77, 20]
    middle = sum(others) + most / 2
    for number in range(rounds):
        share_of_tenth = most * (number % 2)
        pot = told(book(), "2026-11", [*others, share_of_tenth], rng)
        assert pot.points is not None
        right += (pot.points > middle) == bool(share_of_tenth)
    bound = odds(book(), most) / (1 + odds(book(), most))
    assert 0.5 < right / rounds <= bound + 0.02
    assert bound < 0.74


def test_a_pot_of_many_is_still_about_what_they_collected() -> None:
    shares = [40] * 60
    told_points = [told(book(), "2026-11", shares, Random(seed)).points for seed in range(60)]
    close = [points for points in told_points if points is not None and abs(points - 2400) <= 360]
    assert len(close) >= 55


def test_shares_beyond_the_rules_count_as_the_most_so_that_the_noise_hides_them() -> None:
    one, other = (told(book(), "2026-11", [0] * 9 + [share_], Random(3)) for share_ in (most_of_one(book()), 10**6))
    assert one == other

"""What confirms a red value: two readings, surely one person's, of a bonded device; everything else sends nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.refusal import Refusal
from engine.review import Event
from engine.rules import FlagRule, load_catalogue
from engine.standing import digest_of
from engine.urgent_text import APART, FRESH, Confirmed, NotSent, Seen, SignedText, confirmed, sends, signable
from tests.web.desks import item

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = {rule.id: rule for rule in load_catalogue()}
RULE = RULES["home-bp-high"]
TEXT = SignedText(
    id="u-aaaaaaaaaaaaa", municipality_code="062049", rule_id=RULE.id, rule_version=RULE.version,
    text_version=2, digest=digest_of(RULE), signed_by="s-doctordoctord", signed_at=NOW,
)  # fmt: skip
assert isinstance(RULE, FlagRule)
TEXT = msgspec.structs.replace(TEXT, text_version=RULE.text_version)
EVIDENCE = {"signals": {"bp.home.systolic_max": {"value": "186", "inputs": ["a"]}}}
ITEM = item(
    "red", "urgent", topic="blood-pressure", rule_id=RULE.id, rule_version=RULE.version, text_version=RULE.text_version,
    evidence=EVIDENCE,
)  # fmt: skip
PAIR = Confirmed("a", "b", "pressure")


def cuff(
    name: str, ago: timedelta, systolic: str = "186", diastolic: str = "95", pulse: str = "70", **more: Any
) -> Seen:
    values = (("systolic", Decimal(systolic)), ("diastolic", Decimal(diastolic)), ("pulse-rate", Decimal(pulse)))
    return Seen(id=name, values=values, measured_at=NOW - ago, **more)


def test_a_re_measurement_within_ten_minutes_confirms_and_so_do_any_two_of_a_day() -> None:
    assert confirmed([cuff("a", 9 * MINUTE), cuff("b", MINUTE)], NOW) == (PAIR,)
    assert confirmed([cuff("a", APART), cuff("b", timedelta(0))], NOW) == (PAIR,)
    assert confirmed([cuff("a", APART + MINUTE), cuff("b", timedelta(0))], NOW) == ()


def test_exactly_180_or_110_is_red_and_one_below_is_not() -> None:
    high, low = cuff("a", 9 * MINUTE, "180", "80"), cuff("b", MINUTE, "120", "110")
    assert confirmed([high, low], NOW) == (PAIR,), "systolic once and diastolic once is pressure twice"
    assert confirmed([high, cuff("b", MINUTE, "179", "109")], NOW) == ()


def test_a_fast_and_a_slow_pulse_do_not_confirm_one_another() -> None:
    fast, slow = cuff("a", 9 * MINUTE, "120", "80", "125"), cuff("b", MINUTE, "120", "80", "39")
    assert confirmed([fast, slow], NOW) == ()
    assert confirmed([fast, cuff("b", MINUTE, "120", "80", "130")], NOW) == (Confirmed("a", "b", "fast"),)


@pytest.mark.parametrize(
    "more",
    [
        {"certainty": "assumed"}, {"certainty": None}, {"provenance": "broadcast"}, {"provenance": "self-reported"},
        {"provenance": "imported"}, {"experimental": True}, {"preliminary": True}, {"accepted": False},
        {"time_quality": "unknown"}, {"time_quality": "sequence"},
    ],
)  # fmt: skip
def test_what_is_not_surely_measured_by_this_person_confirms_nothing(more: dict[str, Any]) -> None:
    sure, unsure = cuff("a", 9 * MINUTE), cuff("b", MINUTE, **more)
    assert confirmed([sure, unsure], NOW) == ()
    assert confirmed([msgspec.structs.replace(sure, **more), cuff("b", MINUTE)], NOW) == ()


def test_one_measurement_told_twice_is_no_confirmation() -> None:
    assert confirmed([cuff("a", MINUTE), cuff("b", MINUTE - timedelta(seconds=59))], NOW) == ()
    assert confirmed([cuff("a", MINUTE), cuff("b", timedelta(0))], NOW) == (PAIR,)


def test_old_news_and_times_to_come_send_nothing() -> None:
    assert confirmed([cuff("a", FRESH + 9 * MINUTE), cuff("b", FRESH + MINUTE)], NOW) == ()
    assert confirmed([cuff("a", 9 * MINUTE), cuff("b", -MINUTE)], NOW) == ()


readings = st.builds(
    lambda n, ago, sys, dia, pulse, sure, bonded: cuff(
        f"r{n:03}", timedelta(seconds=ago), str(sys), str(dia), str(pulse),
        certainty="sure" if sure else "assumed", provenance="bonded" if bonded else "broadcast",
    ),
    st.integers(0, 999), st.integers(-3600, 200_000), st.sampled_from([120, 179, 180, 200]),
    st.sampled_from([80, 109, 110]), st.sampled_from([40, 41, 70, 119, 120]), st.booleans(), st.booleans(),
)  # fmt: skip


@given(st.lists(readings, max_size=6, unique_by=lambda one: one.id))
def test_every_pair_is_two_red_sure_readings_of_the_day_and_the_order_they_came_in_is_nothing(
    found: list[Seen],
) -> None:
    known = {one.id: one for one in found}
    pairs = confirmed(found, NOW)
    assert pairs == confirmed(found[::-1], NOW)
    for pair in pairs:
        first, second = known[pair.first], known[pair.second]
        for one in (first, second):
            values = dict(one.values)
            red = {
                "pressure": values["systolic"] >= 180 or values["diastolic"] >= 110,
                "fast": values["pulse-rate"] >= 120, "slow": values["pulse-rate"] <= 40,
            }  # fmt: skip
            assert red[pair.way]
            assert one.certainty == "sure"
            assert one.provenance == "bonded"
        assert MINUTE <= second.measured_at - first.measured_at <= APART
        assert NOW - FRESH <= second.measured_at <= NOW


def test_the_signed_text_goes_out_for_its_item_and_nothing_else_does() -> None:
    assert sends(ITEM, TEXT, RULE, (), (PAIR,)) == PAIR
    assert sends(ITEM, None, RULE, (), (PAIR,)) == NotSent("no-signature")
    assert sends(ITEM, msgspec.structs.replace(TEXT, ended_at=NOW), RULE, (), (PAIR,)) == NotSent("no-signature")
    assert sends(ITEM, TEXT, RULE, (), ()) == NotSent("unconfirmed")
    assert sends(ITEM, msgspec.structs.replace(TEXT, digest="0"), RULE, (), (PAIR,)) == NotSent("other-text")
    assert sends(ITEM, msgspec.structs.replace(TEXT, text_version=9), RULE, (), (PAIR,)) == NotSent("other-text")
    assert sends(ITEM, TEXT, None, (), (PAIR,)) == NotSent("not-flag")
    assert sends(msgspec.structs.replace(ITEM, severity="prompt"), TEXT, RULE, (), (PAIR,)) == NotSent("not-serious")
    for state in ("rejected", "delivered", "superseded", "expired", "draft"):
        assert sends(msgspec.structs.replace(ITEM, state=state), TEXT, RULE, (), (PAIR,)) == NotSent("decided")
    edit = Event(
        advice_id=ITEM.id,
        at=NOW,
        actor="s",
        command="edit",
        from_state="open",
        to_state="claimed",
        version=2,
        reason=None,
    )
    assert sends(ITEM, TEXT, RULE, (edit,), (PAIR,)) == NotSent("edited")


def test_a_pair_of_pulses_does_not_send_a_text_about_pressure_nor_a_home_pressure_one_of_a_check_up() -> None:
    assert sends(ITEM, TEXT, RULE, (), (Confirmed("a", "b", "fast"),)) == NotSent("not-its-evidence")
    office = {"signals": {"bp.office.systolic": {"value": "186"}, "bp.home.systolic_max": {"value": "150"}}}
    assert sends(msgspec.structs.replace(ITEM, evidence=office), TEXT, RULE, (), (PAIR,)) == NotSent("not-its-evidence")


def test_only_what_can_be_measured_again_at_home_can_be_signed_for() -> None:
    fit = {name for name, rule in RULES.items() if isinstance(signable(rule), FlagRule)}
    assert {"home-bp-high", "heart-rate"} <= fit
    codes = {
        name: found.code
        for name in ("hypoglycemia", "office-bp-high", "ldl-high", "steps-below-target")
        if isinstance(found := signable(RULES[name]), Refusal)
    }
    assert codes == {
        "hypoglycemia": "not-confirmable", "office-bp-high": "not-confirmable", "ldl-high": "not-urgent",
        "steps-below-target": "not-urgent",
    }  # fmt: skip
    assert isinstance(signable(None), Refusal)

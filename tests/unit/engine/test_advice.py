"""Drafts: concrete, vetted, in plain words; and the queue that holds at most one a topic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.advice import Create, Draft, Keep, Supersede, assess, draft, merge
from engine.locale import CONTEXTS, LANGUAGES, UnknownTextError, catalogue, fields_of, text
from engine.people import Resident
from engine.review import DECIDED, Item, State
from engine.rules import load_catalogue
from engine.safety import QUESTIONS, vet, wording_faults
from engine.signals import VOCABULARY, Signal, Signals

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TARO = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="太郎",
    family_kana="サトウ", given_kana="タロウ", birth_date=date(1968, 5, 1), sex="male", height_cm=Decimal(170),
)  # fmt: skip
RULES = load_catalogue()
ALL_NO = dict.fromkeys((q for table in QUESTIONS.values() for q in table), False)


def given(**values: str) -> Signals:
    found = {name: Signal(value=None, unit=spec.unit, note="none") for name, spec in VOCABULARY.items()}
    found["age"] = Signal(value=Decimal(58), unit="a")
    found["pregnancy.possible"] = Signal(value=Decimal(0), unit="1")
    for name, value in values.items():
        key = next(known for known in VOCABULARY if known.replace(".", "_") == name)
        found[key] = Signal(value=Decimal(value), unit=VOCABULARY[key].unit, inputs=(f"i-{key}",), count=7)
    return Signals(NOW, found)


STEPS = {"steps_mean_7d": "4100"}
HEAVY = {"bmi": "30.4", "weight_level": "88.0", "weight_days_28d": "20"}
HIGH = {"bp_home_systolic_mean": "142.4", "bp_home_diastolic_mean": "84.0", "bp_home_systolic_max": "150", "bp_home_diastolic_max": "90", "bp_home_days_7d": "6"}  # fmt: skip
URGENT = HIGH | {"bp_home_systolic_max": "182"}


def one(signals: Signals, topic: str) -> Draft:
    return next(found for found in draft(TARO, signals, RULES, NOW) if found.topic == topic)


@pytest.mark.parametrize(
    ("age", "mean", "goal", "minutes"),
    [
        ("58", "4100", "5,100", "10"),
        ("78", "2600", "3,600", "10"),
        ("58", "7600", "8,000", "4"),
        ("70", "5950", "6,000", "1"),
    ],
)
def test_the_next_step_goal_is_a_thousand_more_and_never_beyond_the_target(
    age: str, mean: str, goal: str, minutes: str
) -> None:
    found = one(given(age=age, steps_mean_7d=mean), "activity")
    assert (found.evidence["plan"]["goal"], found.evidence["plan"]["minutes"]) == (goal, minutes)
    assert f"1日 {goal}歩を" in found.text_ja
    assert f"try {goal} steps" in found.text_en


def test_the_first_loss_goal_is_three_percent_and_its_energy_is_computed() -> None:
    found = assess(TARO, given(**HEAVY), RULES, NOW, ALL_NO).drafts[0]
    plan = found.evidence["plan"]
    assert (plan["loss_kg"], plan["kcal"]) == ("2.6", "101")
    # 101 kcal: 65 g of cooked rice at 156 kcal/100 g; 101 * 60 / (1.05 * 3.3 * 88) = 19.9 minutes
    assert (plan["rice_g"], plan["walk_minutes"]) == ("65", "20")
    assert "2.6kg" in found.text_ja
    assert "101kcal" in found.text_ja


def test_from_bmi_35_the_first_goal_is_five_percent() -> None:
    heavy = given(bmi="35.0", weight_level="101.2", weight_days_28d="20")
    assert assess(TARO, heavy, RULES, NOW, ALL_NO).drafts[0].evidence["plan"]["loss_kg"] == "5.1"


def test_without_answers_no_deficit_is_written_anywhere() -> None:
    found = one(given(**HEAVY), "weight")
    whole = msgspec.json.encode(found).decode()
    assert not any(word in whole for word in ("kcal/", "loss_kg", "rice_g", "walk_minutes", "2.6"))
    assert found.ask[0] == "unintended-loss"
    assert "保健師と 話しましょう" in found.text_ja


def test_from_75_there_is_no_loss_goal_even_with_all_answers() -> None:
    found = assess(TARO, given(age="75", **HEAVY), RULES, NOW, ALL_NO).drafts[0]
    assert "loss_kg" not in found.evidence["plan"]
    assert "急に 減らさないで" in found.text_ja


def test_a_pressure_of_180_blocks_the_push_to_walk() -> None:
    found = assess(TARO, given(**STEPS, **URGENT), RULES, NOW)
    assert [one.topic for one in found.drafts] == ["blood-pressure"]
    assert found.drafts[0].severity == "urgent"
    assert [verdict.reasons for verdict in found.blocked] == [("referral:blood-pressure-urgent",)]
    assert "182" in found.drafts[0].text_ja
    assert "119" in found.drafts[0].text_ja


def test_a_pressure_of_180_blocks_the_push_even_without_its_rule() -> None:
    rules = [rule for rule in RULES if rule.topic == "activity"]
    assert not draft(TARO, given(**STEPS, **URGENT), rules, NOW)


def test_referral_comes_before_weight_and_weight_before_habit() -> None:
    topics = [found.topic for found in draft(TARO, given(**STEPS, **HEAVY, **HIGH), RULES, NOW)]
    assert topics == ["blood-pressure", "weight", "activity"]


@pytest.mark.parametrize("answer", sorted(QUESTIONS["weight-loss"]))
def test_each_veto_answered_yes_blocks_a_loss_goal(answer: str) -> None:
    found = assess(TARO, given(**HEAVY), RULES, NOW, ALL_NO | {answer: True})
    assert not found.drafts
    assert found.blocked[0].reasons == (f"{QUESTIONS['weight-loss'][answer]}:{answer}",)


@pytest.mark.parametrize("answer", sorted(QUESTIONS["exercise-increase"]))
def test_each_veto_answered_yes_blocks_the_push_to_walk(answer: str) -> None:
    assert not assess(TARO, given(**STEPS), RULES, NOW, ALL_NO | {answer: True}).drafts


def test_a_referral_is_never_vetoed_by_an_answer() -> None:
    everything = dict.fromkeys(ALL_NO, True)
    topics = [found.topic for found in assess(TARO, given(**STEPS, **HEAVY, **HIGH), RULES, NOW, everything).drafts]
    assert topics == ["blood-pressure"]


def test_a_person_who_is_no_longer_here_gets_nothing() -> None:
    for status in ("moved", "deceased", "left"):
        gone = msgspec.structs.replace(TARO, status=status)
        assert not draft(gone, given(**STEPS, **URGENT), RULES, NOW)


def test_vet_needs_bmi_25_for_weight_loss_and_18_years_for_adult_rules() -> None:
    firings = assess(TARO, given(**HEAVY), RULES, NOW, ALL_NO | {"cancer": True}).blocked
    thin = given(bmi="24.9", weight_level="72.0", weight_days_28d="20")
    assert vet([firings[0].firing], TARO, thin, ALL_NO)[0].reasons == ("weight:bmi-below-25",)
    child = given(age="17", **HEAVY)
    assert vet([firings[0].firing], TARO, child, ALL_NO)[0].reasons == ("contraindication:not-adult",)


def test_pregnancy_is_only_asked_where_it_is_possible() -> None:
    assert "pregnancy" not in one(given(**STEPS), "activity").ask
    assert "pregnancy" in one(given(**STEPS, pregnancy_possible="1"), "activity").ask


def test_a_denied_pregnancy_takes_its_lower_limits_away() -> None:
    possible = given(**(HIGH | {"pregnancy_possible": "1"}))
    assert draft(TARO, possible, RULES, NOW)[0].severity == "prompt"
    assert assess(TARO, possible, RULES, NOW, {"pregnancy": False}).drafts[0].severity == "soon"


def test_the_evidence_is_frozen_with_sources_reasons_and_inputs() -> None:
    found = one(given(**STEPS), "activity")
    evidence = msgspec.json.decode(msgspec.json.encode(found.evidence))
    assert evidence == found.evidence
    assert evidence["rule"]["id"] == "steps-below-target"
    assert evidence["sources"][0]["section"]
    assert evidence["reasons"][-1] == "steps.mean_7d = 4100 < 8000"
    assert evidence["signals"]["steps.mean_7d"]["inputs"] == ["i-steps.mean_7d"]
    assert len(found.snapshot_hash) == 64


@pytest.mark.parametrize(("month", "word"), [(1, "雪"), (8, "暑い"), (5, None)])
def test_walking_fits_the_season(month: int, word: str | None) -> None:
    found = draft(TARO, given(**STEPS), RULES, datetime(2026, month, 5, tzinfo=UTC))[0]
    assert ("雪" in found.text_ja, "暑い" in found.text_ja) == (word == "雪", word == "暑い")


# --- words ----------------------------------------------------------------------------------------------------------


def test_both_languages_have_the_same_texts_with_the_same_fields() -> None:
    ja, en = catalogue("ja"), catalogue("en")
    assert ja.keys() == en.keys()
    assert {context for context, _ in ja} == set(CONTEXTS)
    for key in ja:
        assert fields_of(ja[key]) == fields_of(en[key]), key


def test_every_question_has_its_words() -> None:
    for language in LANGUAGES:
        for question in ALL_NO:
            assert text(language, "nurse", f"ask.{question}")


def test_an_unknown_text_is_an_error_and_not_an_empty_sentence() -> None:
    with pytest.raises(UnknownTextError):
        text("ja", "resident", "nothing")


def test_every_text_a_resident_can_get_is_plain() -> None:
    situations = [
        assess(TARO, given(age=age, **values), RULES, datetime(2026, month, 5, tzinfo=UTC), facts)
        for age in ("20", "58", "70", "80")
        for month in (1, 5, 8)
        for facts in ({}, ALL_NO)
        for values in (
            {"steps_mean_7d": "100"}, {"steps_mean_7d": "5999"}, HEAVY, {"bmi": "60.0", "weight_level": "199.9", "weight_days_28d": "28"},
            HIGH, URGENT, HIGH | {"bp_home_systolic_mean": "165.0"},
        )
    ]  # fmt: skip
    drafts = [found for situation in situations for found in situation.drafts]
    assert len(drafts) > 100
    for found in drafts:
        assert wording_faults("ja", found.text_ja) == ()
        assert wording_faults("en", found.text_en) == ()


@pytest.mark.parametrize(
    ("language", "bad"),
    [
        ("ja", "あなたは糖尿病です。"), ("ja", "高血圧症です。"), ("ja", "薬を やめてください。"), ("ja", "薬を 減らしましょう。"),
        ("ja", "検査の 値は 正常です。"), ("ja", "高血圧の疑いが あります。"), ("ja", "1日に 5mg のんでください。"),
        ("ja", "きょうは とても とても とても とても とても とても とても とても とても 長い 文です。"), ("ja", "歩きましょう。休みましょう。"),
        ("en", "You have diabetes."), ("en", "Please stop your medicine."), ("en", "Your value is normal."),
        ("en", "Walk more. Eat less."), ("en", ""),
    ],
)  # fmt: skip
def test_the_linter_finds_forbidden_words(language: str, bad: str) -> None:
    assert wording_faults(language, bad)


# --- the queue ------------------------------------------------------------------------------------------------------


def queued(found: Draft, state: State = "open", **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": "a-aaaaaaaaaaaaa", "resident_id": TARO.id, "topic": found.topic, "rule_id": found.rule_id,
        "rule_version": found.rule_version, "text_version": found.text_version, "state": state, "version": 1,
        "severity": found.severity, "text_ja": found.text_ja, "text_en": found.text_en, "evidence": found.evidence,
        "snapshot_hash": found.snapshot_hash, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Item(**(fields | more))


def test_merging_twice_creates_once() -> None:
    new = one(given(**STEPS), "activity")
    assert merge([], [new], NOW) == [Create(new)]
    assert merge([queued(new)], [new], NOW) == [Keep(queued(new), "unchanged")]


def test_a_trivial_change_of_evidence_is_no_news() -> None:
    old, new = one(given(steps_mean_7d="4100"), "activity"), one(given(steps_mean_7d="4599"), "activity")
    assert merge([queued(old)], [new], NOW) == [Keep(queued(old), "unchanged")]


@pytest.mark.parametrize("state", ["open", "claimed", "snoozed", "escalated"])
def test_changed_evidence_supersedes_what_is_not_yet_decided(state: State) -> None:
    old, new = one(given(steps_mean_7d="4100"), "activity"), one(given(steps_mean_7d="4600"), "activity")
    assert merge([queued(old, state)], [new], NOW) == [Supersede(queued(old, state), new, "evidence-changed")]


def test_a_held_approval_is_only_overtaken_by_something_more_serious() -> None:
    old, new = one(given(**HIGH), "blood-pressure"), one(given(**URGENT), "blood-pressure")
    held = queued(old, "approved")
    assert merge([held], [one(given(**(HIGH | {"bp_home_systolic_mean": "139.0"})), "blood-pressure")], NOW) == [
        Keep(held, "decided")
    ]
    assert merge([held], [new], NOW) == [Supersede(held, new, "evidence-changed")]


def test_a_vetoed_or_silent_rule_takes_its_advice_back_even_when_held() -> None:
    old = queued(one(given(**STEPS), "activity"), "approved")
    found = assess(TARO, given(**STEPS, **URGENT), RULES, NOW)
    changes = merge([old], found.drafts, NOW, found.withdrawn)
    assert Supersede(old, None, "vetoed referral:blood-pressure-urgent") in changes
    silent = assess(TARO, given(steps_mean_7d="9000"), RULES, NOW)
    assert merge([old], silent.drafts, NOW, silent.withdrawn) == [Supersede(old, None, "no-longer-applies")]


def test_missing_data_takes_nothing_back() -> None:
    old = queued(one(given(**STEPS), "activity"))
    found = assess(TARO, given(), RULES, NOW)
    assert merge([old], found.drafts, NOW, found.withdrawn) == [Keep(old, "unchanged")]


@pytest.mark.parametrize("state", sorted(DECIDED - {"approved"}))
def test_a_decision_keeps_the_same_rule_quiet_for_its_cooldown(state: State) -> None:
    new = one(given(**STEPS), "activity")
    done = queued(new, state)
    assert merge([done], [new], NOW + timedelta(days=13)) == [Keep(done, "cooling-down")]
    assert merge([done], [new], NOW + timedelta(days=14)) == [Create(new)]


def test_something_more_serious_never_waits_for_a_cooldown() -> None:
    done = queued(one(given(**HIGH), "blood-pressure"), "rejected")
    new = one(given(**URGENT), "blood-pressure")
    assert merge([done], [new], NOW + timedelta(hours=1)) == [Create(new)]

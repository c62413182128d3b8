"""What a standing approval covers: never less care than was signed for, never fewer samples, never anything serious."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import standing
from engine.locale import LANGUAGES, catalogue
from engine.refusal import Refusal
from engine.review import Item
from engine.rules import AdviceRule, load_catalogue
from engine.standing import (
    LEAST_SAMPLE,
    Approval,
    Covered,
    History,
    NotCovered,
    Population,
    Used,
    added_keys,
    covers,
    digest_of,
    draft,
    ended,
    is_live,
    own_keys,
    samples,
    state_of,
    suspended,
    topics_had,
)
from tests.homes import TARO, resident
from tests.web.desks import item

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULES = {rule.id: rule for rule in load_catalogue()}
RULE = RULES["bmi-above-target"]
assert isinstance(RULE, AdviceRule)
TEXT_VERSION = RULE.text_version
PERSON = resident(TARO, "太郎", date(1976, 5, 5))
KNOWN, USED = History(frozenset({"weight"})), Used(40, 4, 3)
EVIDENCE: dict[str, Any] = {
    "signals": {"bmi": {"value": "28.4"}},
    "ask": [],
    "must_not": [],
    "red_flags": [],
    "first": False,
}
APPROVAL = Approval(
    id="p-aaaaaaaaaaaaa", municipality_code="062049", rule_id=RULE.id, rule_version=RULE.version, text_version=TEXT_VERSION,
    digest=digest_of(RULE), population=Population(40, 74), signed_by="s-nursenursenur", signed_at=NOW - timedelta(days=1),
    until=NOW + timedelta(days=1), daily_cap=10,
)  # fmt: skip


def advice(severity: str = "routine", **told: Any) -> Item:
    return item(
        "x", severity, rule_id=RULE.id, rule_version=RULE.version, text_version=TEXT_VERSION, evidence=EVIDENCE | told
    )


def answer(**changed: Any) -> str | bool:
    """The reason against it, or whether it is sampled; `changed` replaces arguments of `covers`."""
    given: dict[str, Any] = {
        "approval": APPROVAL, "item": advice(), "rule": RULE, "person": PERSON, "history": KNOWN, "used": USED, "now": NOW,
    } | changed  # fmt: skip
    found = covers(**given)
    return found.sampled if isinstance(found, Covered) else found.reason


def test_what_was_signed_for_is_covered() -> None:
    assert isinstance(answer(), bool)


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("serious", {"item": advice("soon")}),
        ("questions-open", {"item": advice(ask=["pregnancy"])}),
        ("veto", {"item": advice(must_not=["steps_target"])}),
        ("red-flag", {"item": advice(red_flags=["ldl_high"])}),
        ("incomplete", {"item": advice(signals={"bmi": {"value": "28.4"}, "waist": {"value": None}})}),
        ("incomplete", {"item": advice(signals={})}),
        ("first-of-topic", {"history": History()}),
        ("first-of-topic", {"item": advice(first=True)}),
        ("first-of-topic", {"history": History(frozenset({"activity"}))}),
        ("no-consent", {"history": History(frozenset({"weight"}), agreed=False)}),
        ("cap", {"used": Used(40, 4, 10)}),
        ("other-text", {"rule": msgspec.structs.replace(RULE, text_version=99)}),
        ("other-text", {"rule": None}),
        ("other-text", {"item": msgspec.structs.replace(advice(), text_version=99)}),
        ("other-text", {"approval": msgspec.structs.replace(APPROVAL, digest="0" * 64)}),
        ("not-live", {"approval": msgspec.structs.replace(APPROVAL, state="suspended")}),
        ("not-live", {"now": APPROVAL.until}),
        ("not-live", {"now": APPROVAL.signed_at - timedelta(seconds=1)}),
        ("municipality", {"approval": msgspec.structs.replace(APPROVAL, municipality_code="064611")}),
        ("age", {"approval": msgspec.structs.replace(APPROVAL, population=Population(51, 74))}),
        ("age", {"approval": msgspec.structs.replace(APPROVAL, population=Population(40, 49))}),
        ("sex", {"approval": msgspec.structs.replace(APPROVAL, population=Population(40, 74, "male"))}),
    ],
)  # fmt: skip
def test_one_thing_that_was_not_signed_for_is_enough_against_it(reason: str, changed: dict[str, Any]) -> None:
    assert answer(**changed) == reason


def test_both_ends_of_the_ages_are_included() -> None:
    assert isinstance(answer(approval=msgspec.structs.replace(APPROVAL, population=Population(50, 50))), bool)


def test_a_referral_is_never_covered_whatever_is_signed() -> None:
    for rule in RULES.values():
        assert isinstance(draft(rule, Population(), days=1, daily_cap=1, sample_percent=5), Refusal) == (
            not isinstance(rule, AdviceRule) or rule.review == "physician"
        )


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("days", {"days": 91}), ("days", {"days": 0}), ("cap", {"daily_cap": 0}), ("cap", {"daily_cap": 501}),
        ("sample", {"sample_percent": 4}), ("sample", {"sample_percent": 101}), ("age", {"population": Population(50, 49)}),
        ("age", {"population": Population(-1, 49)}), ("age", {"population": Population(1, 131)}),
    ],
)  # fmt: skip
def test_nobody_signs_for_longer_for_more_or_with_fewer_samples(code: str, changed: dict[str, Any]) -> None:
    fine: dict[str, Any] = {"population": Population(), "days": 90, "daily_cap": 500, "sample_percent": LEAST_SAMPLE}
    assert draft(RULE, **fine) == RULE
    found = draft(RULE, **(fine | changed))
    assert isinstance(found, Refusal)
    assert found.code == code


@given(st.integers(LEAST_SAMPLE, 100), st.lists(st.integers(0, 10**9), min_size=1, max_size=120, unique=True))
def test_the_share_that_a_person_sees_never_falls_below_what_was_signed(percent: int, names: list[int]) -> None:
    approval, used = msgspec.structs.replace(APPROVAL, sample_percent=percent), Used()
    for number, name in enumerate(names):
        drawn = samples(approval, f"a-{name}", used)
        assert drawn == samples(approval, f"a-{name}", used)
        assert drawn or number > 0, "the very first is seen by a person"
        used = Used(used.total + 1, used.sampled + drawn)
        assert 100 * used.sampled >= percent * used.total


def test_who_is_sampled_depends_on_the_approval_and_follows_the_percentage() -> None:
    busy = Used(1_000_000, 1_000_000)
    drawn = [samples(APPROVAL, f"a-{number}", busy) for number in range(4_000)]
    other = [samples(msgspec.structs.replace(APPROVAL, id="p-b"), f"a-{number}", busy) for number in range(4_000)]
    assert 140 <= sum(drawn) <= 260
    assert drawn != other


def test_what_was_stopped_stays_stopped_and_what_is_over_is_expired() -> None:
    stopped = suspended(APPROVAL, "s-x", NOW, "rejected")
    assert isinstance(stopped, Approval)
    assert (stopped.state, stopped.version, is_live(stopped, NOW)) == ("suspended", 2, False)
    assert isinstance(suspended(stopped, "s-x", NOW, "again"), Refusal)
    over = ended(stopped, "s-x", NOW)
    assert isinstance(over, Approval)
    assert over.reason == "rejected"
    assert isinstance(ended(over, "s-x", NOW), Refusal)
    assert state_of(APPROVAL, APPROVAL.until) == "expired"
    assert state_of(stopped, APPROVAL.until) == "suspended"


def test_only_what_a_person_approved_makes_a_topic_known() -> None:
    told = [
        item("a", state="delivered", decided_by="s-nursenursenur", topic="weight"),
        item("b", state="delivered", decided_by="p-aaaaaaaaaaaaa", topic="meals"),
        item("c", state="delivered", decided_by="u-aaaaaaaaaaaaa", topic="heart"),
        item("d", state="approved", decided_by="s-nursenursenur", topic="sleep"),
        item("e", state="superseded", decided_by="s-nursenursenur", topic="tobacco"),
    ]
    assert topics_had(told) == {"weight"}


def test_the_signature_binds_every_sentence_that_may_be_said_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = RULES["steps-below-target"]
    words = {language: dict(catalogue(language)) for language in LANGUAGES}
    monkeypatch.setattr(standing, "catalogue", words.__getitem__)
    before = digest_of(steps)
    keys = [*own_keys(steps), *added_keys(steps)]
    assert {"season.winter", "must.sugar"} <= set(keys)
    assert sum(key.startswith("plan.") for key in keys) > 20
    for language in LANGUAGES:
        for key in keys:
            kept = words[language]["resident", key]
            words[language]["resident", key] = kept + "!"
            assert digest_of(steps) != before, (language, key)
            words[language]["resident", key] = kept
    assert digest_of(steps) == before


def test_a_referral_s_signature_binds_its_urgent_words() -> None:
    assert own_keys(RULES["home-bp-high"]) == ("home-bp-high.urgent",)
    assert isinstance(covers(APPROVAL, advice(), RULES["home-bp-high"], PERSON, KNOWN, USED, NOW), NotCovered)

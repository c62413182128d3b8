"""The queue holds at most one advice a person and topic; running it again on its own outcome changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.advice import Draft
from engine.merging import Change, Create, Keep, Supersede, merge
from engine.review import DECIDED, Item, State
from tests.unit.engine.test_advice import ASKED, HIGH, NOW, TARO, URGENT, one, said


def walking(mean: int) -> Draft:
    return one(said(ASKED | {"steps_7d_mean": mean}), "steps-below-target")


def pressing(bp: dict[str, int]) -> Draft:
    return one(said(ASKED, bp=bp), "home-bp-high")


def queued(found: Draft, state: State = "open", **more: Any) -> Item:
    fields: dict[str, Any] = {
        "id": "a-aaaaaaaaaaaaa", "resident_id": TARO.id, "topic": found.topic, "rule_id": found.rule_id,
        "rule_version": found.rule_version, "text_version": found.text_version, "state": state, "version": 1,
        "severity": found.severity, "text_ja": found.text_ja, "text_en": found.text_en, "evidence": found.evidence,
        "snapshot_hash": found.snapshot_hash, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Item(**(fields | more))


def of(item: Item, changes: list[Change]) -> list[Change]:
    """What becomes of `item`; what else is drafted of the same person is not the point here."""
    return [change for change in changes if not isinstance(change, Create) and change.item == item]


def test_merging_twice_creates_once() -> None:
    new = walking(4100)
    assert merge([], [new], NOW) == [Create(new)]
    assert merge([queued(new)], [new], NOW) == [Keep(queued(new), "unchanged")]


def test_a_trivial_change_of_evidence_is_no_news() -> None:
    old, new = walking(4100), walking(4599)
    assert merge([queued(old)], [new], NOW) == [Keep(queued(old), "unchanged")]


@pytest.mark.parametrize("state", ["open", "claimed", "snoozed", "escalated"])
def test_changed_evidence_supersedes_what_is_not_yet_decided(state: State) -> None:
    old, new = walking(4100), walking(4600)
    assert merge([queued(old, state)], [new], NOW) == [Supersede(queued(old, state), new, "evidence-changed")]


def test_a_held_approval_is_only_overtaken_by_something_more_serious() -> None:
    old, new = pressing(HIGH), pressing(URGENT)
    held = queued(old, "approved")
    assert merge([held], [pressing(HIGH | {"home_sbp_mean": 139})], NOW) == [Keep(held, "decided")]
    assert merge([held], [new], NOW) == [Supersede(held, new, "evidence-changed")]


def test_a_vetoed_or_silent_rule_takes_its_advice_back_even_when_held() -> None:
    old = queued(walking(4100), "approved")
    found = said(ASKED | {"steps_7d_mean": 4100}, bp=URGENT)
    changes = merge([old], found.drafts, NOW, found.withdrawn)
    taken = next(change for change in changes if isinstance(change, Supersede))
    assert (taken.item, taken.draft) == (old, None)
    assert taken.reason.startswith("vetoed contraindication:")
    silent = said(ASKED | {"steps_7d_mean": 9000})
    changes = of(old, merge([old], silent.drafts, NOW, silent.withdrawn))
    assert changes == [Supersede(old, None, "no-longer-applies")]


def test_missing_data_takes_nothing_back() -> None:
    old = queued(walking(4100))
    found = said(ASKED)
    assert of(old, merge([old], found.drafts, NOW, found.withdrawn)) == [Keep(old, "unchanged")]


@pytest.mark.parametrize("state", sorted(DECIDED - {"approved"}))
def test_a_decision_keeps_the_same_rule_quiet_for_its_cooldown(state: State) -> None:
    new = walking(4100)
    done = queued(new, state)
    assert merge([done], [new], NOW + timedelta(days=13)) == [Keep(done, "cooling-down")]
    assert merge([done], [new], NOW + timedelta(days=14)) == [Create(new)]


def test_something_more_serious_never_waits_for_a_cooldown() -> None:
    done = queued(pressing(HIGH), "rejected")
    new = pressing(URGENT)
    assert merge([done], [new], NOW + timedelta(hours=1)) == [Create(new)]

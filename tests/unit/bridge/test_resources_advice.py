"""Advice and its review as FHIR: what is asked, who has to look, what was told, and what it aims at."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from engine.review_model import State
from tests.bridge.held import DAY, NOW, READING, STATES, advised, held, item, name, of

REQUESTED = {
    "draft": "draft", "open": "draft", "claimed": "draft", "escalated": "draft", "snoozed": "on-hold",
    "approved": "active", "delivered": "completed", "rejected": "revoked", "superseded": "revoked", "expired": "revoked",
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_piece_of_advice_is_told_as_what_it_is_and_only_what_was_approved_reaches_anybody(state: State) -> None:
    holdings = msgspec.structs.replace(held(), advice=(advised(item(1, state)),))
    [request], [task] = of("CommunicationRequest", holdings).values(), of("Task", holdings).values()
    assert request.body["status"] == REQUESTED[state]
    assert task.body["focus"] == {"reference": f"CommunicationRequest/{name('a', 1)}"}
    assert (task.body["status"] == "rejected") == (state == "rejected")
    told = [one.body["status"] for one in of("Communication", holdings).values()]
    assert told == {"delivered": ["completed"], "rejected": ["not-done"], "superseded": ["not-done"],
                    "expired": ["not-done"]}.get(state, [])  # fmt: skip


def test_what_nobody_answers_for_is_no_communication() -> None:
    unsigned = msgspec.structs.replace(advised(item(1, "delivered")), approval=None)
    assert of("Communication", msgspec.structs.replace(held(), advice=(unsigned,))) == {}


def test_an_edit_replaces_the_words_before_it_which_are_kept() -> None:
    told, requests = name("a", 23), of("CommunicationRequest")
    [payload] = requests[told].body["payload"]
    assert payload["contentString"] == item(23, "open").text_ja
    assert [one["reference"] for one in requests[told].body["replaces"]] == [
        f"CommunicationRequest/{told}.1", f"CommunicationRequest/{name('a', 0)}",
    ]  # fmt: skip
    assert requests[f"{told}.1"].body["replaces"] == [{"reference": f"CommunicationRequest/{told}.0"}]
    former = [requests[f"{told}.{number}"].body for number in range(2)]
    assert [one["payload"][0]["contentString"] for one in former] == ["一", "二"]
    assert {one["status"] for one in former} == {"revoked"}


def test_advice_names_what_it_rests_on_by_resources_that_are_there() -> None:
    about = [one["reference"] for one in of("Communication")[name("a", 4)].body["about"]]
    assert len(about) == 4
    weight, pressure, steps = (
        of("Observation")[one.split("/")[1]].body["code"]["coding"][0]["code"] for one in about[:3]
    )
    assert (weight, pressure, steps) == ("29463-7", "85354-9", "41950-7")
    assert READING not in json.dumps(about)


def test_only_what_is_urgent_is_a_detected_issue_and_it_is_final_once_somebody_signed() -> None:
    assert {one.id: one.body["status"] for one in of("DetectedIssue").values()} == {
        name("a", 20): "final", name("a", 21): "final", name("a", 22): "preliminary",
    }  # fmt: skip


def test_a_goal_says_what_will_be_measured_and_until_when() -> None:
    goals = of("Goal")
    steps, minutes, weight, salt = (goals[name("a", number)].body for number in (4, 30, 31, 32))
    assert steps["target"][0]["detailQuantity"]["value"] == Decimal(6000)
    assert minutes["target"][0]["detailQuantity"]["code"] == "min/wk"
    assert weight["target"][0]["detailQuantity"]["value"] == Decimal("68.5")
    assert weight["target"][0]["dueDate"] == "2027-05-15"
    assert "target" not in salt
    assert name("a", 33) not in goals


def test_the_plan_holds_the_goals_that_stand_and_there_is_none_without_a_goal() -> None:
    [plan] = of("CarePlan").values()
    # Of each kind the one told last, and the one that was approved and waits.
    stands = [name("a", number) for number in (3, 23, 30, 31, 32)]
    assert [one["reference"] for one in plan.body["goal"]] == [f"Goal/{one}" for one in stands]
    assert of("CarePlan", msgspec.structs.replace(held(), advice=())) == {}


def test_a_goal_that_was_followed_by_a_newer_one_of_its_kind_is_not_sought_any_more() -> None:
    older, newer = (advised(item(number, "delivered", updated_at=NOW - (9 - number) * DAY)) for number in (1, 2))
    goals = of("Goal", msgspec.structs.replace(held(), advice=(newer, older)))
    told = {number: goals[name("a", number)] for number in (1, 2)}
    assert {number: one.body["lifecycleStatus"] for number, one in told.items()} == {1: "completed", 2: "active"}
    # That is news of the older one, too.
    assert told[1].last_updated == told[2].last_updated == NOW - 7 * DAY

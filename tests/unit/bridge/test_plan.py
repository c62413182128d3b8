"""What a network shall be told: decided from whose a value is now and what was told before."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from engine.observation_values import Measured
from engine.store.repo_push import WRONG, Owed
from fhir_bridge.plan import AMENDED, FINAL, Standing, Step, digest_of, identifier, plan
from tests.homes import DEVICE, HANAKO, NOW, TARO

NETWORK = "choukai-net"
THING = Standing(
    base="abc.body-weight", kind="body-weight", reading="abc", device=DEVICE, measured_at=NOW, resident=HANAKO,
    patient="hanako", open=True, digest="one",
)  # fmt: skip


def row(**more: object) -> Owed:
    base = Owed(
        network=NETWORK, type="Observation", identifier="abc.body-weight", turn=1, resident_id=HANAKO, patient="hanako",
        reading_id="abc", device_id=DEVICE, kind="body-weight", measured_at=NOW, wants=FINAL, due_at=NOW,
        created_at=NOW, updated_at=NOW, seq=1,
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)


CONFIRMED = row(state="confirmed", says=FINAL, digest="one", sent_at=NOW, confirmed_at=NOW)
SENT = row(state="sent", sent_at=NOW, attempts=1)


def planned(thing: Standing, *rows: Owed, shut: str | None = None) -> list[Step | Owed]:
    return plan(thing, rows, NETWORK, NOW, lambda _: shut)


def of(thing: Standing, **more: object) -> Standing:
    return msgspec.structs.replace(thing, **more)


def test_a_new_value_is_owed_under_its_own_identifier() -> None:
    [new] = planned(THING)
    assert isinstance(new, Owed)
    assert (new.identifier, new.turn, new.resident_id, new.patient, new.wants, new.state) == (
        "abc.body-weight", 1, HANAKO, "hanako", FINAL, "pending",
    )  # fmt: skip


@pytest.mark.parametrize("change", [{"open": False}, {"patient": None, "open": False}, {"resident": None}])
def test_what_may_not_be_told_is_not_owed(change: dict[str, object]) -> None:
    assert planned(of(THING, **change)) == []


@pytest.mark.parametrize("before", [CONFIRMED, SENT, row(), row(state="dead", code="unprocessable")])
def test_what_stands_as_it_was_told_is_left_alone(before: Owed) -> None:
    assert planned(THING, before) == []


def test_another_value_under_the_same_person_is_an_amendment() -> None:
    assert planned(of(THING, digest="two"), CONFIRMED) == [Step(1, AMENDED, "pending")]


@pytest.mark.parametrize(
    ("before", "state"), [(CONFIRMED, "pending"), (SENT, "sent"), (row(sent_at=NOW, attempts=1), "pending")]
)
def test_what_may_be_known_of_the_wrong_person_becomes_a_mistake_and_the_right_one_gets_a_turn_of_their_own(
    before: Owed, state: str
) -> None:
    mistake, new = planned(of(THING, resident=TARO, patient="taro"), before)
    assert mistake == Step(1, WRONG, state)
    assert isinstance(new, Owed)
    assert (new.identifier, new.turn, new.resident_id, new.patient) == ("abc.body-weight.2", 2, TARO, "taro")


def test_what_never_left_is_withdrawn_without_a_word() -> None:
    gone, _ = planned(of(THING, resident=TARO, patient="taro"), row())
    assert gone == Step(1, FINAL, "withdrawn", "moved")


def test_a_reading_that_goes_there_and_back_before_anybody_was_told_of_the_mistake_stays_as_it_is() -> None:
    told = msgspec.structs.replace(CONFIRMED, wants=WRONG, state="pending")
    assert planned(THING, told) == [Step(1, FINAL, "confirmed")]


@pytest.mark.parametrize(
    "taken_back",
    [
        msgspec.structs.replace(CONFIRMED, wants=WRONG, says=WRONG),
        msgspec.structs.replace(CONFIRMED, wants=WRONG, state="sent", attempts=1),
        msgspec.structs.replace(CONFIRMED, wants=WRONG, state="pending", attempts=1),
    ],
)
def test_a_mistake_that_may_be_known_is_never_taken_back_but_followed_by_a_turn(taken_back: Owed) -> None:
    steps = planned(THING, taken_back)
    [new] = [one for one in steps if isinstance(one, Owed)]
    assert (new.turn, new.resident_id) == (2, HANAKO)
    assert len(steps) == 1


def test_without_consent_nothing_of_a_mistake_is_said_until_there_is_one_again() -> None:
    nobodys = of(THING, resident=None, patient=None, open=False)
    assert planned(nobodys, CONFIRMED, shut="no-consent") == [Step(1, WRONG, "withdrawn", "no-consent")]
    kept_back = msgspec.structs.replace(CONFIRMED, wants=WRONG, state="withdrawn")
    assert planned(nobodys, kept_back, shut="no-consent") == []
    assert planned(nobodys, kept_back) == [Step(1, WRONG, "pending")]


def test_what_was_withdrawn_before_it_left_is_told_again_only_as_something_new() -> None:
    purged = row(state="withdrawn", code="no-consent")
    assert planned(of(THING, open=False), purged) == []
    assert planned(THING, purged) == [Step(1, FINAL, "pending")]


def test_another_patient_of_the_same_person_gets_a_turn_and_the_first_is_told_it_was_wrong() -> None:
    mistake, new = planned(of(THING, patient="hanako-2"), CONFIRMED)
    assert mistake == Step(1, WRONG, "pending")
    assert isinstance(new, Owed)
    assert (new.patient, new.turn) == ("hanako-2", 2)


def test_a_link_that_ended_leaves_what_was_told_unless_it_was_a_strangers() -> None:
    ended = of(THING, patient=None, open=False)
    assert planned(ended, CONFIRMED) == []
    assert planned(of(ended, mistaken=True), CONFIRMED) == [Step(1, WRONG, "pending")]


def test_the_digest_is_of_what_is_said_and_not_of_whose_it_is_or_which_device_said_it() -> None:
    value = Measured(
        reading_id="abc", resident_id=HANAKO, device_id=DEVICE, gateway_id=None, kind="body-weight",
        value=Decimal("63.50"), unit="kg", measured_at=NOW,
    )  # fmt: skip
    same = msgspec.structs.replace(value, resident_id=TARO, device_id=None, gateway_id="g-aaaaaaaaaaaaa")
    assert digest_of(same) == digest_of(value)
    others: list[dict[str, object]] = [
        {"value": Decimal("63.5")}, {"measured_at": NOW + timedelta(seconds=1)}, {"time_quality": "unknown"},
        {"period_start": NOW},
    ]  # fmt: skip
    assert len({digest_of(msgspec.structs.replace(value, **other)) for other in others} | {digest_of(value)}) == 5


def test_a_turn_is_named_from_the_second_on() -> None:
    assert [identifier("abc.spo2", turn) for turn in (1, 2, 10)] == ["abc.spo2", "abc.spo2.2", "abc.spo2.10"]

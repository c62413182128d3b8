"""Every outcome of intake, and the promises that hold between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given

from engine.assignment import Owner
from engine.contract.kinds import KINDS
from engine.contract.reading import Reading, Value
from engine.household import DeviceFacts, Household
from engine.intake import Accepted, Duplicate, Outcome, Recent, Refused, Seen, Unassigned, accept, digest
from tests.strategies import readings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANAKO, TARO = "r-hanakohanako2", "r-tarotarotaro3"
DEVICE, GATEWAY, OTHER_GATEWAY = "d-abcdefghijklm", "g-abcdefghijklm", "g-bcdefghijklmn"


def home(**more: object) -> Household:
    base: dict[str, object] = {
        "id": "h-abcdefghijklm",
        "residents": frozenset({HANAKO, TARO}),
        "recording": frozenset({HANAKO, TARO}),
        "devices": {DEVICE: DeviceFacts({1: HANAKO, 2: TARO})},
    }
    return msgspec.convert(base | more, Household)


def weighing(**more: object) -> Reading:
    base = Reading(
        id="a" * 26,
        device=DEVICE,
        profile="sig-weight",
        user_slot=1,
        measured_at=NOW - timedelta(hours=1),
        time_quality="device",
        received_at=NOW,
        values=(Value("body-weight", "62.30", "kg"),),
    )
    return msgspec.structs.replace(base, **more)


def judge(reading: Reading, house: Household | None = None, recent: Recent | None = None) -> Outcome:
    return accept(reading, GATEWAY, house or home(), recent or Recent(), NOW)


def test_a_slot_bound_at_pairing_is_surely_its_owner_and_62_30_stays_62_30() -> None:
    found = judge(weighing())
    assert isinstance(found, Accepted)
    assert (found.resident, found.certainty) == (HANAKO, "sure")
    assert str(found.values[0].value) == "62.30"


@pytest.mark.parametrize(("slot", "certainty"), [(None, "sure"), (255, "assumed")])
def test_who_the_numbers_name_is_only_assumed_where_the_scale_itself_knew_nobody(
    slot: int | None, certainty: str
) -> None:
    fitting = Owner(HANAKO, "sure", 0.995)
    found = accept(weighing(user_slot=slot), GATEWAY, home(), Recent(), NOW, fitting)
    assert isinstance(found, Accepted)
    assert (found.resident, found.certainty, found.posterior) == (HANAKO, certainty, 0.995)


def test_whom_the_numbers_name_without_their_consent_is_refused_and_nothing_kept() -> None:
    silent = home(recording=frozenset({HANAKO}))
    found = accept(weighing(user_slot=None), GATEWAY, silent, Recent(), NOW, Owner(TARO, "assumed", 0.93))
    assert isinstance(found, Refused)
    assert (found.code, found.keep) == ("no-consent", False)


def test_pounds_are_converted_once_and_the_device_s_words_are_kept() -> None:
    found = judge(weighing(values=(Value("body-weight", "157.00", "[lb_av]"),)))
    assert isinstance(found, Accepted)
    assert (found.values[0].value, found.values[0].unit) == (Decimal("71.21"), "kg")
    assert (found.values[0].device_value, found.values[0].device_unit) == ("157.00", "[lb_av]")


@pytest.mark.parametrize("slot", [3, 255, None])
def test_a_slot_nobody_is_bound_to_is_never_given_to_somebody(slot: int | None) -> None:
    assert isinstance(judge(weighing(user_slot=slot)), Unassigned)


def test_a_device_bound_as_a_whole_belongs_to_its_owner_unless_it_also_has_slots() -> None:
    whole = home(devices={DEVICE: DeviceFacts({-1: TARO})})
    found = judge(weighing(user_slot=None), whole)
    assert isinstance(found, Accepted)
    assert found.resident == TARO
    both = home(devices={DEVICE: DeviceFacts({-1: TARO, 1: HANAKO})})
    assert isinstance(judge(weighing(user_slot=2), both), Unassigned)


def test_a_hint_at_a_stranger_is_nobody() -> None:
    assert isinstance(judge(weighing(person_hint="r-stranger22222")), Unassigned)


def test_without_consent_nothing_of_the_content_is_kept_whatever_else_is_wrong() -> None:
    refused = judge(weighing(values=(Value("body-weight", "900", "kg"),)), home(recording=frozenset({TARO})))
    assert refused == Refused(weighing(values=(Value("body-weight", "900", "kg"),)), "no-consent", keep=False)
    nobody = judge(weighing(user_slot=None), home(recording=frozenset()))
    assert isinstance(nobody, Refused)
    assert nobody.code == "no-consent"


def test_a_withheld_kind_is_left_out_before_anything_looks_at_it() -> None:
    both = weighing(values=(Value("body-weight", "62.30", "kg"), Value("body-fat", "24.1", "%")))
    found = judge(both, home(withheld={HANAKO: frozenset({"body-fat"})}))
    assert isinstance(found, Accepted)
    assert [value.kind for value in found.reading.values] == ["body-weight"]
    only = judge(weighing(), home(withheld={HANAKO: frozenset({"body-weight"})}))
    assert isinstance(only, Refused)
    assert not only.keep


def test_a_reading_with_a_withheld_kind_sent_again_is_a_duplicate_and_keeps_the_secret() -> None:
    both = weighing(values=(Value("body-weight", "62.30", "kg"), Value("body-fat", "24.1", "%")))
    house = home(withheld={HANAKO: frozenset({"body-fat"})})
    first = judge(both, house)
    assert isinstance(first, Accepted)
    again = judge(both, house, Recent({both.id: digest(first.reading)}))
    assert isinstance(again, Duplicate)
    other = weighing(values=(Value("body-weight", "63.00", "kg"), Value("body-fat", "24.1", "%")))
    conflict = judge(other, house, Recent({both.id: digest(first.reading)}))
    assert isinstance(conflict, Refused)
    assert [value.kind for value in conflict.reading.values] == ["body-weight"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"values": (Value("body-weight", "900", "kg"),)}, "implausible"),
        ({"values": (Value("soul-weight", "21", "g"),)}, "unknown-kind"),
        ({"values": (Value("body-weight", "10", "stone"),)}, "unknown-unit"),
        ({"values": (Value("systolic", "80", "mm[Hg]"), Value("diastolic", "120", "mm[Hg]"))}, "implausible"),
        ({"measured_at": NOW + timedelta(days=2)}, "future"),
        ({"measured_at": datetime(2000, 1, 1, tzinfo=UTC)}, "past"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(change: dict[str, object], code: str) -> None:
    refused = judge(weighing(**change))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.keep) == (code, True)


def test_one_implausible_value_does_not_cost_the_others() -> None:
    found = judge(weighing(values=(Value("body-weight", "62.3", "kg"), Value("impedance", "9", "Ohm"))))
    assert isinstance(found, Accepted)
    assert [value.kind for value in found.values] == ["body-weight"]
    assert found.dropped == ("impedance",)


def test_the_same_id_again_is_a_duplicate_and_with_other_content_a_conflict() -> None:
    recent = Recent({"a" * 26: digest(weighing())})
    assert judge(weighing(received_at=NOW + timedelta(seconds=9)), recent=recent) == Duplicate(
        weighing(received_at=NOW + timedelta(seconds=9)), "a" * 26
    )
    conflict = judge(weighing(values=(Value("body-weight", "62.35", "kg"),)), recent=recent)
    assert isinstance(conflict, Refused)
    assert conflict.code == "conflict"


def seen(gateway: str, minutes: float, value: str = "62.30") -> Recent:
    moment = weighing().measured_at + timedelta(minutes=minutes)
    return Recent({}, {DEVICE: [Seen("b" * 26, gateway, 1, moment, frozenset({("body-weight", value)}))]})


def test_one_weighing_heard_by_two_gateways_is_one_row() -> None:
    broadcast = weighing(time_quality="received")
    assert judge(broadcast, recent=seen(OTHER_GATEWAY, 9)) == Duplicate(broadcast, "b" * 26)


@pytest.mark.parametrize(
    "recent", [seen(GATEWAY, 9), seen(OTHER_GATEWAY, 11), seen(OTHER_GATEWAY, 9, "62.35")], ids=["own", "late", "other"]
)
def test_two_real_weighings_stay_two(recent: Recent) -> None:
    assert isinstance(judge(weighing(time_quality="received"), recent=recent), Accepted)


def test_the_same_device_moment_and_kind_is_taken_once_and_what_is_new_is_kept() -> None:
    fuller = weighing(values=(Value("body-weight", "62.30", "kg"), Value("impedance", "512", "Ohm")))
    found = judge(fuller, recent=seen(GATEWAY, 0))
    assert isinstance(found, Accepted)
    assert [value.kind for value in found.values] == ["impedance"]
    assert isinstance(judge(weighing(), recent=seen(GATEWAY, 0)), Duplicate)


@given(readings())
def test_whatever_arrives_becomes_exactly_one_outcome_and_a_kept_value_is_plausible(reading: Reading) -> None:
    open_home = home(devices={reading.device: DeviceFacts({-1: HANAKO})})
    found = accept(reading, GATEWAY, open_home, Recent(), NOW)
    assert isinstance(found, Accepted | Unassigned | Refused | Duplicate)
    if isinstance(found, Accepted | Unassigned):
        kept = {value.kind for value in found.values}
        assert kept | set(found.dropped) == {value.kind for value in reading.values}
        for value in found.values:
            assert KINDS[value.kind].low <= value.value <= KINDS[value.kind].high


def test_who_says_to_be_another_person_has_measured_something_else() -> None:
    """Two visitors of one spot with the same digits in ten minutes, heard by its two gateways."""
    first = weighing(time_quality="received", user_slot=None, person_hint=TARO)
    pairs = frozenset({("body-weight", "62.30")})
    for owner, fate in ((Owner(TARO, "sure"), Duplicate), (Owner(HANAKO, "sure"), Accepted), (None, Duplicate)):
        seen = Seen("b" * 26, OTHER_GATEWAY, None, first.measured_at - timedelta(minutes=3), pairs, owner)
        assert isinstance(judge(first, recent=Recent({}, {DEVICE: [seen]})), fate)

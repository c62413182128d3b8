"""Each red flag ends in exactly one way with a reason, through the real intake; the last fresh instant is exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from engine.contract.reading import Reading, Value
from engine.contract.wire import Malformed
from engine.household import DeviceFacts, Household
from engine.intake import Accepted, Duplicate, OfRoom, Recent, Refused, Unassigned, accept
from engine.urgent import Ending, Owner, asks_again, ending, topic_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
# Days are cut at 04:00 in Japan: the first instant of the seven days that end today.
FIRST = datetime(2026, 11, 14, 19, 0, tzinfo=UTC)
HOME, DEVICE, HANAKO, TARO = "h-abcdefghijklm", "d-abcdefghijklm", "r-hanakohanako2", "r-tarotarotaro3"
PEOPLE = frozenset({HANAKO, TARO})
GATEWAY = "g-abcdefghijklm"


def cuff(systolic: str = "186", diastolic: str = "95", **more: Any) -> Reading:
    base = Reading(
        id="abcdefghijklmnopqrstuvwxyz", device=DEVICE, profile="sig-blood-pressure", user_slot=1,
        measured_at=NOW - timedelta(minutes=5), time_quality="device", received_at=NOW,
        values=(Value("systolic", systolic, "mm[Hg]"), Value("diastolic", diastolic, "mm[Hg]")),
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)


def heard(reading: Reading, *, recording: frozenset[str] = PEOPLE, experimental: bool = False) -> Ending | None:
    """How a reading of slot 1 (Hanako's) ends after the real intake."""
    facts = DeviceFacts({1: HANAKO, 2: TARO}, experimental)
    home = Household(HOME, PEOPLE, recording, {DEVICE: facts})
    return ending(accept(reading, GATEWAY, home, Recent(), NOW), NOW)


def test_of_a_surely_known_person_it_is_urgent() -> None:
    assert heard(cuff()) == Ending("urgent", "sure", ("systolic",), HANAKO)
    assert heard(cuff("140", "110")) == Ending("urgent", "sure", ("diastolic",), HANAKO)
    assert heard(cuff("179", "109")) is None


def test_of_nobody_or_somebody_probable_the_home_measures_again() -> None:
    assert heard(cuff(user_slot=9)) == Ending("again", "nobodys", ("systolic",))
    reading = cuff()
    values = tuple(item for item in _stored(reading))
    assumed = Accepted(reading, TARO, "assumed", values)
    assert ending(assumed, NOW) == Ending("again", "assumed", ("systolic",), TARO)


def test_only_for_a_red_flag_that_is_not_surely_somebodys_the_home_is_asked_again() -> None:
    def asked(reading: Reading, recording: frozenset[str] = PEOPLE) -> bool:
        household = Household(HOME, PEOPLE, recording, {DEVICE: DeviceFacts({1: HANAKO}, False)})
        return asks_again(accept(reading, GATEWAY, household, Recent(), NOW), NOW)

    assert asked(cuff(user_slot=9))
    assert not asked(cuff(user_slot=9, values=cuff("128", "76").values))
    assert not asked(cuff())
    assert not asked(cuff(), recording=frozenset())
    assert not asks_again(Malformed("bad", "unknown-field", b"{}"), NOW)


def _stored(reading: Reading) -> Any:
    found = accept(reading, GATEWAY, Household(HOME, PEOPLE, PEOPLE, {}), Recent(), NOW)
    assert isinstance(found, Unassigned)
    return found.values


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quality": 0.9}, "preliminary"), ({"measured_at": NOW + timedelta(hours=25)}, "future"),
        ({"measured_at": datetime(2012, 12, 31, tzinfo=UTC)}, "past"), ({"measured_at": NOW + timedelta(minutes=1)}, "clock"),
        ({"measured_at": FIRST - timedelta(microseconds=1)}, "late"),
    ],
)  # fmt: skip
def test_what_cannot_be_acted_on_is_refused_with_its_reason(change: dict[str, Any], code: str) -> None:
    found = heard(cuff(**change))
    assert found is not None
    assert (found.way, found.code, found.kinds) == ("refused", code, ("systolic",))


def test_a_reading_as_old_as_the_rules_look_is_still_urgent() -> None:
    assert heard(cuff(measured_at=FIRST)) == Ending("urgent", "sure", ("systolic",), HANAKO)
    assert heard(cuff(measured_at=NOW)) == Ending("urgent", "sure", ("systolic",), HANAKO)


def test_an_unproven_family_alarms_nobody_and_says_so() -> None:
    found = heard(cuff(), experimental=True)
    assert found == Ending("refused", "experimental", ("systolic",), HANAKO)
    assert heard(cuff(user_slot=9), experimental=True) == Ending("refused", "experimental", ("systolic",))


def test_without_consent_to_record_it_is_refused_and_names_nobody() -> None:
    assert heard(cuff(), recording=frozenset({TARO})) == Ending("refused", "no-consent", ("systolic",))


@pytest.mark.parametrize(
    ("owner", "code"), [(Owner(active=False), "inactive"), (Owner(advised=False), "no-consent"), (Owner(active=False, advised=False), "inactive")]
)  # fmt: skip
def test_who_takes_no_part_or_wants_no_advice_gets_no_item(owner: Owner, code: str) -> None:
    outcome = accept(
        cuff(), GATEWAY, Household(HOME, PEOPLE, PEOPLE, {DEVICE: DeviceFacts({1: HANAKO})}), Recent(), NOW
    )
    assert ending(outcome, NOW, owner) == Ending("refused", code, ("systolic",), HANAKO)


def test_the_consent_of_the_owner_never_hides_a_red_flag_of_nobody() -> None:
    nobodys = Unassigned(cuff(), _stored(cuff()))
    assert ending(nobodys, NOW, Owner(active=False, advised=False)) == Ending("again", "nobodys", ("systolic",))


def test_a_duplicate_has_no_end_of_its_own_and_a_room_none_at_all() -> None:
    assert ending(Duplicate(cuff(), "another"), NOW) is None
    assert ending(OfRoom(cuff(), ()), NOW) is None
    assert ending(Refused(cuff("120", "80"), "conflict"), NOW) is None


def test_pressure_speaks_before_the_pulse() -> None:
    assert topic_of(("pulse-rate", "systolic")) == "blood-pressure"
    assert topic_of(("diastolic",)) == "blood-pressure"
    assert topic_of(("resting-heart-rate",)) == "heart"

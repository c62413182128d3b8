"""Who is counted, in which cells, and that one person never counts for more than the stated bound."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.consent import Event
from engine.refusal import Refusal
from fhir_bridge.aggregate import Subject, Weighed, body_of, cells_of, may_link, tallied
from fhir_bridge.aggregate_join import Body, Interest, Row, Taste, joined, token
from fhir_bridge.privacy_release import Tally
from fhir_bridge.privacy_tables import tables
from fhir_bridge.privacy_units import Period
from simulators.attack.world import FIRST, plan_for
from simulators.city.rows import CODES, INTERESTS, SERVICES
from simulators.city.rows import rows as residents

TOKYO = ZoneInfo("Asia/Tokyo")
CUTOFF = FIRST.cutoff(TOKYO)
SECOND = timedelta(seconds=1)
NAME = "r-aaaaaaaaaaaaa"
KEY = bytes(range(32))


def _says(granted: bool, at: datetime, seq: int = 1, **scope: Any) -> Event:
    scope.setdefault("purpose", "open-statistics")
    return Event(resident=NAME, granted=granted, at=at, seq=seq, **scope)


YES = _says(True, datetime(2026, 1, 1, tzinfo=UTC))
INSIDE = Weighed(datetime(2026, 6, 1, tzinfo=UTC), Decimal("60.0"), True)
WHOLE = Subject(
    born=date(1980, 5, 5), sex="female", height_cm=Decimal(160), weights=(INSIDE,), consents=(YES,)
)  # fmt: skip


def _body(subject: Subject = WHOLE) -> Body | None:
    return body_of(subject, b"t", FIRST, TOKYO)


def _other(**changes: Any) -> Body | None:
    return _body(msgspec.structs.replace(WHOLE, **changes))


def test_a_resident_who_allows_it_is_counted_with_age_and_bmi_of_the_cutoff() -> None:
    body = _body()
    assert body is not None
    assert (body.age, body.sex, body.bmi) == (46, "female", Decimal("23.4"))


@pytest.mark.parametrize(
    "changes",
    [
        {"consents": ()},
        {"alive": False},
        {"height_cm": None},
        {"height_cm": Decimal(16)},
        {"weights": ()},
        {"weights": (msgspec.structs.replace(INSIDE, sound=False),)},
        {"weights": (msgspec.structs.replace(INSIDE, kg=Decimal(6)),)},
        {"weights": (msgspec.structs.replace(INSIDE, at=datetime(2026, 3, 31, 14, 59, tzinfo=UTC)),)},
        {"weights": (msgspec.structs.replace(INSIDE, at=CUTOFF),)},
        {"born": date(2006, 10, 1)},
        {"consents": (msgspec.structs.replace(YES, purpose="record"),)},
        {"consents": (msgspec.structs.replace(YES, until=CUTOFF),)},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_nobody_is_counted_without_consent_age_height_and_a_sound_weight_of_the_period(changes: dict[str, Any]) -> None:
    assert _other(**changes) is None


def test_who_turns_20_on_the_last_day_is_counted() -> None:
    assert _other(born=date(2006, 9, 30)) is not None


def test_a_weight_of_the_first_and_of_the_last_moment_in_japan_counts() -> None:
    for moment in (datetime(2026, 3, 31, 15, tzinfo=UTC), CUTOFF - SECOND):
        assert _other(weights=(msgspec.structs.replace(INSIDE, at=moment),)) is not None


def test_a_no_one_second_before_the_cutoff_holds_and_one_second_after_does_not() -> None:
    assert _other(consents=(YES, _says(False, CUTOFF - SECOND, 2))) is None
    assert _other(consents=(YES, _says(False, CUTOFF + SECOND, 2))) is not None
    following = body_of(
        msgspec.structs.replace(
            WHOLE, consents=(YES, _says(False, CUTOFF + SECOND, 2)),
            weights=(msgspec.structs.replace(INSIDE, at=CUTOFF + 9 * SECOND),),
        ), b"t", FIRST.next, TOKYO,
    )  # fmt: skip
    assert following is None


def test_ten_thousand_weights_of_two_devices_are_one_person_with_the_last_of_them() -> None:
    many = [
        Weighed(INSIDE.at + timedelta(minutes=number), Decimal(50 + number % 40), number % 7 != 0)
        for number in range(10_000)
    ]
    body = _other(weights=many)
    assert body is not None
    assert body.bmi == Decimal("34.8")  # the last one is sound: 89 kg
    once = tallied(plan_for(300), [*residents(299, 1), Row(body)])
    assert isinstance(once, Tally)
    assert (once.people, sum(once.counts[0])) == (300, 300)


def test_interests_are_joined_only_for_a_service_that_was_allowed() -> None:
    yes = _says(True, YES.at, purpose="interest-link", recipient="library")
    assert may_link((yes,), "library", FIRST, TOKYO)
    assert not may_link((yes,), "bus", FIRST, TOKYO)
    gone = _says(False, CUTOFF - SECOND, 2, purpose="interest-link", recipient="library")
    assert not may_link((yes, gone), "library", FIRST, TOKYO)


def _cells(row: Row, people: int = 1_000) -> dict[str, list[tuple[str, ...]]]:
    return {t.id: cells_of(row, t) for t in tables(("T1", "T2", "T3", "T4"), CODES, people, plan_for(300).mechanism)}


def test_ten_interests_and_seven_services_count_as_three_and_two() -> None:
    body = Body(b"t", 62, "male", Decimal("25.0"))
    keen = Row(body, tuple(Interest(code, 10 - n) for n, code in enumerate(INTERESTS)), frozenset(SERVICES))
    found = _cells(keen)
    assert found["T1"] == [("60-69", "25-29.9")]
    assert found["T2"] == [("40-64", "25UP", code) for code in INTERESTS[:-4:-1]]
    assert found["T3"] == [("male", "40-64", "25-29.9")]
    assert len(found["T4"]) == 2
    assert _cells(keen, 20_000)["T2"][0] == ("60-69", "25-29.9", INTERESTS[-1])


def test_equal_ranks_are_decided_by_the_release_and_not_by_the_order_of_the_list() -> None:
    equal = tuple(Interest(code, 1) for code in INTERESTS)
    chosen = set()
    for number in range(40):
        body = Body(number.to_bytes(2), 30, None, Decimal(22))
        first, second = _cells(Row(body, equal)), _cells(Row(body, equal[::-1]))
        assert first == second
        chosen |= {cell[2] for cell in first["T2"]}
    assert chosen == set(INTERESTS)


def test_who_told_no_sex_or_likes_what_no_list_has_is_left_out_of_that_table_only() -> None:
    odd = (Interest("unlisted", 1), Interest("walking", 2), Interest("walking", 3))
    found = _cells(Row(Body(b"t", 25, None, Decimal(18)), odd, frozenset({"bus"})))
    assert found == {"T1": [("20-29", "U18.5")], "T2": [("20-39", "U25", "walking")], "T3": [], "T4": []}


def test_one_person_twice_is_refused_wherever_it_shows() -> None:
    body = Body(b"t", 25, None, Decimal(18))
    refusals = [
        joined([body, body], []), joined([body], [Taste(b"t"), Taste(b"t")]),
        tallied(plan_for(300), [Row(body), Row(body)]),
    ]  # fmt: skip
    assert [refusal.code if isinstance(refusal, Refusal) else None for refusal in refusals] == ["same-person-twice"] * 3


def test_rows_meet_by_token_only_and_interests_of_others_are_dropped() -> None:
    mine, stranger = token(KEY, "r-1", "2026H1"), token(KEY, "r-2", "2026H1")
    found = joined(
        [Body(mine, 25, None, Decimal(18))],
        [Taste(stranger, [Interest("ski", 1)]), Taste(mine, [Interest("bath", 1)], ["bus"])],
    )
    assert not isinstance(found, Refusal)
    assert [(row.body.token, row.interests, row.services) for row in found] == [
        (mine, (Interest("bath", 1),), frozenset({"bus"}))
    ]


def test_tokens_of_two_releases_have_nothing_in_common() -> None:
    other = bytes(32)
    made = {token(key, who, period) for key in (KEY, other) for who in ("r-1", "r-2") for period in ("a", "b")}
    assert len(made) == 8
    assert token(KEY, "r-1", "a") == token(KEY, "r-1", "a")
    assert token(KEY, "br", "a") != token(KEY, "r", "ab")
    for short in ((b"short", "r-1", "a"), (KEY, "", "a"), (KEY, "r-1", "")):
        with pytest.raises(ValueError, match="32 bytes"):
            token(*short)


def test_rows_and_true_counts_print_nothing_and_can_be_written_nowhere() -> None:
    tally = tallied(plan_for(300), residents(300, 2))
    body = Body(b"secret-token", 47, "female", Decimal("31.7"))
    for value in (body, Taste(b"secret-token", [Interest("ski", 1)]), Row(body), tally):
        assert repr(value) == f"{type(value).__name__}(withheld)"
        assert str(value) == f"{value}" == repr(value)
        for write in (pickle.dumps, copy.copy, json.dumps, msgspec.json.encode, msgspec.msgpack.encode):
            with pytest.raises(TypeError):
                write(value)


def test_a_plan_for_another_number_of_people_is_not_counted() -> None:
    rows = residents(300, 3)
    many = tallied(plan_for(20_000), rows)
    few = tallied(plan_for(1_000), rows[:299])
    assert [found.code if isinstance(found, Refusal) else None for found in (many, few)] == [
        "other-population", "population-too-small",
    ]  # fmt: skip


def test_counts_agree_with_a_plain_recount() -> None:
    rows = residents(2_000, 4)
    for period in (FIRST, FIRST.next, Period(2027, 1)):
        plan = plan_for(2_000, period)
        found = tallied(plan, rows)
        assert isinstance(found, Tally)
        for table, counts in zip(plan.tables, found.counts, strict=True):
            told = [cell for row in rows for cell in cells_of(row, table)]
            assert list(counts) == [told.count(cell) for cell in table.cells]

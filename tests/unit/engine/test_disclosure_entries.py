"""When a resident sees what other houses told: one edition of each thing, never a new name before a doctor's word."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.care_entries import SORTS, Entry, current
from engine.clinical import SOURCES
from engine.disclosure import (
    AfterRelease,
    Later,
    Shown,
    Term,
    class_of_entry,
    classes,
    policy_of,
    sight_of,
    sighted_entries,
)
from engine.records import brought, shelves_of
from tests.homes import HANAKO

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = policy_of({})


def entry(number: int = 1, name: str = "アムロジピン錠5mg", **more: object) -> Entry:
    base = Entry(
        id=f"e-{number}", resident=HANAKO, sort="medication", name=name, origin="choukai-net", remote="MedicationRequest/1",
        version=str(number), recorded_at=NOW - (20 - number) * DAY,
    )  # fmt: skip
    return msgspec.structs.replace(base, **more)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("hospital", "document"), ("lab", "document"), ("import", "document"), ("checkup", "checkup"), ("resident", "own"),
     ("family", "own"), ("nurse", "nurse")],
)  # fmt: skip
def test_what_a_house_wrote_waits_and_what_the_person_knows_does_not(source: str, expected: str) -> None:
    assert class_of_entry(entry(source=source)) == expected
    waits = isinstance(sight_of(entry(source=source), [], POLICY, {}, NOW), AfterRelease)
    assert waits is (expected == "document")


def test_every_source_has_a_class_that_there_is() -> None:
    assert {class_of_entry(entry(source=source)) for source in SOURCES} <= {one.name for one in classes()}


def test_a_thing_that_waits_is_counted_and_not_named_until_it_is_released() -> None:
    hidden = sighted_entries([entry()], POLICY, {}, NOW)
    assert (hidden.shown, hidden.waiting) == ((), 1)
    seen = sighted_entries([entry()], POLICY, {"e-1": NOW - DAY}, NOW)
    assert ([one.id for one in seen.shown], seen.waiting, seen.since) == (["e-1"], 0, {"e-1": NOW - DAY})
    assert sighted_entries([entry()], POLICY, {"e-1": NOW + DAY}, NOW).shown == ()


def test_who_was_told_of_a_medicine_learns_at_once_that_it_ended() -> None:
    ended = entry(2, status="past", detail="中止")
    seen = sighted_entries([entry(), ended], POLICY, {"e-1": NOW - 19 * DAY}, NOW)
    assert [(one.id, one.status) for one in seen.shown] == [("e-2", "past")]
    assert seen.since == {"e-2": ended.recorded_at}


def test_under_another_name_a_thing_waits_for_a_new_word_and_the_last_one_seen_stays() -> None:
    renamed = entry(2, "ほかの薬")
    seen = sighted_entries([entry(), renamed], POLICY, {"e-1": NOW - 19 * DAY}, NOW)
    assert ([one.id for one in seen.shown], seen.waiting) == (["e-1"], 1)
    both = sighted_entries([entry(), renamed], POLICY, {"e-1": NOW - 19 * DAY, "e-2": NOW}, NOW)
    assert ([one.id for one in both.shown], both.waiting) == (["e-2"], 0)


def test_what_was_told_in_error_is_gone_and_said_to_be_gone_only_to_who_saw_it() -> None:
    wrong = entry(2, status="wrong")
    unseen = sighted_entries([entry(), wrong], POLICY, {}, NOW)
    assert (unseen.shown, unseen.waiting, unseen.gone) == ((), 0, ())
    seen = sighted_entries([entry(), wrong], POLICY, {"e-1": NOW - 19 * DAY}, NOW)
    assert (seen.shown, [one.id for one in seen.gone]) == ((), ["e-2"])


def test_a_town_may_show_documents_after_days_and_the_day_is_announced() -> None:
    policy = policy_of({"document": Term("after-days", 30)})
    told = sighted_entries([entry()], policy, {}, NOW)
    assert (told.shown, told.later, told.waiting) == ((), {date(2026, 12, 2): 1}, 0)
    opens = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
    assert isinstance(sight_of(entry(), [entry()], policy, {}, opens - DAY), Later)
    seen = sighted_entries([entry()], policy, {}, opens)
    assert seen.since == {"e-1": opens}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Entry], dict[str, datetime]]:
    """Editions of a few things under a few names, some of them released."""
    found = [
        entry(
            number, draw(st.sampled_from("ab")), sort=draw(st.sampled_from(SORTS)), remote=draw(st.sampled_from("xyz")),
            status=draw(st.sampled_from(["active", "past", "wrong"])), source=draw(st.sampled_from(SOURCES)),
            recorded_at=NOW - draw(st.integers(0, 60)) * DAY,
        )
        for number in range(draw(st.integers(0, 8)))
    ]  # fmt: skip
    given_ = draw(st.lists(st.sampled_from([one.id for one in found]), unique=True) if found else st.just([]))
    return found, {name: NOW - draw(st.integers(-5, 60)) * DAY for name in given_}


@given(held=histories(), terms=st.sampled_from(["at-once", "after-release"]))
def test_one_edition_of_a_thing_is_shown_at_most_and_every_thing_is_shown_or_counted(
    held: tuple[list[Entry], dict[str, datetime]], terms: str
) -> None:
    entries, releases = held
    policy = policy_of({"document": Term("at-once")} if terms == "at-once" else {})
    seen = sighted_entries(entries, policy, releases, NOW)
    things = {(one.origin, one.remote) for one in current(entries, NOW)}
    shown = [(one.origin, one.remote) for one in seen.shown]
    assert len(shown) == len(set(shown))
    assert set(shown) <= things
    assert len(things) <= len(shown) + seen.waiting + sum(seen.later.values())
    assert all(isinstance(sight_of(one, entries, policy, releases, NOW), Shown) for one in seen.shown)
    assert all(seen.since[one.id] <= NOW for one in seen.shown)
    assert all(one.status == "wrong" for one in seen.gone)


@given(held=histories(), days=st.integers(0, 100))
def test_what_was_seen_once_stays_seen_while_nobody_tells_anything_new(
    held: tuple[list[Entry], dict[str, datetime]], days: int
) -> None:
    entries, releases = held
    before = sighted_entries(entries, POLICY, releases, NOW)
    after = sighted_entries(entries, POLICY, releases, NOW + days * DAY)
    assert {(one.origin, one.remote) for one in before.shown} <= {(one.origin, one.remote) for one in after.shown}


def test_the_shelves_part_what_is_so_now_from_what_has_ended() -> None:
    things = [
        entry(1, at=NOW - 90 * DAY), entry(2, remote="2", status="past"), entry(3, remote="3", until=NOW),
        entry(4, remote="4", until=NOW + DAY), entry(5, sort="document", remote="5"),
    ]  # fmt: skip
    found = shelves_of(things, NOW)
    assert found.keys() == set(SORTS)
    assert [one.id for one in found["medication"].now] == ["e-1", "e-4"]
    assert [one.id for one in found["medication"].over] == ["e-2", "e-3"]
    assert [one.id for one in found["document"].now] == ["e-5"]
    assert (brought(things[0], NOW).day, brought(things[3], NOW).until) == (date(2026, 8, 23), date(2026, 11, 22))

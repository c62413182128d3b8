"""Who may act for somebody: each basis with its own law, its own end, and nothing beyond what it is good for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.acting import (
    BASES,
    GROUNDS,
    SCOPES,
    SPOKEN_FOR,
    Acting,
    Draft,
    against,
    drafted,
    ended,
    ends,
    holds,
    majority,
    may_say,
    scope_at,
)
from engine.consent import PURPOSES, Event
from engine.dates import age_on
from engine.refusal import Refusal
from engine.web.me.family_scope import GROUPS, Grant, acting_grant, both

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
JST = ZoneInfo("Asia/Tokyo")
CHILD, GROWN = date(2014, 5, 5), date(1951, 5, 5)
RESIDENT, MOTHER = "r-hanakohanako2", "m-aaaaaaaaaaaaa"


def draft(basis: str = "parent", **more: Any) -> Draft:
    fields: dict[str, Any] = {"basis": basis, "scope": ["see", "enter", "consents", "requests"], "seen": "戸籍 第1号"}
    return Draft(**(fields | more))


def made(wish: Draft, birth: date = CHILD, actor: str = MOTHER) -> Acting | Refusal:
    return drafted(wish, id="j-aaaaaaaaaaaaa", resident=RESIDENT, birth=birth, actor=actor, by="s-n", now=NOW)


def good(wish: Draft, birth: date = CHILD) -> Acting:
    found = made(wish, birth)
    assert isinstance(found, Acting), found
    return found


def code(wish: Draft, birth: date = GROWN, actor: str = MOTHER) -> str:
    found = made(wish, birth, actor)
    return found.code if isinstance(found, Refusal) else "taken"


CARE = {"scope": ["see"], "until": date(2027, 3, 31), "agreed_by": RESIDENT}
NAMED = {"scope": ["see-weight", "requests"]}


@pytest.mark.parametrize(
    ("wish", "birth", "told"),
    [
        (draft("aunt"), CHILD, "unknown-basis"),
        (draft(), GROWN, "not-a-minor"),
        (draft(), CHILD, "taken"),
        (draft(seen="  "), CHILD, "needs-paper"),
        (draft(scope=["enter"]), CHILD, "nothing-chosen"),
        (draft(scope=["see", "sign-in"]), CHILD, "unknown-scope"),
        (draft(until=date(2026, 11, 20)), CHILD, "until-past"),
        (draft(until=date(2026, 11, 21)), CHILD, "taken"),
        (draft(until=date(1, 1, 1)), CHILD, "until-past"),
        (draft("guardian", until=date.max), GROWN, "unreadable-date"),
        (draft("guardian", until=date(2099, 12, 31)), GROWN, "taken"),
        (draft("guardian"), GROWN, "taken"),
        (draft("curator"), GROWN, "not-named"),
        (draft("assistant"), GROWN, "not-named"),
        (draft("curator", **NAMED), GROWN, "taken"),
        (draft("agent", scope=["see"]), GROWN, "needs-agreement"),
        (draft("agent", scope=["see"], agreed_by=RESIDENT), GROWN, "taken"),
        (draft("agent", agreed_by=RESIDENT), GROWN, "not-offered"),
        (draft("care-manager", **CARE), GROWN, "taken"),
        (draft("care-manager", **(CARE | {"until": None})), GROWN, "needs-end"),
        (draft("care-manager", **(CARE | {"until": date(2027, 11, 21)})), GROWN, "taken"),
        (draft("care-manager", **(CARE | {"until": date(2027, 11, 23)})), GROWN, "too-long"),
        (draft("care-manager", **(CARE | {"agreed_by": None})), GROWN, "needs-agreement"),
        (draft("care-manager", **(CARE | {"scope": ["see", "consents"]})), GROWN, "not-offered"),
    ],
)
def test_a_basis_is_entered_with_what_its_law_asks_for_or_not_at_all(wish: Draft, birth: date, told: str) -> None:
    assert code(wish, birth) == told


def test_nobody_acts_for_themselves_nor_from_an_account_of_staff_and_a_care_manager_is_no_resident() -> None:
    assert code(draft(), CHILD, RESIDENT) == "themselves"
    assert code(draft(), CHILD, "s-nursenursenur") == "no-account"
    assert code(draft(), CHILD, "r-tarotarotaro3") == "taken"
    assert code(draft("care-manager", **CARE), actor="r-tarotarotaro3") == "no-account"


def test_every_basis_names_its_law_and_only_the_law_s_own_representatives_speak_of_consents() -> None:
    assert all(any(sign in GROUNDS[basis].law for sign in ("民法", "介護保険法")) for basis in BASES)
    speaking = {basis for basis in BASES if "consents" in GROUNDS[basis].offers}
    assert speaking == {"parent", "guardian", "curator", "assistant"}
    assert {basis for basis in BASES if GROUNDS[basis].by_resident} == {"agent", "care-manager"}


births = st.dates(min_value=date(2008, 1, 1), max_value=date(2026, 11, 20)) | st.sampled_from(
    [date(2012, 2, 29), date(2016, 2, 29), date(2008, 11, 22), date(2008, 11, 23)]
)


@given(birth=births, step=st.integers(min_value=-3, max_value=3))
def test_a_parent_acts_until_midnight_of_the_18th_birthday_and_never_of_an_adult(birth: date, step: int) -> None:
    found = made(draft(), birth)
    if age_on(birth, NOW.astimezone(JST).date()) >= 18:
        assert isinstance(found, Refusal)
        return
    assert isinstance(found, Acting)
    edge = majority(birth)
    assert age_on(birth, edge.date()) == 18
    assert age_on(birth, edge.date() - timedelta(days=1)) == 17
    moment = edge + step * timedelta(seconds=1)
    if moment >= NOW:
        assert holds(found, birth, moment) is (step < 0)


def test_from_fifteen_on_the_young_person_speaks_of_consents_and_the_parent_still_sees() -> None:
    found = good(draft(), date(2012, 11, 22))
    day = datetime(2027, 11, 22, tzinfo=JST)
    before, after = day - timedelta(seconds=1), day
    assert scope_at(found, date(2012, 11, 22), before) == {"see", "enter", "consents", "requests"}
    assert scope_at(found, date(2012, 11, 22), after) == {"see", "enter", "requests"}
    guardian = good(draft("guardian"), date(2012, 11, 22))
    assert "consents" in scope_at(guardian, date(2012, 11, 22), after)


@given(purpose=st.sampled_from(PURPOSES), granted=st.booleans(), scope=st.sets(st.sampled_from(SCOPES)))
def test_a_representative_says_yes_only_to_the_person_s_own_care_and_no_to_anything(
    purpose: Any, granted: bool, scope: set[str]
) -> None:
    found = made(draft("guardian", scope=sorted(scope | {"see"})), GROWN)
    assert isinstance(found, Acting)
    refused = may_say(found, GROWN, purpose, NOW, granted=granted)
    allowed = "consents" in scope and (not granted or purpose in SPOKEN_FOR)
    assert (refused is None) is allowed
    assert may_say(found, GROWN, purpose, NOW - timedelta(seconds=1), granted=granted) is not None


def test_learning_statistics_interests_and_showing_to_others_are_never_a_representative_s_to_give() -> None:
    assert {"record", "advice", "nurse-review", "care-share"} == SPOKEN_FOR
    assert not SPOKEN_FOR & {"learning", "open-statistics", "interest-link", "family-view", "mirror-display"}


def test_what_the_law_made_the_resident_does_not_end_and_what_they_gave_they_take_back_at_once() -> None:
    given_ = good(draft("care-manager", **CARE), GROWN)
    over = ended(given_, RESIDENT, "resident", NOW + timedelta(hours=1))
    assert isinstance(over, Acting)
    assert not holds(over, GROWN, NOW + timedelta(hours=1))
    assert holds(over, GROWN, NOW)
    twice = ended(over, RESIDENT, "resident", NOW + timedelta(hours=2))
    assert isinstance(twice, Refusal)
    assert twice.code == "already-ended"
    lawful = ended(good(draft("guardian"), GROWN), RESIDENT, "resident", NOW)
    assert isinstance(lawful, Refusal)
    assert lawful.code == "not-yours"


def test_the_end_that_is_told_is_the_first_of_paper_and_birthday() -> None:
    assert ends(good(draft()), CHILD) == datetime(2032, 5, 5, tzinfo=JST)
    assert ends(good(draft(until=date(2027, 1, 31))), CHILD) == datetime(2027, 2, 1, tzinfo=JST)
    assert ends(good(draft("guardian"), GROWN), GROWN) is None


groups = st.sets(st.sampled_from(tuple(GROUPS))).map(lambda found: tuple(name for name in GROUPS if name in found))


@given(word=groups, everything=st.booleans(), scope=st.sets(st.sampled_from(SCOPES)), bases=st.integers(0, 2))
def test_whoever_has_a_word_and_a_law_sees_what_either_gives_and_no_more(
    word: tuple[str, ...], everything: bool, scope: set[str], bases: int
) -> None:
    said = Grant(everything=everything, groups=tuple(GROUPS) if everything else word, until=None)
    one = good(draft("guardian"), GROWN)
    held = [msgspec.structs.replace(one, scope=tuple(sorted(scope)))] * bases
    law = acting_grant(held, GROWN, NOW)
    found = both(said, law)
    seen = {part.removeprefix("see-") for part in scope if part.startswith("see-")} if bases else set()
    all_by_law = bool(bases) and "see" in scope
    assert found.everything is (everything or all_by_law)
    assert set(found.groups) == (set(GROUPS) if all_by_law else seen) | set(said.groups)
    assert (found.basis() is not None) is (bool(bases) and bool(scope))
    for part in SCOPES:
        assert (found.basis(part) is not None) is (bool(bases) and part in scope)


def word(granted: bool, minute: int = 0, **more: Any) -> Event:
    at = NOW + timedelta(minutes=minute)
    said = Event(resident=RESIDENT, purpose="care-share", granted=granted, at=at, channel="page")
    return msgspec.structs.replace(said, **more)


@pytest.mark.parametrize(
    ("before", "free"),
    [
        ([], True),
        ([word(granted=False)], False),
        ([word(granted=False, recipient="市立病院")], False),
        ([word(granted=False, recipient="医院")], True),
        ([word(granted=False, kind="body-weight")], False),
        ([word(granted=False, channel="paper", recipient=None)], False),
        ([word(granted=False, purpose="advice")], True),
        ([word(granted=False, channel="acting")], True),
        ([word(granted=False), word(granted=True, minute=1)], True),
        ([word(granted=True), word(granted=False, minute=1)], False),
        ([word(granted=False), word(granted=True, minute=1, channel="acting")], False),
    ],
)
def test_no_representative_turns_the_resident_s_own_no_into_a_yes(before: list[Event], free: bool) -> None:
    guardian, parent = good(draft("guardian"), GROWN), good(draft())
    yes = word(granted=True, minute=9, recipient="市立病院", channel="acting")
    refused = against(guardian, before, yes)
    assert (refused is None, refused and refused.code) == (free, None if free else "own-no")
    assert against(guardian, before, msgspec.structs.replace(yes, granted=False)) is None
    assert against(parent, before, yes) is None


def test_of_two_bases_the_one_is_named_that_allows_what_is_done() -> None:
    teen = date(2010, 5, 5)
    parent = good(draft(), teen)
    ward = msgspec.structs.replace(good(draft("guardian", scope=["see", "consents"]), teen), id="j-bbbbbbbbbbbbb")
    grant = acting_grant([parent, ward], teen, NOW)
    assert [one.id if (one := grant.basis(scope)) else None for scope in ("consents", "enter", "see-weight")] == [
        ward.id,
        parent.id,
        None,
    ]

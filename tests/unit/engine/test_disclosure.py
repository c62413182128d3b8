"""When a resident sees what is recorded of them: the promises of the policy, whatever the facts and the hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clinical import SOURCES, Fact
from engine.clinical_codes import catalogue
from engine.disclosure import (
    MODES,
    MOST_DAYS,
    AfterRelease,
    Later,
    Shown,
    Term,
    class_of,
    classes,
    defaults,
    policy_of,
    sighted,
    term,
    visible,
)
from engine.refusal import Refusal
from tests.homes import HANAKO

# 08:00 in Japan.
NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODES = sorted(catalogue())
terms = st.one_of(
    st.sampled_from([Term("at-once"), Term("after-release")]),
    st.integers(1, MOST_DAYS).map(lambda days: Term("after-days", days)),
)
policies = st.fixed_dictionaries(dict.fromkeys(defaults(), terms))
moments = st.integers(-60 * 24, 200 * 24).map(lambda hours: NOW + hours * HOUR)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    return Fact(
        id=f"f-{draw(st.integers(0, 5))}", resident=HANAKO, code=draw(st.sampled_from(CODES)), value="1", at=NOW - 90 * DAY,
        source=draw(st.sampled_from(SOURCES)), recorded_at=draw(moments),
    )  # fmt: skip


def fact(source: str, code: str = "lab.hba1c", **more: object) -> Fact:
    raw = {"id": "f-1", "resident": HANAKO, "code": code, "value": "1", "at": NOW, "source": source, "recorded_at": NOW}
    return msgspec.convert(raw | more, Fact)


def test_every_source_and_code_has_a_class() -> None:
    missing = [(source, code) for source in SOURCES for code in CODES if class_of(fact(source, code)) is None]
    assert missing == []


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        ("resident", "has.diabetes", Shown()),
        ("checkup", "lab.hba1c", Shown()),
        ("nurse", "med.insulin", Shown()),
        ("lab", "lab.hba1c", Later(date(2026, 11, 28))),
        ("hospital", "lab.hba1c", Later(date(2026, 11, 28))),
        ("derived", "lab.non-hdl", Later(date(2026, 11, 28))),
        ("hospital", "has.cancer-active", AfterRelease()),
        ("import", "allergy.to-food", AfterRelease()),
    ],
)
def test_the_defaults_show_what_is_the_persons_own_and_let_the_doctor_speak_first(
    source: str, code: str, expected: object
) -> None:
    assert visible(fact(source, code), policy_of({}), {}, NOW) == expected


def test_a_laboratory_value_opens_at_midnight_in_japan_of_its_seventh_day() -> None:
    late = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
    assert isinstance(visible(fact("lab"), policy_of({}), {}, late - timedelta(microseconds=1)), Later)
    assert isinstance(visible(fact("lab"), policy_of({}), {}, late), Shown)


@given(fact=facts(), policy=policies, now=moments, wait=st.integers(0, 400))
def test_what_was_seen_once_stays_seen_under_the_same_policy(
    fact: Fact, policy: dict[str, Term], now: datetime, wait: int
) -> None:
    if isinstance(visible(fact, policy, {}, now), Shown):
        assert isinstance(visible(fact, policy, {}, now + wait * HOUR), Shown)


@given(fact=facts(), policy=policies, now=moments)
def test_a_day_that_was_announced_is_kept(fact: Fact, policy: dict[str, Term], now: datetime) -> None:
    found = visible(fact, policy, {}, now)
    if isinstance(found, Later):
        opens = datetime(found.day.year, found.day.month, found.day.day, tzinfo=UTC) - 9 * HOUR
        assert opens > now
        assert visible(fact, policy, {}, opens - HOUR) == found
        assert isinstance(visible(fact, policy, {}, opens), Shown)


@given(fact=facts(), policy=policies, now=moments, at=moments)
def test_a_release_shows_from_its_instant_on_and_never_hides(
    fact: Fact, policy: dict[str, Term], now: datetime, at: datetime
) -> None:
    without, released = visible(fact, policy, {}, now), visible(fact, policy, {fact.id: at}, now)
    assert released == (Shown() if at <= now else without)


@given(rows=st.lists(facts(), unique_by=lambda row: row.id), policy=policies, now=moments)
def test_every_row_is_shown_announced_or_waiting_and_never_two_of_them(
    rows: list[Fact], policy: dict[str, Term], now: datetime
) -> None:
    found = sighted(rows, policy, {}, now)
    assert len(found.shown) + sum(found.later.values()) + found.waiting == len(rows)
    assert all(isinstance(visible(row, policy, {}, now), Shown) for row in found.shown)


def test_a_row_taken_back_is_announced_no_more_and_its_taking_back_tells_nothing() -> None:
    hidden = fact("hospital", "has.cancer-active")
    back = msgspec.structs.replace(hidden, id="f-2", retracts="f-1", source="nurse")
    assert sighted([hidden], policy_of({}), {}, NOW).waiting == 1
    found = sighted([hidden, back], policy_of({}), {}, NOW)
    assert (found.waiting, found.shown) == (0, ())


def test_a_class_that_a_table_forgot_is_hidden_and_a_name_it_invented_opens_nothing() -> None:
    assert visible(fact("lab"), {}, {}, NOW) == AfterRelease()
    assert policy_of({"everything": Term("at-once")}) == defaults()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("papers", "at-once", 0), "unknown-class"),
        (("lab", "never", 0), "unknown-mode"),
        (("lab", "after-days", 0), "bad-days"),
        (("lab", "after-days", MOST_DAYS + 1), "bad-days"),
        (("lab", "at-once", 3), "bad-days"),
    ],
)
def test_a_term_that_cannot_be_is_refused_by_name(words: tuple[str, str, int], code: str) -> None:
    found = term(*words)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_every_default_is_a_term_one_could_have_said() -> None:
    for one in classes():
        assert term(one.name, one.mode, one.days) == Term(one.mode, one.days)
        assert one.mode in MODES

"""The city's lists in the real store: what is taken, what waits for a person, and what never is."""

from __future__ import annotations

from datetime import date
from random import Random

import msgspec
import pytest
from sqlalchemy import Engine

from engine.exchange_csv import Torn
from engine.exchange_deciding import Done
from engine.exchange_taking import Given, Report, take
from engine.refusal import Refusal
from engine.store import (
    audit,
    repo_consents,
    repo_exchange,
)
from engine.store.database import read
from tests.flow.exchange_home import (
    CITY,
    ELSE,
    HERE,
    TOWN,
    A,
    answer,
    content,
    hide,
    link,
    listed,
    person,
    says,
    sorts,
    waits,
)
from tests.flow.furnished import alone, engine, store
from tests.homes import HANAKO, HOUSEHOLD, NOW, TARO
from tests.web.resident_home import hear, reading

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow


def test_a_list_links_nobody_and_keeps_nothing_of_who_does_not_take_part(store: Engine) -> None:
    first = listed(store, HERE, ELSE)
    assert (first.counts["proposed"], first.counts["others"], first.counts["taken"]) == (1, 1, 0)
    assert person(store).address is None
    with read(store) as connection:
        assert repo_exchange.numbers(connection, TOWN) == []
        [one] = repo_exchange.proposals(connection, None)
        assert (one.resident, one.sort, one.said) == (HANAKO, "link", HERE)
        assert "ジロウ" not in repr(repo_exchange.runs(connection))
    assert isinstance(answer(store, "accept"), Done)
    assert (person(store).address, person(store).insured_number) == ("酒田市本町1-1", "123")
    with read(store) as connection:
        [one] = repo_exchange.proposals(connection, None, states=("accepted",))
        assert one.said is None
    again = listed(store, HERE, ELSE)
    assert again.already
    assert listed(store, HERE, ELSE, after=1).counts["unchanged"] == 1


def test_what_a_dry_run_says_is_what_happens_and_it_leaves_nothing(store: Engine) -> None:
    link(store)
    changed = says(address="酒田市中町2-2", family="鈴木", family_kana="スズキ", state="dead", on=date(2026, 11, 20))
    before = person(store)
    dry = listed(store, changed, dry=True)
    assert person(store) == before
    with read(store) as connection:
        assert repo_exchange.runs(connection) == []
    assert msgspec.structs.replace(listed(store, changed)) == dry
    assert [(act.became, act.what) for act in dry.acts] == [("taken", ("name", "kana", "address", "death"))]
    assert (person(store).family_name, person(store).status) == ("鈴木", "deceased")
    assert sorts(store) == ["death"]
    with read(store) as connection:
        assert audit.verify(connection) is None


def test_who_was_refused_is_not_proposed_again_until_the_list_says_something_else(alone: Engine) -> None:
    listed(alone, HERE)
    assert isinstance(answer(alone, "unlink"), Done)
    assert listed(alone, HERE, after=1).counts["others"] == 1
    assert waits(alone) == []
    assert listed(alone, says(address="酒田市中町2-2"), after=2).counts["proposed"] == 1


def test_a_death_with_readings_since_waits_for_a_person_and_ends_when_the_city_corrects_it(alone: Engine) -> None:
    link(alone)
    hear(alone, reading(1, 0.5, body_weight="62.0"))
    dead = says(state="dead", on=date(2026, 11, 1))
    assert [act.reason for act in listed(alone, dead).acts] == ["readings-since"]
    assert listed(alone, dead, after=1).counts["waits"] == 1
    assert listed(alone, HERE, after=2).counts["unchanged"] == 1
    assert (waits(alone), sorts(alone)) == ([], [])
    listed(alone, dead, after=3)
    done = answer(alone, "accept", after=3)
    assert isinstance(done, Done), done
    assert (sorts(alone), person(alone).status) == (["death"], "deceased")


def test_what_a_person_kept_stays_kept_and_what_moved_back_is_asked(alone: Engine) -> None:
    link(alone)
    gone = says(state="moved-out", on=date(2026, 11, 18), to="131016")
    assert listed(alone, gone).counts["taken"] == 1
    assert person(alone).status == "moved"
    back = says(on=date(2026, 11, 25), address="酒田市中町2-2")
    assert [act.what for act in listed(alone, back, after=4).acts] == [("back",)]
    assert isinstance(answer(alone, "accept", after=4), Done)
    assert (person(alone).status, person(alone).address) == ("active", "酒田市中町2-2")
    assert listed(alone, back, after=5).counts["unchanged"] == 1
    dead = msgspec.structs.replace(back, state="dead", on=date(2026, 12, 30))
    listed(alone, dead, after=6)
    assert isinstance(answer(alone, "keep", after=6), Done)
    assert listed(alone, dead, after=7).counts["unchanged"] == 1
    assert (waits(alone), person(alone).status) == ([], "active")


def test_one_of_a_home_who_moves_is_asked_where_the_devices_stay(alone: Engine) -> None:
    link(alone)
    moved = says(address="酒田市中町2-2", on=date(2026, 11, 19))
    assert [act.what for act in listed(alone, moved).acts] == [("move",)]
    missing = answer(alone, "accept")
    assert isinstance(missing, Refusal)
    assert missing.code == "no-home"
    assert isinstance(answer(alone, "accept", home="none"), Done)
    assert (person(alone).household_id, person(alone).address) == (None, "酒田市中町2-2")
    assert sorts(alone) == ["moved-within"]
    assert person(alone, TARO).household_id == HOUSEHOLD


def test_a_whole_home_that_moves_goes_along(alone: Engine) -> None:
    taro = msgspec.structs.replace(HERE, number="1002", given="太郎", birth=date(1976, 5, 5))
    link(alone)
    link(alone, taro, TARO)
    street = "酒田市中町2-2"
    there = (says(address=street), msgspec.structs.replace(taro, address=street))
    assert listed(alone, *there).counts["taken"] == 2
    assert (person(alone).household_id, person(alone, TARO).address) == (HOUSEHOLD, street)


def test_a_number_that_is_somebody_elses_by_now_changes_nobody(alone: Engine) -> None:
    link(alone)
    other = msgspec.structs.replace(ELSE, number="1001", address="酒田市光ケ丘9-9")
    assert [act.what for act in listed(alone, other).acts] == [("identity",)]
    assert person(alone).address == "酒田市本町1-1"
    assert isinstance(answer(alone, "unlink"), Done)
    with read(alone) as connection:
        assert repo_exchange.numbers(connection, TOWN) == []


def test_behind_a_doubt_that_is_answered_the_rest_of_the_row_is_not_forgotten(alone: Engine) -> None:
    link(alone)
    dead = says(birth=date(1951, 5, 6), state="dead", on=date(2026, 11, 18))
    assert [act.what for act in listed(alone, dead).acts] == [("identity",)]
    done = answer(alone, "accept")
    assert isinstance(done, Done)
    assert done.act is not None
    assert (done.act.what, sorts(alone), person(alone).birth_date) == (("death",), ["death"], date(1951, 5, 6))
    assert listed(alone, dead, after=1).counts["unchanged"] == 1


def test_a_new_number_of_a_known_person_is_a_question_and_then_their_only_one(alone: Engine) -> None:
    link(alone)
    new = says(number="7007")
    report = listed(alone, new)
    assert [act.what for act in report.acts] == [("link",)]
    assert [name for name, _ in report.missing] == [HANAKO]
    assert isinstance(answer(alone, "accept"), Done)
    with read(alone) as connection:
        assert [one.number for one in repo_exchange.numbers(connection, TOWN)] == ["7007"]


def test_who_is_not_on_a_whole_list_is_told_of_and_nothing_else_follows(alone: Engine) -> None:
    link(alone)
    before = person(alone)
    assert listed(alone, ELSE).missing == ((HANAKO, date(2026, 11, 21)),)
    assert listed(alone, ELSE, after=1).missing == ((HANAKO, date(2026, 11, 21)),)
    assert person(alone) == before
    assert listed(alone, HERE, after=2).missing == ()
    with read(alone) as connection:
        assert repo_exchange.missing(connection, None) == []


def test_of_whom_the_city_said_that_they_left_it_may_be_silent_and_they_may_come_back_from_the_next_town(
    alone: Engine,
) -> None:
    link(alone)
    listed(alone, says(state="moved-out", on=date(2026, 11, 18), to="064611"))
    assert isinstance(answer(alone, "accept", home="none"), Done)
    assert (person(alone).municipality_code, person(alone).status) == ("064611", "active")
    assert listed(alone, ELSE, after=2).missing == ()
    back = says(on=date(2026, 11, 23), address="酒田市中町2-2")
    assert [(act.what, act.reason) for act in listed(alone, back, after=3).acts] == [(("move",), "back-here")]
    assert isinstance(answer(alone, "accept", after=3, home="none"), Done)
    assert (person(alone).municipality_code, person(alone).address) == (TOWN, "酒田市中町2-2")
    assert listed(alone, back, after=4).counts["unchanged"] == 1


def test_a_list_of_changes_misses_nobody_and_by_its_mapping_one_bad_row_costs_a_list(alone: Engine) -> None:
    link(alone)
    how = msgspec.structs.replace(A.residents, whole=False, reject="file")
    changes_only = msgspec.structs.replace(A, residents=how)
    given = Given(name="juki_20261121.csv", content=content(ELSE), town=TOWN, mapping=changes_only, by=CITY)
    made = take(alone, given, NOW, Random(1))
    assert isinstance(made, Report)
    assert (made.missing, made.counts["others"]) == ((), 1)
    bad = content(says(address="酒田市中町2-2"), ELSE).replace(b"2002", b"1001")
    torn = take(alone, msgspec.structs.replace(given, name="juki_20261122.csv", content=bad), NOW, Random(1))
    assert isinstance(torn, Torn)
    assert (torn.code, torn.line) == ("rejected", 2)
    assert person(alone).address == "酒田市本町1-1"
    with read(alone) as connection:
        assert len(repo_exchange.runs(connection)) == 1


def test_whose_row_cannot_be_read_is_not_told_to_be_missing(alone: Engine) -> None:
    link(alone)
    raw = content(HERE, ELSE).replace("花子".encode("cp932"), b"\x81 ", 1)
    given = Given(name="juki_20261121.csv", content=raw, town=TOWN, mapping=A, by=CITY)
    made = take(alone, given, NOW, Random(1))
    assert isinstance(made, Report)
    assert ([fault.code for fault in made.refused], made.missing) == (["bad-encoding"], ())


def test_the_place_of_somebody_hidden_is_taken_nowhere_whoever_hides_them(alone: Engine) -> None:
    link(alone)
    hide(alone)
    secret = "鶴岡市かくれ町7-7"
    report = listed(alone, says(address=secret, insured="9"))
    assert (person(alone).address, person(alone).insured_number) == ("酒田市本町1-1", "9")
    assert [act.what for act in report.acts] == [("insured",)]
    taro = msgspec.structs.replace(HERE, number="1002", given="太郎", birth=date(1976, 5, 5))
    link(alone, taro, TARO)
    hidden = msgspec.structs.replace(taro, address=secret, shielded=True)
    assert [act.what for act in listed(alone, says(address=secret), hidden, after=1).acts] == [
        ("insured",),
        ("shield",),
    ]
    done = answer(alone, "accept")
    assert isinstance(done, Refusal)
    assert done.code == "not-shielded"
    with alone.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert secret not in dump
    assert isinstance(answer(alone, "keep"), Done)
    assert listed(alone, says(address=secret), hidden, after=2).counts["proposed"] == 0


def test_consents_are_as_they_were_whatever_a_list_says(alone: Engine) -> None:
    with read(alone) as connection:
        before = repo_consents.events_of(connection, [HANAKO, TARO], "nurse-review")
    listed(alone, HERE)
    answer(alone, "accept")
    listed(alone, says(address="酒田市中町2-2"), after=1)
    with read(alone) as connection:
        assert repo_consents.events_of(connection, [HANAKO, TARO], "nurse-review") == before

"""A hospital corrects whose result it is, and clocks that run ahead: a record keeps only what still is its person's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.care_entries import current
from engine.store import audit, repo_entries, repo_pulled
from engine.store.database import read
from fhir_bridge.client_answers import Page
from tests.homes import HANAKO, TARO
from tests.linked_home import BORN, NET, SYSTEM, Bridge, Shelf, agree, condition, known, lab, linked, patient
from tests.stores import furnished_file

BASE = "https://net.example/fhir"
GAP = timedelta(minutes=10)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = furnished_file(tmp_path / "engine.sqlite")
    for name, remote, number in ((HANAKO, "p1", "1001"), (TARO, "p2", "1002")):
        agree(made, name)
        linked(made, name, remote, number)
    yield made
    made.dispose()


@pytest.fixture
def shelf(engine: Engine, tmp_path: Path) -> tuple[Shelf, Bridge]:
    made = Shelf("Observation", "Condition", size=10)
    made.patients["p2"] = patient("p2", "1002", birthDate=BORN[TARO])
    return made, Bridge(engine, made, BASE, tmp_path)


def names_of(engine: Engine, resident: str, bridge: Bridge) -> list[str]:
    with read(engine) as connection:
        assert audit.verify(connection) is None
        return [entry.name for entry in current(repo_entries.of(connection, resident), bridge.clock())]


@pytest.mark.parametrize("first", [HANAKO, TARO], ids=["the loser is pulled first", "the winner is pulled first"])
def test_what_is_another_patients_since_leaves_the_first_record_and_stands_in_the_second(
    shelf: tuple[Shelf, Bridge], engine: Engine, first: str
) -> None:
    made, bridge = shelf
    before, after = ("p1", "p2") if first == HANAKO else ("p2", "p1")
    loser, winner = (HANAKO, TARO) if first == HANAKO else (TARO, HANAKO)
    at = bridge.clock() - timedelta(hours=3)
    made.editions = [
        (lab("o1", "9.90", of=before), "1", at),
        (condition("c1", "E119", "2型糖尿病", of=before), "1", at),
    ]
    bridge.pull()
    assert (known(engine, loser), names_of(engine, loser, bridge)) == (
        {"lab.hba1c": ["9.90"], "has.diabetes": ["1"]}, ["2型糖尿病"])  # fmt: skip
    made.editions += [
        (lab("o1", "9.90", of=after), "2", at + GAP), (condition("c1", "E119", "2型糖尿病", of=after), "2", at + GAP),
    ]  # fmt: skip
    for _ in range(2):
        bridge.pull()
        assert (known(engine, loser), names_of(engine, loser, bridge)) == ({}, [])
        assert (known(engine, winner), names_of(engine, winner, bridge)) == (
            {"lab.hba1c": ["9.90"], "has.diabetes": ["1"]}, ["2型糖尿病"])  # fmt: skip
    with read(engine) as connection:
        assert repo_pulled.states(connection, NET) == {"": 2, "moved-there": 2}
    made.editions += [(lab("o1", "9.90", of=before), "3", at + GAP * 2)]
    bridge.pull()
    assert (known(engine, loser), known(engine, winner)) == ({"lab.hba1c": ["9.90"]}, {"has.diabetes": ["1"]})


def test_what_goes_to_somebody_we_do_not_know_leaves_the_record_too(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    at = bridge.clock() - timedelta(hours=3)
    made.editions = [(lab("o1", "9.90"), "1", at)]
    bridge.pull()
    number = {"identifier": {"system": SYSTEM, "value": "7777"}}
    made.editions += [(lab("o1", "9.90", subject=number), "2", at + GAP)]
    bridge.pull()
    assert known(engine) == {}


def test_an_older_edition_under_another_name_takes_nothing_back(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    at = bridge.clock() - timedelta(hours=3)
    made.editions = [(lab("o1", "9.90"), "2", at + GAP)]
    bridge.pull()
    made.editions = [(lab("o1", "9.90", of="p2"), "1", at)]
    made.knows_cursor = False
    bridge.pull()
    assert known(engine) == {"lab.hba1c": ["9.90"]}


def test_a_correction_counts_though_their_clock_ran_ahead_before(shelf: tuple[Shelf, Bridge], engine: Engine) -> None:
    made, bridge = shelf
    made.editions = [(lab("o1", "9.90"), "a", bridge.clock() + timedelta(days=900))]
    bridge.pull()
    assert known(engine) == {"lab.hba1c": ["9.90"]}
    bridge.at += GAP
    made.editions = [(lab("o1", "9.90", status="entered-in-error"), "b", bridge.clock())]
    bridge.pull()
    assert known(engine) == {}, "their clock was set right since"


def test_what_has_no_day_of_its_own_is_not_told_anew_with_every_pull(
    shelf: tuple[Shelf, Bridge], engine: Engine
) -> None:
    made, bridge = shelf
    undated = {key: value for key, value in condition("c1", "E119", "2型糖尿病").items() if key != "onsetDateTime"}
    made.editions = [(undated, "1", bridge.clock() + timedelta(days=900))]
    assert bridge.pull().people[0].facts == 1
    bridge.at += GAP
    made.editions += [(lab("o1", "7.10"), "2", bridge.clock())]
    done = bridge.pull().people[0]
    assert (done.facts, done.taken_back) == (1, 0)
    assert known(engine) == {"has.diabetes": ["1"], "lab.hba1c": ["7.10"]}


def test_what_is_not_even_a_resource_is_counted_and_not_passed_over_in_silence(
    shelf: tuple[Shelf, Bridge], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, bridge = shelf
    broken = Page(found=(), total=1, odd=(b'{"resourceType":"Observation","id":"o1","note":"\\ud800"}',), last=True)
    monkeypatch.setattr(made, "pages", lambda *_: iter([broken]))
    assert bridge.pull().people[0].left == {"no-resource": 2}, "of both types"

"""A made-up town over many nights: every participant is as the office says, or waits for a person; nobody is merged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from sqlalchemy import Engine

from engine.exchange import standing_gone
from engine.exchange_csv import Torn
from engine.exchange_deciding import Decision, Done, decide
from engine.exchange_mapping import Mapping, shipped
from engine.exchange_rows import Said
from engine.exchange_taking import Given, Report, take
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import audit, repo_exchange, repo_life, repo_places, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from simulators.city_office.office import Office
from tests.stores import migrated_file

pytestmark = pytest.mark.flow
TOWN, LIST, NURSE = "062049", By("city", "test"), By("s-nursenursenur", "test")
STATES = {"death": "dead", "moved-out": "moved-out", None: "lives"}


class Town:
    """The office, our store, and who is whom: what no list tells."""

    def __init__(self, store: Engine, seed: int, mapping: Mapping) -> None:
        self.rng, self.store, self.mapping = Random(seed), store, mapping
        self.office = Office(self.rng, 30, date(2026, 1, 1))
        self.ours = {one: f"r-{name_of(one)}" for one in self.office.said if self.rng.random() < 0.6}
        with write(store) as connection:
            for place, (one, name) in enumerate(self.ours.items()):
                # Every other one shares a home with the one before.
                home = f"h-{name_of(place // 2)}"
                if place % 2 == 0:
                    repo_places.add_household(
                        connection, repo_places.Household(id=home, municipality_code=TOWN), self.now
                    )
                person = as_resident(self.office.said[one], name, home)
                repo_residents.add(connection, person, self.now, actor="test", os_user="test")

    @property
    def now(self) -> datetime:
        return datetime.combine(self.office.today, datetime.min.time(), UTC) + timedelta(hours=12)

    def hand_over(self, name: str, content: bytes) -> Report | Torn:
        given = Given(name=name, content=content, town=TOWN, mapping=self.mapping, by=LIST)
        return take(self.store, given, self.now, self.rng)

    def tonight(self) -> tuple[str, bytes]:
        return self.office.name_of(self.mapping), self.office.listed(self.mapping)

    def nurse(self, share: float) -> None:
        """Decides some of what waits, by what is true."""
        with read(self.store) as connection:
            waits = repo_exchange.proposals(connection, None)
        for one in waits:
            if self.rng.random() < share:
                theirs = self.office.numbers.get(one.number)
                mine = theirs is not None and self.ours.get(theirs) == one.resident
                home = self.rng.choice(("along", "new", "none"))
                decision = Decision(
                    seq=one.seq, version=one.version, answer="accept" if mine else "unlink", by=NURSE, home=home
                )
                with write(self.store) as connection:
                    done = decide(connection, decision, self.now, self.rng)
                # Another decision of this round may have answered it.
                assert isinstance(done, Done) or done.code == "conflict", done

    def wrong(self) -> list[str]:
        """Who is neither as the office says nor before a person nor off the list."""
        found = []
        with read(self.store) as connection:
            numbers = {one.resident: one for one in repo_exchange.numbers(connection, TOWN)}
            waits = {one.resident for one in repo_exchange.proposals(connection, None)}
            for one, name in self.ours.items():
                person, said = repo_residents.get(connection, name), self.office.said.get(one)
                assert person is not None
                if name in waits or said is None:
                    continue
                number = numbers.get(name)
                assert number is None or self.office.numbers[number.number] == one, "filed under the wrong person"
                gone = standing_gone(repo_life.situation(connection, name))
                away = gone is None and person.municipality_code != TOWN
                state = "moved-out" if away else STATES[gone.sort if gone else None]
                if number is None or state != said.state or (state == "lives" and not same(person, said)):
                    found.append(f"{name} {state} {said}")
        return found


def name_of(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:013}")


def as_resident(said: Said, name: str, home: str) -> Resident:
    return Resident(
        id=name, household_id=home, municipality_code=TOWN, family_name=said.family, given_name=said.given,
        family_kana=said.family_kana, given_kana=said.given_kana, birth_date=said.birth, sex=said.sex,
        address=said.address, insured_number=said.insured,
    )  # fmt: skip


def same(person: Resident, said: Said) -> bool:
    here = as_resident(said, person.id, person.household_id or "")
    plain = {"household_id": person.household_id, "version": person.version, "status": person.status}
    return person == msgspec.structs.replace(here, **plain)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    made = migrated_file(tmp_path / "engine.sqlite")
    yield made
    made.dispose()


@pytest.mark.parametrize(("seed", "supplier"), [(1, "example-a"), (2, "example-b")])
def test_after_many_nights_with_faults_everybody_is_as_the_office_says_or_waits_for_a_person(
    store: Engine, seed: int, supplier: str
) -> None:
    town = Town(store, seed, shipped()[supplier])
    first = town.hand_over(*town.tonight())
    assert isinstance(first, Report)
    with read(store) as connection:
        assert repo_exchange.numbers(connection, TOWN) == [], "a list alone links nobody"
        assert {one.resident for one in repo_exchange.proposals(connection, None)} == set(town.ours.values())
    town.nurse(1.0)
    late: list[tuple[str, bytes]] = []
    lost = 0
    for _ in range(14):
        town.office.night()
        name, content = town.tonight()
        fate = town.rng.choice(("whole", "whole", "whole", "torn", "late", "twice"))
        # No supplier loses more nights in a row than the office lets a number rest.
        lost = lost + 1 if fate in {"torn", "late"} else 0
        fate = "whole" if lost > 2 else fate
        if fate == "torn":
            torn = town.hand_over(name, content[: len(content) // 2].rstrip())
            assert isinstance(torn, Torn)
        elif fate == "late":
            late.append((name, content))
        else:
            assert isinstance(town.hand_over(name, content), Report)
        if fate == "twice":
            again = town.hand_over(name, content)
            assert isinstance(again, Report)
            assert again.already
        if fate in {"whole", "twice"}:
            for old in late:
                stale = town.hand_over(*old)
                assert isinstance(stale, Torn)
                assert stale.code == "stale"
            assert town.wrong() == []
            late.clear()
            lost = 0
            town.nurse(0.5)
    town.office.today += timedelta(days=1)
    assert isinstance(town.hand_over(*town.tonight()), Report)
    for _ in range(3):
        town.nurse(1.0)
        town.office.today += timedelta(days=1)
        assert isinstance(town.hand_over(*town.tonight()), Report)
    assert town.wrong() == []
    with read(store) as connection:
        assert audit.verify(connection) is None
        signed = {
            entry.actor for entry in audit.entries(connection, limit=10_000) if entry.action == "city-number-link"
        }
    assert signed == {NURSE.actor}


def test_twins_of_one_reading_are_four_questions_and_never_one_person(store: Engine) -> None:
    town = Town(store, 5, shipped()["example-a"])
    elder = next(iter(town.ours))
    said = town.office.said[elder]
    town.office.said[999] = msgspec.structs.replace(said, number="9999", given="別字")
    town.ours[999] = "r-twintwintwin2"
    with write(store) as connection:
        twin = msgspec.structs.replace(as_resident(town.office.said[999], "r-twintwintwin2", ""), household_id=None)
        repo_residents.add(connection, twin, town.now, actor="test", os_user="test")
    town.hand_over(*town.tonight())
    with read(store) as connection:
        waits = [one for one in repo_exchange.proposals(connection, None) if one.number in {"9999", said.number}]
    assert {(one.number, one.resident) for one in waits} == {
        (number, name) for number in ("9999", said.number) for name in ("r-twintwintwin2", town.ours[elder])
    }
    mine = next(one for one in waits if (one.number, one.resident) == (said.number, town.ours[elder]))
    cross = next(one for one in waits if (one.number, one.resident) == ("9999", town.ours[elder]))
    with write(store) as connection:
        one = Decision(seq=mine.seq, version=mine.version, answer="accept", by=NURSE)
        assert isinstance(decide(connection, one, town.now, town.rng), Done)
        other = Decision(seq=cross.seq, version=cross.version, answer="accept", by=NURSE)
        refused = decide(connection, other, town.now, town.rng)
    assert isinstance(refused, Refusal)
    assert refused.code == "conflict"
    with read(store) as connection:
        left = [(one.number, one.resident) for one in repo_exchange.proposals(connection, None) if one.number == "9999"]
    assert left == [("9999", "r-twintwintwin2")]

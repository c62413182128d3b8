"""Sharing under attack: a link that was a mistake, consent for some kinds only, and people who are gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.bridge_link import app
from cli.exits import Exit
from cli.output import Fail
from engine.care_links import Link, end
from engine.contract.reading import Value
from engine.store import repo_links
from engine.store.database import write
from engine.store.repo_facts import By
from engine.store.tables import RESIDENT
from simulators.hospital.faults import Fault
from tests.bridge.push_world import NETWORK, World, measured, world
from tests.homes import HANAKO

BY = By("nurse", "test")
WRONG = "entered-in-error"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def mistaken(town: World) -> None:
    with write(town.engine) as connection:
        link = repo_links.get(connection, HANAKO, NETWORK)
        assert link is not None
        ended = end(link, "wrong-person", "同姓同名", "nurse", town.clock())
        assert isinstance(ended, Link)
        repo_links.put(connection, ended, "end", BY, town.clock())


def propose(*more: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["propose", HANAKO, "another", "--later", *more])
    return (done.exception.exit_code, done.exception.code) if isinstance(done.exception, Fail) else (done.exit_code, "")


def test_a_new_number_is_not_taken_before_a_strangers_record_is_clean_again(
    town: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PHR_ENGINE_DATABASE", f"sqlite:///{tmp_path / 'engine.sqlite'}")
    monkeypatch.setenv("PHR_BRIDGE_SYSTEM", "urn:oid:1.2")
    town.heard(measured(1))
    town.push()
    mistaken(town)
    assert propose() == (Exit.REFUSED, "not-taken-back")
    town.push()
    assert [body["status"] for body in town.there().values()] == [WRONG]
    assert propose() == (Exit.DONE, "")


def test_what_was_lost_on_its_way_back_is_taken_back_from_the_stranger_too(town: World) -> None:
    town.heard(measured(1))
    town.hospital.faults.add(Fault(kind="drop", after=True, where="PUT /fhir/Observation"))
    town.push(rounds=2)
    assert town.hospital.faults.left() == 0
    stands = [(row.state, row.says) for row in town.rows()]
    assert (stands, len(town.there())) == ([("sent", None)], 1), "stored there, and nobody here knows"
    mistaken(town)
    town.push()
    assert [body["status"] for body in town.there().values()] == [WRONG]


@pytest.mark.parametrize("kind", ["blood-pressure", "systolic", "diastolic"])
def test_a_no_to_any_part_of_a_pressure_keeps_the_whole_of_it_here(town: World, kind: str) -> None:
    town.says(HANAKO, "care-share", granted=False, kind=kind)
    town.heard(measured(1, Value("systolic", "142", "mm[Hg]"), Value("diastolic", "88", "mm[Hg]")), measured(2))
    town.push()
    told = [body["code"]["coding"][0]["code"] for body in town.there().values()]
    assert told == ["29463-7"], "the weight alone"


@pytest.mark.parametrize("status", ["deceased", "moved"])
def test_nothing_more_is_told_of_who_died_or_moved_away(town: World, status: str) -> None:
    town.heard(measured(1))
    town.push()
    with write(town.engine) as connection:
        connection.execute(RESIDENT.update().where(RESIDENT.c.id == HANAKO).values(status=status))
    town.heard(measured(2))
    town.push()
    assert len(town.there()) == 1


def test_a_bmi_would_tell_the_weight_that_is_kept_here(town: World) -> None:
    town.says(HANAKO, "care-share", granted=False, kind="body-weight")
    town.heard(measured(1, Value("body-weight", "62.30", "kg"), Value("bmi", "26.8", "kg/m2")))
    town.push()
    assert town.there() == {}


def test_a_strangers_record_is_made_clean_also_after_the_resident_died(town: World) -> None:
    town.heard(measured(1))
    town.push()
    mistaken(town)
    with write(town.engine) as connection:
        connection.execute(RESIDENT.update().where(RESIDENT.c.id == HANAKO).values(status="deceased"))
    town.push()
    assert [body["status"] for body in town.there().values()] == [WRONG]


def test_a_clock_that_was_years_ahead_holds_nothing_back_when_it_is_set_right(town: World) -> None:
    now = town.now
    town.heard(measured(1))
    town.now = now + timedelta(days=4 * 365)
    town.hospital.faults.add(Fault(kind="status", status=503, where="P[A-Z]+ /fhir", times=2))
    town.push(rounds=3)
    assert (town.there(), town.hospital.faults.left()) == ({}, 0)
    town.now = now
    town.push()
    assert (len(town.there()), town.now - now < timedelta(hours=3)) == (1, True), (
        "the world waits as long as it is told"
    )

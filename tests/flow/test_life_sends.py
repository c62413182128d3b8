"""What the medical network hears of somebody who died: nothing more, but that what was not theirs was not theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

import pytest

from engine.life_store import Done, record, take_back
from engine.life_typed import Typed, read
from engine.refusal import Refusal
from engine.store import repo_residents
from engine.store.database import write
from engine.store.repo_facts import By
from tests.bridge.push_world import World, measured, world
from tests.homes import HANAKO

WHO = By("nurse", "test")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def dies(town: World, since: str) -> Done:
    with write(town.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        ready = read(connection, person, Typed(sort="death", since=since), "nurse", town.clock(), SystemRandom())
        assert not isinstance(ready, Refusal)
        done = record(connection, person, ready, WHO, town.clock(), SystemRandom())
        assert isinstance(done, Done)
        return done


def said(town: World) -> dict[str, str]:
    return {name: body["status"] for name, body in town.there().items()}


def test_after_a_recorded_death_nothing_more_is_sent_and_what_was_not_theirs_is_taken_back(town: World) -> None:
    early, late = measured(1), measured(5)
    town.heard(early, late)
    town.push()
    assert set(said(town).values()) == {"final"}
    between = (early.measured_at + timedelta(seconds=90)).isoformat()
    done = dies(town, between)
    assert done.readings == 1
    town.heard(measured(2))
    town.push()
    names = {one.id: f"{one.id}.body-weight" for one in (early, late)}
    assert said(town) == {names[early.id]: "final", names[late.id]: "entered-in-error"}
    with write(town.engine) as connection:
        back = take_back(connection, done.event, "somebody else", WHO, town.clock(), SystemRandom())
        assert isinstance(back, Done)
        assert back.readings == 1
    town.push()
    assert "final" in {status for name, status in said(town).items() if name.startswith(late.id)}, "it is hers again"

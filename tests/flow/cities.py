"""Stores of two made-up cities: one with all the histories people have, one where everybody can be counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.consent import Event
from engine.store import repo_consents
from engine.store.database import open_engine, write
from simulators.city.people import FIRST, ZONE, Town
from tests.city_stores import Heard, city_database, city_file

CUTOFF = FIRST.cutoff(ZONE)
SECOND = timedelta(seconds=1)
# Of the second half-year, after which it may be drawn.
LATER = datetime(2027, 4, 2, tzinfo=UTC)
MIXED = Town(people=520, seed=3, periods=3)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def mixed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The city with histories, on both databases."""
    if request.param == "sqlite":
        engine = city_file(tmp_path / "engine.sqlite", MIXED)
        yield engine
        engine.dispose()
        return
    with city_database(request.getfixturevalue("postgres"), MIXED) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Engine]:
    """The city where everybody can be counted."""
    engine = city_file(tmp_path / "engine.sqlite")
    yield engine
    engine.dispose()


def headcount(heard: Heard) -> int:
    """How many people were counted: everybody stands in one cell of T1, the first 28."""
    return sum(heard.counts[:28])


def word(person: str, at: datetime, *, granted: bool) -> Event:
    """A word on open statistics."""
    return Event(resident=person, purpose="open-statistics", granted=granted, at=at, text_hash="x")


def say(engine: Engine, event: Event) -> None:
    """Writes it down."""
    with write(engine) as connection:
        repo_consents.append(connection, event, os_user="test")

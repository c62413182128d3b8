"""What happened in somebody's life decides whether and for which unit they are counted, as of the cut-off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from engine.refusal import Refusal
from engine.sealing import Seal
from engine.situation import Detail, Home, LifeEvent, Sort
from engine.store import repo_life, repo_residents
from engine.store.database import migrate, open_engine, write
from engine.store.repo_facts import By
from fhir_bridge.privacy_units import Unit, partition
from fhir_bridge.releasing import Job, Made, opened, prepared
from simulators.city.people import FIRST, ZONE, Inhabitant, Town, inhabitants
from simulators.city.settle import settle
from simulators.city.stores import NOW, WHO
from tests.city_stores import PLAIN, Heard, city_file, draw

CUTOFF = FIRST.cutoff(ZONE)
DAY = timedelta(days=1)
BY = By("test", "test")
# The city alone has more than 300 of these, the three towns together fewer.
TWO = Town(people=520, seed=2, weighings=1, histories=False)
CITY, TOWNS = "062049", ("064611", "064289", "064262")


def _happens(
    engine: Engine, one: Inhabitant, sort: Sort, since: datetime, until: datetime | None = None,
    detail: Detail | None = None,
) -> None:  # fmt: skip
    event = LifeEvent(
        id="f" + one.id[1:], resident=one.id, sort=sort, since=since, until=until, detail=detail or Detail(), at=since
    )
    with write(engine) as connection:
        repo_life.add(connection, event, BY, since)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Engine]:
    engine = city_file(tmp_path / "engine.sqlite")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("sort", "since", "until", "counted"),
    [
        ("death", CUTOFF - DAY, None, False),
        ("death", CUTOFF + DAY, None, True),
        ("moved-out", CUTOFF - DAY, None, False),
        ("moved-out", CUTOFF + DAY, None, True),
        ("hospital", CUTOFF - DAY, CUTOFF + DAY, True),
        ("pregnancy", CUTOFF - 90 * DAY, CUTOFF + 90 * DAY, False),
        ("pregnancy", CUTOFF - 90 * DAY, CUTOFF - DAY, True),
    ],
)
def test_who_is_no_resident_at_the_cutoff_is_not_counted(
    plain: Engine, sort: Sort, since: datetime, until: datetime | None, counted: bool
) -> None:
    _happens(plain, next(inhabitants(PLAIN)), sort, since, until)
    _, heard = draw(plain)
    assert sum(heard.counts[:28]) == PLAIN.people - (not counted)


def test_who_is_registered_as_gone_without_a_day_is_not_counted(plain: Engine) -> None:
    with write(plain) as connection:
        person = repo_residents.get(connection, next(inhabitants(PLAIN)).id)
        assert person is not None
        gone = msgspec.structs.replace(person, status="moved", version=2)
        assert repo_residents.edit(connection, gone, NOW, actor="test", os_user="test") == gone
    assert sum(draw(plain)[1].counts[:28]) == PLAIN.people - 1


@pytest.fixture
def divided(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'engine.sqlite'}")
    migrate(engine)
    units = partition(
        (
            Unit(code="city", municipalities=(CITY,), population=97_000),
            Unit(code="towns", municipalities=TOWNS, population=40_000),
        )
    )
    assert not isinstance(units, Refusal)
    with write(engine) as connection:
        settle(connection, TWO, Seal(bytes(32)), NOW)
        assert opened(connection, units, FIRST, "made up", WHO, NOW) is None
    yield engine
    engine.dispose()


def _city(engine: Engine) -> int:
    heard = Heard()
    with write(engine) as connection:
        assert isinstance(prepared(connection, Job("city", FIRST, WHO), heard, NOW), Made)
    return sum(heard.counts[:28])


def test_a_unit_counts_its_own_people_and_a_small_one_publishes_nothing(divided: Engine) -> None:
    assert _city(divided) == sum(one.town == CITY for one in inhabitants(TWO))
    with write(divided) as connection:
        refused = prepared(connection, Job("towns", FIRST, WHO), Heard(), NOW)
    assert isinstance(refused, Refusal)
    assert refused.code == "population-too-small"


@pytest.mark.parametrize(("when", "counted"), [(CUTOFF - DAY, 1), (CUTOFF + DAY, 0)])
def test_who_moves_within_the_region_counts_where_they_lived_at_the_cutoff(
    divided: Engine, when: datetime, counted: int
) -> None:
    mover = next(one for one in inhabitants(TWO) if one.town == TOWNS[0])
    before = Home(municipality=mover.town, household=mover.home)
    with write(divided) as connection:
        person = repo_residents.get(connection, mover.id)
        assert person is not None
        moved = msgspec.structs.replace(person, municipality_code=CITY, household_id=None, version=2)
        repo_residents.edit(connection, moved, when, actor="test", os_user="test")
    detail = Detail(municipality=CITY, begun=True, over=True, before=before)
    _happens(divided, mover, "moved-within", when, detail=detail)
    assert _city(divided) == sum(one.town == CITY for one in inhabitants(TWO)) + counted

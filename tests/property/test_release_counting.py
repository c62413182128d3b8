"""Whatever was weighed, the store finds the weight that counts: the last sound one of the period, the heavier of two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.store import repo_counted
from engine.store.database import write
from fhir_bridge.aggregate import WEIGHTS
from fhir_bridge.privacy_units import Partition
from fhir_bridge.releasing_rows import Asked, span_of
from simulators.city.people import DOUBTS, FIRST, ZONE, Town, Weighing, inhabitants
from simulators.city.settle import weigh
from simulators.city.stores import UNIT
from tests.city_stores import city_file

SMALL = Town(people=3, weighings=1, histories=False)
START, CUTOFF = FIRST.next.cutoff(ZONE) - timedelta(days=182), FIRST.next.cutoff(ZONE)
EDGES = (
    START,
    START - timedelta(microseconds=1),
    CUTOFF,
    CUTOFF - timedelta(microseconds=1),
    START + timedelta(days=9),
)
MOMENTS = st.sampled_from(EDGES) | st.integers(-600_000, 16_000_000).map(lambda more: START + timedelta(seconds=more))
KILOGRAMS = st.sampled_from(("9.99", "10", "10.00", "650", "650.01", "99.95", "100.05")) | st.decimals(
    "20", "200", places=2
).map(str)
WEIGHINGS = st.builds(
    Weighing, at=MOMENTS, kg=KILOGRAMS.map(Decimal), doubt=st.none() | st.none() | st.sampled_from(DOUBTS[:-1])
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    engine = city_file(tmp_path_factory.mktemp("city") / "engine.sqlite", SMALL)
    with write(engine) as found:
        yield found
    engine.dispose()


@given(st.lists(WEIGHINGS, max_size=8))
def test_the_last_sound_weight_of_the_period_is_found(connection: Connection, weighings: list[Weighing]) -> None:
    who = msgspec.structs.replace(next(inhabitants(SMALL)), weighings=tuple(weighings))
    assert START.date() == FIRST.next.start
    sound = [one for one in weighings if one.doubt is None and START <= one.at < CUTOFF]
    sound = [one for one in sound if WEIGHTS[0] <= one.kg <= WEIGHTS[1]]
    last = max(sound, key=lambda one: (one.at, one.kg), default=None)
    asked = Asked(UNIT, Partition(()), FIRST.next, ZONE)
    with connection.begin_nested() as inner:
        _forget(connection, who.id)
        weigh(connection, [who])
        found = repo_counted.records(connection, [who.id], span_of(asked))[who.id]
        inner.rollback()
    assert (found.weighed_at, found.kg) == ((None, None) if last is None else (last.at, last.kg))


def _forget(connection: Connection, person: str) -> None:
    connection.exec_driver_sql("DELETE FROM measurement WHERE resident_id = ?", (person,))
    connection.exec_driver_sql("DELETE FROM reading WHERE resident_id = ?", (person,))

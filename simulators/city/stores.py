"""A small city's store that can publish, made once and copied for whoever wants to break one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store.database import migrate, open_engine, write
from engine.store.repo_facts import By
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_units import whole_region
from fhir_bridge.releasing import Job, opened
from simulators.city.kills import Case, Fresh
from simulators.city.people import FIRST, Town
from simulators.city.rows import REGION_PEOPLE
from simulators.city.settle import settle

WHO: Final = By("simulator", "simulator")
UNIT: Final = "region-062049"
NOW: Final = datetime(2026, 10, 5, 3, 0, tzinfo=UTC)
SMALL: Final = Town(people=340, weighings=1, histories=False)


def furnish(engine: Engine, town: Town = SMALL, now: datetime = NOW, seal: Seal | None = None) -> None:
    """A city and an open book in a migrated store."""
    with write(engine) as connection:
        settle(connection, town, seal or Seal(bytes(32)), now)
        units = whole_region(REGION_PEOPLE)
        assert not isinstance(units, Refusal)
        opened(connection, units, town.first, "made up", WHO, now)


def drawn_case() -> Case:
    """The first release of that city, with the real noise."""
    return Case(Job(UNIT, FIRST, WHO), ExactLaplace(), NOW)


def fresh_file(folder: Path) -> Fresh:
    """Copies of one SQLite store of the small city in `folder`."""
    base, numbers = folder / "base.sqlite", count()
    engine = open_engine(f"sqlite:///{base}")
    migrate(engine)
    furnish(engine)
    engine.dispose()

    @contextmanager
    def fresh() -> Iterator[str]:
        place = folder / f"store-{next(numbers)}.sqlite"
        shutil.copyfile(base, place)
        yield f"sqlite:///{place}"
        for left in folder.glob(f"{place.name}*"):
            left.unlink()

    return fresh

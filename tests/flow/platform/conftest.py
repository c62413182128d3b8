"""A store on its way to a platform stand-in that runs over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from simulators.platform.broker import Platform as Broker
from simulators.platform.serving import serving
from tests.bridge.platform_world import PHR
from tests.stores import migrated_file


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_file(tmp_path / "engine.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with serving(Broker(clients=(PHR,))) as made:
        yield made

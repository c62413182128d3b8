"""A furnished store: in PHR_HOME for commands that are run as a person runs them, or on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.store.database import migrate, open_engine
from tests.homes import furnish
from tests.servers import database


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    monkeypatch.setenv("PHR_LANG", "ja")
    (tmp_path / "phr").mkdir()
    made = open_engine(f"sqlite:///{tmp_path / 'phr' / 'engine.sqlite'}")
    migrate(made)
    furnish(made)
    return made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
        if request.param == "postgresql":
            url = stack.enter_context(database(request.getfixturevalue("postgres")))
        made = open_engine(url)
        stack.callback(made.dispose)
        migrate(made)
        furnish(made)
        yield made

"""A furnished store: in PHR_HOME for commands that are run as a person runs them, or on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.store.database import open_engine
from tests.stores import furnished_database, furnished_file


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    monkeypatch.setenv("PHR_LANG", "ja")
    (tmp_path / "phr").mkdir()
    return furnished_file(tmp_path / "phr" / "engine.sqlite")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with ExitStack() as stack:
        if request.param == "postgresql":
            made = open_engine(stack.enter_context(furnished_database(request.getfixturevalue("postgres"))))
        else:
            made = furnished_file(tmp_path / "engine.sqlite")
        stack.callback(made.dispose)
        yield made


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Engine]:
    """A furnished store on SQLite, where the other database would do the same."""
    made = furnished_file(tmp_path / "engine.sqlite")
    yield made
    made.dispose()

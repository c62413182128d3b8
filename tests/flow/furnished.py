"""PHR_HOME with a furnished store in it, for commands that are run as a person runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.store.database import migrate, open_engine
from tests.homes import furnish


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    monkeypatch.setenv("PHR_LANG", "ja")
    (tmp_path / "phr").mkdir()
    made = open_engine(f"sqlite:///{tmp_path / 'phr' / 'engine.sqlite'}")
    migrate(made)
    furnish(made)
    return made

"""A store to test on, once on SQLite and once on a real PostgreSQL, with a home and a person in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.people import Resident
from engine.store import repo_places, repo_residents
from engine.store.database import Connection, open_engine, write
from tests.stores import migrated_database, migrated_file

NOW = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
HOME = "h-aaaaaaaaaaaaa"
ELSEWHERE = "h-bbbbbbbbbbbbb"
HANAKO = Resident(
    id="r-aaaaaaaaaaaaa", household_id=HOME, municipality_code="062049", family_name="髙橋", given_name="花子",
    family_kana="タカハシ", given_kana="ハナコ", birth_date=date(1946, 1, 23), sex="female",
)  # fmt: skip
TARO = Resident(
    id="r-bbbbbbbbbbbbb", household_id=ELSEWHERE, municipality_code="064611", family_name="𠮷田", given_name="太郎",
    family_kana="ヨシダ", given_kana="タロウ", birth_date=date(1950, 2, 28), sex="male", alias="Taro",
)  # fmt: skip


def settle(connection: Connection) -> None:
    """Two homes with one person each, and a gateway in the first."""
    for home, code in ((HOME, "062049"), (ELSEWHERE, "064611")):
        assert (
            repo_places.add_household(connection, repo_places.Household(id=home, municipality_code=code), NOW) is None
        )
    for person in (HANAKO, TARO):
        repo_residents.add(connection, person, NOW, actor="desk", os_user="tester")
    gateway = repo_places.Gateway(id="g-aaaaaaaaaaaaa", household_id=HOME)
    assert repo_places.enrol_gateway(connection, gateway, NOW) is None


def opened(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database of that kind, migrated."""
    if kind == "sqlite":
        engine = migrated_file(tmp_path / "engine.sqlite")
        yield engine
        engine.dispose()
        return
    with migrated_database(request.getfixturevalue("postgres")) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.needs_postgresql, pytest.mark.xdist_group("pg")])]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated store without people."""
    yield from opened(request.param, tmp_path, request)


@pytest.fixture
def home(store: Engine) -> Engine:
    """A migrated store with two homes."""
    with write(store) as connection:
        settle(connection)
    return store

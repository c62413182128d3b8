"""Migrated and furnished databases, made once a process and copied: migrating takes longer than most tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy import Engine

from engine.store.database import migrate, open_engine
from tests.homes import furnish
from tests.servers import database


@cache
def _sqlite(*, people: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sqlite"
        _make(f"sqlite:///{path}", people=people)
        assert not path.with_name("engine.sqlite-wal").exists(), "everything is in the one file"
        return path.read_bytes()


@cache
def _postgresql(server_url: str, *, people: bool) -> str:
    """The name of the template on the server of `server_url`, which lives as long as the process."""
    base, name = server_url.rsplit("/", 1)[0], "furnished" if people else "migrated"
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    _make(f"{base}/{name}", people=people)
    return name


def _make(url: str, *, people: bool) -> None:
    engine = open_engine(url)
    migrate(engine)
    if people:
        furnish(engine)
    engine.dispose()


def migrated_file(path: Path) -> Engine:
    """A store of its own at `path` with nobody in it."""
    return _copied(path, people=False)


@contextmanager
def migrated_database(server_url: str) -> Iterator[str]:
    """The URL of a new database with nobody in it, on the server of `server_url`; dropped at the end."""
    with database(server_url, template=_postgresql(server_url, people=False)) as url:
        yield url


def furnished_file(path: Path) -> Engine:
    """A store of its own at `path`: two residents, who agreed to record, advice and the nurses' look."""
    return _copied(path, people=True)


@contextmanager
def furnished_database(server_url: str) -> Iterator[str]:
    """The URL of a new database with the same in it, on the server of `server_url`; dropped at the end."""
    with database(server_url, template=_postgresql(server_url, people=True)) as url:
        yield url


def _copied(path: Path, *, people: bool) -> Engine:
    path.write_bytes(_sqlite(people=people))
    path.chmod(0o600)
    return open_engine(f"sqlite:///{path}")

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

_TEMPLATE = "furnished"


@cache
def _sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sqlite"
        _furnish(f"sqlite:///{path}")
        assert not path.with_name("engine.sqlite-wal").exists(), "everything is in the one file"
        return path.read_bytes()


@cache
def _postgresql(server_url: str) -> str:
    """The name of the template on the server of `server_url`, which lives as long as the process."""
    base = server_url.rsplit("/", 1)[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}".encode())
    _furnish(f"{base}/{_TEMPLATE}")
    return _TEMPLATE


def _furnish(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    furnish(engine)
    engine.dispose()


def furnished_file(path: Path) -> Engine:
    """A store of its own at `path`: two residents, who agreed to record, advice and the nurses' look."""
    path.write_bytes(_sqlite())
    path.chmod(0o600)
    return open_engine(f"sqlite:///{path}")


@contextmanager
def furnished_database(server_url: str) -> Iterator[str]:
    """The URL of a new database with the same in it, on the server of `server_url`; dropped at the end."""
    with database(server_url, template=_postgresql(server_url)) as url:
        yield url

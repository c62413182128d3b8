"""Stores of a made-up city that can publish, made once a process and copied; noise that tells what it was given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy import Engine

from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store.database import migrate, open_engine, read, write
from fhir_bridge.privacy_units import Period
from fhir_bridge.releasing import Job, Made, Owe, counted_ahead, prepared
from simulators.city.people import FIRST, Town
from simulators.city.stores import NOW, UNIT, WHO, furnish
from tests.servers import database

SEAL = Seal(b"city" * 8)
PLAIN = Town(people=340, periods=2, weighings=1, histories=False)


class Heard:
    """Noise that moves every count by one or two and keeps the counts it was given."""

    name = "heard, for tests"

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.draws = 0

    def add(self, counts: Sequence[int], scale: int) -> list[int]:
        self.counts, self.draws = list(counts), self.draws + 1
        return [count + 1 + index % 2 for index, count in enumerate(counts)]


def draw(
    engine: Engine, now: datetime = NOW, period: Period = FIRST, noise: Heard | None = None, owe: Owe | None = None
) -> tuple[Made | Refusal, Heard]:
    """What asking for a release gives at `now`, as the command asks, and the noise that was or was not drawn."""
    heard, job = noise or Heard(), Job(UNIT, period, WHO, seal=SEAL)
    with read(engine) as connection:
        ahead = counted_ahead(connection, job, now)
    with write(engine) as connection:
        return prepared(connection, job, heard, now, owe, ahead), heard


@cache
def _file(town: Town) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sqlite"
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        furnish(engine, town, NOW, SEAL)
        engine.dispose()
        assert not path.with_name("engine.sqlite-wal").exists(), "everything is in the one file"
        return path.read_bytes()


def city_file(path: Path, town: Town = PLAIN) -> Engine:
    """A store of its own at `path` with that city and an open book."""
    path.write_bytes(_file(town))
    path.chmod(0o600)
    return open_engine(f"sqlite:///{path}")


@cache
def _template(server_url: str, town: Town) -> str:
    base, name = server_url.rsplit("/", 1)[0], f"city_{town.people}_{town.seed}_{town.periods}"
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    engine = open_engine(f"{base}/{name}")
    migrate(engine)
    furnish(engine, town, NOW, SEAL)
    engine.dispose()
    return name


@contextmanager
def city_database(server_url: str, town: Town = PLAIN) -> Iterator[str]:
    """The URL of a new database with that city and an open book; dropped at the end."""
    with database(server_url, template=_template(server_url, town)) as url:
        yield url

"""The releases of a campaign: of a made-up city by the real mechanism, and of made-up tables; and their clerk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import repo_batches, repo_statistics
from engine.store.database import Connection, Engine, migrate, open_engine, read, write
from engine.store.repo_facts import By
from engine.store.repo_statistics import Kept
from engine.store.tables import DEVICE, RESIDENT
from fhir_bridge.platform_entities import About, Batch, batches_of, withdrawal_of
from fhir_bridge.platform_orders import order_publishing, order_withdrawal, owed
from fhir_bridge.platform_shapes import ReleaseShape
from fhir_bridge.platform_trial import read_stored, sealed
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.releasing import Job, Made, prepared
from simulators.city.people import FIRST, Town
from simulators.city.stores import UNIT, furnish
from simulators.platform_trials import trial

CLERK: Final = By("clerk", "clerk")
TRIAL_UNIT: Final = "trial"
_SHORTEST: Final = 4


class Stock:
    """The store of a campaign and the town clerk who looks after its releases.

    Nothing stays open between two calls: a child forked beside an open SQLite connection would share its locks.
    """

    def __init__(self, root: Path, seed: int, people: int, cells: int) -> None:
        self.url = f"sqlite:///{root / 'engine.sqlite'}"
        self._seed, self._cells, self._seal = seed, cells, Seal(bytes(32))
        self.periods = [FIRST, FIRST.next, FIRST.next.next]
        with self._opened() as store:
            migrate(store)
            furnish(store, Town(people=people, seed=seed, periods=3, weighings=1, histories=False), self.day_of(0))

    @property
    def first_trial(self) -> str:
        """The id of the first made-up release."""
        return repo_statistics.release_id(TRIAL_UNIT, str(self.periods[0]))

    def day_of(self, half: int) -> datetime:
        """When the release of a half-year is prepared: ten days after it ended."""
        return datetime.combine(self.periods[half].end + timedelta(days=10), time(3), UTC)

    @contextmanager
    def _opened(self) -> Iterator[Engine]:
        store = open_engine(self.url)
        try:
            yield store
        finally:
            store.dispose()

    def publish(self, half: int, now: datetime) -> None:
        """Prepares the releases of a half-year and lets them leave."""
        period = self.periods[half]
        with self._opened() as store, write(store) as connection:
            made = prepared(connection, Job(UNIT, period, CLERK, seal=self._seal), ExactLaplace(), now, _owe)
            assert isinstance(made, Made), made
            order_publishing(connection, made.kept, (), CLERK, now)
            order_publishing(connection, self._keep_trial(connection, str(period), now), (), CLERK, now)

    def attend(self, now: datetime, *, anew: bool = True) -> int:
        """As a clerk would: what the platform refused is let go once more, what is complete is said anew.

        How many requests were parked.
        """
        count = 0
        with self._opened() as store, write(store) as connection:
            for kept in repo_statistics.releases(connection):
                parked = [row for row in repo_batches.waiting(connection, kept.id) if row.state == "parked"]
                count += len(parked)
                if parked or (anew and kept.state == "complete"):
                    order_publishing(connection, kept, _batches(kept), CLERK, now, anew=True)
        return count

    def withdraw(self, now: datetime) -> None:
        """Takes the first made-up release back."""
        with self._opened() as store, write(store) as connection:
            kept = repo_batches.stored(connection, self.first_trial)
            assert kept is not None  # it was published before
            batches = withdrawal_of(_content(kept), kept.sha256, _about(kept.prepared_at))
            assert not isinstance(batches, Refusal)  # as it went out, so it can come back
            order_withdrawal(connection, kept, batches, "made up", CLERK, now)

    def owed(self) -> int:
        """How many releases are on their way."""
        return sum(one.state in repo_batches.UNDER_WAY for one in self.kept())

    def kept(self) -> tuple[Kept, ...]:
        """All releases."""
        with self._opened() as store, read(store) as connection:
            return repo_statistics.releases(connection)

    def _keep_trial(self, connection: Connection, period: str, now: datetime) -> Kept:
        unit = msgspec.structs.replace(trial(period, 1).unit, code=TRIAL_UNIT)
        found = sealed(trial(period, self._cells, self._seed, unit))
        assert not isinstance(found, Refusal)  # its tables are called TEST-…
        content, sha256 = found
        kept = Kept(
            id=repo_statistics.release_id(TRIAL_UNIT, period), unit=TRIAL_UNIT, period=period, content=content,
            sha256=sha256, by="clerk", prepared_at=now, test=True,
        )  # fmt: skip
        repo_statistics.keep(connection, kept)
        repo_batches.put(connection, kept.id, owed(_batches(kept)), now)
        return kept


def personal_texts(url: str) -> list[str]:
    """Everything in a store that is somebody's or names somebody: ids, names, addresses of devices, numbers."""
    store = open_engine(url)
    with read(store) as connection:
        people = list(connection.execute(select(RESIDENT)).mappings())
        devices = list(connection.execute(select(DEVICE)).mappings())
    store.dispose()
    names = ("id", "household_id", "family_name", "family_kana", "phone", "address", "insured_number", "birth_date")
    texts = {str(row[name]) for row in people for name in names if row.get(name)}
    texts |= {f"{row['family_name']}{row['given_name']}" for row in people}
    texts |= {str(row[name]) for row in devices for name in ("id", "address", "serial") if row.get(name)}
    # Two letters of a name are also two letters of a word.
    return sorted(text for text in texts if len(text) >= _SHORTEST)


def _owe(connection: Connection, id_: str, release: ReleaseShape, sha256: str, now: datetime) -> Refusal | None:
    batches = batches_of(release, sha256, _about(now))
    if isinstance(batches, Refusal):
        return batches
    repo_batches.put(connection, id_, owed(batches), now)
    return None


def _batches(kept: Kept) -> tuple[Batch, ...]:
    batches = batches_of(_content(kept), kept.sha256, _about(kept.prepared_at))
    assert not isinstance(batches, Refusal)  # it was prepared with the same words
    return batches


def _content(kept: Kept) -> ReleaseShape:
    content = read_stored(kept.content, kept.sha256, test=kept.test)
    assert not isinstance(content, Refusal)  # its hash is stored beside it
    return content


def _about(issued: datetime) -> About:
    return About(issued=issued, note="10人に満たない欄は公表しません。", labels={"walking": "ウォーキング"})

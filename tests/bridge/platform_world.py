"""A store with made-up releases, a platform's stand-in beside it, and a bridge between the two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import Engine

from engine.refusal import Refusal
from engine.store import repo_batches, repo_statistics
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.repo_statistics import Kept
from fhir_bridge.breaker import Rules
from fhir_bridge.client_network import Limits, Network
from fhir_bridge.platform import Pace, Publisher
from fhir_bridge.platform_client import Platform
from fhir_bridge.platform_entities import About, batches_of
from fhir_bridge.platform_orders import order_publishing, owed
from fhir_bridge.platform_session import Credentials, Where
from fhir_bridge.platform_shapes import ReleaseShape
from fhir_bridge.platform_trial import read_stored, sealed
from simulators.platform.broker import Platform as Broker
from simulators.platform.tokens import Client
from simulators.platform_trials import trial

NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)
CLERK = By("clerk", "clerk")
PHR = Client("phr", "s3cret of the platform")
ABOUT = About(issued=NOW, note="10人に満たない欄は公表しない。", labels={"walking": "ウォーキング"})
PACE = Pace(lease=30.0, unsure=5.0, pause=1.0, longest=8.0)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def keep_trial(
    store: Engine, period: str = "2026H1", cells: int = 12, *, about: About = ABOUT, loading: bool = True
) -> Kept:
    """A made-up release in the store with its batches, on its way unless told otherwise."""
    made = sealed(trial(period, cells))
    assert not isinstance(made, Refusal)
    content, sha256 = made
    kept = Kept(
        id=f"region-062049-{period}", unit="region-062049", period=period, content=content, sha256=sha256, by="test",
        prepared_at=NOW, test=True,
    )  # fmt: skip
    release = content_of(kept)
    batches = batches_of(release, sha256, about)
    assert not isinstance(batches, Refusal), batches
    with write(store) as connection:
        repo_statistics.keep(connection, kept)
        repo_batches.put(connection, kept.id, owed(batches), NOW)
        if loading:
            assert order_publishing(connection, kept, batches, CLERK, NOW) is None
    return kept


def content_of(kept: Kept) -> ReleaseShape:
    found = read_stored(kept.content, kept.sha256, test=kept.test)
    assert not isinstance(found, Refusal), found
    return found


def where_of(
    origin: str, *, context: str | None = None, credentials: bool = True, silence: float = 10.0,
    secret: str = PHR.secret,
) -> Where:  # fmt: skip
    known = Credentials(token_url=f"{origin}/oauth2/token", client_id=PHR.id, secret=secret) if credentials else None
    limits = Limits(connect=2.0, silence=silence, whole=20.0)
    network = Network(name="platform", base=origin, limits=limits, rules=Rules(failures=1000))
    return Where(network=network, credentials=known, context=context)


@contextmanager
def bridge(store: Engine, where: Where, clock: Clock | None = None, pace: Pace = PACE) -> Iterator[Publisher]:
    clock = clock or Clock()
    with Platform(where, now=clock) as client:
        yield Publisher(store, client, pace, clock=clock, rng=Random(1))


def run_out(publisher: Publisher, clock: Clock, steps: int = 200) -> list[str]:
    """What became of every request until nothing is owed or all that is left is parked; time passes by itself."""
    became: list[str] = []
    for _ in range(steps):
        step = publisher.step()
        if step.became:
            became.append(step.became)
        elif step.wait is None:
            return became
        else:
            clock.on(max(step.wait, 0.001))
    raise AssertionError(became)


def state_of(store: Engine, kept: Kept) -> str:
    with read(store) as connection:
        found = repo_batches.stored(connection, kept.id)
    assert found is not None
    return found.state


def left(store: Engine, kept: Kept) -> list[tuple[str, str, str | None]]:
    """Part, state and code of every request that is still kept."""
    with read(store) as connection:
        return [(row.part, row.state, row.code) for row in repo_batches.waiting(connection, kept.id)]


def held(broker: Broker, kind: str) -> dict[str, dict[str, object]]:
    """What a broker holds of a type, id by id."""
    return {
        one.key.id: {name: attribute["value"] for name, attribute in one.attributes.items()}
        for one in broker.entities.all("sakata")
        if one.key.type == kind
    }


def journal_of(folder: Path) -> str:
    return (folder / "journal.jsonl").read_text()

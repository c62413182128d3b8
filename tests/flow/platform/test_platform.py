"""Stored releases on their way to a platform's stand-in over real HTTP: order, same bytes, tokens, pauses, two bridges."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from engine.store import repo_batches
from engine.store.database import write
from fhir_bridge.platform_orders import order_publishing
from simulators.platform.audit import CELL, RELEASE, broken_promises, entities_of, misuses
from simulators.platform.broker import Abilities
from simulators.platform.broker import Platform as Broker
from simulators.platform.faults import BrokerFault
from simulators.platform.serving import serving
from tests.bridge.platform_stand_in import STAT, actions, bodies, tokens
from tests.bridge.platform_world import (
    CLERK,
    NOW,
    PACE,
    PHR,
    Clock,
    bridge,
    held,
    keep_trial,
    left,
    run_out,
    state_of,
    where_of,
)  # fmt: skip
from tests.stores import migrated_database

pytestmark = pytest.mark.flow


# -- the way of a release


def test_a_release_goes_cells_first_is_read_back_and_turns_complete_last(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, cells=1200), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert run_out(publisher, clock) == ["taken", "taken", "taken", "taken", "published"]
    assert (state_of(store, kept), left(store, kept)) == ("complete", [])
    assert len(held(broker, CELL)) == 1200
    [said] = held(broker, RELEASE).values()
    assert (said["releaseStatus"], said["contentSha256"], str(said["cellCount"])) == ("complete", kept.sha256, "1200")
    assert broken_promises(broker.entities.changes) == []
    assert misuses(broker.ledger.received) == []
    sent = [entities_of(line) for line in broker.ledger.received if entities_of(line)]
    assert [len(ids) for ids in sent] == [1, 500, 500, 200, 1]
    looked = [number for number, line in enumerate(broker.ledger.received) if line.method == "GET"]
    last = max(number for number, line in enumerate(broker.ledger.received) if line.target == STAT)
    assert min(looked) < last < max(looked), "every cell was read before it turned complete, and all of it after"
    assert actions(store)[-2:] == ["release-publish", "release-complete"]


def test_nothing_leaves_before_a_person_says_so(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, loading=False), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().wait is None
    assert (state_of(store, kept), broker.ledger.received) == ("prepared", [])


def test_requests_are_as_brokers_want_them(store: Engine, broker: Broker) -> None:
    keep_trial(store)
    clock = Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        run_out(publisher, clock)
    for line in broker.ledger.received:
        has_body = line.method == "POST"
        assert ("content-type" in line.headers) == has_body, line
        if not line.target.startswith("/oauth2"):
            said = line.headers["fiware-service"], line.headers["fiware-servicepath"], line.headers["accept"]
            assert said == ("sakata", "/phr/stats", "application/json")
    assert not any(line.status >= 400 for line in broker.ledger.answered.values())


def test_a_bridge_that_comes_back_goes_on_where_the_last_one_was(store: Engine, broker: Broker) -> None:
    kept = keep_trial(store, cells=1200)
    clock = Clock()
    for became in ("taken", "taken", "taken", "taken", "published"):
        with bridge(store, where_of(broker.origin), clock) as publisher:
            assert publisher.step().became == became
    assert state_of(store, kept) == "complete"
    assert len(bodies(broker)) == 5


# -- faults


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (BrokerFault(kind="drop", where=STAT), "cut"),
        (BrokerFault(kind="drop", after=True, where=STAT), "cut"),
        (BrokerFault(kind="cut", after=True, where="entities"), "cut"),
        (BrokerFault(kind="status", status=500, where=STAT), "server"),
        (BrokerFault(kind="status", status=502, after=True, where=STAT), "server"),
        (BrokerFault(kind="status", status=503, where="entities"), "server"),
        (BrokerFault(kind="status", status=504, after=True, only=1, where=STAT), "server"),
        (BrokerFault(kind="status", status=429, where=STAT), "throttled"),
        (BrokerFault(kind="garbage", where=STAT), "garbage"),
        (BrokerFault(kind="garbage", after=True, where=STAT), "garbage"),
        (BrokerFault(kind="garbage", where="entities"), "garbage"),
        (BrokerFault(kind="redirect", where=STAT), "redirect"),
        (BrokerFault(kind="redirect", where="entities"), "redirect"),
        (BrokerFault(kind="slow", seconds=0.5, where=STAT), "timeout"),
        (BrokerFault(kind="drop", where="oauth2"), "cut"),
        (BrokerFault(kind="status", status=503, where="oauth2"), "server"),
        (BrokerFault(kind="garbage", where="oauth2"), "garbage"),
        (BrokerFault(kind="status", status=401, where="oauth2"), "token-refused"),
    ],
    ids=lambda value: value.name + "-" + value.where[-8:].strip("/") if isinstance(value, BrokerFault) else "",
)
def test_whatever_goes_wrong_the_same_bytes_come_again_after_a_pause(
    store: Engine, broker: Broker, fault: BrokerFault, code: str
) -> None:
    kept, clock = keep_trial(store), Clock()
    broker.faults.add(fault)
    with bridge(store, where_of(broker.origin, silence=0.2), clock) as publisher:
        steps = [publisher.step()]
        while steps[-1].became != "later":
            steps.append(publisher.step())
        assert steps[-1].code == code
        paused = publisher.step()
        assert paused.became is None
        assert paused.wait is not None
        assert PACE.pause * 0.9 <= paused.wait <= PACE.longest
        assert run_out(publisher, clock)[-1] == "published"
    assert state_of(store, kept) == "complete"
    assert len(held(broker, CELL)) == 12
    assert len(set(bodies(broker))) == 3, "a repeat is the same bytes"
    assert broken_promises(broker.entities.changes) == []
    assert not any(
        line.target.startswith("/v2/entities") and "type" not in line.target for line in broker.ledger.received
    )


@pytest.mark.parametrize("status", [429, 503])
def test_a_time_the_platform_names_is_waited_for(store: Engine, broker: Broker, status: int) -> None:
    keep_trial(store)
    clock = Clock()
    broker.faults.add(BrokerFault(kind="status", status=status, retry_after="120"))
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().became == "later"
        clock.on(119)
        assert publisher.step().became is None
        clock.on(2)
        assert publisher.step().became == "taken"


def test_the_pause_grows_to_its_limit_and_there_is_no_last_try(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store), Clock()
    broker.faults.add(BrokerFault(kind="status", status=503, times=14))
    waits = []
    with bridge(store, where_of(broker.origin), clock) as publisher:
        for _ in range(14):
            assert publisher.step().became == "later"
            step = publisher.step()
            waits.append(step.wait or 0)
            clock.on(max(waits[-1], 0.001) + 0.001)
        assert run_out(publisher, clock)[-1] == "published"
    assert min(waits) >= PACE.pause * 0.99
    assert PACE.longest / 2 < max(waits) <= PACE.longest
    assert len(set(waits[6:])) > 4, "with jitter"
    assert state_of(store, kept) == "complete"


def test_seven_days_without_a_platform_are_caught_up(store: Engine, tmp_path: Path) -> None:
    kept, clock = keep_trial(store, cells=1000), Clock()
    with serving(Broker()) as gone:
        origin = gone.origin
    with bridge(store, where_of(origin, credentials=False), clock) as publisher:
        for _ in range(7 * 4):
            step = publisher.step()
            assert (step.became, step.code) == ("later", "connect")
            clock.on(6 * 3600)
    with (
        serving(Broker(), port=int(origin.rsplit(":", 1)[1])) as back,
        bridge(store, where_of(origin, credentials=False), clock) as again,
    ):
        assert run_out(again, clock) == ["taken", "taken", "taken", "published"]
        assert len(held(back, CELL)) == 1000
    assert state_of(store, kept) == "complete"


def test_a_token_that_ended_is_renewed_once_and_nothing_waits(store: Engine, broker: Broker) -> None:
    keep_trial(store)
    clock = Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().became == "taken"
        broker.tokens.expire()
        before = len(broker.ledger.received)
        assert publisher.step().became == "taken"
        since = [(line.target, broker.ledger.answered[line.number].status) for line in broker.ledger.received[before:]]
        assert since == [(STAT, 401), ("/oauth2/token", 200), (STAT, 204)]


def test_a_token_serves_for_four_fifths_of_its_life(store: Engine) -> None:
    keep_trial(store)
    clock = Clock()
    with serving(Broker(Abilities(token_seconds=100), clients=(PHR,), now=clock)) as broker:
        with bridge(store, where_of(broker.origin), clock) as publisher:
            publisher.step()
            clock.on(79)
            publisher.step()
            assert tokens(broker) == 1
            clock.on(2)
            publisher.step()
            assert tokens(broker) == 2
        assert all(line.status < 400 for line in broker.ledger.answered.values())


def test_a_wrong_secret_waits_and_says_so(store: Engine) -> None:
    kept = keep_trial(store)
    with serving(Broker(clients=(PHR,))) as broker:
        with bridge(store, where_of(broker.origin, secret="wrong")) as publisher:
            step = publisher.step()
        assert (step.became, step.code) == ("later", "invalid-client")
        assert (state_of(store, kept), bodies(broker)) == ("loading", [])


def test_no_token_and_no_secret_stands_in_any_log_or_file(
    store: Engine, broker: Broker, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    keep_trial(store)
    clock = Clock()
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    broker.faults.add(BrokerFault(kind="expire", where=STAT), BrokerFault(kind="drop", where=STAT))
    where = where_of(broker.origin)
    with bridge(store, where, clock) as publisher:
        run_out(publisher, clock)
        assert broker.tokens.given() == 2
        seen = [caplog.text, repr(where), repr(publisher.client), *(line.body for line in broker.ledger.received)]
        seen += [path.read_bytes().decode("latin-1") for path in tmp_path.glob("engine.sqlite*")]
    assert "platform" in caplog.text
    assert broker.tokens.leaked("\n".join(seen)) == 0
    assert broker.tokens.leaked(f"Bearer {broker.tokens._given_out[0]}") == 1, "one that leaked would be found"
    assert PHR.secret not in "\n".join(seen).replace(PHR.secret.replace(" ", "+"), PHR.secret)


# -- several hands


def test_two_bridges_never_send_the_same_request_at_once(store: Engine, broker: Broker) -> None:
    kept = keep_trial(store)
    with write(store) as connection:
        first = repo_batches.head(connection, NOW)
        assert first is not None
        lease = timedelta(seconds=PACE.lease)
        mine = repo_batches.claim(connection, first, NOW, lease)
        assert mine is not None
        assert repo_batches.claim(connection, first, NOW, lease) is None
    clock = Clock()
    with bridge(store, where_of(broker.origin), clock) as other:
        assert other.step().became is None, "it is on its way by another hand"
        clock.on(PACE.lease + 1)
        assert other.step().became == "taken", "whose bridge died"
    with write(store) as connection:
        assert not repo_batches.settle(connection, mine, state="parked"), "what came too late changes nothing"
        assert not repo_batches.still_mine(connection, mine, clock(), lease)
    assert state_of(store, kept) == "loading"


def test_a_look_that_takes_longer_than_a_lease_keeps_its_request(
    store: Engine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, clock = keep_trial(store), Clock()
    with (
        bridge(store, where_of(broker.origin), clock) as publisher,
        bridge(store, where_of(broker.origin), clock) as other,
    ):
        assert [publisher.step().became for _ in range(2)] == ["taken", "taken"]
        look = publisher.client.cells

        def looked(prefix: str, release: str, beat: Callable[[], object]) -> Any:
            clock.on(PACE.lease - 1)
            beat()
            clock.on(PACE.lease - 1)
            assert other.step().became is None
            return look(prefix, release, beat)

        monkeypatch.setattr(publisher.client, "cells", looked)
        assert publisher.step().became == "published"
    assert state_of(store, kept) == "complete"


@pytest.mark.needs_postgresql
def test_on_postgresql_it_is_the_same_way(postgres: str, broker: Broker) -> None:
    from engine.store.database import open_engine

    with migrated_database(postgres) as url:
        store, clock = open_engine(url), Clock()
        kept = keep_trial(store, cells=40)
        broker.faults.add(
            BrokerFault(kind="status", status=400, where=STAT), BrokerFault(kind="drop", after=True, where=STAT)
        )
        with bridge(store, where_of(broker.origin), clock) as publisher:
            assert publisher.step().became == "parked"
            with write(store) as connection:
                order_publishing(connection, kept, (), CLERK, clock())
            broker.faults.add(BrokerFault(kind="small", limit=10_000, where="update", times=2))
            assert run_out(publisher, clock)[-1] == "published"
        assert (state_of(store, kept), left(store, kept), len(held(broker, CELL))) == ("complete", [], 40)
        store.dispose()

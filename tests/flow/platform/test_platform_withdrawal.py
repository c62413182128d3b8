"""A release taken back from the platform, at every moment of its way; nothing personal on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from engine.refusal import Refusal
from engine.store.database import write
from fhir_bridge.platform_entities import withdrawal_of
from fhir_bridge.platform_orders import order_publishing, order_withdrawal
from simulators.platform.audit import CELL, RELEASE, broken_promises, entities_of, told
from simulators.platform.broker import Platform as Broker
from simulators.platform.faults import BrokerFault
from tests.bridge.platform_stand_in import STAT, bodies
from tests.bridge.platform_world import (
    ABOUT,
    CLERK,
    PACE,
    Clock,
    bridge,
    content_of,
    held,
    keep_trial,
    left,
    run_out,
    state_of,
    where_of,
)  # fmt: skip

pytestmark = pytest.mark.flow


# -- withdrawal


def withdrawn(store: Engine, kept: Any, clock: Clock) -> Refusal | str:
    batches = withdrawal_of(content_of(kept), kept.sha256, ABOUT)
    assert not isinstance(batches, Refusal)
    with write(store) as connection:
        return order_withdrawal(connection, kept, batches, "counted twice", CLERK, clock(), PACE)


def test_a_release_that_never_left_is_withdrawn_without_a_word(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, loading=False), Clock()
    assert withdrawn(store, kept, clock) == "withdrawn"
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().wait is None
    assert (state_of(store, kept), left(store, kept), broker.ledger.received) == ("withdrawn", [], [])


def test_a_published_release_is_withdrawn_whole_and_for_good(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, cells=600), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        run_out(publisher, clock)
        assert withdrawn(store, kept, clock) == "withdrawing"
        before = len(broker.ledger.received)
        assert run_out(publisher, clock) == ["taken", "taken", "withdrawn"]
    first = next(one for one in broker.ledger.received[before:] if one.method == "POST")
    assert entities_of(first) == list(held(broker, RELEASE)), "its entity says so before anything else"
    assert [one["releaseStatus"] for one in held(broker, RELEASE).values()] == ["withdrawn"]
    assert {(one["personCount"], one["status"]) for one in held(broker, CELL).values()} == {(None, "withdrawn")}
    assert len(held(broker, CELL)) == 600
    assert broken_promises(broker.entities.changes) == []
    assert (state_of(store, kept), left(store, kept)) == ("withdrawn", [])
    with write(store) as connection:
        refused = order_publishing(connection, kept, (), CLERK, clock(), anew=True)
    assert isinstance(refused, Refusal)
    assert refused.code == "withdrawn"
    again = withdrawn(store, kept, clock)
    assert isinstance(again, Refusal)
    assert again.code == "already-withdrawn"


def test_a_withdrawal_waits_for_what_is_on_its_way_or_was_never_answered(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert [publisher.step().became for _ in range(2)] == ["taken", "taken"]
        broker.faults.add(BrokerFault(kind="drop", where=STAT))
        assert publisher.step().became == "later", "the platform may still be at work on turning it complete"
        assert withdrawn(store, kept, clock) == "withdrawing"
        assert publisher.step().became is None
        clock.on(PACE.unsure - 1)
        assert publisher.step().became is None
        clock.on(2)
        assert run_out(publisher, clock) == ["taken", "withdrawn"]
    assert state_of(store, kept) == "withdrawn"


def test_a_withdrawal_between_the_look_and_the_last_word_stops_the_last_word(
    store: Engine, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, clock = keep_trial(store), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert [publisher.step().became for _ in range(2)] == ["taken", "taken"]
        look = publisher.client.cells

        def looked(prefix: str, release: str, beat: Callable[[], object]) -> Any:
            found = look(prefix, release, beat)
            if state_of(store, kept) == "loading":
                withdrawn(store, kept, clock)
            return found

        monkeypatch.setattr(publisher.client, "cells", looked)
        assert publisher.step().became == "lost"
        clock.on(PACE.lease + 1)
        assert run_out(publisher, clock)[-1] == "withdrawn"
    assert not any('"releaseStatus":{"type":"Text","value":"complete"}' in body for body in bodies(broker))


def test_nothing_personal_could_be_found_though_it_is_looked_for_everywhere(store: Engine, broker: Broker) -> None:
    keep_trial(store)
    clock = Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        run_out(publisher, clock)
    assert told(broker.ledger.received, [CLERK.actor]) == []
    assert told(broker.ledger.received, ["ウォーキング", "TEST-1"]) != []

"""What a platform takes only in halves, refuses for good or confirms without doing, and a store that was changed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, update

from engine.store import repo_batches
from engine.store.database import read, write
from engine.store.tables_statistics import RELEASE_BATCH, STATISTICS_RELEASE
from fhir_bridge.platform_orders import order_publishing
from simulators.platform.audit import CELL, RELEASE, broken_promises, entities_of
from simulators.platform.broker import Platform as Broker
from simulators.platform.faults import BrokerFault
from tests.bridge.platform_stand_in import STAT, actions, bodies
from tests.bridge.platform_world import CLERK, Clock, bridge, held, keep_trial, left, run_out, state_of, where_of

pytestmark = pytest.mark.flow


def test_what_is_too_large_goes_in_halves_in_its_place(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, cells=40), Clock()
    limit = len(max(bodies_owed(store, kept), key=len)) // 3
    broker.faults.add(BrokerFault(kind="small", limit=limit, where=STAT, times=30))
    with bridge(store, where_of(broker.origin), clock) as publisher:
        became = run_out(publisher, clock)
    assert became.count("halved") == 3
    assert became[-1] == "published"
    assert state_of(store, kept) == "complete"
    taken = [line for line in broker.ledger.received if broker.ledger.answered[line.number].status == 204]
    ids = [id_ for line in taken for id_ in entities_of(line) if ":PhrAggregateCell:" in id_]
    assert ids == list(held(broker, CELL)), "each once, in their order"
    assert broken_promises(broker.entities.changes) == []


def bodies_owed(store: Engine, kept: Any) -> list[bytes]:
    with read(store) as connection:
        return [row.body for row in repo_batches.waiting(connection, kept.id)]


def test_a_gateway_that_hangs_up_on_a_size_is_told_less_at_a_time(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, cells=40), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().became == "taken"
        broker.faults.add(BrokerFault(kind="drop", where=STAT, times=4))
        became = run_out(publisher, clock)
    assert became == ["later", "later", "later", "halved", "taken", "taken", "published"]
    assert state_of(store, kept) == "complete"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 411, 415, 422])
def test_what_is_refused_for_good_is_parked_with_an_alarm_and_never_sent_again_by_itself(
    store: Engine, broker: Broker, status: int
) -> None:
    kept, clock = keep_trial(store), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().became == "taken"
        broker.faults.add(BrokerFault(kind="status", status=status, where=STAT))
        step = publisher.step()
        assert (step.became, step.is_alarm) == ("parked", True)
        sent = len(broker.ledger.received)
        for _ in range(10):
            clock.on(86_400)
            assert publisher.step().became is None
        assert len(broker.ledger.received) == sent
        assert "release-parked" in actions(store)
        with read(store) as connection:
            assert {id_: one.part for id_, one in repo_batches.refused(connection).items()} == {kept.id: "cells"}
        assert [row[:2] for row in left(store, kept)] == [
            ("open", "taken"),
            ("cells", "parked"),
            ("complete", "pending"),
        ]
        with write(store) as connection:
            assert order_publishing(connection, kept, (), CLERK, clock()) is None
        assert run_out(publisher, clock) == ["taken", "published"]


def test_one_entity_that_is_too_large_is_parked(store: Engine, broker: Broker) -> None:
    kept = keep_trial(store, cells=1)
    broker.faults.add(BrokerFault(kind="status", status=413, where=STAT))
    with bridge(store, where_of(broker.origin)) as publisher:
        step = publisher.step()
    assert (step.became, step.code) == ("parked", "too-large")
    assert state_of(store, kept) == "loading"


# -- looking back


@pytest.mark.parametrize("only", [0, 5])
def test_a_platform_that_confirms_more_than_it_did_is_found_out_before_the_release_is_complete(
    store: Engine, broker: Broker, only: int
) -> None:
    kept, clock = keep_trial(store), Clock()
    lie = BrokerFault(kind="slow", seconds=0.0, after=True, only=only, where=STAT)
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert publisher.step().became == "taken"
        broker.faults.add(lie)
        assert publisher.step().became == "taken"
        assert len(held(broker, CELL)) == only
        step = publisher.step()
        assert (step.became, step.code, step.is_alarm) == ("uneven", "cells", True)
        assert f"{12 - only} missing" in step.said
        assert run_out(publisher, clock) == ["taken", "published"]
    assert "release-uneven" in actions(store)
    assert broken_promises(broker.entities.changes) == []
    assert (state_of(store, kept), len(held(broker, CELL))) == ("complete", 12)


def test_a_complete_that_was_confirmed_and_not_done_is_said_again(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert [publisher.step().became for _ in range(2)] == ["taken", "taken"]
        broker.faults.add(BrokerFault(kind="slow", seconds=0.0, after=True, only=0, where=STAT))
        step = publisher.step()
        assert (step.became, step.code) == ("uneven", "other-release")
        assert state_of(store, kept) == "loading"
        assert run_out(publisher, clock)[-1] == "published"
    assert [one["releaseStatus"] for one in held(broker, RELEASE).values()] == ["complete"]


@pytest.mark.parametrize("named", ["in the release", "only by its reference"])
def test_a_cell_that_is_none_of_ours_keeps_a_release_from_turning_complete(
    store: Engine, broker: Broker, named: str
) -> None:
    kept, clock = keep_trial(store), Clock()
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert [publisher.step().became for _ in range(2)] == ["taken", "taken"]
        id_ = next(iter(held(broker, CELL)))
        key = next(key for key in broker.entities.everywhere() if key.id == id_)
        foreign = f"{id_}:more" if named == "in the release" else "urn:ngsi-ld:PhrAggregateCell:else:where"
        broker.entities.change(0, key._replace(id=foreign), broker.entities.get(key))
        step = publisher.step()
        assert (step.became, step.code) == ("parked", "extra")
        assert foreign in step.said
    assert state_of(store, kept) == "loading"


def test_bytes_that_were_changed_in_the_store_never_leave(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store), Clock()
    with write(store) as connection:
        connection.execute(
            update(RELEASE_BATCH)
            .where(RELEASE_BATCH.c.part == "cells")
            .values(body='{"actionType":"append","entities":[]}')
        )
    with bridge(store, where_of(broker.origin), clock) as publisher:
        assert run_out(publisher, clock) == ["taken", "parked"]
    assert left(store, kept)[1] == ("cells", "parked", "changed")
    assert len(bodies(broker)) == 1


def test_a_release_whose_content_was_changed_is_not_sent(store: Engine, broker: Broker) -> None:
    keep_trial(store)
    with write(store) as connection:
        connection.execute(update(STATISTICS_RELEASE).values(content="{}"))
    with bridge(store, where_of(broker.origin)) as publisher:
        step = publisher.step()
    assert (step.became, step.code, broker.ledger.received) == ("parked", "changed", [])

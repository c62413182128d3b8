"""Whatever a platform does in whatever order: the release gets there whole, and nobody ever saw half of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store import repo_batches
from engine.store.database import read, write
from fhir_bridge.platform_orders import order_publishing
from simulators.hospital.faults import KINDS
from simulators.platform.audit import broken_promises, misuses
from simulators.platform.broker import Platform as Broker
from simulators.platform.faults import BrokerFault
from simulators.platform.serving import serving
from simulators.platform_count import count
from tests.bridge.platform_world import CLERK, PHR, Clock, bridge, keep_trial, run_out, state_of, where_of
from tests.stores import migrated_file

STATUS = st.sampled_from([400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504])
FAULTS = st.builds(
    BrokerFault, kind=st.sampled_from(KINDS), after=st.booleans(), where=st.sampled_from(["", "update", "entities"]),
    times=st.integers(1, 3), status=STATUS, retry_after=st.sampled_from(["", "2"]), seconds=st.just(0.0),
    limit=st.just(2_000),
) | st.builds(
    BrokerFault, kind=st.sampled_from(["drop", "cut", "status", "garbage", "slow"]), after=st.just(True), status=STATUS,
    only=st.integers(0, 5), seconds=st.just(0.0), where=st.just("update"),
)  # fmt: skip


@settings(max_examples=settings().max_examples // 8, deadline=None)
@given(st.lists(FAULTS, max_size=8))
def test_a_release_gets_through_any_faults_and_is_never_complete_before_it_is_whole(faults: list[BrokerFault]) -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Broker(clients=(PHR,))) as broker:
        store, clock = migrated_file(Path(folder) / "engine.sqlite"), Clock()
        kept = keep_trial(store, cells=8)
        broker.faults.add(*faults)
        with bridge(store, where_of(broker.origin), clock) as publisher:
            while state_of(store, kept) != "complete":
                run_out(publisher, clock)
                with read(store) as connection:
                    parked = repo_batches.refused(connection)
                # Nothing but a refusal for good ever stops it, and then a person lets it go once more.
                assert parked or state_of(store, kept) == "complete"
                with write(store) as connection:
                    order_publishing(connection, kept, (), CLERK, clock())
        store.dispose()
        held = [
            {**one.key._asdict(), "attributes": {name: told["value"] for name, told in one.attributes.items()}}
            for one in broker.entities.everything()
        ]
        [counted] = count([kept], held)
        assert counted.sound, counted
        assert broken_promises(broker.entities.changes) == []
        assert misuses(broker.ledger.received) == []

"""The same releases in NGSI-LD: what is written, what is read back, and answers that are half a success."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from engine.refusal import Refusal
from engine.store.database import write
from fhir_bridge.client_answers import Failure
from fhir_bridge.platform_client import Platform
from fhir_bridge.platform_context import own_context
from fhir_bridge.platform_entities import Batch, withdrawal_of
from fhir_bridge.platform_orders import order_withdrawal
from simulators.platform.audit import CELL, RELEASE, broken_promises
from simulators.platform.broker import Platform as Broker
from simulators.platform.faults import BrokerFault
from tests.bridge.platform_world import (
    ABOUT,
    CLERK,
    PACE,
    Clock,
    bridge,
    content_of,
    held,
    keep_trial,
    run_out,
    state_of,
    where_of,
)  # fmt: skip

pytestmark = pytest.mark.flow
CONTEXT = "https://phr.example.jp/context.jsonld"
LINKED = msgspec.structs.replace(ABOUT, context=CONTEXT)
UPSERT = "/ngsi-ld/v1/entityOperations/upsert"


def test_a_release_is_published_read_back_and_withdrawn(store: Engine, broker: Broker) -> None:
    kept, clock = keep_trial(store, cells=600, about=LINKED), Clock()
    broker.faults.add(
        BrokerFault(kind="drop", after=True, where="upsert"), BrokerFault(kind="status", status=413, where="upsert")
    )  # fmt: skip
    with bridge(store, where_of(broker.origin, context=CONTEXT), clock) as publisher:
        assert run_out(publisher, clock)[-1] == "published"
        assert state_of(store, kept) == "complete"
        cells = held(broker, CELL)
        assert len(cells) == 600
        assert {"suppressed", "published"} == {str(one["status"]) for one in cells.values()}
        assert all(("personCount" in one) == (one["status"] == "published") for one in cells.values())
        assert [one["releaseStatus"] for one in held(broker, RELEASE).values()] == ["complete"]
        batches = withdrawal_of(content_of(kept), kept.sha256, LINKED)
        assert not isinstance(batches, Refusal)
        with write(store) as connection:
            order_withdrawal(connection, kept, batches, "wrong", CLERK, clock(), PACE)
        run_out(publisher, clock)
    assert [one["releaseStatus"] for one in held(broker, RELEASE).values()] == ["withdrawn"]
    for line in broker.ledger.received:
        if line.target.startswith("/ngsi-ld"):
            assert line.headers["ngsild-tenant"] == "sakata"
            assert ("content-type" in line.headers) == (line.method == "POST")
            assert "fiware-service" not in line.headers
    assert broken_promises(broker.entities.changes) == []


def test_what_was_prepared_for_the_other_interface_is_parked(store: Engine, broker: Broker) -> None:
    keep_trial(store)
    with bridge(store, where_of(broker.origin, context=CONTEXT)) as publisher:
        step = publisher.step()
    assert (step.became, step.code, broker.ledger.received) == ("parked", "other-interface", [])


def test_a_batch_done_in_part_names_what_was_refused(broker: Broker) -> None:
    whole = entity("urn:ngsi-ld:PhrAggregateCell:a", 20)
    broken = entity("urn:ngsi-ld:PhrAggregateCell:b", None)
    with Platform(where_of(broker.origin, context=CONTEXT)) as client:
        assert client.store(msgspec.json.encode([whole]), "cells") is None, "201"
        assert client.store(msgspec.json.encode([whole]), "cells") is None, "204"
        told = client.store(msgspec.json.encode([whole, broken]), "cells")
    assert [line.status for line in broker.ledger.answered.values()] == [200, 201, 204, 207]
    assert isinstance(told, Failure)
    assert (told.again, told.code) == (False, "unprocessable")
    assert "urn:ngsi-ld:PhrAggregateCell:b" in told.outcome


def test_a_withdrawn_suppressed_or_labelled_cell_says_no_more_than_it_may() -> None:
    batch = Batch("cells", msgspec.json.encode([entity("urn:ngsi-ld:PhrAggregateCell:a", 20)]))
    assert batch.body.startswith(b"[")
    terms = own_context()["@context"]
    assert {"personCount", "interestLabel", "releaseStatus", "PhrAggregateCell", "refRelease"} <= terms.keys()
    assert terms["refRelease"]["@type"] == "@id"


def entity(id_: str, count: int | None) -> dict[str, Any]:
    return {
        "id": id_, "type": "PhrAggregateCell", "personCount": {"type": "Property", "value": count}, "@context": [CONTEXT],
    }  # fmt: skip

"""Whether a network may be asked about a resident, and what it answered may be kept, at this moment."""

from __future__ import annotations

from engine.care_links import Link
from engine.clinical_taking import may_take
from engine.refusal import Refusal
from engine.store import repo_residents
from engine.store.database import Connection
from fhir_bridge.gate import doors
from fhir_bridge.linking import Reach


def permitted(connection: Connection, reach: Reach, resident: str) -> Link | Refusal:
    """The resident's link, or why nothing is asked or taken of them now: the gate's codes, no-consent or inactive."""
    door = doors(connection, [resident], reach.network, test_patients=reach.test_patients)[resident]
    refusal = door.refuses_record(reach.now())
    person = repo_residents.get(connection, resident)
    if refusal is not None or door.link is None or person is None:
        return refusal or Refusal("not-linked", f"{resident} is not linked")
    return may_take(connection, person, reach.now()) or door.link

"""Everything that is disclosed to a resident as one FHIR R4 Bundle, for the archive they take out.

What was measured at home is not in it: that lies beside it, an Observation a line, because it may be 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from engine.people import Resident
from engine.store.database import Connection
from fhir_bridge.bundle import collection, encode
from fhir_bridge.holdings import Holdings, holdings_of
from fhir_bridge.resources import STAFF_ONLY, TYPES, facts, resources_of
from fhir_bridge.resources.made import Resource

_HELD: Final = tuple(name for name in TYPES if name not in STAFF_ONLY)


def bundle_of(connection: Connection, person: Resident, now: datetime) -> Iterator[bytes]:
    """The Bundle (`collection`) as JSON: the patient, records, entries, advice, consents, devices and answers."""
    held = holdings_of(connection, person, now, disclosed=True, types=_HELD)
    bodies = [one.body for name in _HELD for one in sorted(_made(name, held), key=lambda one: one.id)]
    yield encode(collection(bodies, now, f"takeout|{person.id}"))


def _made(name: str, held: Holdings) -> Iterator[Resource]:
    return facts.observations(held) if name == "Observation" else resources_of(name, held)

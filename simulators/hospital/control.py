"""Orders to a running hospital from whoever drives a test: consents, faults, own records, and what happened so far.

Below /control, on loopback, outside the interface, the tokens and the ledger: not a part of any hospital.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from simulators.hospital.faults import Fault
from simulators.hospital.network import Hospital
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.words import Told, read_json


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What happened so far: requests, faults by name, resources now, versions written, identifiers used twice."""

    requests: int
    unanswered: int
    faults: dict[str, int]
    resources: int
    writes: tuple[str, ...]
    duplicates: tuple[tuple[str, str], ...]


def totals(hospital: Hospital, kind: str) -> Totals:
    """The counts of resources of `kind`."""
    ledger = hospital.ledger
    return Totals(
        requests=len(ledger.received), unanswered=len(ledger.received) - len(ledger.answered),
        faults=dict(ledger.faults()), resources=len(hospital.records.all(kind)),
        writes=tuple(ledger.writes(f"{kind}/")), duplicates=tuple(hospital.duplicates(kind)),
    )  # fmt: skip


def control(hospital: Hospital, method: str, target: str, body: bytes) -> Told:
    """Carry out an order; 400 with an OperationOutcome when it is not understood."""
    split = urlsplit(target)
    try:
        return Told(status=200, resource=_carry_out(hospital, f"{method} {split.path}", split.query, body))
    except RefusedError as refused:
        return Told(status=refused.status, resource=refused.outcome())
    except (msgspec.ValidationError, KeyError) as error:
        return Told(status=400, resource=RefusedError(400, str(error)).outcome())


def _carry_out(hospital: Hospital, order: str, query: str, body: bytes) -> dict[str, Any]:
    said = read_json(body) if body else {}
    match order:
        case "GET /control/totals":
            kind = parse_qs(query).get("kind", ["Observation"])[0]
            counted: dict[str, Any] = msgspec.to_builtins(totals(hospital, kind))
            return counted
        case "GET /control/struck":
            return {"requests": len(hospital.ledger.received), "faults": dict(hospital.ledger.faults())}
        case "POST /control/consent":
            hospital.consents.change(str(said["patient"]), given=bool(said["given"]))
            return {}
        case "POST /control/faults":
            hospital.faults.add(*msgspec.convert(said.get("script", []), tuple[Fault, ...]))
            if "weather" in said:
                # Decimals are what JSON's numbers are read as here; a chance is a float.
                weather = msgspec.convert(said["weather"], tuple[tuple[float, Fault], ...], strict=False)
                hospital.faults.change_weather(*weather)
            return {"left": hospital.faults.left()}
        case "POST /control/keep":
            version = hospital.keep(said)
            return {"id": version.id}
    raise RefusedError(404, f"there is no order {order!r}")

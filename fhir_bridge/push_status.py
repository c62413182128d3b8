"""How the exchange with a network stands, from what is stored; and what a push would send, without sending."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from engine.store import repo_links, repo_networks, repo_pulled, repo_push
from engine.store.database import Connection
from engine.store.repo_push import DEVICE
from fhir_bridge.breaker import Breaker
from fhir_bridge.gate import doors
from fhir_bridge.plan_debts import Scope, pay


def status_of(connection: Connection, network: str, now: datetime) -> dict[str, Any]:
    """Links and rows by state, refusals by code, the oldest that waits, breaker, unknown codes, what was done last."""
    said = repo_networks.known(connection, network).said
    breaker = msgspec.convert(said["breaker"], Breaker) if "breaker" in said else Breaker()
    oldest = repo_push.oldest_open(connection, network)
    return {
        "links": dict(Counter(link.state for link in repo_links.listed(connection, network))),
        "observations": repo_push.counts(connection, network),
        "devices": repo_push.counts(connection, network, DEVICE),
        "dead": dict(Counter(row.code or "-" for row in repo_push.dead(connection, network, limit=10_000))),
        "oldest": oldest.isoformat() if oldest else None,
        "breaker": breaker.state(now),
        "open_until": breaker.until.isoformat() if breaker.until and breaker.state(now) == "open" else None,
        "unknown": len(repo_pulled.unknown(connection, network)),
        "last": said.get("last", {}),
    }


def would_send(connection: Connection, scope: Scope, now: datetime, first: int) -> dict[str, Any]:
    """What would leave, whatever its order; it plans in the caller's transaction, which is to be rolled back."""
    while pay(connection, scope, now):
        pass
    rows = repo_push.waiting(connection, scope.network)
    found = doors(
        connection, {row.resident_id for row in rows}, scope.network, test_patients=scope.test_patients
    )  # fmt: skip
    going = [row for row in rows if found[row.resident_id].refuses_taking_back(row.kind, now) is None]
    shown = [{"identifier": row.identifier, "wants": row.wants, "patient": row.patient} for row in going[:first]]
    return {"count": len(going), "first": shown}

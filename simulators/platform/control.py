"""Orders to a running broker from whoever drives a test: faults, what it holds, and what happened so far.

Below /control, on loopback, outside the interface, the tokens and the ledger: not a part of any broker.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from simulators.hospital.words import write_json
from simulators.platform.audit import broken_promises, misuses, told
from simulators.platform.broker import Platform, refusal
from simulators.platform.entities import Kept
from simulators.platform.faults import BrokerFault
from simulators.platform.refusals import RefusedError
from simulators.wire import CONTROL, Said


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What happened so far: requests, faults by name, entities by type, ids that several entities have, findings."""

    requests: int
    unanswered: int
    faults: dict[str, int]
    entities: dict[str, int]
    duplicates: tuple[str, ...]
    broken: tuple[dict[str, Any], ...]
    misuses: tuple[dict[str, Any], ...]


def totals(platform: Platform) -> Totals:
    """The counts and findings of a broker."""
    ledger, keys = platform.ledger, platform.entities.everywhere()
    received = tuple(ledger.received)
    ids = Counter(key.id for key in keys)
    return Totals(
        requests=len(received), unanswered=len(received) - len(ledger.answered), faults=dict(ledger.faults()),
        entities=dict(Counter(key.type for key in keys)), duplicates=tuple(id_ for id_, n in ids.items() if n > 1),
        broken=tuple(msgspec.to_builtins(one) for one in broken_promises(tuple(platform.entities.changes))),
        misuses=tuple(msgspec.to_builtins(one) for one in misuses(received)),
    )  # fmt: skip


def control(platform: Platform, method: str, target: str, body: bytes) -> Said:
    """Carry out an order; 400 with an error when it is not understood."""
    try:
        result = _carry_out(platform, f"{method} /{target.removeprefix(CONTROL)}", body)
    except RefusedError as refused:
        return refusal(refused)
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        return refusal(RefusedError(400, "BadRequest", str(error)))
    return Said(200, write_json(result), {"Content-Type": "application/json"})


class _Faults(msgspec.Struct, frozen=True):
    """The order `faults`; weather unsaid stays as it is."""

    script: tuple[BrokerFault, ...] = ()
    weather: tuple[tuple[float, BrokerFault], ...] | None = None


def _held(one: Kept) -> dict[str, Any]:
    values = {name: attribute["value"] for name, attribute in one.attributes.items()}
    return {**one.key._asdict(), "attributes": values}


def _carry_out(platform: Platform, order: str, body: bytes) -> Any:  # noqa: PLR0911 - one answer for each order
    match order:
        case "GET /totals":
            return msgspec.to_builtins(totals(platform))
        case "GET /struck":
            return {"requests": len(platform.ledger.received), "faults": dict(platform.ledger.faults())}
        case "GET /changes":
            return [msgspec.to_builtins(line) for line in tuple(platform.entities.changes)]
        case "GET /entities":
            return [_held(one) for one in platform.entities.everything()]
        case "POST /leaked":
            text = msgspec.json.decode(body, type=str)
            return {"given": platform.tokens.given(), "found": platform.tokens.leaked(text)}
        case "POST /told":
            texts = msgspec.json.decode(body, type=list[str])
            return [msgspec.to_builtins(one) for one in told(tuple(platform.ledger.received), texts)]
        case "POST /faults":
            said = msgspec.json.decode(body, type=_Faults)
            platform.faults.add(*said.script)
            if said.weather is not None:
                platform.faults.change_weather(*said.weather)
            return {"left": platform.faults.left()}
    raise RefusedError(404, "NotFound", f"there is no order {order!r}")

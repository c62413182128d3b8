"""The engine towards gateways when somebody is erased: the order to forget, its answer, and what still comes late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from engine import loans_orders
from engine.assignment import UNKNOWN_SLOT, WHOLE
from engine.contract import topics, wire
from engine.contract.reading import Reading
from engine.household import Household
from engine.store import repo_forget
from engine.store.database import Connection, Engine, read, write

FORGOTTEN: Final = "forgotten"
_VERB: Final = "forget"
Slots = Mapping[tuple[str, int], datetime]


class _Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    v: int
    correlation: str
    resident: str
    alone: bool = False


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    v: Literal[1]
    correlation: Annotated[str, msgspec.Meta(max_length=64)]
    verb: Annotated[str, msgspec.Meta(max_length=32)]
    result: Literal["done", "waiting", "unknown-verb", "malformed", "failed"]
    count: int = 0


def hear(connection: Connection, gateway: str, payload: bytes, now: datetime) -> str | None:
    """Takes in what a gateway answered to an order; the reason code where it is no answer to anything we asked."""
    try:
        said = msgspec.json.decode(payload, type=_Reply) if len(payload) <= wire.MAX_MESSAGE else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = None
    if said is None:
        return "bad-reply"
    known = repo_forget.answered(connection, gateway, said.correlation, said.result, now)
    known = known or loans_orders.answered(connection, gateway, said.correlation, said.result, said.count, now)
    return None if known else "unasked-reply"


def tell(engine: Engine, now: datetime, send: Callable[[str, bytes], None]) -> int:
    """Hands the orders that are due to `send`, topic and payload; each is due again until its gateway has done it."""
    with read(engine) as connection:
        if not repo_forget.waits(connection, now):
            return 0
    with write(engine) as connection:
        orders = repo_forget.take(connection, now)
        peopled = repo_forget.lived_in(connection, [one.gateway for one in orders])
        for one in orders:
            # Somebody moved in since: what is heard there is theirs now.
            alone = one.alone and one.gateway not in peopled
            said = _Order(v=1, correlation=one.correlation, resident=one.resident, alone=alone)
            send(topics.command(one.gateway, _VERB), msgspec.json.encode(said))
    return len(orders)


def is_late(reading: Reading, home: Household | None, erased: Slots) -> bool:
    """Whether this is what an erased person measured: before they were erased, or by their slot while it is nobody's.

    Whoever gets the slot next has what is measured from then on; a device that was theirs as a whole is anybody's.
    """
    slot = WHOLE if reading.user_slot is None or reading.user_slot == UNKNOWN_SLOT else reading.user_slot
    own, whole = erased.get((reading.device, slot)), erased.get((reading.device, WHOLE))
    at = min(reading.measured_at, reading.received_at)
    if any(gone is not None and at <= gone for gone in (own, whole)):
        return True
    device = None if home is None else home.devices.get(reading.device)
    return own is not None and slot != WHOLE and (device is None or slot not in device.bindings)


def is_theirs(content: bytes, erased: Slots) -> bool:
    """Whether an unreadable reading names a device that an erased person had a slot of: it may be theirs."""
    return any(device.encode() in content for device, _ in erased)

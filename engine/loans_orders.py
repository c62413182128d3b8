"""The engine towards gateways when something lent comes back: give it up, again and again until they have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from engine.contract import topics
from engine.loans import Loan, Order, Told
from engine.store import audit, repo_forget, repo_loans, repo_places
from engine.store.database import Connection, Engine, read, write
from engine.store.repo_facts import By

RELEASE: Final = "release"
WIPE: Final = "wipe"
_FIRST: Final = timedelta(minutes=1)
_MOST: Final = timedelta(hours=6)
_ENDS: Final = ("done", "stuck")
# From a gateway that does not know the command nothing else will ever come: somebody has to look.
_STATES: Final[dict[str, Told]] = {"done": "done", "waiting": "waiting", "failed": "open"}


class _Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    v: int
    correlation: str
    device: str | None = None


def tell(engine: Engine, now: datetime, send: Callable[[str, bytes], None]) -> int:
    """Hands what gateways are to give up to `send`, topic and payload; said again until they did; how many."""
    with read(engine) as connection:
        if not repo_loans.waits(connection, now):
            return 0
    said = 0
    with write(engine) as connection:
        for loan in repo_loans.to_tell(connection, now):
            repo_loans.put_off(connection, loan, now + _wait(loan, now))
            for order in loan.orders:
                if order.state not in _ENDS:
                    send(*_message(loan, order))
                    said += 1
    return said


def answered(connection: Connection, gateway: str, correlation: str, result: str, left: int, now: datetime) -> bool:
    """Notes what a gateway answered; whether it was asked.

    Once every gateway has given it up the thing is wiped, and a lent gateway is no gateway of ours any more.
    """
    audit.take_turn(connection)
    found = [(loan, order) for loan in repo_loans.told(connection, [gateway]) for order in loan.orders
             if (order.gateway, order.correlation) == (gateway, correlation)]  # fmt: skip
    if not found:
        return False
    [(loan, asked)] = found
    state: Told = _STATES.get(result, "stuck")
    if asked.state in _ENDS:
        return True
    changed = msgspec.structs.replace(asked, state=state, answer=result, left=max(left, 0) if state != "done" else 0)
    if changed == asked:
        return True  # nothing moved: it is asked again later and later
    orders = tuple(changed if one == asked else one for one in loan.orders)
    over = all(one.state in _ENDS for one in orders)
    values: dict[str, Any] = {"orders": orders, "tell_at": None if over else now + _FIRST}
    wiped = all(one.state == "done" for one in orders)
    if wiped and loan.wiped_at is None:
        values["wiped_at"] = now
    repo_loans.change(connection, loan, f"loan-{'wiped' if wiped else 'answer'}", By(gateway, "engine"), now, **values)
    if wiped and loan.sort == "gateway":
        repo_forget.wiped(connection, gateway, now)
        repo_places.dismiss_gateway(connection, gateway)
    return True


def hurry(connection: Connection, gateway: str, now: datetime) -> None:
    """A gateway came back: what it was not told yet is due at once."""
    for loan in repo_loans.told(connection, [gateway]):
        repo_loans.put_off(connection, loan, now)


def _wait(loan: Loan, now: datetime) -> timedelta:
    """How long until it is said again: the longer it came back ago, the longer."""
    ago = now - (loan.returned_at or now)
    return min(max(ago / 2, _FIRST), _MOST)


def _message(loan: Loan, order: Order) -> tuple[str, bytes]:
    verb = WIPE if loan.sort == "gateway" else RELEASE
    device = None if loan.sort == "gateway" else order.device or loan.device
    said = _Order(v=1, correlation=order.correlation, device=device)
    return topics.command(order.gateway, verb), msgspec.json.encode(said)

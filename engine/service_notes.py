"""What gateways say beside readings: of their devices and of themselves, and their answers to orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from engine import loans_orders
from engine.contract import wire
from engine.household import Household
from engine.refusal import Refusal
from engine.service_forgetting import hear
from engine.store import repo_devices, repo_forget, repo_gateways, repo_shows, tallies
from engine.store.database import Connection
from engine.store.filing import adopt


class Homes(Protocol):
    """Who knows the household of a gateway."""

    def of(self, connection: Connection, gateways: set[str], now: datetime) -> Mapping[str, Household | None]:
        """The household of each gateway, None for one that was never enrolled."""


def hands_over(connection: Connection, leaf: str, payload: bytes) -> bool:
    """Whether this note gives a slot to somebody else: what was said before it is to be judged before it."""
    said = _decode_note(leaf, payload) if leaf == "device" else None
    return isinstance(said, wire.DeviceNote) and repo_devices.hands_over(connection, said)


def reply(connection: Connection, gateway: str, payload: bytes, now: datetime) -> None:
    """What a gateway answers to an order; an answer to nothing is counted."""
    code = hear(connection, gateway, payload, now)
    if code is not None:
        tallies.add(connection, {("bad-message", code): 1})


def note(connection: Connection, facts: Homes, place: tuple[str, str], payload: bytes, now: datetime) -> None:
    """What a gateway says about itself and its devices; malformed notes are counted and change nothing."""
    gateway, leaf = place
    home = facts.of(connection, {gateway}, now)[gateway]
    said = _decode_note(leaf, payload)
    if isinstance(said, str):
        tallies.add(connection, {("bad-message", said): 1})
    elif home is None:
        tallies.add(connection, {("refused-note", "unknown-gateway"): 1})
    elif isinstance(said, wire.DeviceNote):
        noted = repo_devices.note(connection, home.id, said, now)
        if not isinstance(noted, Refusal) and noted.new:
            known = facts.of(connection, {gateway}, now)[gateway]
            adopt(connection, said.device, known or home, now)
        codes = [noted.code] if isinstance(noted, Refusal) else [refusal.code for _, refusal in noted.refused]
        tallies.add(connection, Counter(("refused-note", code) for code in codes))
    else:
        repo_gateways.note(connection, gateway, said, now)
        if isinstance(said, wire.State) and said.state == "ready":
            repo_shows.owe_home(connection, home.id, now)
            repo_shows.owe_rosters(connection, [home.id], now)
            repo_forget.hurry(connection, gateway, now)
            loans_orders.hurry(connection, gateway, now)


def _decode_note(leaf: str, payload: bytes) -> wire.DeviceNote | wire.State | wire.Health | str:
    """The note, or the reason code why it cannot be read."""
    shapes: dict[str, type[Any]] = {"device": wire.DeviceNote, "state": wire.State, "health": wire.Health}
    if leaf not in shapes:
        return "foreign-topic"
    if len(payload) > wire.MAX_MESSAGE:
        return "too-large"
    try:
        note: wire.DeviceNote | wire.State | wire.Health = wire.decode(payload, shapes[leaf])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return f"bad-{leaf}"
    return note

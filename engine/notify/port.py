"""The door every channel goes through: one address, one message, and what became of it as a value."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Protocol

import msgspec

from engine.notify.message import Message

Channel = Literal["mail", "line", "push"]


class Sent(msgspec.Struct, frozen=True):
    """The other side took it."""


class Failed(msgspec.Struct, frozen=True):
    """It did not: a stable code; `gone` when the address will never work again, `after` how long to wait if asked."""

    code: str
    gone: bool = False
    after: timedelta | None = None


class Sink(Protocol):
    """A channel; `send` never raises for what the other side or the network does."""

    def send(self, address: str, message: Message) -> Sent | Failed:
        """Hand `message` over to `address`."""
        ...

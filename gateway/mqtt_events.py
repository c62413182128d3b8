"""What reaches the uplink's thread: from paho's callbacks, or from the gateway (None: look into the journal)."""

from __future__ import annotations

import msgspec

from engine.contract.topics import Up


class Connected(msgspec.Struct, frozen=True):
    """The broker answered CONNECT; `resumed` when it still knew us."""

    ok: bool
    reason: str
    resumed: bool


class Lost(msgspec.Struct, frozen=True):
    """The connection ended."""

    reason: str


class Taken(msgspec.Struct, frozen=True):
    """The broker took a message of ours."""

    mid: int


class Message(msgspec.Struct, frozen=True):
    """A message for us."""

    topic: str
    payload: bytes


class Reply(msgspec.Struct, frozen=True):
    """An answer to a command, or a question of a spot's, to be sent."""

    payload: bytes
    leaf: Up = "reply"


Event = Connected | Lost | Taken | Message | Reply | None

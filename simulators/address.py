"""Where a simulator listens: `host:port` on loopback or `unix:/path`."""

from __future__ import annotations

import msgspec

UNIX = "unix:"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A listening place: a Unix socket when `path` is set, else a TCP port (0: any free one)."""

    host: str = "127.0.0.1"
    port: int = 0
    path: str | None = None

    def __str__(self) -> str:
        return f"{UNIX}{self.path}" if self.path is not None else f"{self.host}:{self.port}"


def parse_place(text: str) -> Place:
    """The place `text` names; raises ValueError when it is neither `host:port` nor `unix:/path`."""
    if text.startswith(UNIX):
        return Place(path=text.removeprefix(UNIX))
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise ValueError(f"not a place to listen: {text!r} (host:port or unix:/path)")
    return Place(host=host, port=int(port))

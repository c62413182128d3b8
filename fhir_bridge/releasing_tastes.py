"""What the city hands in for one release: who likes and uses what, under tokens of a key made for it. Pure.

The identity provider alone knows that the holder of our subject and a service's customer are one person. It makes the
tokens (`aggregate_join.token` over the release's key, our subject, and unit:period), so that neither we nor a service
learn the other's name for anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from engine.interests import OWN
from engine.refusal import Refusal
from fhir_bridge.aggregate_join import KEY_BYTES, Withheld

# One line is one person's: more is a mistake, and would be read into memory.
MOST_LINE: Final = 16_384
# A thousand bytes for everybody of a region of two hundred thousand.
MOST_BYTES: Final = 200 << 20


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, msgspec.Meta(max_length=64, pattern="[0-9a-f]{64}")]
    # The service that knows the interests: the recipient of the resident's consent.
    origin: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = ""
    interests: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    services: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()


class Handed(Withheld):
    """One person's line: interests in their order with the service that knows them, and the services used."""

    __slots__ = ("interests", "origin", "services")

    def __init__(self, origin: str, interests: tuple[str, ...], services: tuple[str, ...]) -> None:
        self.origin, self.interests, self.services = origin, interests, services


class Tastes(Withheld):
    """All that was handed in, by token, and the key the tokens were made with."""

    __slots__ = ("by_token", "key")

    def __init__(self, key: bytes, by_token: Mapping[bytes, Handed]) -> None:
        self.key, self.by_token = key, by_token


def tastes_of(lines: bytes, key: bytes) -> Tastes | Refusal:
    """The JSON lines of a file: token (64 hex digits), origin, interests, services.

    Refused as `short-key`, `too-large`, `unreadable-tastes` or `same-person-twice`, with the number of the line and
    nothing of it.
    """
    if len(key) < KEY_BYTES:
        return Refusal("short-key", f"the key of a release has {KEY_BYTES} bytes or more")
    if len(lines) > MOST_BYTES:
        return Refusal("too-large", f"more than {MOST_BYTES >> 20} MiB of interests")
    found: dict[bytes, Handed] = {}
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        read = _read(line)
        if read is None:
            return Refusal("unreadable-tastes", f"line {number} is not one person's interests and services")
        token = bytes.fromhex(read.token)
        if token in found:
            return Refusal("same-person-twice", f"line {number}: what is known of one person must come together")
        found[token] = Handed(read.origin, read.interests, read.services)
    return Tastes(key, found)


def _read(line: bytes) -> _Line | None:
    if len(line) > MOST_LINE:
        return None
    try:
        found = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Whose interests nobody said who knows, nobody can have agreed to; what our own page knows no file tells.
    return None if found.origin == OWN or (found.interests and not found.origin) else found

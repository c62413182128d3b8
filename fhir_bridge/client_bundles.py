"""Many writes in one request: Bundles as bytes, their answers one by one, and halves where a whole is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from fhir_bridge.client_answers import (
    Answer,
    Failure,
    Write,
    failure_of,
    outcome_text,
    place_of,
    version_in,
    version_of,
)

Outcome = Answer | Failure
Send = Callable[[Sequence[Write]], list[Outcome] | Failure]
SendOne = Callable[[Write], Outcome]

_TRIED: Final = 16
_UNSUPPORTED: Final = frozenset({404, 405, 501})
_STOPS: Final = frozenset({"retry", "offline", "breaker", "auth"})
_STATUS_DIGITS: Final = 3
_encode: Final = msgspec.json.encode


class _Response(msgspec.Struct, rename="camel"):
    status: str = ""
    location: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    outcome: Any = None


class _Entry(msgspec.Struct):
    response: _Response | None = None
    resource: Any = None


class _Told(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    type: str = ""
    entry: list[_Entry] = []


def write_bundle(sort: str, writes: Sequence[Write]) -> bytes:
    """A Bundle of type `batch` or `transaction`; the resources stand in it byte for byte."""
    return b'{"resourceType":"Bundle","type":"%s","entry":[%s]}' % (sort.encode(), b",".join(map(_entry, writes)))


def _entry(write: Write) -> bytes:
    request = {"method": "PUT" if write.id else "POST", "url": f"{write.kind}/{write.id}" if write.id else write.kind}
    if write.if_match:
        request["ifMatch"] = f'W/"{write.if_match}"'
    if write.if_none_exist:
        request["ifNoneExist"] = write.if_none_exist
    name = b'"fullUrl":%s,' % _encode(write.full_url) if write.full_url else b""
    return b'{%s"resource":%s,"request":%s}' % (name, write.body, _encode(request))


def read_bundle(body: object, writes: Sequence[Write], request: str) -> list[Outcome] | None:
    """What became of each write, in their order; None when this is not the answer to that Bundle."""
    try:
        told = msgspec.convert(body, _Told)
    except msgspec.ValidationError:
        return None
    if told.resource_type != "Bundle" or not told.type.endswith("-response") or len(told.entry) != len(writes):
        return None
    return [_read_entry(entry, write, request) for entry, write in zip(told.entry, writes, strict=True)]


def _read_entry(entry: _Entry, write: Write, request: str) -> Outcome:
    said = entry.response
    digits = said.status[:_STATUS_DIGITS] if said else ""
    if said is None or len(digits) != _STATUS_DIGITS or not (digits.isascii() and digits.isdigit()):
        return Failure(kind="retry", code="garbage", unsure=True, request=request)
    outcome = outcome_text(said.outcome) or outcome_text(entry.resource)
    if not digits.startswith("2"):
        return failure_of(int(digits), outcome=outcome, conditional=bool(write.if_none_exist), request=request)
    body = entry.resource if isinstance(entry.resource, dict) and not outcome_text(entry.resource) else None
    return stored(
        write, int(digits), body, said.location, said.etag, outcome=outcome, modified=said.last_modified,
        request=request,
    )  # fmt: skip


def stored(
    write: Write, status: int, body: dict[str, Any] | None, location: str | None, etag: str | None, *,
    outcome: str = "", modified: str | None = None, request: str = "",
) -> Outcome:  # fmt: skip
    """The answer to a write that was carried out; a Failure when the server speaks of another resource than it."""
    place = place_of(location)
    named = place[1] if place else (body or {}).get("id") or write.id
    kind = place[0] if place else (body or {}).get("resourceType") or write.kind
    if kind != write.kind or (write.id and named != write.id) or not isinstance(named, str | None):
        return Failure(kind="retry", code="garbage", status=status, unsure=True, request=request)
    version = version_of(etag) or (place[2] if place else None) or version_in(body)
    return Answer(
        status=status, kind=write.kind, id=named, version=version, last_modified=modified, body=body,
        outcome=outcome, request=request,
    )  # fmt: skip


class Room(msgspec.Struct):
    """How many entries the server takes in one Bundle, as far as we know; after a calm while more is tried again."""

    top: int
    most: int
    calm: int = 0

    def fits(self, size: int) -> None:
        """A Bundle of `size` was taken."""
        if size < self.most or self.most == self.top:
            return
        self.calm += 1
        if self.calm >= _TRIED:
            self.most, self.calm = min(self.top, self.most * 2), 0

    def shrink(self, size: int) -> None:
        """More than `size` was refused."""
        self.most, self.calm = max(1, min(self.most, size)), 0


def deliver(writes: Sequence[Write], send: Send, send_one: SendOne, room: Room) -> list[Outcome]:
    """Send all, in order, in Bundles that are halved when refused whole, down to single requests.

    When the server cannot be reached or asks for time, the rest is not sent and gets the same Failure, not `unsure`.
    """
    told: list[Outcome] = []
    sound = True  # no write of these was refused by itself
    refused, taken = 0, 0
    waiting = [writes[at : at + room.most] for at in range(0, len(writes), max(1, room.most))][::-1]
    while waiting:
        part = waiting.pop()
        answer = [send_one(part[0])] if len(part) == 1 else send(part)
        if isinstance(answer, list):
            last = answer[-1] if len(part) == 1 else None
            told += answer
            if isinstance(last, Failure) and last.kind in _STOPS:
                return [*told, *_unsent(last, len(writes) - len(told))]
            sound = sound and not isinstance(last, Failure)
            taken = max(taken, len(part))
            room.fits(len(part))
        elif answer.kind in _STOPS:
            told += [answer] * len(part)
            return [*told, *_unsent(answer, len(writes) - len(told))]
        else:
            refused = min(refused or len(part), len(part))
            if answer.status in _UNSUPPORTED:
                room.shrink(1)
            size = min(room.most, (len(part) + 1) // 2)
            waiting += [part[at : at + size] for at in range(0, len(part), size)][::-1]
    # Refused as a whole, taken in parts: that was the number of entries, not one of them.
    if refused and sound and taken < refused:
        room.shrink(taken)
    return told


def _unsent(failure: Failure, count: int) -> list[Outcome]:
    return [msgspec.structs.replace(failure, unsure=False)] * count

"""OMRON's memory protocol: frames over four channels, the key, and the visit that reads what is new.

Frames: length, two bytes of kind, address (big-endian), size, data, result, XOR of all before it. Sources: github.com/
userx14/omblepy and github.com/eigger/hass-omron (facts only). Nothing is ever written to the memory: the device's own
"unread" counters stay as they are, and which records we have stands in our journal. A transfer that was opened is
always closed, for a device left in the middle of one shows an error until it is reset.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import reduce
from operator import xor
from typing import Final
from zlib import crc32

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Action, DecodeError, Keep, Read, Receive, Remember, Setting, Talk, Told, Write
from firmware_profiles.omron_models import Memory, find_memory
from firmware_profiles.uuids import MODEL_NUMBER

SERVICE: Final = "ecbe3980-c9a2-11e1-b1bd-0002a5d5c51b"
UNLOCK: Final = "b305b680-aee7-11e1-a730-0002a5d5c51b"
TX: Final = (
    "db5b55e0-aee7-11e1-965e-0002a5d5c51b", "e0b8a060-aee7-11e1-92f4-0002a5d5c51b",
    "0ae12b00-aee8-11e1-a192-0002a5d5c51b", "10e1ba60-aee8-11e1-89e5-0002a5d5c51b",
)  # fmt: skip
RX: Final = (
    "49123040-aee8-11e1-a74d-0002a5d5c51b", "4d0bf320-aee8-11e1-a0d9-0002a5d5c51b",
    "5128ce60-aee8-11e1-b84b-0002a5d5c51b", "560f1420-aee8-11e1-8184-0002a5d5c51b",
)  # fmt: skip
CHANNEL: Final = 16
OPEN, READ, CLOSE = 0x0000, 0x0100, 0x0F00
ANSWER: Final = 0x8000
KEY_SIZE: Final = 16
USE_KEY, PROGRAM, SET_KEY, TOKEN = 0x01, 0x02, 0x00, 0x11
_SHELL: Final = 8
_ATTEMPTS: Final = 3
PATIENCE: Final = 3.0

Decode = Callable[[bytes], Sample]


class Frame(msgspec.Struct, frozen=True):
    """A request or an answer; `code` is 0 unless the device refuses, `size` what a request asks for."""

    kind: int
    address: int = 0
    size: int = 0
    data: bytes = b""
    code: int = 0


Wait = Generator[Action, Told | None, Frame | None]


def encode_frame(frame: Frame) -> bytes:
    """The bytes of `frame`, its checksum at the end."""
    body = bytes((len(frame.data) + _SHELL,)) + frame.kind.to_bytes(2, "big") + frame.address.to_bytes(2, "big")
    body += bytes((frame.size,)) + frame.data + bytes((frame.code,))
    return body + bytes((reduce(xor, body),))


def decode_frame(raw: bytes) -> Frame:
    """The frame `raw` begins with; DecodeError: `truncated`, `bad-checksum`."""
    if len(raw) < _SHELL or not _SHELL <= raw[0] <= len(raw):
        raise DecodeError("truncated", "the frame is shorter than it says")
    body = bytes(raw[: raw[0]])
    if reduce(xor, body):
        raise DecodeError("bad-checksum", "the frame's bytes do not add up")
    kind, address = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    return Frame(kind, address, body[5], body[6:-2], body[-2])


def unlock_talk(memories: tuple[Memory, ...]) -> Callable[[Setting], Talk]:
    """The dialogue that opens a device with one of `memories`.

    Ends in `done`, or: `unknown-model`; `key-needed`, when we were never paired; `key-refused`, when another phone or
    program was paired since; `not-in-pairing-mode`; `no-answer`.
    """

    def talk(setting: Setting) -> Talk:
        memory = yield from _recognise(memories)
        if memory is None:
            return "unknown-model"
        if memory.unlock == "none":
            return "done"
        if memory.unlock == "token":
            return (yield from _show_token(setting))
        if setting.key is None or len(setting.key) != KEY_SIZE:
            return "key-needed"
        return (yield from _program_key(setting.key) if setting.pairing else _show_key(setting.key))

    return talk


def read_talk(
    memories: tuple[Memory, ...], carriers: Mapping[int | None, str], decode: Decode
) -> Callable[[Setting], Talk]:
    """The dialogue that keeps every record that is new, each user's oldest first, under the carrier of their slot.

    `carriers` names None for a device with one user. Ends in `done`, `unknown-model` or `no-answer`.
    """

    def talk(setting: Setting) -> Talk:
        memory = yield from _recognise(memories)
        if memory is None:
            return "unknown-model"
        opened = yield from _ask(Frame(OPEN, size=0x10))
        if opened is None or opened.kind != OPEN | ANSWER:
            yield from _ask(Frame(CLOSE))
            return "no-answer"
        word = yield from _read_users(memory, carriers, decode, setting.memory)
        yield from _ask(Frame(CLOSE))
        return word

    return talk


def _recognise(memories: tuple[Memory, ...]) -> Generator[Action, Told | None, Memory | None]:
    """The device's memory map, by the model it calls itself where there is a choice."""
    if len(memories) == 1:
        return memories[0]
    told = yield Read(MODEL_NUMBER)
    return find_memory(told.data.decode("utf-8", "replace"), memories) if told else None


# -- the key


def _show_key(key: bytes) -> Talk:
    answer = yield from _unlock(bytes((USE_KEY,)) + key)
    return _judge(answer, USE_KEY, "key-refused")


def _program_key(key: bytes) -> Talk:
    """Set our key; a device that is not in pairing mode may have it already, from a pairing that was cut off."""
    answer = yield from _unlock(bytes((PROGRAM,)) + bytes(KEY_SIZE))
    if _judge(answer, PROGRAM, "refused") != "done":
        word = yield from _show_key(key)
        return "not-in-pairing-mode" if word == "key-refused" else word
    answer = yield from _unlock(bytes((SET_KEY,)) + key)
    word = _judge(answer, SET_KEY, "not-in-pairing-mode")
    return (yield from _show_key(key)) if word == "done" else word


def _show_token(setting: Setting) -> Talk:
    """Four bytes of our choice that the device repeats; they are no secret."""
    now = setting.now
    token = bytes((now.day, now.hour, now.minute, now.second))
    for response in (False, True):
        yield Write(UNLOCK, bytes((TOKEN,)) + token + bytes(15), response=response)
        answer = yield Receive((UNLOCK,), PATIENCE)
        if answer is not None:
            right = answer.data[:2] == bytes((TOKEN | 0x80, 0)) and answer.data[2:6] == token
            return "done" if right else "key-refused"
    return "no-answer"


def _unlock(request: bytes) -> Generator[Action, Told | None, Told | None]:
    yield Write(UNLOCK, request)
    return (yield Receive((UNLOCK,), PATIENCE))


def _judge(answer: Told | None, asked: int, refused: str) -> str:
    if answer is None:
        return "no-answer"
    return "done" if answer.data[:2] == bytes((asked | 0x80, 0)) else refused


# -- the transfer


def _read_users(memory: Memory, carriers: Mapping[int | None, str], decode: Decode, known: Mapping[str, int]) -> Talk:
    index = yield from _fetch(memory, memory.index, memory.index_size)
    if index is None:
        return "no-answer"
    for number, (start, at) in enumerate(zip(memory.starts, memory.cursors, strict=True), 1):
        ring = _Ring(memory, start, f"record-{number}", decode)
        slot = number if len(memory.starts) > 1 else None
        word = yield from ring.read(index[at : at + 1], carriers[slot], known)
        if word != "done":
            return word
    return "done"


class _Ring:
    """One user's records; `name` is what we remember of them: the place of the newest we have, and its checksum."""

    def __init__(self, memory: Memory, start: int, name: str, decode: Decode) -> None:
        self._memory, self._start, self._name, self._decode = memory, start, name, decode

    def read(self, cursor: bytes, carrier: str, known: Mapping[str, int]) -> Talk:
        """Keep what follows the newest record we have, or everything when that is gone."""
        count = self._memory.count
        after = cursor[0] & self._memory.mask if cursor else 0
        # A cursor beyond the ring says nothing: then every place is read, in order.
        end = after % count if after <= count else 0
        begin, left = end, count
        mark = known.get(self._name)
        if mark is not None and mark >> 32 < count:
            last = yield from self._places(mark >> 32, 1)
            if last is None:
                return "no-answer"
            if last and crc32(last) == mark & 0xFFFFFFFF:
                begin = (mark >> 32) + 1
                left = (end - begin) % count if after <= count else count
        return (yield from self._keep(begin, left, carrier))

    def _keep(self, begin: int, left: int, carrier: str) -> Talk:
        count, size = self._memory.count, self._memory.size
        while left:
            place = begin % count
            number = min(left, count - place, max(1, self._memory.block // size))
            data = yield from self._places(place, number)
            if data is None:
                return "no-answer"
            if not data:
                # A person who is not registered has no records to show.
                return "done"
            for at in range(number):
                record = data[at * size : (at + 1) * size]
                if not self._is_empty(record):
                    yield Keep(carrier, record)
                    yield Remember(self._name, place + at << 32 | crc32(record))
            begin, left = begin + number, left - number
        return "done"

    def _is_empty(self, record: bytes) -> bool:
        try:
            self._decode(record)
        except DecodeError as error:
            return error.code == "empty"
        return False

    def _places(self, place: int, number: int) -> Generator[Action, Told | None, bytes | None]:
        size = self._memory.size
        return (yield from _fetch(self._memory, self._start + place * size, number * size))


def _fetch(memory: Memory, address: int, size: int) -> Generator[Action, Told | None, bytes | None]:
    """`size` bytes from `address`; empty when the device refuses them, None when it does not answer."""
    found = b""
    while len(found) < size:
        part = min(memory.block, size - len(found))
        answer = yield from _ask(Frame(READ, address + len(found), part))
        if answer is None:
            return None
        if answer.kind != READ | ANSWER or answer.code:
            return b""
        # A device with less to give than it announces has erased memory there.
        found += answer.data[:part] if len(answer.data) >= part else b"\xff" * part
    return found


def _ask(request: Frame) -> Wait:
    """The answer to `request`, asked again when it was damaged or got lost; None when the device stays silent."""
    for _ in range(_ATTEMPTS):
        yield Write(TX[0], encode_frame(request), response=False)
        answer = yield from _hear()
        while answer is not None:
            mine = answer.kind == request.kind | ANSWER and (request.kind != READ or answer.address == request.address)
            if mine or answer.kind == CLOSE | ANSWER:
                return answer
            answer = yield from _hear()
    return None


def _hear() -> Wait:
    """The next whole frame over the channels; None when nothing came, or nothing that can be read."""
    parts: dict[int, bytes] = {}
    while True:
        told = yield Receive(RX, PATIENCE)
        if told is None:
            return None
        channel = RX.index(told.characteristic)
        # The first channel begins a frame; the newer devices send the whole of it there.
        parts = {0: told.data} if channel == 0 else parts | {channel: told.data}
        first = parts.get(0, b"")
        needed = 1 if not first or len(first) >= first[0] else -(-first[0] // CHANNEL)
        if first and all(at in parts for at in range(needed)):
            try:
                return decode_frame(b"".join(parts[at] for at in range(needed)))
            except DecodeError:
                return None

"""The dialogue of scales on FFE1: greet, set the clock, fetch what each person's memory holds, then follow a weighing.

Orders as published by github.com/oliexdev/openScale. A person's memory is emptied only when that person is of this
household and everything of it is on disk.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC
from typing import Final

import msgspec

from firmware_profiles.frames import big
from firmware_profiles.model import (
    Action,
    Converse,
    Keep,
    Match,
    Pairing,
    Profile,
    Receive,
    Setting,
    Talk,
    Told,
    Write,
)
from firmware_profiles.sanitas_ffe1 import (
    ANSWER,
    CHANNEL,
    MEASUREMENT,
    RECORD,
    RECORD_CODEC,
    SAVED,
    STREAM_CODEC,
    USER_INFO,
    join_parts,
    slot_of,
)

GREET, SET_TIME, ORDERS = 6, 9, 7
STATUS, USERS, FETCH, FORGET, HEARD = 0x4F, 0x33, 0x41, 0x43, 0xF1
HALVES: Final = (0xE0, 0xF0)
HALF: Final = 0xF0
NOBODY: Final = bytes(8)
ACKNOWLEDGED: Final = frozenset({USER_INFO, SAVED, MEASUREMENT})
# A scale answers at once, unless its frames begin with the other half. A family takes its time between two people.
AT_ONCE, SOON, QUIET = 1.0, 3.0, 20.0
_LAST_BYTE: Final = 4
Doing = Generator[Action, Told | None, bytes | None]


class _Line(msgspec.Struct):
    """Which half-byte the scale's frames begin with, and what it said that nobody asked for."""

    half: int = HALVES[0]


def talk(setting: Setting) -> Talk:
    """The whole visit; `no-answer` from a scale that does not greet back, else `done`."""
    line = _Line()
    for half in HALVES:
        yield Write(CHANNEL, bytes((half | GREET, 1)))
        told = yield Receive((CHANNEL,), AT_ONCE)
        if told is not None and told.data:
            line.half = told.data[0] & HALF
            break
    else:
        return "no-answer"
    seconds = int(setting.now.replace(tzinfo=UTC).timestamp())
    yield Write(CHANNEL, bytes((line.half | SET_TIME,)) + seconds.to_bytes(4, "big"))
    yield from _ask(line, STATUS, NOBODY)
    for person in (yield from _people(line)):
        yield from _fetch(line, person, forget=slot_of(person) in setting.bodies)
    while (told := (yield Receive((CHANNEL,), QUIET))) is not None:
        yield from _acknowledge(line, told.data)
    return "done"


def _people(line: _Line) -> Generator[Action, Told | None, tuple[int, ...]]:
    """The numbers of the people the scale knows."""
    answer = yield from _ask(line, USERS, b"")
    found: list[int] = []
    while answer is not None and len(found) < answer[_LAST_BYTE]:
        told = yield Receive((CHANNEL,), SOON)
        if told is None:
            break
        yield from _acknowledge(line, told.data)
        if told.data[1:2] == bytes((USER_INFO,)):
            found.append(big(told.data, 4, 8))
    return tuple(found)


def _fetch(line: _Line, person: int, *, forget: bool) -> Generator[Action, Told | None, None]:
    """Keep every record of a person's memory."""
    number = person.to_bytes(8, "big")
    answer = yield from _ask(line, FETCH, number)
    count, first = (answer[3] if answer is not None else 0), None
    for index in range(1, count + 1):
        piece = yield from _saved(line)
        if piece is None or piece[3] != index:
            return
        if first is None:
            first = piece
        else:
            record = join_parts(person, first, piece)
            if record is not None:
                yield Keep(RECORD, record)
            first = None
        yield from _acknowledge(line, piece)
    if count and forget:
        yield from _ask(line, FORGET, number)


def _saved(line: _Line) -> Doing:
    """The next part of a saved record; a weighing in between is acknowledged on the way."""
    while (told := (yield Receive((CHANNEL,), SOON))) is not None:
        if told.data[1:2] == bytes((SAVED,)) and len(told.data) >= _LAST_BYTE:
            return told.data
        yield from _acknowledge(line, told.data)
    return None


def _ask(line: _Line, order: int, body: bytes) -> Doing:
    """Give an order and return its answer, None when none came."""
    yield Write(CHANNEL, bytes((line.half | ORDERS, order)) + body)
    while (told := (yield Receive((CHANNEL,), SOON))) is not None:
        if told.data[1:3] == bytes((ANSWER, order)) and len(told.data) > _LAST_BYTE - 1 + (order == USERS):
            return told.data
        yield from _acknowledge(line, told.data)
    return None


def _acknowledge(line: _Line, frame: bytes) -> Generator[Action, Told | None, None]:
    if len(frame) >= _LAST_BYTE and frame[1] in ACKNOWLEDGED:
        yield Write(CHANNEL, bytes((line.half | ORDERS, HEARD)) + frame[1:4])


FFE1: Final = Profile(
    id="sanitas-ffe1",
    maker="Beurer / Sanitas",
    model="BF700, BF710, BF800, SBF70, SBF75, Libra, AICDSCALE1",
    match=(
        Match(name=r"(?i)(beurer |sanitas |silvercrest )?s?bf-?(700|710|800|70|75)(?![0-9])"),
        Match(name=r"(?i)((RT-)?Libra-[BW]|AICDSCALE1)"),
    ),
    provides=frozenset({
        "body-weight", "impedance", "body-fat", "body-water-percentage", "muscle-percentage", "basal-metabolism", "bmi",
    }),
    source="github.com/oliexdev/openScale; github.com/KristianP26/ble-scale-sync issues 112, 211, 384",
    steps=(Converse(talk, (CHANNEL,)),),
    codecs={CHANNEL: STREAM_CODEC, RECORD: RECORD_CODEC},
    slug=r"(beurer-bf(700|710|800)|sanitas-sbf7[05]|silvercrest-sbf75|runtastic-libra|rt-libra).*",
    # Its people have numbers nobody is shown (101 and up): a pairing cannot ask for them, so it must not promise slots.
    pairing=Pairing(wake="step-on", bodies=True),
    live=True,
    proof="capture",
)  # fmt: skip

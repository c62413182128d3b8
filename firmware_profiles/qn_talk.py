"""The dialogue of QN scales: every order answers a frame of the scale, and its memory is read out on the way.

Order of frames as published by github.com/oliexdev/openScale and github.com/KristianP26/ble-scale-sync. Newer scales
with a JieLi chip (service AE00) may challenge their visitor (Bluetooth's legacy function E1); that is not answered
here, and such a scale stays silent after the greeting.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.frames import sum8
from firmware_profiles.model import (
    Action,
    Converse,
    DecodeError,
    Keep,
    Match,
    Pairing,
    Profile,
    Receive,
    Remember,
    Setting,
    Talk,
    Told,
    Write,
    uuid16,
)
from firmware_profiles.qn_scale import (
    FLAGGED_INFO,
    HISTORY,
    INFO,
    LIVE,
    LONG_INFO,
    MEMORY,
    MEMORY_CODEC,
    NOTIFY,
    NOTIFY_OLD,
    RESULT,
    STORED,
    STREAM_CODEC,
    clock,
    decimals,
    decode,
    decode_memory,
)
from firmware_profiles.sample import need
from firmware_profiles.uuids import BODY_COMPOSITION, WEIGHT_SCALE

ORDERS: Final = uuid16(0xFFF2)
ORDERS_OLD: Final = uuid16(0xFFE3)
JIELI: Final = uuid16(0xAE01)
READY, ASKS, ECHO_FROM = 0x14, 0x21, 19
UNIT_KG: Final = 1
# How long the scale is waited for: before the first word of it, and between two.
FIRST, QUIET = 3.0, 15.0
# A record of the memory this near to a weighing that was heard live is that weighing.
NEAR: Final = 300
NEAR_GRAMS: Final = 100
_HEARD_AT, _HEARD_GRAMS = "heard-at", "heard-grams"


class _State(msgspec.Struct):
    """What the dialogue knows: where to write, which protocol byte, what was told and kept."""

    orders: tuple[str, ...] = (ORDERS, ORDERS_OLD)
    protocol: int = 0
    long: bool = False
    frames: tuple[bytes, ...] = ()
    kept: frozenset[bytes] = frozenset()
    done: frozenset[int] = frozenset()
    heard: tuple[int, int] = (0, 0)


def talk(setting: Setting) -> Talk:
    """Answer the scale until it has nothing more to say; returns `done`."""
    memory = setting.memory
    state = _State(heard=(memory.get(_HEARD_AT, 0), memory.get(_HEARD_GRAMS, 0)))
    told = yield Receive((), FIRST)
    if told is None:
        # The greeting may have been lost between connecting and subscribing: old scales wait for a word.
        yield from _say(state, _configure(0))
        told = yield Receive((), QUIET)
    while told is not None:
        yield from _answer(state, told, setting.now)
        told = yield Receive((), QUIET)
    return "done"


def _answer(state: _State, told: Told, now: datetime) -> Iterator[Action]:
    opcode, frame = (told.data or b"\0")[0], told.data
    state.orders = (ORDERS_OLD,) if told.characteristic == NOTIFY_OLD else (ORDERS,)
    state.frames = (*state.frames[-31:], frame)
    if opcode in {INFO, READY, ASKS}:
        # The scale repeats what it was not answered; a second answer confuses it.
        if opcode not in state.done:
            state.done |= {opcode}
            yield from {INFO: _on_info, READY: _on_ready, ASKS: _on_asked}[opcode](state, frame, now)
    elif opcode in {LIVE, RESULT}:
        yield from _on_weight(state, frame, now)
    elif opcode in {STORED, HISTORY}:
        yield from _on_record(state, frame)


def _on_info(state: _State, frame: bytes, now: datetime) -> Iterator[Action]:
    del now
    state.long = len(frame) >= LONG_INFO
    # The 18-byte form is the one firmware that refuses its own protocol byte.
    echoed = len(frame) >= FLAGGED_INFO and (not state.long or len(frame) >= ECHO_FROM)
    state.protocol = frame[2] if echoed else 0
    yield Write(JIELI, bytes.fromhex("fedcbac00600020101ef"), response=False, optional=True)
    yield from _say(state, _configure(state.protocol))


def _on_ready(state: _State, frame: bytes, now: datetime) -> Iterator[Action]:
    del frame
    yield from _say(state, bytes((0x20, 8, state.protocol)) + clock(now).to_bytes(4, "little"))
    yield from _say(state, bytes.fromhex("a206013228"))
    yield Write(JIELI, b"\2pass", response=False, optional=True)


def _on_asked(state: _State, frame: bytes, now: datetime) -> Iterator[Action]:
    del frame, now
    report = 0xFC if state.long else 0xFE
    yield from _say(state, bytes((0xA0, 13, 4, report)) + bytes(8))
    yield from _say(state, bytes.fromhex("a00d020100080021 06b80402"))
    yield from _say(state, bytes((0x22, 6, state.protocol, 0, 3)))


def _on_weight(state: _State, frame: bytes, now: datetime) -> Iterator[Action]:
    sample = _quiet(frame, state)
    if sample is None or not sample.final or sample.stored:
        return
    state.heard = (clock(now), _grams(sample))
    yield Remember(_HEARD_AT, state.heard[0])
    yield Remember(_HEARD_GRAMS, state.heard[1])
    # On disk already: the journal keeps it before the dialogue hears it.
    yield from _say(state, bytes((0x1F, 5, state.protocol, LIVE)))


def _on_record(state: _State, frame: bytes) -> Iterator[Action]:
    try:
        sample = decode_memory(frame)
    except DecodeError:
        return
    at = 0 if sample.time is None else clock(sample.time)
    again = abs(at - state.heard[0]) <= NEAR and abs(_grams(sample) - state.heard[1]) <= NEAR_GRAMS
    if frame in state.kept or (at and again):
        return
    state.kept |= {frame}
    yield Keep(MEMORY, frame)


def _quiet(frame: bytes, state: _State) -> Sample | None:
    try:
        return decode(frame, decimals(state.frames))
    except DecodeError:
        return None


def _grams(sample: Sample) -> int:
    return int(need(sample, "weight") * 1000)


def _configure(protocol: int) -> bytes:
    return bytes((0x13, 9, protocol, UNIT_KG, 0x10, 0, 0, 0))


def _say(state: _State, body: bytes) -> Iterator[Action]:
    frame = body + bytes((sum8(body),))
    for characteristic in state.orders:
        yield Write(characteristic, frame, response=False, optional=len(state.orders) > 1)


_SIG: Final = (WEIGHT_SCALE, BODY_COMPOSITION)

QN: Final = Profile(
    id="qn-scale",
    maker="Renpho / QN",
    model="Elis, ES series, Sencor, GE, Arboleaf, FitIndex",
    match=(
        Match(name=r"(?i)(QN-Scale|Elis|Sencor|SEB-Scale|Fit Plus$|Arboleaf)"),
        # One Renpho scale is none of these: it has the SIG's services.
        Match(name=r"(?i)(Renpho [^R]|Renpho$)", unless_services=_SIG),
        Match(name=r"(?i)Renpho", service=uuid16(0xFFF0), unless_services=_SIG),
        Match(name=r"(?i)Renpho", service=uuid16(0xFFE0), unless_services=_SIG),
    ),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/KristianP26/ble-scale-sync issues 75, 213, 235, 331; github.com/oliexdev/openScale",
    steps=(Converse(talk, (NOTIFY, NOTIFY_OLD)),),
    codecs={NOTIFY: STREAM_CODEC, NOTIFY_OLD: STREAM_CODEC, MEMORY: MEMORY_CODEC},
    slug=r"(renpho-(?!r-msc|es-wbe).*|qn-.*|elis.*|arboleaf.*|ge-cs.*|sencor.*|fitindex.*)",
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

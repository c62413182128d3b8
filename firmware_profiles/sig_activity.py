"""Physical Activity Monitor Service 0x183E: the step summaries of sessions that are over.

Layout: Bluetooth SIG, Physical Activity Monitor Service 1.0, as far as github.com/RonanB96/bluetooth-sig-python and a
sample of Cypress for PSoC show it (facts only). No product with this service and no capture is known to us. A running
session is left alone: its summary grows, and would count twice.
"""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import (
    Action,
    Codec,
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
    WriteCurrentTime,
    uuid16,
)
from firmware_profiles.numbers import Reader, count_steps
from firmware_profiles.sample import need, quantities
from firmware_profiles.uuids import (
    BLOOD_PRESSURE,
    BODY_COMPOSITION,
    HEART_RATE,
    PULSE_OXIMETER,
    RUNNING,
    THERMOMETER,
    WEIGHT_SCALE,
)

ACTIVITY: Final = uuid16(0x183E)
STEP_SUMMARY: Final = uuid16(0x2B40)
CONTROL: Final = uuid16(0x2B43)
DESCRIPTOR: Final = uuid16(0x2B45)

ENQUIRE, GET_ENDED = 0x01, 0x03
ENQUIRED, NOT_ENQUIRED, SENT, NOT_SENT = 0xFC, 0xFF, 0xFA, 0xFD
FIRST, LEFT = 0x80, 0x7F
EVERY_PART: Final = 0xFFFF
IS_SESSION, IS_RUNNING, DELETED = 1, 2, 4
WALKED: Final = 1
FIELDS: Final = 5
_HEAD, _FIELD = 14, 3
_LATEST: Final = "activity-session"
_HALF: Final = 0x8000
_NO_SESSIONS: Final = 0x85
PATIENCE: Final = 10.0


def decode_summary(data: bytes) -> Sample:
    """The steps of a whole step-counter summary: those of normal walking, whatever else it holds.

    DecodeError: `truncated`, `partial` (one segment of several), `no-steps`.
    """
    reader = Reader(data)
    if reader.unsigned(1) != FIRST:
        raise DecodeError("partial", "one segment of a longer summary")
    flags = reader.unsigned(1)
    reader.take(_HEAD - 2 - 4)
    count = reader.unsigned(4)
    if not flags & WALKED:
        raise DecodeError("no-steps", "the summary counts no steps of walking")
    steps = reader.unsigned(_FIELD)
    reader.take(_FIELD * (flags & ~WALKED & (1 << FIELDS) - 1).bit_count())
    return Sample(quantities=quantities({"steps": (Decimal(steps), "{steps}")}), sequence=count or None)


def encode_summary(sample: Sample, session: int = 1) -> bytes:
    """The summary of `sample`, whole; ValueError for more steps than 24 bits hold."""
    steps = count_steps(need(sample, "steps"), Decimal(1), _FIELD)
    place = session.to_bytes(2, "little") + EVERY_PART.to_bytes(2, "little") + bytes(4)
    return bytes((FIRST, WALKED)) + place + (sample.sequence or 0).to_bytes(4, "little") + steps


def split_summary(whole: bytes, size: int = 20) -> tuple[bytes, ...]:
    """`whole` in segments of at most `size` bytes, each with the number of those that follow."""
    parts = [whole[at : at + size - 1] for at in range(1, len(whole), size - 1)]
    left = range(len(parts) - 1, -1, -1)
    return tuple(bytes((number | (0 if at else FIRST),)) + parts[at] for at, number in enumerate(left))


def fetch(setting: Setting) -> Talk:
    """Fetch the sessions that are over and have not been fetched, oldest first.

    Ends in `done`, `no-answer`, or `refused` when the device knows the question but does not answer it.
    """
    yield Write(CONTROL, bytes((ENQUIRE,)))
    sessions: list[int] = []
    while True:
        told = yield Receive((CONTROL, DESCRIPTOR), PATIENCE)
        if told is None:
            return "no-answer"
        if told.characteristic == CONTROL:
            break
        sessions += _ended(told.data)
    if told.data[:1] != bytes((ENQUIRED,)):
        return "done" if told.data[1:2] == bytes((_NO_SESSIONS,)) else "refused"
    latest = setting.memory.get(_LATEST)
    for session in sessions:
        # Numbers begin again after 65535.
        if latest is None or 0 < (session - latest) % (2 * _HALF) < _HALF:
            word = yield from _fetch_session(session)
            if word != "done":
                return word
            yield Remember(_LATEST, session)
    return "done"


def _ended(data: bytes) -> list[int]:
    """The session a descriptor describes, when it is one and is over."""
    if len(data) < 3 or data[0] & (IS_SESSION | IS_RUNNING | DELETED) != IS_SESSION:  # noqa: PLR2004 - flags and number
        return []
    return [int.from_bytes(data[1:3], "little")]


def _fetch_session(session: int) -> Talk:
    place = session.to_bytes(2, "little") + EVERY_PART.to_bytes(2, "little")
    yield Write(CONTROL, bytes((GET_ENDED,)) + place)
    whole = b""
    while True:
        told = yield Receive((CONTROL, STEP_SUMMARY), PATIENCE)
        if told is None:
            return "no-answer"
        if told.characteristic == CONTROL:
            return "done" if told.data[:1] == bytes((SENT,)) else "refused"
        whole = yield from _add(whole, told.data)


def _add(whole: bytes, segment: bytes) -> Generator[Action, Told | None, bytes]:
    """The summary so far with `segment`; kept when that is its last."""
    if not segment or not (segment[0] & FIRST or whole):
        return b""
    joined = bytes((FIRST,)) + segment[1:] if segment[0] & FIRST else whole + segment[1:]
    if segment[0] & LEFT:
        return joined
    yield Keep(STEP_SUMMARY, joined)
    return b""


MONITOR: Final = Profile(
    id="sig-physical-activity",
    maker="Bluetooth SIG",
    model="Physical Activity Monitor Service",
    # A device that measures more is read as what it measures by itself: nobody has seen one with both.
    match=(
        Match(
            service=ACTIVITY,
            unless_services=(
                BLOOD_PRESSURE, BODY_COMPOSITION, HEART_RATE, PULSE_OXIMETER, RUNNING, THERMOMETER, WEIGHT_SCALE,
            ),
        ),
    ),
    provides=frozenset({"steps-interval"}),
    source="Bluetooth SIG, Physical Activity Monitor Service 1.0; github.com/RonanB96/bluetooth-sig-python",
    steps=(WriteCurrentTime(), Converse(fetch, listens=(STEP_SUMMARY, DESCRIPTOR, CONTROL))),
    codecs={STEP_SUMMARY: Codec(decode=decode_summary, encode=encode_summary, assembled=True)},
    kinds={"steps": "steps-interval"},
    pairing=Pairing(wake="wear"),
    experimental=True,
)  # fmt: skip

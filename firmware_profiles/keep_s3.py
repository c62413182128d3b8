"""Keep S3: requests and answers on the service 00FF, a weighing as a stream of acknowledged events.

Layout as published by github.com/oliexdev/openScale (Keep S3 tests with captured frames). Its composition is computed
by the maker's library and is not read; its last record repeats the weight of the final event.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.frames import big, expect_head, expect_length
from firmware_profiles.model import (
    Action,
    Converse,
    DecodeError,
    Match,
    Pairing,
    Profile,
    Receive,
    Setting,
    Talk,
    Write,
    uuid16,
)
from firmware_profiles.numbers import count_steps, halves
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.weighing import weighing_codec

SERVICE: Final = uuid16(0x00FF)
STREAM: Final = uuid16(0xFF01)
ORDERS: Final = uuid16(0xFF02)
EVENT: Final = b"\x03\x53\x57\x00\x08"
LENGTH: Final = 13
FINAL: Final = 0x29
REQUEST, RESPONSE, HAPPENED, HEARD, MAGIC, OK = 1, 2, 3, 4, 0x53, 0x80
NEGOTIATE, READ_TIME, SET_TIME, UNIT, ABOUT, UNKNOWN_A, BATTERY, UNKNOWN_B, PERSON, START = (
    0x38, 0x0A, 0x01, 0x05, 0xE7, 0xF5, 0x03, 0x20, 0x32, 0x36,
)  # fmt: skip
GREETING: Final = (
    NEGOTIATE, READ_TIME, SET_TIME, UNIT, ABOUT, UNKNOWN_A, UNKNOWN_A, BATTERY, UNKNOWN_B, PERSON, START,
)  # fmt: skip
STEP: Final = Decimal("0.005")
SOON, QUIET = 3.0, 20.0
_HEADER: Final = 6


def decode(data: bytes) -> Sample:
    """The sample in an event; DecodeError: `truncated`, `length`, `no-measurement`."""
    expect_head(data, EVENT)
    expect_length(data, LENGTH)
    raw, ohms, beats = big(data, 6), big(data, 10), data[12]
    final = data[5] == FINAL
    if final and not raw:
        raise DecodeError("no-measurement", "nobody stands on the scale")
    fields = {
        "weight": (halves(raw), "kg"),
        "impedance": (Decimal(ohms) if ohms else None, "Ohm"),
        "heart_rate": (Decimal(beats) if beats else None, "/min"),
    }
    return Sample(quantities=quantities(fields), final=final)


def encode(sample: Sample) -> bytes:
    """The event of `sample`."""
    ohms, beats = number(sample, "impedance") or Decimal(0), number(sample, "heart_rate") or Decimal(0)
    weight = count_steps(need(sample, "weight"), STEP, 2)[::-1]
    body = weight + bytes(2) + count_steps(ohms, Decimal(1), 2)[::-1] + count_steps(beats, Decimal(1), 1)
    return EVENT + bytes((FINAL if sample.final else 0,)) + body


def request(opcode: int, body: bytes = b"") -> bytes:
    """A request to the scale."""
    return bytes((REQUEST, MAGIC, opcode, 0, len(body))) + body


def talk(setting: Setting) -> Talk:
    """Greet step by step, each after the answer to the one before; then acknowledge every event."""
    answer = b""
    for opcode in GREETING:
        yield Write(ORDERS, request(opcode, _body(opcode, answer, setting)))
        answer = b""
        while (told := (yield Receive((STREAM,), SOON))) is not None:
            yield from _acknowledge(told.data)
            if told.data[:3] == bytes((RESPONSE, MAGIC, opcode)):
                answer = told.data[_HEADER:]
                break
        else:
            return "no-answer"
    while (told := (yield Receive((STREAM,), QUIET))) is not None:
        yield from _acknowledge(told.data)
    return "done"


def _acknowledge(frame: bytes) -> Iterator[Action]:
    if frame[:2] == bytes((HAPPENED, MAGIC)) and len(frame) >= _HEADER:
        yield Write(ORDERS, bytes((HEARD, MAGIC, frame[2], 0, 0, OK)))


def _body(opcode: int, answer: bytes, setting: Setting) -> bytes:
    # A name of 24 hex digits for whoever is weighed; the scale wants the same one each time and nothing else of it.
    token = sha256(f"keep {setting.address}".encode()).hexdigest()[:24].encode() * 2
    match opcode:
        case 0x01:
            # It is told the time it has told: this product never uses it.
            return answer if len(answer) == len(bytes(4)) else bytes(4)
        case 0x05:
            return b"\0"
        case 0x32:
            # No earlier weighing, 170 cm, born 1970-01-01: only the composition depends on it, and it is not read.
            return token + bytes(10) + bytes((170,)) + (1970).to_bytes(2, "big") + b"\1\1"
        case 0x36:
            return token + b"\0\1"
        case _:
            return b""


KEEP_S3: Final = Profile(
    id="keep-s3",
    maker="Keep",
    model="S3",
    match=(Match(name=r"(?i)Keep_S3"),),
    provides=frozenset({"body-weight", "impedance", "heart-rate"}),
    source="github.com/oliexdev/openScale, Keep S3 tests with captured frames",
    steps=(Converse(talk, (STREAM,)),),
    codecs={STREAM: weighing_codec(decode, encode)},
    slug=r"keep-.*",
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

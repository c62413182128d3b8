"""Renpho R-MSC04: `55 AA` frames on the vendor service 1A10, live weight and the settled one.

Layout as published by github.com/KristianP26/ble-scale-sync (issues 117, 265, 434). Its composition record is computed
for the profile of a guest we have to announce, not for the person: it is not read. Its history carries ages instead of
times and is left in the scale for the maker's app.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.frames import big, expect_checksum, expect_head, expect_length, sum8
from firmware_profiles.model import (
    Converse,
    DecodeError,
    Match,
    Pairing,
    Profile,
    Receive,
    Setting,
    Talk,
    Told,
    Write,
    uuid16,
)
from firmware_profiles.numbers import count_steps, fixed
from firmware_profiles.sample import need, quantities
from firmware_profiles.weighing import weighing_codec

SERVICE: Final = uuid16(0x1A10)
LIVE_STREAM: Final = uuid16(0x2A10)
ORDERS: Final = uuid16(0x2A11)
RESULTS: Final = uuid16(0x2A12)
HEAD: Final = b"\x55\xaa"
OVERHEAD: Final = 6
WEIGHT_BYTES: Final = 2
STATUS, LIVE, SETTLED, HEARD, GUEST, CLOCK = 0x20, 0x21, 0x24, 0xB0, 0xB2, 0xB3
STEP: Final = Decimal("0.01")
# After the settled weight the scale measures on for up to half a minute; the weight is safe by then.
QUIET: Final = 12.0


def decode(data: bytes) -> Sample:
    """The weight in a frame; final when settled. DecodeError: `truncated`, `length`, `checksum`, `no-measurement`."""
    command, body = open_frame(data)
    if command not in {LIVE, SETTLED} or len(body) < WEIGHT_BYTES:
        raise DecodeError("no-measurement", f"command {command:02x} carries no measurement")
    raw = big(body, len(body) - WEIGHT_BYTES)
    if command == SETTLED and not raw:
        raise DecodeError("no-measurement", "nobody stands on the scale")
    return Sample(quantities=quantities({"weight": (fixed(raw, 2), "kg")}), final=command == SETTLED)


def encode(sample: Sample) -> bytes:
    """The frame a scale sends for `sample`."""
    weight = count_steps(need(sample, "weight"), STEP, 2)[::-1]
    return frame(SETTLED, b"\x11\x11\0\0" + weight) if sample.final else frame(LIVE, b"\1\0\0" + weight)


def frame(command: int, body: bytes) -> bytes:
    """The `55 AA` frame of a command and its body."""
    whole = HEAD + bytes((command,)) + len(body).to_bytes(2, "big") + body
    return whole + bytes((sum8(whole),))


def open_frame(data: bytes) -> tuple[int, bytes]:
    """Command and body of a frame; DecodeError: `truncated`, `length`, `checksum`, `no-measurement`."""
    expect_head(data, HEAD)
    if len(data) < OVERHEAD:
        raise DecodeError("truncated", f"{OVERHEAD} bytes expected at least, {len(data)} there")
    expect_length(data, OVERHEAD + big(data, 3))
    expect_checksum(data[-1], sum8(data[:-1]))
    return data[2], data[5:-1]


def talk(setting: Setting) -> Talk:
    """Announce a guest and the time, then acknowledge every status until the scale has said everything."""
    seconds = int(setting.now.replace(tzinfo=UTC).timestamp())
    # A guest of 170.0 cm and 70.00 kg: the scale wants one before it measures, and keeps none of it.
    yield Write(ORDERS, frame(GUEST, bytes.fromhex("0009 06a4 1b58 a9ff02")))
    yield Write(ORDERS, frame(CLOCK, b"\1\7\1\1" + seconds.to_bytes(4, "big") + bytes(3)))
    while (told := (yield Receive((), QUIET))) is not None:
        answer = acknowledge(told)
        if answer is not None:
            yield Write(ORDERS, answer)
    return "done"


def acknowledge(told: Told) -> bytes | None:
    """What a status is answered with, None for any other frame."""
    try:
        command, body = open_frame(told.data)
    except DecodeError:
        return None
    return frame(HEARD, bytes((body[0], 1))) if command == STATUS and body else None


CODEC: Final = weighing_codec(decode, encode)

R_MSC04: Final = Profile(
    id="renpho-r-msc04",
    maker="Renpho",
    model="R-MSC04",
    match=(Match(name=r"(?i)R-MSC0[24]$"),),
    provides=frozenset({"body-weight"}),
    source="github.com/KristianP26/ble-scale-sync issues 117, 265, 434",
    steps=(Converse(talk, (LIVE_STREAM, RESULTS)),),
    codecs={LIVE_STREAM: CODEC, RESULTS: CODEC},
    slug=r"renpho-r-msc.*",
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

"""Beurer BM85: a blood-pressure monitor that looks like 0x2A35 and differs in three things.

The user byte is always there though its flag is clear, and pulse and status are big-endian. Layout from captures of
github.com/derdilla/blood-pressure-monitor-fl. Its user A is 0, its user B is 1.
"""

from __future__ import annotations

from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, DecodeError, Match, Pairing, Profile, Subscribe, UntilIdle, WriteCurrentTime
from firmware_profiles.sig_pressure import PULSE, STATUS, TIME, USER, decode_pressure, encode_pressure
from firmware_profiles.uuids import PRESSURE

UNKNOWN_USER: Final = 0xFF
_PRESSURES, _DATE = 7, 7


def decode(data: bytes) -> Sample:
    """The sample in a frame; DecodeError: `truncated`, `unsuccessful`."""
    if not data:
        raise DecodeError("truncated", "an empty frame")
    if data[0] & USER:
        raise DecodeError("no-measurement", "this monitor never announces its user byte")
    return decode_pressure(_swap(bytes((data[0] | USER,)) + data[1:]))


def encode(sample: Sample) -> bytes:
    """The frame of `sample`; ValueError when a value does not fit."""
    frame = encode_pressure(sample)
    if not frame[0] & USER:
        at = _user_at(frame[0])
        frame = bytes((frame[0] | USER,)) + frame[1:at] + bytes((UNKNOWN_USER,)) + frame[at:]
    return bytes((frame[0] & ~USER,)) + _swap(frame)[1:]


def _swap(frame: bytes) -> bytes:
    """`frame` with pulse and status in the other byte order."""
    at, flags = _user_at(frame[0]), frame[0]
    pulse = frame[at - 2 : at][::-1] if flags & PULSE else b""
    status = frame[at + 1 : at + 3][::-1] if flags & STATUS else b""
    return frame[: at - len(pulse)] + pulse + frame[at : at + 1] + status + frame[at + 1 + len(status) :]


def _user_at(flags: int) -> int:
    return _PRESSURES + (_DATE if flags & TIME else 0) + (2 if flags & PULSE else 0)


BM85: Final = Profile(
    id="beurer-bm85",
    maker="Beurer",
    model="BM85",
    match=(Match(name=r"(?i)(beurer)?[ _-]?bm[ _-]?85"),),
    provides=frozenset({"systolic", "diastolic", "mean-arterial-pressure", "pulse-rate"}),
    source="github.com/derdilla/blood-pressure-monitor-fl, tests with captured frames",
    steps=(WriteCurrentTime(), Subscribe(PRESSURE), UntilIdle(10.0)),
    codecs={PRESSURE: Codec(decode=decode, encode=encode)},
    # It shows its people as A and B and counts them from 0: a pairing that asks for "1" or "2" would mix them up.
    pairing=Pairing(wake="cuff", bond="just-works"),
    proof="capture",
)

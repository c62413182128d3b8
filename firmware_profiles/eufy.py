"""Eufy scales in their adverts, and the P2's frames when connected.

Layouts as published by github.com/bdr99/eufylife-ble-client and github.com/KristianP26/ble-scale-sync. The P3's company
id is a frame counter and the first byte of its address; its first six bytes carry the rest of the address.
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import xor
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.bindkey import address_bytes
from firmware_profiles.model import Advert, DecodeError, Match, Pairing, Profile, uuid16
from firmware_profiles.numbers import Reader, count_steps, fixed
from firmware_profiles.sample import fuller, need, number, positive, quantities
from firmware_profiles.weighing import weighing_codec

P2_COMPANY: Final = 0xFF48
P2_LENGTH: Final = 19
C1_LENGTH: Final = 18
P3_LENGTH: Final = 23
FFF2: Final = uuid16(0xFFF2)
_SIGN: Final = 0xCF
_FRAME_LENGTH: Final = 16
_P2_SIGN_AT, _C1_SIGN_AT = 6, 4
_FINAL, _MEASURING, _OVERLOAD = 0, 1, 2
_RATE_VALID: Final = 0b11
_HUNDREDTH, _TENTH = Decimal("0.01"), Decimal("0.1")
_P3_FINAL, _P3_LEFT, _P3_WEIGHING, _P3_IMPEDANCE, _P3_RATE = 0x04, 0x08, 0x01, 0x20, 0x80
_P3_CLOCK: Final = slice(6, 10)


def read_p2(advert: Advert) -> Sample | None:
    """The sample of a P2 or P2 Pro, None when its advert carries none."""
    data = _company_data(advert, P2_LENGTH)
    if data is None or data[_P2_SIGN_AT] != _SIGN:
        return None
    rate = Decimal(data[7]) if data[8] >> 6 == _RATE_VALID else None
    return _sample(data[9:11], data[15], rate, None)


def advertise_p2(sample: Sample, address: str) -> Advert:
    """The advert of a P2 Pro at `address`; ValueError when a value does not fit."""
    rate = number(sample, "heart_rate")
    beat = b"\0\0" if rate is None else count_steps(rate, Decimal(1), 1) + bytes((_RATE_VALID << 6,))
    head = _address(address) + bytes((_SIGN,)) + beat + _weight(sample)
    data = head + bytes(4) + bytes((_FINAL if sample.final else _MEASURING,)) + bytes(3)
    return Advert(address=address, name="eufy T9149", manufacturer_data={P2_COMPANY: data})


def decode_frame(data: bytes) -> Sample:
    """The sample in sixteen bytes of FFF2; DecodeError: `truncated`, `length`, `unknown-frame`, `checksum`."""
    if len(data) > _FRAME_LENGTH:
        raise DecodeError("length", f"{len(data)} bytes, {_FRAME_LENGTH} expected")
    Reader(data).take(_FRAME_LENGTH)
    if data[0] != _SIGN or data[2]:
        raise DecodeError("unknown-frame", "not a weight frame")
    if _sum(data[2:15]) != data[15]:
        raise DecodeError("checksum", "the frame was damaged on its way")
    found = _sample(data[6:8], data[12], None, positive(fixed(int.from_bytes(data[4:6], "little"), 1)))
    if found is None:
        raise DecodeError("unsuccessful", "nobody is on the scale, or too much")
    return found


def encode_frame(sample: Sample) -> bytes:
    """The sixteen bytes of `sample`; ValueError when a value does not fit."""
    ohms = count_steps(number(sample, "impedance") or Decimal(0), _TENTH, 2)
    body = bytes((0, _SIGN)) + ohms + _weight(sample) + bytes(4)
    body += bytes((_FINAL if sample.final else _MEASURING,)) + bytes(2)
    return bytes((_SIGN, 0x0E)) + body + bytes((_sum(body),))


def read_c1(advert: Advert) -> Sample | None:
    """The sample of a C1, P1 or A1, None when its advert carries none; DecodeError: `checksum`."""
    data = _company_data(advert, C1_LENGTH)
    if data is None or data[_C1_SIGN_AT] != _SIGN:
        return None
    if _sum(data[_C1_SIGN_AT:14]) != data[14]:
        raise DecodeError("checksum", "the frame was damaged on its way")
    return _sample(data[7:9], data[13], None, None)


def advertise_c1(sample: Sample, address: str) -> Advert:
    """The advert of a C1 at `address`: its company id and first bytes are its address."""
    own = _address(address)
    body = bytes((_SIGN, 0, 0)) + _weight(sample) + bytes(4) + bytes((_FINAL if sample.final else _MEASURING,))
    data = own[2:] + body + bytes((_sum(body),)) + bytes(3)
    return Advert(address=address, name="eufy T9146", manufacturer_data={int.from_bytes(own[:2], "little"): data})


def read_p3(advert: Advert) -> Sample | None:
    """The sample of a P3 or C20, None when its advert carries none; final once its weight is."""
    data = _company_data(advert, P3_LENGTH)
    if data is None or not data[10] & _P3_WEIGHING:
        return None
    status = _FINAL if data[10] & _P3_FINAL and not data[10] & _P3_LEFT else _MEASURING
    ohms = positive(fixed(int.from_bytes(data[17:19], "little"), 1))
    return _sample(data[12:14], status, Decimal(data[15]), ohms)


def advertise_p3(sample: Sample, address: str) -> Advert:
    """The advert of a P3 at `address`; ValueError when a value does not fit."""
    rate, ohms, own = number(sample, "heart_rate"), number(sample, "impedance"), _address(address)
    status = _P3_WEIGHING | (_P3_FINAL if sample.final else 0)
    status |= (0 if ohms is None else _P3_IMPEDANCE) | (0 if rate is None else _P3_RATE)
    data = own[1:] + bytes(5) + bytes((status, 0)) + _weight(sample) + b"\x01"
    data += count_steps(rate or Decimal(0), Decimal(1), 1) + b"\0"
    data += count_steps(ohms or Decimal(0), _TENTH, 2) + bytes(4)
    return Advert(address=address, name="eufy T9150", manufacturer_data={own[0] << 8: data})


def steady_p3(data: bytes) -> bytes:
    """`data` without its running clock."""
    return data[: _P3_CLOCK.start] + data[_P3_CLOCK.stop :]


def _sample(weight: bytes, status: int, rate: Decimal | None, ohms: Decimal | None) -> Sample | None:
    mass = fixed(int.from_bytes(weight, "little"), 2)
    if not mass or status == _OVERLOAD:
        return None
    fields = {"weight": (mass, "kg"), "impedance": (ohms, "Ohm"), "heart_rate": (positive(rate), "/min")}
    return Sample(quantities=quantities(fields), final=status == _FINAL)


def _weight(sample: Sample) -> bytes:
    return count_steps(need(sample, "weight"), _HUNDREDTH, 2)


def _company_data(advert: Advert, length: int) -> bytes | None:
    return next((data for data in advert.manufacturer_data.values() if len(data) == length), None)


def _address(address: str) -> bytes:
    return address_bytes(address) or bytes(6)


def _sum(data: bytes) -> int:
    return reduce(xor, data, 0)


P2: Final = Profile(
    id="eufy-p2",
    maker="Eufy",
    model="Smart Scale P2 (T9148), P2 Pro (T9149)",
    match=(
        # One that says no more than its name and its service is connected to (`eufy_talk`).
        Match(name="eufy T914[89]", unless_services=(uuid16(0xFFF0),)),
        Match(company=P2_COMPANY, length=P2_LENGTH, at=_P2_SIGN_AT, holds=bytes((_SIGN,))),
    ),
    provides=frozenset({"body-weight", "impedance", "heart-rate"}),
    source="github.com/bdr99/eufylife-ble-client, github.com/KristianP26/ble-scale-sync",
    codecs={FFF2: weighing_codec(decode_frame, encode_frame, "impedance")},
    advert=read_p2,
    encode_advert=advertise_p2,
    pairing=Pairing(wake="step-on"),
    live=True,
    # Recorded frames prove what it says when connected; what it broadcasts is only described.
    experimental=True,
    proof="capture",
)

C1: Final = Profile(
    id="eufy-c1",
    maker="Eufy",
    model="Smart Scale C1 (T9146), P1 (T9147), A1 (T9120)",
    match=(Match(name="eufy T9(120|14[67])"),),
    provides=frozenset({"body-weight"}),
    source="github.com/bdr99/eufylife-ble-client",
    advert=read_c1,
    encode_advert=advertise_c1,
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

P3: Final = Profile(
    id="eufy-p3",
    maker="Eufy",
    model="Smart Scale P3 (T9150), C20 (T9130)",
    match=(Match(name="eufy T91[35]0", company=0, company_mask=0, length=P3_LENGTH),),
    provides=frozenset({"body-weight", "impedance", "heart-rate"}),
    source="github.com/bdr99/eufylife-ble-client",
    advert=read_p3,
    encode_advert=advertise_p3,
    steady=steady_p3,
    join_adverts=fuller,
    join_seconds=30.0,
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

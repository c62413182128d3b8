"""Xiaomi Mi Scale v1 and v2: weight, and for v2 body impedance, broadcast as service data.

Layouts as published by github.com/custom-components/ble_monitor, theengs/decoder and Bluetooth-Devices/xiaomi-ble.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Advert, Codec, DecodeError, Match, Pairing, Profile
from firmware_profiles.numbers import Reader, count_steps, encode_datetime, fixed, halves
from firmware_profiles.sample import need, number, quantities, unit_of
from firmware_profiles.sig_scale import LB
from firmware_profiles.uuids import BODY_COMPOSITION, WEIGHT_SCALE

V1_LENGTH: Final = 10
V2_LENGTH: Final = 13
HISTORY: Final = "00002a2f-0000-3512-2118-0009af100700"
POUNDS, IMPEDANCE, STABLE, REMOVED = 0x01, 0x02, 0x20, 0x80
# The scale's sentinels for "no impedance"; 0 means the same.
_NO_IMPEDANCE: Final = 0xFFFD
_KG_STEP, _LB_STEP = Decimal("0.005"), Decimal("0.01")


def decode_v1(data: bytes) -> Sample:
    """The sample in ten bytes of 181D service data; final when stable and not yet stepped off.

    DecodeError: `truncated`, `length`.
    """
    reader = _open(data, V1_LENGTH)
    flags = reader.unsigned(1)
    weight = _read_weight(reader.unsigned(2), flags)
    return Sample(quantities={"weight": weight}, final=_is_final(flags), time=reader.datetime())


def encode_v1(sample: Sample) -> bytes:
    """The ten bytes of `sample`; one that is not final is sent as not yet stable."""
    flags, weight = _write_weight(sample)
    return bytes((flags | (STABLE if sample.final else 0),)) + weight + encode_datetime(sample.time)


def decode_v2(data: bytes) -> Sample:
    """The sample in thirteen bytes of 181B service data or history; DecodeError: `truncated`, `length`."""
    reader = _open(data, V2_LENGTH)
    units, flags, time = reader.unsigned(1), reader.unsigned(1), reader.datetime()
    raw = reader.unsigned(2)
    measured = bool(flags & IMPEDANCE) and 0 < raw < _NO_IMPEDANCE
    impedance = quantities({"impedance": (Decimal(raw) if measured else None, "Ohm")})
    weight = _read_weight(reader.unsigned(2), units)
    return Sample(quantities={"weight": weight} | impedance, final=_is_final(flags), time=time)


def encode_v2(sample: Sample) -> bytes:
    """The thirteen bytes of `sample`; one that is not final is sent as not yet stable."""
    units, weight = _write_weight(sample)
    impedance = number(sample, "impedance")
    if impedance is not None and not 0 < impedance < _NO_IMPEDANCE:
        raise ValueError(f"impedance {impedance} is one of the scale's sentinels")
    flags = (STABLE if sample.final else 0) | (0 if impedance is None else IMPEDANCE)
    raw = count_steps(impedance or Decimal(0), Decimal(1), 2)
    return bytes((units, flags)) + encode_datetime(sample.time) + raw + weight


def read_v1(advert: Advert) -> Sample | None:
    """The sample an advert of a v1 scale carries, None when it carries none."""
    data = advert.service_data.get(WEIGHT_SCALE, b"")
    return decode_v1(data) if len(data) == V1_LENGTH else None


def read_v2(advert: Advert) -> Sample | None:
    """The sample an advert of a v2 scale carries, None when it carries none."""
    data = advert.service_data.get(BODY_COMPOSITION, b"")
    return decode_v2(data) if len(data) == V2_LENGTH else None


def advertise_v1(sample: Sample, address: str) -> Advert:
    """The advert a v1 scale at `address` sends for `sample`."""
    return Advert(address=address, name="MI SCALE2", service_data={WEIGHT_SCALE: encode_v1(sample)})


def advertise_v2(sample: Sample, address: str) -> Advert:
    """The advert a v2 scale at `address` sends for `sample`."""
    return Advert(address=address, name="MIBCS", service_data={BODY_COMPOSITION: encode_v2(sample)})


def join_weighing(first: Sample, second: Sample) -> Sample | None:
    """The fuller of two final frames of one weighing (same weight, same device time), None for two weighings."""
    if first.quantities.get("weight") != second.quantities.get("weight") or first.time != second.time:
        return None
    before, after = number(first, "impedance"), number(second, "impedance")
    if before is not None and after is not None and before != after:
        return None
    return second if after is not None else first


def _open(data: bytes, length: int) -> Reader:
    if len(data) > length:
        raise DecodeError("length", f"{len(data)} bytes, {length} expected")
    Reader(data).take(length)
    return Reader(data)


def _read_weight(raw: int, units: int) -> Quantity:
    # A catty is half a kilogram and is counted in hundredths: the same number of kilograms as a metric frame.
    return Quantity(fixed(raw, 2), LB) if units & POUNDS else Quantity(halves(raw), "kg")


def _write_weight(sample: Sample) -> tuple[int, bytes]:
    pounds = unit_of(sample, "weight") == LB
    step = _LB_STEP if pounds else _KG_STEP
    return POUNDS if pounds else 0, count_steps(need(sample, "weight"), step, 2)


def _is_final(flags: int) -> bool:
    return bool(flags & STABLE) and not flags & REMOVED


V1: Final = Profile(
    id="xiaomi-miscale-v1",
    maker="Xiaomi",
    model="Mi Smart Scale (v1)",
    match=(Match(service_data=WEIGHT_SCALE, length=V1_LENGTH),),
    provides=frozenset({"body-weight"}),
    source="github.com/custom-components/ble_monitor, github.com/theengs/decoder",
    advert=read_v1,
    encode_advert=advertise_v1,
    join_adverts=join_weighing,
    join_seconds=20.0,
    live=True,
    proof="capture",
    pairing=Pairing(wake="step-on"),
)

V2: Final = Profile(
    id="xiaomi-miscale-v2",
    maker="Xiaomi",
    model="Mi Body Composition Scale (v2)",
    match=(Match(service_data=BODY_COMPOSITION, length=V2_LENGTH),),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/custom-components/ble_monitor, github.com/theengs/decoder, github.com/oliexdev/openScale#627",
    codecs={HISTORY: Codec(decode=decode_v2, encode=encode_v2)},
    advert=read_v2,
    encode_advert=advertise_v2,
    join_adverts=join_weighing,
    join_seconds=20.0,
    live=True,
    proof="capture",
    pairing=Pairing(wake="step-on"),
)

"""Xiaomi S400, S200 and S800: encrypted MiBeacon scales that tell each person's profile number.

Layouts as published by github.com/Bluetooth-Devices/xiaomi-ble; S800 by github.com/KristianP26/ble-scale-sync.
A barefoot weighing on the S400 is two frames: weight, heart rate and the impedance at 50 kHz, then the impedance at
250 kHz alone. The first is not final: it waits for the second. With socks on there is one frame with the weight only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Advert, DecodeError, Pairing, Profile
from firmware_profiles.numbers import Reader, count_steps, fixed
from firmware_profiles.sample import need, number, positive, quantities
from firmware_profiles.xiaomi_mibeacon import advertise, decrypt, encrypt, product_match, read_objects

S400_PRODUCTS: Final = (0x3BD5, 0x30D9, 0x48CF, 0x4B05)
S200_PRODUCTS: Final = (0x4C04, 0x45C9, 0x4DCB)
S800_PRODUCT: Final = 0x51E2
_S400_OBJECT: Final = 0x6E16
_WEIGHT_OBJECT: Final = 0x4E16
_SIZE: Final = 9
_NO_RATE: Final = (0, 127)
_RATE_OFFSET: Final = 50
_MASS_BITS, _RATE_BITS = 11, 7
_S800_UNREAD: Final = 7
# How long after its weight the scale may take to measure at the second frequency.
_BAREFOOT_SECONDS: Final = 30.0
_BAREFOOT: Final = timedelta(seconds=_BAREFOOT_SECONDS)
_SOURCE: Final = "github.com/Bluetooth-Devices/xiaomi-ble"
_STEP_ON: Final = Pairing(wake="step-on", slots=16)


def read_s400(advert: Advert) -> Sample | None:
    """The sample of an S400 frame in the clear, None for its idle and stepped-off frames.

    Final unless a frame with the second impedance is still to come.
    """
    found = read_objects(advert, {_S400_OBJECT: _open_s400})
    if not found.keys() & {"weight", "impedance_250khz"}:
        return None
    return _with_profile(found, final=not begins_s400(Sample(quantities=found)))


def begins_s400(sample: Sample) -> bool:
    """Whether the second frequency is still missing: the frame with the first never comes alone."""
    return "impedance_50khz" in sample.quantities and "impedance_250khz" not in sample.quantities


def advertise_s400(sample: Sample, address: str) -> Advert:
    """The advert, in the clear, of an S400 at `address` for one frame; ValueError when a value does not fit."""
    mass, rate = number(sample, "weight"), number(sample, "heart_rate")
    if mass is None and rate is not None:
        raise ValueError("only a weight's frame has room for a heart rate")
    low, high = number(sample, "impedance_50khz"), number(sample, "impedance_250khz")
    if (mass is None) == (high is None):
        raise ValueError("a frame has either a weight or the impedance at 250 kHz")
    ohms = _bits(high if mass is None else low or Decimal(0), Decimal("0.1"), 14)
    beat = 0 if mass is None else _beat(rate)
    packed = _bits(mass or Decimal(0), Decimal("0.1"), _MASS_BITS) | beat << _MASS_BITS
    packed |= ohms << _MASS_BITS + _RATE_BITS
    value = _profile(sample) + packed.to_bytes(4, "little") + _clock(sample)
    return advertise(S400_PRODUCTS[0], {_S400_OBJECT: value}, address)


def join_s400(first: Sample, second: Sample) -> Sample | None:
    """Both frames of one person's weighing as one sample, None for two weighings."""
    if first.user_slot != second.user_slot or not _is_near(first, second):
        return None
    clock = "timestamp"
    mine, yours = first.quantities, second.quantities
    if any(mine[name] != yours[name] for name in mine.keys() & yours.keys() - {clock}):
        return None
    return msgspec.structs.replace(first, quantities={**yours, **mine}, final=first.final or second.final)


def read_s200(advert: Advert) -> Sample | None:
    """The sample of an S200 frame in the clear, None for its idle frames."""
    found = read_objects(advert, {_WEIGHT_OBJECT: _open_s200})
    return _with_profile(found) if "weight" in found else None


def advertise_s200(sample: Sample, address: str) -> Advert:
    """The advert, in the clear, of an S200 at `address`."""
    value = _profile(sample) + count_steps(need(sample, "weight"), Decimal("0.01"), 4) + _clock(sample)
    return advertise(S200_PRODUCTS[0], {_WEIGHT_OBJECT: value}, address)


def read_s800(advert: Advert) -> Sample | None:
    """The weight of an S800 frame in the clear, None for its idle frames; its other bytes are not understood."""
    found = read_objects(advert, {_WEIGHT_OBJECT: _open_s800})
    return Sample(quantities=found) if found else None


def advertise_s800(sample: Sample, address: str) -> Advert:
    """The advert, in the clear, of an S800 at `address`."""
    value = bytes(_S800_UNREAD) + count_steps(need(sample, "weight"), Decimal("0.01"), 2)
    return advertise(S800_PRODUCT, {_WEIGHT_OBJECT: value}, address)


def _open_s400(value: bytes) -> dict[str, Quantity]:
    reader = _sized(value)
    slot, packed, clock = reader.unsigned(1), reader.unsigned(4), reader.unsigned(4)
    mass = packed & (1 << _MASS_BITS) - 1
    rate = packed >> _MASS_BITS & (1 << _RATE_BITS) - 1
    ohms = positive(fixed(packed >> _MASS_BITS + _RATE_BITS, 1))
    has_rate = bool(mass) and rate not in _NO_RATE
    found = {
        "weight": (positive(fixed(mass, 1)), "kg"),
        "heart_rate": (Decimal(rate + _RATE_OFFSET) if has_rate else None, "/min"),
        "impedance_50khz": (ohms if mass else None, "Ohm"),
        "impedance_250khz": (None if mass else ohms, "Ohm"),
    }
    return quantities(found) | _slot_and_clock(slot, clock)


def _open_s200(value: bytes) -> dict[str, Quantity]:
    reader = _sized(value)
    slot, mass, clock = reader.unsigned(1), reader.unsigned(4), reader.unsigned(4)
    return quantities({"weight": (positive(fixed(mass, 2)), "kg")}) | _slot_and_clock(slot, clock)


def _open_s800(value: bytes) -> dict[str, Quantity]:
    reader = _sized(value)
    reader.take(_S800_UNREAD)
    return quantities({"weight": (positive(fixed(reader.unsigned(2), 2)), "kg")})


def _sized(value: bytes) -> Reader:
    if len(value) > _SIZE:
        raise DecodeError("length", f"{len(value)} bytes of measurement, {_SIZE} expected")
    Reader(value).take(_SIZE)
    return Reader(value)


def _slot_and_clock(slot: int, clock: int) -> dict[str, Quantity]:
    # The scale's own clock counts UTC seconds; it says which frames belong together.
    time = str(datetime.fromtimestamp(clock, UTC)) if clock else None
    return quantities({"user_id": (Decimal(slot), "1"), "timestamp": (time, "utc-datetime")})


def _with_profile(found: dict[str, Quantity], *, final: bool = True) -> Sample:
    slot = found["user_id"].value
    rest = {name: quantity for name, quantity in found.items() if name != "user_id"}
    return Sample(quantities=rest, final=final, user_slot=int(slot) if isinstance(slot, Decimal) else None)


def _profile(sample: Sample) -> bytes:
    return bytes((sample.user_slot or 0,))


def _clock(sample: Sample) -> bytes:
    time = sample.quantities.get("timestamp")
    seconds = datetime.fromisoformat(str(time.value)).timestamp() if time else 0
    return int(seconds).to_bytes(4, "little")


def _is_near(first: Sample, second: Sample) -> bool:
    one, other = first.quantities.get("timestamp"), second.quantities.get("timestamp")
    if one is None or other is None:
        return True
    apart = datetime.fromisoformat(str(one.value)) - datetime.fromisoformat(str(other.value))
    return abs(apart) <= _BAREFOOT


def _beat(rate: Decimal | None) -> int:
    if rate is None:
        return _NO_RATE[1]
    beat = _bits(rate - _RATE_OFFSET, Decimal(1), _RATE_BITS)
    if beat in _NO_RATE:
        raise ValueError(f"heart rate {rate} is one of the scale's sentinels")
    return beat


def _bits(value: Decimal | None, step: Decimal, bits: int) -> int:
    count = int.from_bytes(count_steps(value or Decimal(0), step, 4), "little")
    if count >> bits:
        raise ValueError(f"{value} does not fit {bits} bits of {step}")
    return count


S400: Final = Profile(
    id="xiaomi-s400",
    maker="Xiaomi",
    model="Body Composition Scale S400 (MJTZC01YM, MJTZC03YM)",
    match=product_match(*S400_PRODUCTS),
    provides=frozenset({"body-weight", "heart-rate", "impedance-50khz", "impedance-250khz"}),
    source=_SOURCE,
    advert=read_s400,
    encode_advert=advertise_s400,
    begins=begins_s400,
    join_adverts=join_s400,
    join_seconds=_BAREFOOT_SECONDS,
    decrypt=decrypt,
    encrypt=encrypt,
    pairing=_STEP_ON,
    live=True,
    proof="capture",
)

S200: Final = Profile(
    id="xiaomi-s200",
    maker="Xiaomi",
    model="Smart Scale S200 (MJTZC02YM)",
    match=product_match(*S200_PRODUCTS),
    provides=frozenset({"body-weight"}),
    source=_SOURCE,
    advert=read_s200,
    encode_advert=advertise_s200,
    decrypt=decrypt,
    encrypt=encrypt,
    pairing=_STEP_ON,
    live=True,
    proof="capture",
)

S800: Final = Profile(
    id="xiaomi-s800",
    maker="Xiaomi",
    model="Mijia Scale S800",
    match=product_match(S800_PRODUCT),
    provides=frozenset({"body-weight"}),
    source="github.com/KristianP26/ble-scale-sync",
    advert=read_s800,
    encode_advert=advertise_s800,
    decrypt=decrypt,
    encrypt=encrypt,
    pairing=Pairing(wake="step-on"),
    live=True,
    experimental=True,
)

"""Xiaomi MiBeacon thermometers: two that are worn on the body, and those that hang in a room.

Layouts and product ids as published by github.com/Bluetooth-Devices/xiaomi-ble.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Advert, DecodeError, Pairing, Profile
from firmware_profiles.numbers import Reader, count_steps, fixed
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.xiaomi_mibeacon import Objects, advertise, decrypt, encrypt, product_match, read_objects

BABY_PRODUCT: Final = 0x00DB
BODY_PRODUCT: Final = 0x0391
# LYWSDCGQ, LYWSD02, LYWSD02MMC, LYWSD03MMC, MJWSD05MMC, MJWSD06MMC, XMWSDJ04MMC, MBS17, ESM787, CGG1, CGDK2, CGDK3,
# CGD1, CGC1, MHO-C303, MHO-C401, JQJCY01YM.
ROOM_PRODUCTS: Final = (
    0x55B5, 0x5BEA, 0x01AA, 0x045B, 0x16E4, 0x2542, 0x055B, 0x2832, 0x1203, 0x5DB1, 0x78DB, 0x0347, 0x0B48, 0x066F,
    0x4F59, 0x0576, 0x0C3C, 0x06D3, 0x0387, 0x02DF,
)  # fmt: skip
_BODY, _PROBES, _BATTERY = 0x000A, 0x2000, 0x100A
_TEMPERATURE, _HUMIDITY, _BATTERY_2 = 0x4801, 0x4808, 0x4803
_TENTHS_BOTH: Final = 0x100D
_HUNDREDTH: Final = Decimal("0.01")
# Off the body the fit still gives a healthy 36.4: probes this cold or hot are not on a skin.
_PROBES_RANGE: Final = range(3200, 4501)
_BODY_RANGE: Final = (35.0, 43.0)
_ROOM_MOST: Final = 1000.0
_PERCENT: Final = 100
_FLOAT_SIZE: Final = 4
_SOURCE: Final = "github.com/Bluetooth-Devices/xiaomi-ble"


def read_body(advert: Advert) -> Sample | None:
    """The temperature a worn thermometer broadcasts, None when the frame has none.

    The one with two probes sends skin temperatures; the body's follows by the fit the source made of the maker's app,
    good from 36.5 to 37.8 Cel.
    """
    found = read_objects(advert, _BODY_OBJECTS)
    return Sample(quantities=found) if found else None


def advertise_body(sample: Sample, address: str) -> Advert:
    """The advert of a worn thermometer at `address`: with two probes when the sample has both their temperatures."""
    battery = number(sample, "battery")
    level = b"" if battery is None else count_steps(battery, Decimal(1), 1)
    if "temperature_1" in sample.quantities:
        probes = b"".join(_signed(need(sample, f"temperature_{at}"), 2) for at in (1, 2))
        return advertise(BABY_PRODUCT, {_PROBES: probes + count_steps(need(sample, "battery"), Decimal(1), 1)}, address)
    warm = number(sample, "temperature")
    objects = {_BODY: b"" if warm is None else _signed(warm, 2), _BATTERY: level}
    return advertise(BODY_PRODUCT, {kind: value for kind, value in objects.items() if value}, address)


def read_room(advert: Advert) -> Sample | None:
    """The climate a room sensor broadcasts, None when the frame has none; DecodeError as `read_objects`."""
    found = read_objects(advert, _ROOM_OBJECTS)
    return Sample(quantities=found) if found else None


def advertise_room(sample: Sample, address: str) -> Advert:
    """The advert, in the clear, of a room sensor at `address`; ValueError when a value does not fit."""
    battery = number(sample, "battery")
    found = {_TEMPERATURE: number(sample, "temperature"), _HUMIDITY: number(sample, "humidity")}
    objects = {kind: _packed(value) for kind, value in found.items() if value is not None}
    objects |= {} if battery is None else {_BATTERY_2: count_steps(battery, Decimal(1), 1)}
    return advertise(ROOM_PRODUCTS[0], objects, address)


def _open_body(value: bytes) -> dict[str, Quantity]:
    raw = _integer(value)
    return {"temperature": Quantity(fixed(raw, 2), "Cel")} if raw else {}


def _open_probes(value: bytes) -> dict[str, Quantity]:
    reader = Reader(value)
    one, other = (_integer(reader.take(2)) for _ in range(2))
    battery = reader.unsigned(1)
    if one not in _PROBES_RANGE or other not in _PROBES_RANGE:
        raise DecodeError("out-of-range", "the probes do not lie on a body")
    core = 3.71934e-11 * math.exp(0.69314 * one / 100) - 1.02801e-8 * math.exp(0.53871 * other / 100) + 36.413
    if not _BODY_RANGE[0] <= core <= _BODY_RANGE[1]:
        raise DecodeError("out-of-range", "the probes tell no temperature of a living body")
    return quantities({
        "temperature": (Decimal(f"{core:.3f}"), "Cel"),
        "temperature_1": (fixed(one, 2), "Cel"),
        "temperature_2": (fixed(other, 2), "Cel"),
        "battery": (Decimal(battery), "%"),
    })  # fmt: skip


def _tenths(name: str, unit: str) -> Callable[[bytes], dict[str, Quantity]]:
    return lambda value: {name: Quantity(fixed(_integer(value), 1), unit)}


def _open_both(value: bytes) -> dict[str, Quantity]:
    reader = Reader(value)
    return _tenths("temperature", "Cel")(reader.take(2)) | _tenths("humidity", "%")(reader.take(2))


def _level(name: str) -> Callable[[bytes], dict[str, Quantity]]:
    def read(value: bytes) -> dict[str, Quantity]:
        level = Reader(value).unsigned(1)
        if level > _PERCENT:
            raise DecodeError("out-of-range", f"{level} %")
        return {name: Quantity(Decimal(level), "%")}

    return read


def _float(name: str, unit: str) -> Callable[[bytes], dict[str, Quantity]]:
    def read(value: bytes) -> dict[str, Quantity]:
        if len(value) == 1:
            return _level(name)(value)
        number = float(struct.unpack("<f", Reader(value).take(_FLOAT_SIZE))[0])
        if not abs(number) < _ROOM_MOST:
            raise DecodeError("out-of-range", f"{number} {unit}")
        return {name: Quantity(Decimal(f"{number:.2f}"), unit)}

    return read


def _integer(value: bytes) -> int:
    return int.from_bytes(Reader(value).take(2), "little", signed=True)


def _packed(value: Decimal) -> bytes:
    if value % _HUNDREDTH or not abs(value) < _ROOM_MOST:
        raise ValueError(f"{value} is no number of hundredths below {_ROOM_MOST}")
    return struct.pack("<f", value)


def _signed(value: Decimal, size: int) -> bytes:
    count = value / _HUNDREDTH
    if count != count.to_integral_value():
        raise ValueError(f"{value} is no number of hundredths")
    try:
        return int(count).to_bytes(size, "little", signed=True)
    except OverflowError as error:
        raise ValueError(f"{value} does not fit {size} bytes of hundredths") from error


_BODY_OBJECTS: Final[Objects] = {_BODY: _open_body, _PROBES: _open_probes, _BATTERY: _level("battery")}
_ROOM_OBJECTS: Final[Objects] = {
    0x1004: _tenths("temperature", "Cel"),
    0x1006: _tenths("humidity", "%"),
    _BATTERY: _level("battery"),
    _TENTHS_BOTH: _open_both,
    _TEMPERATURE: _float("temperature", "Cel"),
    0x4802: _float("humidity", "%"),
    _BATTERY_2: _level("battery"),
    _HUMIDITY: _float("humidity", "%"),
    0x4C01: _float("temperature", "Cel"),
    0x4C02: _float("humidity", "%"),
    0x4C03: _level("battery"),
    0x4C08: _float("humidity", "%"),
}

BODY_THERMOMETER: Final = Profile(
    id="xiaomi-body-thermometer",
    maker="Xiaomi / Miaomiaoce",
    model="MMC-T201-1, MMC-W505",
    match=product_match(BABY_PRODUCT, BODY_PRODUCT),
    provides=frozenset({"body-temperature", "battery"}),
    source=_SOURCE,
    advert=read_body,
    encode_advert=advertise_body,
    decrypt=decrypt,
    encrypt=encrypt,
    pairing=Pairing(wake="wear"),
    live=True,
    proof="capture",
)

ROOM_SENSOR: Final = Profile(
    id="xiaomi-room-sensor",
    maker="Xiaomi",
    model="Mijia thermometer-hygrometers",
    match=product_match(*ROOM_PRODUCTS),
    provides=frozenset({"room-temperature", "room-humidity", "battery"}),
    source=_SOURCE,
    advert=read_room,
    encode_advert=advertise_room,
    decrypt=decrypt,
    encrypt=encrypt,
    kinds={"temperature": "room-temperature"},
    live=True,
    proof="capture",
)

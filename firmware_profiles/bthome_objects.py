"""The objects of BTHome: what each id means, how wide it is and what one step of it is worth.

Source: bthome.io/format and github.com/Bluetooth-Devices/bthome-ble (MIT). Names are those of the closed list of
quantities where it has one, plain words otherwise.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

Shape = Literal["number", "flag", "button", "dimmer", "time", "text", "raw"]


class Object(msgspec.Struct, frozen=True):
    """One object id: the quantity, its bytes (0: a length byte tells), whether signed, one step, and its unit."""

    name: str
    size: int
    signed: bool
    step: Decimal
    unit: str
    shape: Shape = "number"


def _number(name: str, size: int, step: str, unit: str) -> Object:
    """A negative `size` is a signed integer."""
    return Object(name, abs(size), size < 0, Decimal(step), unit)


def _other(name: str, size: int, shape: Shape, unit: str = "1") -> Object:
    return Object(name, size, signed=False, step=Decimal(1), unit=unit, shape=shape)


_NUMBERS: Final = {
    0x00: ("packet_id", 1, "1", "1"), 0x01: ("battery", 1, "1", "%"), 0x02: ("temperature", -2, "0.01", "Cel"),
    0x03: ("humidity", 2, "0.01", "%"), 0x04: ("pressure", 3, "0.01", "mbar"), 0x05: ("illuminance", 3, "0.01", "lx"),
    0x06: ("weight", 2, "0.01", "kg"), 0x07: ("weight", 2, "0.01", "[lb_av]"), 0x08: ("dew_point", -2, "0.01", "Cel"),
    0x09: ("count", 1, "1", "1"), 0x0A: ("energy", 3, "0.001", "kW.h"), 0x0B: ("power", 3, "0.01", "W"),
    0x0C: ("voltage", 2, "0.001", "V"), 0x0D: ("pm25", 2, "1", "ug/m3"), 0x0E: ("pm10", 2, "1", "ug/m3"),
    0x12: ("co2", 2, "1", "[ppm]"), 0x13: ("tvoc", 2, "1", "ug/m3"), 0x14: ("moisture", 2, "0.01", "%"),
    0x2E: ("humidity", 1, "1", "%"), 0x2F: ("moisture", 1, "1", "%"), 0x3D: ("count", 2, "1", "1"),
    0x3E: ("count", 4, "1", "1"), 0x3F: ("rotation", -2, "0.1", "deg"), 0x40: ("distance", 2, "0.001", "m"),
    0x41: ("distance", 2, "0.1", "m"), 0x42: ("duration", 3, "0.001", "s"), 0x43: ("current", 2, "0.001", "A"),
    0x44: ("speed", 2, "0.01", "m/s"), 0x45: ("temperature", -2, "0.1", "Cel"), 0x46: ("uv_index", 1, "0.1", "1"),
    0x47: ("volume", 2, "0.1", "L"), 0x48: ("volume", 2, "0.001", "L"), 0x49: ("volume_flow", 2, "0.001", "m3/h"),
    0x4A: ("voltage", 2, "0.1", "V"), 0x4B: ("gas", 3, "0.001", "m3"), 0x4C: ("gas", 4, "0.001", "m3"),
    0x4D: ("energy", 4, "0.001", "kW.h"), 0x4E: ("volume", 4, "0.001", "L"), 0x4F: ("water", 4, "0.001", "L"),
    0x51: ("acceleration", 2, "0.001", "m/s2"), 0x52: ("gyroscope", 2, "0.001", "deg/s"),
    0x55: ("volume_storage", 4, "0.001", "L"), 0x56: ("conductivity", 2, "1", "uS/cm"),
    0x57: ("temperature", -1, "1", "Cel"), 0x58: ("temperature", -1, "0.35", "Cel"), 0x59: ("count", -1, "1", "1"),
    0x5A: ("count", -2, "1", "1"), 0x5B: ("count", -4, "1", "1"), 0x5C: ("power", -4, "0.01", "W"),
    0x5D: ("current", -2, "0.001", "A"), 0x5E: ("direction", 2, "0.01", "deg"),
    0x5F: ("precipitation", 2, "0.1", "mm"), 0x60: ("channel", 1, "1", "1"), 0x61: ("rotational_speed", 2, "1", "/min"),
    0x62: ("speed", -4, "0.000001", "m/s"), 0x63: ("acceleration", -4, "0.000001", "m/s2"),
    0x64: ("light_level", 1, "1", "1"),
}  # fmt: skip
_FLAGS: Final = {
    0x0F: "generic", 0x10: "power", 0x11: "opening", 0x15: "battery_low", 0x16: "battery_charging",
    0x17: "carbon_monoxide", 0x18: "cold", 0x19: "connectivity", 0x1A: "door", 0x1B: "garage_door", 0x1C: "gas",
    0x1D: "heat", 0x1E: "light", 0x1F: "lock", 0x20: "moisture", 0x21: "motion", 0x22: "moving", 0x23: "occupancy",
    0x24: "plug", 0x25: "presence", 0x26: "problem", 0x27: "running", 0x28: "safety", 0x29: "smoke", 0x2A: "sound",
    0x2B: "tamper", 0x2C: "vibration", 0x2D: "window",
}  # fmt: skip

OBJECTS: Final[dict[int, Object]] = dict(sorted((
    *((number, _number(*fields)) for number, fields in _NUMBERS.items()),
    *((number, _other(f"binary_{name}", 1, "flag", "bool")) for number, name in _FLAGS.items()),
    (0x3A, _other("event_button", 1, "button")),
    (0x3C, _other("event_dimmer", 2, "dimmer")),
    (0x50, _other("timestamp", 4, "time", "utc-datetime")),
    (0x53, _other("text", 0, "text")),
    (0x54, _other("raw", 0, "raw")),
)))  # fmt: skip
"""Every object by id, ascending."""

NAMES: Final = frozenset(item.name for item in OBJECTS.values())

BUTTONS: Final = {
    0x00: "none", 0x01: "press", 0x02: "double_press", 0x03: "triple_press", 0x04: "long_press",
    0x05: "long_double_press", 0x06: "long_triple_press", 0x80: "hold_press",
}  # fmt: skip
TURNS: Final = {0x00: "none", 0x01: "rotate_left", 0x02: "rotate_right"}

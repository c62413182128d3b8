"""Battery Service 0x180F and Device Information Service 0x180A.

Layout: Bluetooth SIG, Battery Service 1.0 and Device Information Service 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, DecodeError, DeviceInfo, Profile
from firmware_profiles.numbers import Reader, count_steps
from firmware_profiles.sample import need, number, quantities
from firmware_profiles.uuids import (
    BATTERY_LEVEL,
    FIRMWARE_REVISION,
    MAKER_NAME,
    MODEL_NUMBER,
    SERIAL_NUMBER,
)

FULL: Final = 100
# What the wire allows for a word.
MAX_TEXT: Final = 64


def decode_battery(data: bytes) -> Sample:
    """The battery level in percent; DecodeError: `truncated`, `out-of-range`."""
    level = Reader(data).unsigned(1)
    if level > FULL:
        raise DecodeError("out-of-range", f"battery level {level} %")
    return Sample(quantities=quantities({"battery": (Decimal(level), "%")}))


def encode_battery(sample: Sample) -> bytes:
    """The 0x2A19 value of `sample`."""
    return count_steps(need(sample, "battery"), Decimal(1), 1)


def decode_text(data: bytes) -> str | None:
    """A Device Information string: printable, at most 64 characters, None when nothing is left.

    Devices pad with NUL or blanks and send Latin-1 or worse: what is not UTF-8 becomes U+FFFD.
    """
    text = data.split(b"\0", 1)[0].decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable()).strip()[:MAX_TEXT].strip() or None


def encode_text(text: str | None) -> bytes:
    """The value of a Device Information string."""
    return (text or "").encode()


def device_info(values: Mapping[str, bytes], *, battery_unreliable: bool = False) -> DeviceInfo:
    """What the characteristics read from a device say, by characteristic UUID; unreadable ones are None."""
    text = {name: decode_text(value) for name, value in values.items() if name != BATTERY_LEVEL}
    try:
        level = number(decode_battery(values.get(BATTERY_LEVEL, b"")), "battery")
    except DecodeError:
        level = None
    return DeviceInfo(
        maker=text.get(MAKER_NAME),
        model=text.get(MODEL_NUMBER),
        serial=text.get(SERIAL_NUMBER),
        firmware=text.get(FIRMWARE_REVISION),
        battery=None if level is None or battery_unreliable else int(level),
    )


BATTERY: Final = Profile(
    id="sig-battery",
    maker="Bluetooth SIG",
    model="Battery Service",
    match=(),
    provides=frozenset({"battery"}),
    source="Bluetooth SIG, Battery Service 1.0",
    codecs={BATTERY_LEVEL: Codec(decode=decode_battery, encode=encode_battery)},
    live=True,
    experimental=True,
    proof="specification",
)

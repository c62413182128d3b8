"""BTHome v1 (service data 181C in the clear, 181E encrypted): the format's first version, still in older firmware.

Source: github.com/Bluetooth-Devices/bthome-ble (MIT). Each object says its own length and number format, so unknown
ones are passed over. What names mean is as in version 2.
"""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.bindkey import TAG_SIZE, need_address, refuse_plain, seal, unseal
from firmware_profiles.bthome import COUNTER_SIZE, KINDS, PROVIDES, WHERE_THE_KEY_IS
from firmware_profiles.bthome_objects import OBJECTS, Object
from firmware_profiles.bthome_values import encode_number, encode_value, number_instances, read_value, unnumber
from firmware_profiles.model import Advert, DecodeError, Match, Profile, uuid16
from firmware_profiles.numbers import Reader

PLAIN: Final = uuid16(0x181C)
SEALED: Final = uuid16(0x181E)
UNSIGNED, SIGNED, FLOAT, TEXT, RAW, TIME = range(6)
_LENGTH: Final = 0x1F
_FORMAT_AT: Final = 5
_FLOATS: Final = {2: "<e", 4: "<f", 8: "<d"}
_LARGEST: Final = Decimal(10**12)
_EXTRA: Final = b"\x11"
_OF_SHAPE: Final = {"time": TIME, "text": TEXT, "raw": RAW}


def read_v1(advert: Advert) -> Sample | None:
    """The sample of a BTHome v1 advert in the clear, None when it carries no value.

    DecodeError: `truncated`, `out-of-range`, `bindkey-needed`.
    """
    if SEALED in advert.service_data:
        decrypt_v1(advert, None)
    reader, found = Reader(advert.service_data.get(PLAIN, b"")), list[tuple[str, Quantity]]()
    while reader.left:
        head = reader.unsigned(1)
        size, kind = head & _LENGTH, head >> _FORMAT_AT
        if size == 0:
            continue
        number, data = reader.unsigned(1), reader.take(size - 1)
        item = OBJECTS.get(number)
        quantity = _read(item, kind, data) if item is not None and data else None
        found += [] if item is None or quantity is None else [(item.name, quantity)]
    return Sample(quantities=number_instances(found)) if found else None


def advertise_v1(sample: Sample, address: str) -> Advert:
    """The advert a BTHome v1 device at `address` sends in the clear; ValueError for what no object can hold."""
    parts = []
    for name, quantity in unnumber(sample.quantities):
        number, kind, data = _fit(name, quantity)
        parts.append(bytes((len(data) + 1 | kind << _FORMAT_AT, number)) + data)
    return Advert(address=address, service_data={PLAIN: b"".join(parts)})


def decrypt_v1(advert: Advert, key: bytes | None) -> Advert:
    """`advert` in the clear; unchanged when it already is.

    DecodeError: `bindkey-needed`, `bindkey-wrong`, `bindkey-unused`, `no-address`, `truncated`.
    """
    data = advert.service_data.get(SEALED)
    if data is None:
        if PLAIN in advert.service_data:
            refuse_plain(key)
        return advert
    tail = len(data) - COUNTER_SIZE - TAG_SIZE
    if tail <= 0:
        raise DecodeError("truncated", f"{len(data)} bytes of encrypted data")
    nonce = _nonce(advert, data[tail:-TAG_SIZE])
    return _with(advert, PLAIN, unseal(key, nonce, data[:tail] + data[-TAG_SIZE:], _EXTRA, WHERE_THE_KEY_IS))


def encrypt_v1(advert: Advert, key: bytes, counter: int) -> Advert:
    """`advert`, in the clear, as the device sends it with `key` at its `counter`; the inverse of `decrypt_v1`."""
    count = counter.to_bytes(COUNTER_SIZE, "little")
    sealed = seal(key, _nonce(advert, count), advert.service_data[PLAIN], _EXTRA)
    return _with(advert, SEALED, sealed[:-TAG_SIZE] + count + sealed[-TAG_SIZE:])


def _read(item: Object, kind: int, data: bytes) -> Quantity | None:
    """The value of an object in the format it states; None for a format that says nothing of this quantity."""
    if item.shape != "number":
        return read_value(item, data) if item.size in {0, len(data)} else None
    if kind == FLOAT:
        return Quantity(_bounded(_read_float(data) * item.step).quantize(item.step), item.unit)
    if kind in {UNSIGNED, SIGNED}:
        value = int.from_bytes(data, "little", signed=kind == SIGNED) * item.step
        return Quantity(_bounded(value), item.unit)
    return None


def _read_float(data: bytes) -> Decimal:
    layout = _FLOATS.get(len(data))
    value = float(struct.unpack(layout, data)[0]) if layout else math.nan
    if not math.isfinite(value):
        raise DecodeError("out-of-range", f"{data.hex()} is no number")
    return Decimal(repr(value))


def _bounded(value: Decimal) -> Decimal:
    if abs(value) >= _LARGEST:
        raise DecodeError("out-of-range", f"{value:.3e} is more than a reading can be")
    return value


def _fit(name: str, quantity: Quantity) -> tuple[int, int, bytes]:
    """The object id, format and bytes that hold the value exactly."""
    for number, item in OBJECTS.items():
        if item.name != name or item.unit != quantity.unit:
            continue
        if isinstance(quantity.value, Decimal) and item.shape == "number":
            sign = quantity.value < 0
            for size in range(1, 9):
                data = encode_number(item, quantity.value, size, signed=sign)
                if data is not None:
                    return number, SIGNED if sign else UNSIGNED, data
        data = encode_value(item, quantity)
        if data is not None:
            return number, _OF_SHAPE.get(item.shape, UNSIGNED), data
    raise ValueError(f"BTHome has no object for {name} {quantity.value} {quantity.unit}")


def _nonce(advert: Advert, counter: bytes) -> bytes:
    return need_address(advert.address) + b"\x1e\x18" + counter


def _with(advert: Advert, uuid: str, data: bytes) -> Advert:
    others = {key: value for key, value in advert.service_data.items() if key not in {PLAIN, SEALED}}
    return msgspec.structs.replace(advert, service_data={**others, uuid: data})


V1: Final = Profile(
    id="bthome-v1",
    maker="BTHome",
    model="BTHome v1 device",
    match=(Match(service_data=PLAIN), Match(service_data=SEALED)),
    provides=PROVIDES,
    source="github.com/Bluetooth-Devices/bthome-ble",
    advert=read_v1,
    encode_advert=advertise_v1,
    decrypt=decrypt_v1,
    encrypt=encrypt_v1,
    kinds=KINDS,
    live=True,
    experimental=True,
    proof="fixture",
)

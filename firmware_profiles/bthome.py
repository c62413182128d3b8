"""BTHome v2 (service data FCD2): the open format of hobbyists' devices, in the clear and encrypted.

Source: bthome.io/format and github.com/Bluetooth-Devices/bthome-ble (MIT).

What the numbers of a do-it-yourself device mean, only its owner knows. By itself a temperature is the room's, a
distance or a speed is nobody's (a cistern, the wind), and a mass is body weight: somebody listed the device as a
family's. The household's list says otherwise, name by name, in the device's `reads`: a pedometer is `{"count":
"steps"}`, a mirror `{"temperature": "body_temperature", "count_1": "heart_rate", "count_2": "respiratory_rate"}`, a
kitchen scale `{"weight": "mass"}`. Names are those `phr decode` shows; several of a kind are numbered from 1. A plain
number takes the unit of what it means. Besides the names of the closed list, those of `MEANINGS` may be used. A
pedometer should count in 16 or 32 bits (objects 3D, 3E): eight overflow within minutes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.contract.reading import Quantity, Sample
from firmware_profiles.bindkey import ADDRESS_SIZE, TAG_SIZE, need_address, refuse_plain, seal, unseal
from firmware_profiles.bthome_objects import OBJECTS, Object
from firmware_profiles.bthome_values import encode_value, number_instances, read_value, unnumber
from firmware_profiles.model import Advert, DecodeError, Match, Profile, uuid16
from firmware_profiles.numbers import Reader

FCD2: Final = uuid16(0xFCD2)
ENCRYPTED, WITH_ADDRESS = 0x01, 0x02
VERSION: Final = 2
_VERSION_AT: Final = 5
_PLAIN_INFO: Final = VERSION << _VERSION_AT
COUNTER_SIZE: Final = 4
WHERE_THE_KEY_IS: Final = "Its bindkey (32 hex digits) is in the device's own settings or firmware."

MEANINGS: Final = {
    "body_temperature": "body-temperature",
    "skin_temperature": "skin-temperature",
    "respiratory_rate": "respiratory-rate",
    "walked_distance": "distance",
    "walking_speed": "speed",
}
"""Names for `reads` beside those of the closed list of quantities."""
KINDS: Final = {"temperature": "room-temperature", "distance": "", "speed": "", **MEANINGS}
PROVIDES: Final = frozenset({
    "room-temperature", "room-humidity", "air-pressure", "co2", "battery", "body-weight", "steps-total", "heart-rate",
    "pulse-rate", "spo2", "body-temperature", "skin-temperature", "respiratory-rate", "distance", "speed",
})  # fmt: skip


def read_v2(advert: Advert) -> Sample | None:
    """The sample of a BTHome v2 advert in the clear, None when it carries no value.

    An unknown object ends the reading: what comes after it cannot be found. DecodeError: `truncated`,
    `unknown-version`, `bindkey-needed`.
    """
    data = advert.service_data.get(FCD2)
    if data is None:
        return None
    info, _, body = _open(data)
    if info & ENCRYPTED:
        decrypt_v2(advert, None)
    reader, found = Reader(body), list[tuple[str, Quantity]]()
    while reader.left:
        item = OBJECTS.get(reader.unsigned(1))
        if item is None:
            break
        quantity = _read(reader, item)
        found += [] if quantity is None else [(item.name, quantity)]
    return Sample(quantities=number_instances(found)) if found else None


def advertise_v2(sample: Sample, address: str) -> Advert:
    """The advert a BTHome v2 device at `address` sends in the clear; ValueError for what no object can hold."""
    parts = []
    for name, quantity in unnumber(sample.quantities):
        number, data = _fit(name, quantity)
        size = bytes((len(data),)) if OBJECTS[number].size == 0 else b""
        parts.append(bytes((number,)) + size + data)
    return Advert(address=address, service_data={FCD2: bytes((_PLAIN_INFO,)) + b"".join(parts)})


def decrypt_v2(advert: Advert, key: bytes | None) -> Advert:
    """`advert` in the clear; unchanged when it already is.

    DecodeError: `bindkey-needed`, `bindkey-wrong`, `bindkey-unused`, `no-address`, `truncated`, `unknown-version`.
    """
    data = advert.service_data.get(FCD2)
    if data is None:
        return advert
    info, named, body = _open(data)
    if not info & ENCRYPTED:
        refuse_plain(key)
        return advert
    tail = len(body) - COUNTER_SIZE - TAG_SIZE
    if tail <= 0:
        raise DecodeError("truncated", f"{len(body)} bytes of encrypted body")
    nonce = _nonce(advert, info, named, body[tail:-TAG_SIZE])
    plain = unseal(key, nonce, body[:tail] + body[-TAG_SIZE:], None, WHERE_THE_KEY_IS)
    return _with(advert, bytes((info & ~ENCRYPTED,)) + named + plain)


def encrypt_v2(advert: Advert, key: bytes, counter: int) -> Advert:
    """`advert`, in the clear, as the device sends it with `key` at its `counter`; the inverse of `decrypt_v2`."""
    info, named, body = _open(advert.service_data[FCD2])
    count = counter.to_bytes(COUNTER_SIZE, "little")
    sealed = seal(key, _nonce(advert, info | ENCRYPTED, named, count), body, None)
    head = bytes((info | ENCRYPTED,)) + named
    return _with(advert, head + sealed[:-TAG_SIZE] + count + sealed[-TAG_SIZE:])


def _open(data: bytes) -> tuple[int, bytes, bytes]:
    """Device information, the address when the frame names it (reversed), and the rest."""
    reader = Reader(data)
    info = reader.unsigned(1)
    if info >> _VERSION_AT != VERSION:
        raise DecodeError("unknown-version", f"BTHome version {info >> _VERSION_AT}")
    named = reader.take(ADDRESS_SIZE) if info & WITH_ADDRESS else b""
    return info, named, reader.take(reader.left)


def _nonce(advert: Advert, info: int, named: bytes, counter: bytes) -> bytes:
    address = named[::-1] or need_address(advert.address)
    return address + b"\xd2\xfc" + bytes((info,)) + counter


def _with(advert: Advert, data: bytes) -> Advert:
    return msgspec.structs.replace(advert, service_data={**advert.service_data, FCD2: data})


def _read(reader: Reader, item: Object) -> Quantity | None:
    size = item.size or reader.unsigned(1)
    return read_value(item, reader.take(size))


def _fit(name: str, quantity: Quantity) -> tuple[int, bytes]:
    """The first object id that holds the value exactly, and its bytes."""
    for number, item in OBJECTS.items():
        data = encode_value(item, quantity) if item.name == name and item.unit == quantity.unit else None
        if data is not None:
            return number, data
    raise ValueError(f"BTHome has no object for {name} {quantity.value} {quantity.unit}")


V2: Final = Profile(
    id="bthome-v2",
    maker="BTHome",
    model="BTHome v2 device",
    match=(Match(service_data=FCD2),),
    provides=PROVIDES,
    source="bthome.io/format, github.com/Bluetooth-Devices/bthome-ble",
    advert=read_v2,
    encode_advert=advertise_v2,
    decrypt=decrypt_v2,
    encrypt=encrypt_v2,
    kinds=KINDS,
    live=True,
    experimental=True,
    proof="fixture",
)

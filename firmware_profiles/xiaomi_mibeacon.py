"""MiBeacon (service data FE95): the frame of Xiaomi's broadcasting products, in the clear and encrypted.

Layout as published by github.com/Bluetooth-Devices/xiaomi-ble and github.com/custom-components/ble_monitor.
Versions 4 and 5 encrypt with AES-CCM and a tag. The keyless-tag encryption of versions 2 and 3 is refused: a wrong key
would give wrong numbers unnoticed, and no product here uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from engine.contract.reading import Quantity
from firmware_profiles.bindkey import ADDRESS_SIZE, address_bytes, need_address, refuse_plain, seal, unseal
from firmware_profiles.model import Advert, DecodeError, Match, uuid16
from firmware_profiles.numbers import Reader

FE95: Final = uuid16(0xFE95)
ENCRYPTED, WITH_ADDRESS, WITH_CAPABILITY, WITH_OBJECT, MESH = 0x0008, 0x0010, 0x0020, 0x0040, 0x0080
_VERSION_AT: Final = 12
_VERSIONS: Final = range(2, 6)
_VERSION_BITS: Final = 0xF000
_SEALED_VERSIONS: Final = range(4, 6)
_SEALED: Final = 0x5000
_IO_FOLLOWS: Final = 0x20
_COUNTER_SIZE: Final = 3
_OBJECT_HEAD: Final = 3
_EXTRA: Final = b"\x11"
# What the products here send in the clear: version 5, registered, standard authentication.
_PLAIN_CONTROL: Final = 0x5940
_WHERE_THE_KEY_IS: Final = "Its bindkey (32 hex digits) is in the Xiaomi Home account it was added to."

Objects = Mapping[int, Callable[[bytes], dict[str, Quantity]]]


class Beacon(msgspec.Struct, frozen=True, kw_only=True):
    """A MiBeacon frame taken apart; `body` are its objects, or the sealed bytes when `is_encrypted`."""

    control: int
    product: int
    counter: int = 0
    address: bytes | None = None
    capability: bytes = b""
    body: bytes = b""

    @property
    def is_encrypted(self) -> bool:
        """Whether the body must be unsealed first."""
        return bool(self.control & ENCRYPTED) and bool(self.control & WITH_OBJECT)

    @property
    def version(self) -> int:
        """The layout version, 2 to 5."""
        return self.control >> _VERSION_AT


def product_match(*products: int) -> tuple[Match, ...]:
    """What recognises the products by the id in their frames."""
    return tuple(Match(service_data=FE95, at=2, holds=product.to_bytes(2, "little")) for product in products)


def parse_beacon(data: bytes) -> Beacon:
    """The frame in FE95 service data; DecodeError: `truncated`, `unknown-version`, `mesh`."""
    reader = Reader(data)
    control, product, counter = reader.unsigned(2), reader.unsigned(2), reader.unsigned(1)
    if control & MESH:
        raise DecodeError("mesh", "a Bluetooth Mesh frame, which carries no reading")
    if control >> _VERSION_AT not in _VERSIONS:
        raise DecodeError("unknown-version", f"MiBeacon version {control >> _VERSION_AT}")
    address = reader.take(ADDRESS_SIZE)[::-1] if control & WITH_ADDRESS else None
    capability = reader.take(1) if control & WITH_CAPABILITY else b""
    if capability and capability[0] & _IO_FOLLOWS:
        capability += reader.take(1)
    body = reader.take(reader.left)
    return Beacon(control=control, product=product, counter=counter, address=address, capability=capability, body=body)


def build_beacon(beacon: Beacon) -> bytes:
    """The service data of `beacon`."""
    head = beacon.control.to_bytes(2, "little") + beacon.product.to_bytes(2, "little") + bytes((beacon.counter,))
    return head + (beacon.address or b"")[::-1] + beacon.capability + beacon.body


def decrypt(advert: Advert, key: bytes | None) -> Advert:
    """`advert` with its MiBeacon objects in the clear; unchanged when they are, or when it has none.

    DecodeError: `bindkey-needed`, `bindkey-wrong`, `bindkey-unused` (a measurement in the clear although there is a
    key), `no-address`, `legacy-encryption` and those of `parse_beacon`.
    """
    data = advert.service_data.get(FE95)
    beacon = None if data is None else parse_beacon(data)
    if beacon is None or not beacon.is_encrypted:
        if beacon is not None and beacon.control & WITH_OBJECT:
            refuse_plain(key)
        return advert
    if beacon.version not in _SEALED_VERSIONS:
        raise DecodeError("legacy-encryption", "MiBeacon 2 and 3 encrypt without a tag: what is read cannot be trusted")
    tail = len(beacon.body) - _COUNTER_SIZE - 4
    if tail <= 0:
        raise DecodeError("truncated", f"{len(beacon.body)} bytes of encrypted body")
    counter, tag = beacon.body[tail : tail + _COUNTER_SIZE], beacon.body[tail + _COUNTER_SIZE :]
    nonce = _nonce(beacon, beacon.address or need_address(advert.address), counter)
    plain = unseal(key, nonce, beacon.body[:tail] + tag, _EXTRA, _WHERE_THE_KEY_IS)
    return _with(advert, msgspec.structs.replace(beacon, control=beacon.control & ~ENCRYPTED, body=plain))


def encrypt(advert: Advert, key: bytes, counter: int) -> Advert:
    """`advert`, in the clear, as the device sends it with `key` at its frame `counter`; the inverse of `decrypt`.

    A frame of a version that cannot be sealed becomes one of version 5.
    """
    beacon = parse_beacon(advert.service_data[FE95])
    if not beacon.control & WITH_OBJECT:
        return advert
    low, high = counter & 0xFF, (counter >> 8).to_bytes(_COUNTER_SIZE, "little")
    control = beacon.control if beacon.version in _SEALED_VERSIONS else beacon.control & ~_VERSION_BITS | _SEALED
    beacon = msgspec.structs.replace(beacon, control=control | ENCRYPTED, counter=low)
    sealed = seal(key, _nonce(beacon, beacon.address or need_address(advert.address), high), beacon.body, _EXTRA)
    return _with(advert, msgspec.structs.replace(beacon, body=sealed[:-4] + high + sealed[-4:]))


def read_objects(advert: Advert, objects: Objects) -> dict[str, Quantity]:
    """The quantities of the objects that `objects` knows, by object id; empty when the frame carries none of them.

    DecodeError: `bindkey-needed` for a frame still encrypted, `address-mismatch`, `truncated` and the readers' own.
    """
    data = advert.service_data.get(FE95)
    if data is None:
        return {}
    beacon, own = parse_beacon(data), address_bytes(advert.address)
    if beacon.is_encrypted:
        decrypt(advert, None)
    if beacon.address is not None and own is not None and beacon.address != own:
        raise DecodeError("address-mismatch", "the frame names another device than the one that sent it")
    found: dict[str, Quantity] = {}
    for kind, value in _split(beacon.body if beacon.control & WITH_OBJECT else b""):
        if kind in objects:
            found |= objects[kind](value)
    return found


def advertise(product: int, objects: Mapping[int, bytes], address: str) -> Advert:
    """The advert a product at `address` sends in the clear for its `objects`, by object id."""
    body = b"".join(
        kind.to_bytes(2, "little") + bytes((len(value),)) + value for kind, value in sorted(objects.items())
    )
    beacon = Beacon(control=_PLAIN_CONTROL, product=product, body=body)
    return Advert(address=address, service_data={FE95: build_beacon(beacon)})


def _split(body: bytes) -> Iterator[tuple[int, bytes]]:
    reader = Reader(body)
    # Some products leave a byte or two after their last object.
    while reader.left >= _OBJECT_HEAD:
        kind, size = reader.unsigned(2), reader.unsigned(1)
        yield kind, reader.take(size)


def _nonce(beacon: Beacon, address: bytes, counter: bytes) -> bytes:
    return address[::-1] + beacon.product.to_bytes(2, "little") + bytes((beacon.counter,)) + counter


def _with(advert: Advert, beacon: Beacon) -> Advert:
    return msgspec.structs.replace(advert, service_data={**advert.service_data, FE95: build_beacon(beacon)})

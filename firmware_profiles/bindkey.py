"""Adverts sealed with AES-CCM under a device's own key: what MiBeacon and BTHome have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from firmware_profiles.model import DecodeError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

KEY_SIZE: Final = 16
TAG_SIZE: Final = 4
ADDRESS_SIZE: Final = 6
_ADDRESS: Final = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


def unseal(key: bytes | None, nonce: bytes, sealed: bytes, extra: bytes | None, where: str) -> bytes:
    """The plain text of `sealed` (its tag at the end); `where` tells a person where the key is found.

    DecodeError: `bindkey-needed` without a key, `bindkey-wrong` for another device's or a replaced one, `truncated`.
    """
    if len(sealed) <= TAG_SIZE:
        raise DecodeError("truncated", f"{len(sealed)} encrypted bytes, at least {TAG_SIZE + 1} expected")
    if key is None:
        raise DecodeError(
            "bindkey-needed",
            f"bindkey needed: this device encrypts what it says. {where} Put it into a file and pair the device with "
            "`phr pair --key-file FILE`.",
        )
    # Loaded here: most gateways own no such device, and the library is slow to load.
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(key).decrypt(nonce, sealed, extra)
    except InvalidTag as error:
        raise DecodeError(
            "bindkey-wrong",
            f"the bindkey does not fit: it is another device's, or it changed when the device was added again. {where} "
            "Pair the device anew with `phr pair --key-file FILE`.",
        ) from error


def refuse_plain(key: bytes | None) -> None:
    """Call for a measurement sent in the clear: from a device that has a key it may be anybody's.

    DecodeError `bindkey-unused` when there is a key.
    """
    if key is not None:
        raise DecodeError(
            "bindkey-unused",
            "this device has a bindkey, but what was heard is not encrypted: another device may have sent it. "
            "If yours does not encrypt, pair it again without a key.",
        )


def seal(key: bytes, nonce: bytes, plain: bytes, extra: bytes | None) -> bytes:
    """`plain` as a device with `key` seals it, the tag at the end; ValueError for a key that is none."""
    if len(key) != KEY_SIZE:
        raise ValueError(f"a bindkey has {KEY_SIZE} bytes, not {len(key)}")
    return _cipher(key).encrypt(nonce, plain, extra)


def address_bytes(address: str) -> bytes | None:
    """The six bytes of a Bluetooth address as displayed, None for what is no such address."""
    return bytes.fromhex(re.sub("[:-]", "", address)) if _ADDRESS.fullmatch(address) else None


def need_address(address: str) -> bytes:
    """The six bytes of `address`; DecodeError `no-address` where the system hides it: decryption needs it."""
    found = address_bytes(address)
    if found is None:
        raise DecodeError("no-address", "encrypted adverts can be read only with the device's Bluetooth address")
    return found


def _cipher(key: bytes) -> AESCCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM as Cipher  # noqa: N811

    if len(key) != KEY_SIZE:
        raise DecodeError("bindkey-wrong", f"a bindkey has {KEY_SIZE} bytes (32 hex digits), not {len(key)}")
    return Cipher(key, tag_length=TAG_SIZE)

"""Opaque identifiers: a role letter, a hyphen and 13 random base32 characters; never a name or an address."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from random import Random

Role = Literal[
    "r", "h", "g", "d", "a", "c", "v", "s", "m", "t", "n", "k", "q", "p", "u", "b", "i", "w", "e", "x", "y", "z",
    "f", "j", "l", "o",
]  # fmt: skip
ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH: Final = 13
_SHAPE = re.compile(r"[rhgdacvsmtnkqpubiwexyzfjlo]-[a-z2-7]{13}")


def new_id(role: Role, rng: Random) -> str:
    """A fresh id of `role` (r resident, h household, g gateway, d device, a advice, c card, v visit): 65 random bits.

    Of the desk: s staff, m family member, t team, n note, k contact, q request, p standing approval, u urgent text,
    b break-glass or batch, i sign-in code, w address. Of other houses: e care entry, x a program's grant, y emergency
    card, z a look by an emergency card. Of a resident's rights: f life event, j somebody acting for them, l measure of
    support. o a case that is followed.

    Pass `random.SystemRandom()` in production and a seeded `Random` in simulations.
    """
    return f"{role}-{''.join(rng.choices(ALPHABET, k=LENGTH))}"


def is_id(text: str, role: Role) -> bool:
    """Whether `text` is a well-formed id of `role`."""
    return _SHAPE.fullmatch(text) is not None and text[0] == role


def device_id(household: str, address: str) -> str:
    """The id of the device at Bluetooth `address` in `household`: the same in every gateway of the home.

    A household id is 65 random bits, so the address cannot be found back from the device id.
    """
    digest = hashlib.sha256(f"minato device\0{household}\0{address.upper()}".encode()).digest()
    return f"d-{base32(digest, LENGTH)}"


def base32(digest: bytes, length: int) -> str:
    """The first `length` characters of lower-case, unpadded base32 of `digest`."""
    return base64.b32encode(digest).decode("ascii").lower()[:length]

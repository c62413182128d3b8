"""Cards that say who stands at a public spot: 130 random bits as a QR code, and nothing about the person (pure)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime
from random import Random
from typing import Final

import msgspec

from engine.contract.ids import ALPHABET

SECRET_LENGTH: Final = 26
# Letters, digits and the hyphen: the same on every keyboard layout, and in the compact alphabet of QR codes.
_TEXT: Final = re.compile(rf"PHR1-([A-Z2-7]{{{SECRET_LENGTH}}})")
_IGNORED: Final = re.compile(r"[\s\-‐‑–−ー・.]")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card of a resident; `name` is what its holder wants to be called on a screen others can read."""

    id: str
    resident_id: str
    name: str | None
    issued_at: datetime
    revoked_at: datetime | None = None


def new_secret(rng: Random) -> str:
    """What a card will carry; pass `random.SystemRandom()` outside of simulations."""
    return "".join(rng.choices(ALPHABET, k=SECRET_LENGTH))


def hash_of(secret: str) -> str:
    """What is kept of a secret: enough to know it again, and nothing to make a card from."""
    return hashlib.sha256(f"minato card\0{secret}".encode()).hexdigest()


def text_of(secret: str) -> str:
    """What stands in the QR code."""
    return f"PHR1-{secret.upper()}"


def read_card(line: str) -> str | None:
    """The secret in what a scanner typed (any width and case), None when it is no card of ours."""
    found = _TEXT.fullmatch(unicodedata.normalize("NFKC", line).strip().upper())
    return found[1].lower() if found else None


def number_key(text: str) -> str:
    """What a resident's number is compared by: width, case, spaces and hyphens do not count."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text)).upper()

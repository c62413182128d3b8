"""Codes that sign somebody in once, cards that do it until revoked, and the second factor of staff (pure)."""

from __future__ import annotations

import hmac
import re
import unicodedata
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

import pyotp

# No vowels, N or Y: an input method leaves the others as they were typed, and no word appears. No digit or letter
# that looks like another: 0 O, 1 I, 2 Z, 5 S, 8 B, G 6.
LETTERS: Final = "CDFHJKLMPQRTVWX34679"
CODE_LENGTH: Final = 8
CODE_LIFE: Final = timedelta(days=7)
CARD_LIFE: Final = timedelta(days=2 * 365)
ENROL_LIFE: Final = timedelta(days=3)
TRIES: Final = 5
STEP_SECONDS: Final = 30
# RFC 6238 section 5.2: one step of delay; RFC 4226 section 4: a secret of 160 bits.
DRIFT: Final = 1
SECRET_BYTES: Final = 20
_IGNORED: Final = re.compile(r"[\s\-‐‑–−ー・.,、。]")
# What a Japanese input method makes of a doubled consonant.
_DOUBLED: Final = re.compile(r"[っッ](.)")
_DIGITS: Final = re.compile(r"[0-9]{6}")


def new_code(rng: Random) -> str:
    """A code to read out or print: 20^8 possibilities; pass `random.SystemRandom()`."""
    return "".join(rng.choices(LETTERS, k=CODE_LENGTH))


def shown(code: str) -> str:
    """The code as it is printed, in two groups."""
    return f"{code[:4]}-{code[4:]}"


def read_code(text: str) -> str | None:
    """The code somebody typed in any width and case, with or without hyphen; None when it cannot be one."""
    plain = _IGNORED.sub("", unicodedata.normalize("NFKC", text)).upper()
    plain = _DOUBLED.sub(r"\1\1", plain)
    return plain if len(plain) == CODE_LENGTH and all(letter in LETTERS for letter in plain) else None


def is_birthday(birth: date, month: str, day: str) -> bool:
    """Whether these two typed numbers are the month and the day of a birth date."""
    plain = [
        unicodedata.normalize("NFKC", part).strip().removesuffix(end) for part, end in ((month, "月"), (day, "日"))
    ]
    if not all(part.isascii() and part.isdigit() and len(part) <= len("12") for part in plain):
        return False
    return (int(plain[0]), int(plain[1])) == (birth.month, birth.day)


def used_step(secret: str, typed: str, after: int, now: datetime) -> int | None:
    """The time step whose code was typed, later than the step `after` that was used last; None when there is none.

    `secret` is base32; codes are those of RFC 6238 with SHA-1, 6 digits and 30 seconds, as every authenticator has.
    """
    digits = re.sub(r"\s", "", unicodedata.normalize("NFKC", typed))
    if _DIGITS.fullmatch(digits) is None:
        return None
    step, codes = int(now.timestamp()) // STEP_SECONDS, pyotp.HOTP(secret)
    found = [
        one for one in range(step - DRIFT, step + DRIFT + 1) if one >= 0 and hmac.compare_digest(codes.at(one), digits)
    ]
    return next((one for one in found if one > after), None)


def enrolment_uri(secret: str, login: str) -> str:
    """What the QR code of a new second factor says (otpauth URI)."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Minato PHR")

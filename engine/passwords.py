"""Passwords of staff: argon2id hashes, and what may be one."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from engine.refusal import Refusal

SHORTEST: Final = 12
LONGEST: Final = 128
# The second recommended option of RFC 9106 section 4: 3 passes over 64 MiB, 4 lanes, 128-bit salt, 256-bit tag.
_HASHER: Final = PasswordHasher(
    time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32, salt_len=16, type=Type.ID
)  # fmt: skip
# Every hash takes 64 MiB while it is made: a storm of wrong tries must not take all memory.
_TURNS: Final = BoundedSemaphore(2)
# Beginnings everybody tries first; with digits or the same again behind them they are no better.
_STEMS: Final = (
    "password", "passw0rd", "qwerty", "qwertyuiop", "asdfghjkl", "zxcvbnm", "letmein", "welcome", "admin",
    "administrator", "iloveyou", "abc", "abcdef", "minato", "minatophr", "sakata", "hokenshi", "changeme", "1q2w3e4r",
    "1qaz2wsx", "p@ssword", "p@ssw0rd", "パスワード", "さかた", "酒田市",
)  # fmt: skip
_NO_BETTER: Final = "0123456789!?.-_#@$* "
_FEW: Final = 4


def hash_of(password: str) -> str:
    """What is kept of a password: argon2id with its own salt."""
    with _TURNS:
        return _HASHER.hash(_plain(password))


def fits(kept: str | None, password: str) -> bool:
    """Whether `password` is the one `kept` was made of; takes as long when nothing is kept."""
    with _TURNS:
        try:
            _HASHER.verify(kept or _nobody(), _plain(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def weakness_of(password: str, login: str) -> Refusal | None:
    """Why this cannot be a password: too-short, too-long, login-inside, common or monotonous; None when it can."""
    plain = _plain(password)
    small = plain.casefold()
    if len(plain) < SHORTEST:
        return Refusal("too-short", f"a password has at least {SHORTEST} characters", "password")
    if len(plain) > LONGEST:
        return Refusal("too-long", f"a password has at most {LONGEST} characters", "password")
    if login.casefold() in small:
        return Refusal("login-inside", "the login must not be part of the password", "password")
    if len(set(small)) <= _FEW or _is_run(small):
        return Refusal("monotonous", "these are too few different characters, or a row of the keyboard", "password")
    if _is_common(small):
        return Refusal("common", "this is among the first that anybody tries", "password")
    return None


def _is_common(small: str) -> bool:
    core = small.strip(_NO_BETTER)
    return not core or any(core == stem * (len(core) // len(stem)) for stem in _STEMS if len(core) % len(stem) == 0)


def _is_run(small: str) -> bool:
    """Whether every character follows the one before it, as in abcdefghijkl or 987654321098."""
    steps = {
        (ord(after) - ord(before)) % 10 if (before + after).isdigit() else ord(after) - ord(before)
        for before, after in pairwise(small)
    }
    return len(steps) == 1 and steps <= {1, -1, 9}


def _plain(password: str) -> str:
    """One spelling of the same characters, however they were typed (NIST SP 800-63B section 3.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)


_DUMMY: list[str] = []


def _nobody() -> str:
    """A hash of no known password, so that an unknown login costs what a known one costs."""
    if not _DUMMY:
        _DUMMY.append(_HASHER.hash("nobody has this password"))
    return _DUMMY[0]

"""Interests and health joined for one release: both sides hand in rows under a token that dies with it. Pure.

The token is an HMAC of the person under a key made for this release alone, so rows of two releases cannot be chained,
and no service learns another's name for anybody. Rows live in memory only: they print, pickle and encode to nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NoReturn

import msgspec

from engine.refusal import Refusal

KEY_BYTES: Final = 32


class Interest(msgspec.Struct, frozen=True):
    """A public code and its place in the person's own ranking, 1 first."""

    code: str
    rank: int


class Withheld:
    """A value of one person: it shows nothing of itself and cannot be written anywhere."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(withheld)"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("rows of persons never leave memory")


class Body(Withheld):
    """The health side of a row: age at the cut-off, sex where told, and body mass index."""

    __slots__ = ("age", "bmi", "sex", "token")

    def __init__(self, token: bytes, age: int, sex: str | None, bmi: Decimal) -> None:
        self.token, self.age, self.sex, self.bmi = token, age, sex, bmi


class Taste(Withheld):
    """The other side of a row: the person's interests and the services they use."""

    __slots__ = ("interests", "services", "token")

    def __init__(self, token: bytes, interests: Iterable[Interest] = (), services: Iterable[str] = ()) -> None:
        self.token, self.interests, self.services = token, tuple(interests), frozenset(services)


class Row(Withheld):
    """One person as the tables count them."""

    __slots__ = ("body", "interests", "services")

    def __init__(
        self, body: Body, interests: tuple[Interest, ...] = (), services: frozenset[str] = frozenset()
    ) -> None:
        self.body, self.interests, self.services = body, interests, services


def token(key: bytes, person: str, release: str) -> bytes:
    """What stands for a person in one release: useless without `key`, which is made for it and thrown away after it.

    Raises ValueError for a key shorter than 32 bytes or without a person or release.
    """
    if len(key) < KEY_BYTES or not person or not release:
        raise ValueError("a token needs a key of 32 bytes, a person and a release")
    told = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in (release, person))
    return hmac.new(key, told, hashlib.sha256).digest()


def joined(bodies: Iterable[Body], tastes: Iterable[Taste]) -> tuple[Row, ...] | Refusal:
    """Every body once, with the interests told under its token; interests of nobody counted here are dropped.

    Refused as `same-person-twice` when a token stands twice on either side.
    """
    known: dict[bytes, Taste] = {}
    for taste in tastes:
        if taste.token in known:
            return Refusal("same-person-twice", "interests of one person must come together")
        known[taste.token] = taste
    rows = []
    seen: set[bytes] = set()
    for body in bodies:
        if body.token in seen:
            return Refusal("same-person-twice", "records of one person must be merged before they are counted")
        seen.add(body.token)
        taste = known.get(body.token, Taste(body.token))
        rows.append(Row(body, taste.interests, taste.services))
    return tuple(rows)

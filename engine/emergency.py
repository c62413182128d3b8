"""Emergency cards and who opens them: a secret that names nobody, good for a year, and a look that is told. Pure.

Making the card is how its holder agrees that whoever finds them may look; revoking it ends that.
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime, timedelta
from random import Random
from typing import Final, Literal, get_args

import msgspec

from engine.cards import SECRET_LENGTH, new_secret
from engine.contract.ids import ALPHABET, new_id
from engine.refusal import Refusal

Sort = Literal["wallet", "sheet"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
LIFE: Final = timedelta(days=365)
# As long as the glass of the desk: the way to a hospital and the first hour there.
OPEN_FOR: Final = timedelta(minutes=60)
# Crew, ward and doctor may each look; whoever looks more often on one day is slowed down, and every look is told.
MOST_A_DAY: Final = 20
# Unknown secrets of everybody together: more than a town's typing errors, fewer than a guesser needs.
MOST_REFUSED: Final = 60
REFUSED_WITHIN: Final = timedelta(minutes=1)
SHORTEST_REASON: Final = 4
_LONGEST: Final = {"name": 60, "place": 80, "reason": 200}
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co"})


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A printed card or sheet of a resident; of its secret only a hash is kept, elsewhere."""

    id: str
    resident: str
    sort: Sort
    issued_by: str
    issued_at: datetime
    until: datetime
    revoked_at: datetime | None = None

    def good(self, now: datetime) -> bool:
        """Whether it opens anything at `now`."""
        return self.revoked_at is None and now < self.until


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody opened a record by a card: who they said they are, where and why, and until when it stays open."""

    id: str
    card: str
    resident: str
    name: str
    place: str
    reason: str
    at: datetime
    until: datetime

    @property
    def who(self) -> str:
        """Name and place in one line."""
        return f"{self.name} ({self.place})"


class Asked(msgspec.Struct, frozen=True):
    """What somebody told of themselves before a record opens; each one line."""

    name: str
    place: str
    reason: str


def asked(name: str, place: str, reason: str) -> Asked | Refusal:
    """The three answers as lines; refused with their field as missing, too-short, too-long or control-character."""
    lines: dict[str, str] = {}
    for field, said in (("name", name), ("place", place), ("reason", reason)):
        line = " ".join(said.split())
        if not line:
            return Refusal("missing", f"{field} is needed", field)
        if field == "reason" and len(line) < SHORTEST_REASON:
            return Refusal("too-short", "say why in some words", field)
        if len(line) > _LONGEST[field]:
            return Refusal("too-long", f"at most {_LONGEST[field]} characters", field)
        if any(unicodedata.category(character) in _HIDDEN for character in line):
            return Refusal("control-character", "there is a character in it that cannot be shown", field)
        lines[field] = line
    return Asked(**lines)


class Issued(msgspec.Struct, frozen=True):
    """A new card with its secret, which exists nowhere else."""

    card: Card
    secret: str


def mint(resident: str, sort: Sort, by: str, now: datetime, rng: Random, life: timedelta = LIFE) -> Issued:
    """A new card, its secret 130 random bits; pass `random.SystemRandom()` outside of simulations."""
    card = Card(
        id=new_id("y", rng), resident=resident, sort=sort, issued_by=by, issued_at=now, until=now + life
    )  # fmt: skip
    return Issued(card, new_secret(rng))


def hash_of(secret: str) -> str:
    """What is kept of a secret: enough to know it again, and nothing to make a card from."""
    return hashlib.sha256(f"minato emergency\0{secret}".encode("utf-8", "replace")).hexdigest()


def read_secret(text: str) -> str | None:
    """The secret in the last part of an address, in either case; None when it cannot be one."""
    plain = text.lower()
    return plain if len(plain) == SECRET_LENGTH and all(letter in ALPHABET for letter in plain) else None


def address_of(base: str, secret: str) -> str:
    """What stands in the QR code: where to look, and nothing about anybody; `base` has no slash at its end."""
    return f"{base}/e/{secret}"

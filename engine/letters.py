"""Letters on paper: what one tells, by which code its reply is known, in which order they are posted. Pure.

A letter keeps what it told (`Said`), so that it can be printed again byte for byte whatever was measured since.
"""

from __future__ import annotations

import re
import unicodedata
from random import Random
from typing import Final, Literal, get_args

import msgspec

from engine.charts import Mark
from engine.contract.ids import ALPHABET
from engine.locale import Language
from engine.refusal import Refusal

Sort = Literal["month", "referral"]
State = Literal["made", "printed", "sent", "returned", "replied"]
Reason = Literal["unknown", "moved", "unclaimed", "refused", "other"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
STATES: Final[tuple[State, ...]] = get_args(State)
# Why the post brings a letter back; `unclaimed` is 保管期間経過.
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
_CODE: Final = 8
_LETTERS: Final = ALPHABET.upper()
# What a hand or an eye makes of letters and digits that the alphabet of the codes does not have.
_READ_AS: Final = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None, " ": None, "‐": None, "ー": None, "−": None})
_POSTCODE: Final = re.compile(r"〒?\s*(\d{3})-?(\d{4})(?!\d)[\s,]*(.*)", re.DOTALL)
# From which states a letter comes into one; a reply in the hand proves more than any log.
_FROM: Final[dict[State, frozenset[State]]] = {
    "made": frozenset(),
    "printed": frozenset({"made"}),
    "sent": frozenset({"made", "printed"}),
    "returned": frozenset({"made", "printed", "sent"}),
    "replied": frozenset({"made", "printed", "sent", "returned"}),
}


class To(msgspec.Struct, frozen=True):
    """Where a letter goes: `postcode` as 998-0842 ("" where nobody wrote one), the address, the name."""

    postcode: str
    address: str
    name: str


class Dots(msgspec.Struct, frozen=True, kw_only=True):
    """A chart as it was told: each dot is the local minute, the value, the lower value of a pair or "", its mark."""

    title: str
    description: str
    unit: str
    shown: str
    first: str
    last: str
    dots: tuple[tuple[str, str, str, Mark], ...]


class Told(msgspec.Struct, frozen=True):
    """A block of words with a heading, as it was told; `small` who answers for it, or since when."""

    heading: str
    lines: tuple[str, ...]
    small: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one letter tells its resident: `title`, the `lead` lines in large type, and blocks of words.

    What of `front` has no room above the reply form goes to the back, before the chart and what belongs there.

    `asks` names what its reply form asks; `about` is the month (2026-10) or the advice it tells.
    """

    sort: Sort
    about: str
    language: Language
    resident: str
    code: str
    to: To
    made: str
    title: str
    lead: tuple[str, ...]
    front: tuple[Told, ...]
    back: tuple[Told, ...]
    chart: Dots | None
    asks: tuple[str, ...]


def new_code(rng: Random) -> str:
    """A code of eight letters whose last one checks the others; pass `random.SystemRandom()` in production."""
    body = "".join(rng.choices(_LETTERS, k=_CODE - 1))
    return body + _check(body)


def read_code(typed: str) -> str | Refusal:
    """The code somebody typed or scanned; refused as bad-code, also where one letter is wrong or two changed places."""
    plain = unicodedata.normalize("NFKC", typed).upper().translate(_READ_AS).strip()
    if len(plain) != _CODE or set(plain) - set(_LETTERS) or _check(plain[:-1]) != plain[-1]:
        return Refusal("bad-code", "the code of a letter is twice four letters; one of these is not right", "code")
    return plain


def shown(code: str) -> str:
    """A code as people read it: ABCD-EFGH."""
    return f"{code[:4]}-{code[4:]}"


def addressed(address: str | None, name: str) -> To | Refusal:
    """Where to write, from the address of the register (`〒998-0842 …`); refused as no-address.

    An address without a postcode is good: the post brings it all the same.
    """
    plain = unicodedata.normalize("NFKC", address or "").replace("‐", "-").replace("−", "-").strip()
    found = _POSTCODE.fullmatch(plain)
    rest = (found[3] if found else plain).strip()
    if not rest:
        return Refusal("no-address", "no address is registered", "address")
    # The postcode is read in any width; the address itself stays as it is registered.
    kept = rest if found is None else _behind(address or "", rest)
    return To(f"{found[1]}-{found[2]}" if found else "", " ".join(kept.split()), name)


def in_post_order(said: Said) -> tuple[str, ...]:
    """A sort key: postcode, those without one last; then address and code, so that the order is total."""
    return (said.to.postcode or "~", said.to.address, said.code)


def moves(state: State, to: State) -> bool:
    """Whether a letter in `state` may come to be `to`."""
    return state in _FROM[to]


def came_from(to: State) -> frozenset[State]:
    """The states a letter is in before it is `to`."""
    return _FROM[to]


def _behind(address: str, rest: str) -> str:
    """The end of `address` that reads as `rest`, in its own characters."""
    for start in range(len(address)):
        if unicodedata.normalize("NFKC", address[start:]).replace("‐", "-").replace("−", "-").strip() == rest:
            return address[start:]
    return rest


def _check(body: str) -> str:
    """The check letter of Luhn's rule modulo 32: any one wrong letter and almost any swap of neighbours shows."""
    total = 0
    for place, letter in enumerate(reversed(body)):
        value = _LETTERS.index(letter) * (2 if place % 2 == 0 else 1)
        total += value // len(_LETTERS) + value % len(_LETTERS)
    return _LETTERS[-total % len(_LETTERS)]

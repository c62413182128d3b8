"""Loans: devices and gateways that the town lends to residents, by the number on their label. Pure.

A thing that came back is free for the next borrower only when its bonds, keys and local data are wiped and its own
memory is cleared; until then it is being wiped, and the desk sees what is missing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, get_args

import msgspec

from engine.refusal import Refusal

Sort = Literal["scale", "pressure", "pedometer", "mirror", "gateway"]
Ended = Literal["returned", "lost", "broken"]
State = Literal["out", "wiping", "free", "gone"]
Told = Literal["open", "waiting", "done", "stuck"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
ENDS: Final[tuple[Ended, ...]] = get_args(Ended)
_ASSET: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{1,31}")
# Labels write it with colons, with hyphens or with nothing between.
_DIGITS: Final = re.compile(r"([0-9A-F]{2}[:\- ]?){5}[0-9A-F]{2}")
_ADDRESS: Final = re.compile(r"([0-9A-F]{2}:){5}[0-9A-F]{2}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
LONGEST_REMARK: Final = 200


class SortRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one sort of thing is: its usual days out, whether it measures people and keeps what it measured."""

    id: Sort
    days: Annotated[int, msgspec.Meta(ge=1, le=400)]
    measures: bool
    remembers: bool


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the town lends, and how many days before the due day a borrower is told."""

    remind: Annotated[int, msgspec.Meta(ge=1, le=60)]
    longest: Annotated[int, msgspec.Meta(ge=1)]
    sort: tuple[SortRule, ...]

    def of(self, sort: Sort) -> SortRule:
        """What a sort of thing is."""
        return next(one for one in self.sort if one.id == sort)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What one gateway must give up: told under `correlation`, until it did; `answer` as it said it, `left` rows.

    `device` is what it knows the thing as; None: as the loan says.
    """

    gateway: str
    correlation: str
    device: str | None = None
    state: Told = "open"
    answer: str | None = None
    left: int = 0


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """A thing of the town's with a resident: since when, until when, and what became of it.

    `device` and `gateway` are what it is in the borrower's home, as far as known; `address` is on its label.
    """

    seq: int
    asset: str
    sort: Sort
    resident: str
    municipality: str
    lent_at: datetime
    lent_by: str
    due_on: date
    address: str | None = None
    device: str | None = None
    gateway: str | None = None
    returned_at: datetime | None = None
    returned_by: str | None = None
    ended: Ended | None = None
    orders: tuple[Order, ...] = ()
    tell_at: datetime | None = None
    wiped_at: datetime | None = None
    cleared_at: datetime | None = None
    remark: str | None = None
    version: int = 1

    @property
    def state(self) -> State:
        """Where it is: with the borrower, back but not wiped, free for the next one, or gone for good."""
        if self.returned_at is None:
            return "out"
        if self.wiped_at is None:
            return "wiping"
        if self.is_cleared:
            return "free" if self.ended == "returned" else "gone"
        return "wiping" if self.ended == "returned" else "gone"

    @property
    def is_cleared(self) -> bool:
        """Whether nothing is left in the thing itself: it keeps nothing, or somebody cleared it."""
        return self.cleared_at is not None or not rules().of(self.sort).remembers


@cache
def rules() -> Rules:
    """The rules in force."""
    return read_rules(files("engine").joinpath("loans.toml").read_text(encoding="utf-8"))


def read_rules(text: str) -> Rules:
    """The rules written in `text`; raises msgspec.ValidationError, or ValueError where a sort is missing or twice."""
    found = msgspec.toml.decode(text, type=Rules)
    if sorted(one.id for one in found.sort) != sorted(SORTS):
        raise ValueError("loans.toml tells of every sort once")
    return found


def read_asset(text: str) -> str | Refusal:
    """The number on a label as typed or read by a scanner (which may put * around it); refused as `asset`."""
    plain = "".join(unicodedata.normalize("NFKC", text).split()).strip("*").upper()
    if not _ASSET.fullmatch(plain):
        return Refusal("asset", "an asset number is 2 to 32 letters, digits and hyphens", "asset")
    return plain


def read_address(text: str) -> str | Refusal | None:
    """The Bluetooth address on a label, None where nothing is written; refused as `address`."""
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    if not plain:
        return None
    if _DIGITS.fullmatch(plain):
        digits = re.sub("[^0-9A-F]", "", plain)
        plain = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    return (
        plain if _ADDRESS.fullmatch(plain) else Refusal("address", "an address looks like C0:26:DF:01:E2:3A", "address")
    )


def read_due(day: date | None, sort: Sort, today: date) -> date | Refusal:
    """The due day, by the rules where none is said; refused as `due` in the past or too far away."""
    due = today + timedelta(days=rules().of(sort).days) if day is None else day
    if not today <= due <= today + timedelta(days=rules().longest):
        return Refusal("due", f"the due day is today or up to {rules().longest} days later", "due")
    return due


def read_remark(text: str) -> str | Refusal | None:
    """A remark in one line, None where there is none; refused as `remark` when longer than 200 characters."""
    plain = " ".join(text.split())
    if len(plain) > LONGEST_REMARK or any(unicodedata.category(sign) == "Cc" for sign in plain):
        return Refusal("remark", f"a remark is one line of at most {LONGEST_REMARK} characters", "remark")
    return plain or None


def hinders(last: Loan | None, sort: Sort) -> Refusal | None:
    """Why a thing cannot be lent whose newest loan is `last`: other-sort, already-out, not-wiped or not-cleared.

    What was lost and is found again is lent once it is cleared.
    """
    if last is None:
        return None
    if last.returned_at is None:
        return Refusal("already-out", f"{last.asset} is with {last.resident}", "asset")
    if last.sort != sort:
        return Refusal("other-sort", f"{last.asset} is a {last.sort}", "sort")
    if last.wiped_at is None:
        return Refusal("not-wiped", f"{last.asset} is not wiped yet", "asset")
    return None if last.is_cleared else Refusal("not-cleared", f"the memory of {last.asset} is not cleared", "asset")


def is_overdue(loan: Loan, today: date) -> bool:
    """Whether it should have come back before `today`."""
    return loan.returned_at is None and loan.due_on < today


def is_due_soon(loan: Loan, today: date) -> bool:
    """Whether its borrower is to be told today that it is due within a few days."""
    return loan.returned_at is None and today <= loan.due_on <= today + timedelta(days=rules().remind)


def in_order(loans: Iterable[Loan], collect: frozenset[str]) -> list[Loan]:
    """The loans as the desk works them off: to be collected (`collect` residents are gone), then by due day."""
    return sorted(loans, key=lambda one: (one.resident not in collect, one.due_on, one.asset))


def about(loan: Loan) -> str:
    """What a notice of this due day is about: extended, it is another matter."""
    return f"loan-{loan.seq}-{loan.due_on.isoformat()}"

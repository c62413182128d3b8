"""The shape of a rule: cases in order, the most serious first; the first case that holds gives the advice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

Op = Literal["<", "<=", ">", ">=", "==", "!="]
Severity = Literal["routine", "soon", "prompt", "urgent"]
SEVERITIES: Final[tuple[Severity, ...]] = ("routine", "soon", "prompt", "urgent")
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{1,60}$")]
Sentence = Annotated[str, msgspec.Meta(min_length=2)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a threshold is published; `checked` tells whether the original was read or quoted through another page."""

    title: Sentence
    edition: Sentence
    section: Sentence
    checked: Sentence


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One comparison of a signal with a number."""

    signal: str
    op: Op
    value: Decimal

    def holds(self, value: Decimal) -> bool:
        """Whether `value` satisfies this condition; exact decimals."""
        match self.op:
            case "<":
                return value < self.value
            case "<=":
                return value <= self.value
            case ">":
                return value > self.value
            case ">=":
                return value >= self.value
            case "==":
                return value == self.value
            case "!=":
                return value != self.value


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way a rule fires: every `all`, at least one `any` (when given), no `none`.

    `message` is a key of the locale; `message_open` replaces it while a veto question is open. `parameters` are the
    numbers the plan needs, `boundary` says on which side the exact threshold falls and why.
    """

    name: Word
    severity: Severity
    message: str
    boundary: Sentence
    message_open: str | None = None
    cooldown_days: Annotated[int, msgspec.Meta(ge=0)] | None = None
    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()
    none: tuple[Condition, ...] = ()
    parameters: dict[str, Decimal] = {}

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every comparison this case makes."""
        return (*self.all, *self.any, *self.none)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule with its versions, its sources and its cases.

    `action` is what safety looks at, `plan` names the computation of the concrete numbers, `review` who may approve.
    """

    id: Word
    version: Annotated[int, msgspec.Meta(ge=1)]
    text_version: Annotated[int, msgspec.Meta(ge=1)]
    topic: Literal["blood-pressure", "weight", "activity"]
    action: Literal["referral", "weight-loss", "exercise-increase"]
    plan: Literal["referral", "weight-loss", "steps"]
    review: Literal["each", "batchable", "physician"]
    cooldown_days: Annotated[int, msgspec.Meta(ge=0)]
    valid_from: date
    nurse_note: str
    source: Annotated[tuple[Source, ...], msgspec.Meta(min_length=1)]
    case: Annotated[tuple[Case, ...], msgspec.Meta(min_length=1)]

    @property
    def signals(self) -> frozenset[str]:
        """The names of every signal the rule looks at."""
        return frozenset(condition.signal for case in self.case for condition in case.conditions)


def parse(text: str) -> Rule:
    """The rule in a TOML text; numbers are written as strings so that they stay exact.

    Raises msgspec.ValidationError or DecodeError when it is not exactly a rule.
    """
    return msgspec.toml.decode(text, type=Rule)

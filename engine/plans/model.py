"""A goal with its figures, its reason and how it will be measured, or why there is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

Kind = Literal[
    "weight", "swap", "steps", "exercise", "strength", "sitting",
    "salt", "vegetables", "fruit", "protein", "breakfast", "alcohol", "servings",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Line(msgspec.Struct, frozen=True):
    """A sentence by its key; `values` are numbers in it, `words` keys of other texts."""

    key: str
    values: dict[str, Decimal] = {}
    words: dict[str, str] = {}


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """One goal: `do` is what to do and how much, `why` the reason, `measure` how one sees it working.

    `figures` are all numbers used, `rules` the ids of the clinical rules, `sources` keys of `tables.sources()`,
    `classes` the classes of the judgement whose parameters are among the figures.
    """

    kind: Kind
    do: tuple[Line, ...]
    why: Line
    measure: Line
    figures: dict[str, Decimal]
    rules: tuple[str, ...]
    sources: tuple[str, ...]
    classes: tuple[str, ...] = ()
    note: Line | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        """All sentences for the resident, in order."""
        return (*self.do, self.why, self.measure)


class Declined(msgspec.Struct, frozen=True):
    """A goal that is not given, and the code of the reason; `by` are the vetoes that forbade it."""

    kind: str
    reason: str
    by: tuple[str, ...] = ()

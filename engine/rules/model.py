"""The shape of a rule: four kinds, each a list of cases made of comparisons; no expression language.

A `class` rule derives a value, a `flag` rule sees a reason to refer, a `veto` rule forbids, an `advice` rule proposes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Annotated, Final, Literal

import msgspec

Op = Literal["<", "<=", ">", ">=", "==", "!=", "known", "missing"]
COMPARE: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
Severity = Literal["routine", "soon", "prompt", "urgent", "emergency"]
SEVERITIES: Final[tuple[Severity, ...]] = ("routine", "soon", "prompt", "urgent", "emergency")
Tier = Literal["emergency", "referral", "contraindication", "medication", "frailty", "weight", "habit"]
# The fixed order of conflict: what stands earlier wins.
TIERS: Final[tuple[Tier, ...]] = (
    "emergency", "referral", "contraindication", "medication", "frailty", "weight", "habit",
)  # fmt: skip
Topic = Literal[
    "blood-pressure", "glucose", "lipids", "kidney", "liver", "blood", "heart", "symptoms", "frailty", "weight",
    "activity", "meals", "tobacco", "alcohol", "sleep", "heat", "guidance", "data-quality",
]  # fmt: skip
MustNot = Literal[
    "weight_loss", "auto_weight_loss", "calorie_deficit", "unsupervised_calorie_deficit", "skip_meal",
    "fasted_exercise", "exercise_increase", "vigorous_exercise", "outdoor_exercise", "snow_shovelling",
    "protein_increase", "potassium_increase", "fluid_increase", "steps_target", "weight_display", "servings",
    "body_composition",
]  # fmt: skip
Must = Literal["hypoglycemia_precaution", "smoking_cessation"]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{1,60}$")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,60}$")]
Sentence = Annotated[str, msgspec.Meta(min_length=2)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a threshold is published; `checked` tells whether the original was read or quoted through another page."""

    title: Sentence
    edition: Sentence
    section: Sentence
    checked: Sentence


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One comparison of a signal with a number, or whether it was measured at all (`known`, `missing`)."""

    signal: str
    op: Op
    value: Decimal = Decimal(0)

    @property
    def about_presence(self) -> bool:
        """Whether this asks if the signal is there, not what it is."""
        return self.op in {"known", "missing"}

    def holds(self, value: Decimal | None) -> bool:
        """Whether `value` satisfies this condition, exact decimals; a missing value satisfies no comparison."""
        if value is None or self.about_presence:
            return (value is None) == (self.op == "missing")
        return COMPARE[self.op](value, self.value)


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least `at_least` of the groups hold; a group holds when one of its comparisons does."""

    at_least: Annotated[int, msgspec.Meta(ge=1)]
    of: Annotated[tuple[tuple[Condition, ...], ...], msgspec.Meta(min_length=1)]


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every case has: every `all`, at least one `any` (when given), enough of `count`, no `none`.

    `boundary` says on which side the exact threshold falls and why; `parameters` are numbers for the plan.
    """

    name: Word
    boundary: Sentence
    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()
    none: tuple[Condition, ...] = ()
    count: Count | None = None
    parameters: dict[str, Decimal] = {}

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every comparison this case makes."""
        return (*self.all, *self.any, *self.counted, *self.none)

    @property
    def counted(self) -> tuple[Condition, ...]:
        """The comparisons inside `count`."""
        return () if self.count is None else tuple(chain.from_iterable(self.count.of))


class ClassCase(Case, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value is `gives`; `number` is how later rules compare it.

    With `either` this case cannot tell: the number is one of those, and `needs` would have to be measured (again).
    """

    gives: Code
    number: Decimal
    either: tuple[Decimal, ...] = ()
    needs: tuple[str, ...] = ()


class FlagCase(Case, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason to see a doctor, or to measure again: `message` is the resident's text."""

    severity: Severity
    flags: tuple[Code, ...]
    message: str
    cooldown_days: Annotated[int, msgspec.Meta(ge=0)] | None = None


class VetoCase(Case, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not, or must, be said while this holds.

    With `unasked` it also needs one of those answers to be unknown: it forbids only until somebody asked.
    """

    tier: Tier
    unasked: tuple[str, ...] = ()
    must_not: tuple[MustNot, ...] = ()
    must: tuple[Must, ...] = ()


class AdviceCase(Case, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proposal: `message_open` replaces `message` while a veto question is open; without it nothing is proposed."""

    message: str
    message_open: str | None = None
    cooldown_days: Annotated[int, msgspec.Meta(ge=0)] | None = None

    @property
    def severity(self) -> Severity:
        """Advice about habits never hurries."""
        return "routine"


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    id: Word
    version: Annotated[int, msgspec.Meta(ge=1)]
    valid_from: date
    source: Annotated[tuple[Source, ...], msgspec.Meta(min_length=1)]
    valid_until: date | None = None

    def __hash__(self) -> int:
        return hash((self.id, self.version))

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in order."""
        raise TypeError("a rule has a kind")

    @property
    def signals(self) -> frozenset[str]:
        """The names of every signal the rule looks at."""
        return frozenset(condition.signal for case in self.cases for condition in case.conditions)


class ClassRule(_Header, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="class"):
    """Derives the signal `defines`: the first case that holds, for every completion of what is missing."""

    defines: str
    case: Annotated[tuple[ClassCase, ...], msgspec.Meta(min_length=1)]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in order."""
        return self.case


class FlagRule(_Header, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="flag"):
    """Sees a reason to refer: the first case that holds, the most serious first.

    A missing number never holds. A missing answer counts as yes (`unasked`), or is only asked for.
    """

    topic: Topic
    text_version: Annotated[int, msgspec.Meta(ge=1)]
    review: Literal["each", "physician"]
    cooldown_days: Annotated[int, msgspec.Meta(ge=0)]
    nurse_note: str
    case: Annotated[tuple[FlagCase, ...], msgspec.Meta(min_length=1)]
    unasked: Literal["yes", "ask"] = "yes"

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in order."""
        return self.case


class VetoRule(_Header, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="veto"):
    """Forbids: every case that holds counts; one that an unanswered question could make hold counts too."""

    case: Annotated[tuple[VetoCase, ...], msgspec.Meta(min_length=1)]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases; their order does not matter."""
        return self.case


class AdviceRule(_Header, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="advice"):
    """Proposes a habit or a goal: the first case that holds, unless one of `barred_by` is in force.

    `plan` names the computation of the concrete numbers, `review` who may approve.
    """

    topic: Topic
    text_version: Annotated[int, msgspec.Meta(ge=1)]
    tier: Tier
    plan: Word
    barred_by: tuple[MustNot, ...]
    # Inside its tier the lower comes first: of two goals at most, these are kept.
    rank: Annotated[int, msgspec.Meta(ge=1)] = 50
    review: Literal["each", "batchable", "physician"]
    cooldown_days: Annotated[int, msgspec.Meta(ge=0)]
    nurse_note: str
    case: Annotated[tuple[AdviceCase, ...], msgspec.Meta(min_length=1)]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in order."""
        return self.case


Rule = ClassRule | FlagRule | VetoRule | AdviceRule
SpokenRule = FlagRule | AdviceRule


def parse(text: str) -> Rule:
    """The rule in a TOML text; numbers are written as strings so that they stay exact.

    Raises msgspec.ValidationError or DecodeError when it is not exactly a rule.
    """
    rule: Rule = msgspec.toml.decode(text, type=Rule)
    return rule


def spoken_keys(rule: Rule) -> Iterator[tuple[str, str]]:
    """The (context, key) of every text a rule can show."""
    if isinstance(rule, FlagRule | AdviceRule):
        yield "nurse", rule.nurse_note
        for case in rule.case:
            yield "resident", case.message
            if isinstance(case, AdviceCase) and case.message_open:
                yield "resident", case.message_open

"""What the rules say of one person at one instant: values derived, reasons to refer, what must not be said, proposals.

One pure function for the service, `phr assess` and the tests. A proposal passes here or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from engine.plans.needs import bmi_after, first_goal
from engine.rules.evaluator import (
    NO_OPTIONS,
    Answer,
    Firing,
    Indeterminate,
    Reason,
    alone,
    answer,
    reasons,
)
from engine.rules.model import (
    SEVERITIES,
    TIERS,
    AdviceCase,
    AdviceRule,
    ClassCase,
    ClassRule,
    FlagCase,
    FlagRule,
    Rule,
    Severity,
    Tier,
    VetoCase,
    VetoRule,
)
from engine.signals import Signal, Signals
from engine.vocabulary import ANSWERS, QUESTION_ORDER, VOCABULARY


class Settled(msgspec.Struct, frozen=True):
    """What a class rule derived: its case, or None with the numbers it may still be and what would decide."""

    rule: ClassRule
    case: ClassCase | None
    options: tuple[Decimal, ...]
    missing: tuple[str, ...] = ()

    @property
    def gives(self) -> str | None:
        """The code of the class, None while it is open."""
        return None if self.case is None else self.case.gives


class Bar(msgspec.Struct, frozen=True):
    """One thing that must not, or must, be said; not `sure` when only an unanswered question could forbid it."""

    code: str
    tier: Tier
    rule: str
    version: int
    case: str
    sure: bool
    reasons: tuple[Reason, ...] = ()
    ask: tuple[str, ...] = ()


class Proposal(msgspec.Struct, frozen=True):
    """An advice rule that fires: allowed when no bar is sure; open while a question could forbid it."""

    firing: Firing
    bars: tuple[Bar, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it may be drafted: barred by nothing that is sure, and with words for what is still open."""
        case = self.firing.case
        worded = isinstance(case, AdviceCase) and case.message_open is not None
        return not any(bar.sure for bar in self.bars) and (worded or not self.bars)

    @property
    def ask(self) -> tuple[str, ...]:
        """The questions that must be answered before the goal itself may be told."""
        return in_order(question for bar in self.bars if not bar.sure for question in bar.ask)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the rules said; `values` are the signals with what was derived from them."""

    values: dict[str, Decimal | None]
    settled: dict[str, Settled]
    flags: tuple[Firing, ...]
    bars: tuple[Bar, ...]
    musts: tuple[Bar, ...]
    proposals: tuple[Proposal, ...]
    silent: frozenset[str]
    indeterminate: tuple[Indeterminate, ...]
    ask: tuple[str, ...]

    @property
    def urgency(self) -> Severity | None:
        """The most serious reason to refer, None without one."""
        return max((_case(flag).severity for flag in self.flags), key=SEVERITIES.index, default=None)

    @property
    def red_flags(self) -> tuple[str, ...]:
        """The codes of every reason to refer, sorted."""
        return tuple(sorted({code for flag in self.flags for code in _case(flag).flags}))

    @property
    def must_not(self) -> frozenset[str]:
        """Everything that must not be said, for sure or until a question is answered."""
        return frozenset(bar.code for bar in self.bars)

    @property
    def must(self) -> frozenset[str]:
        """Everything that must be said."""
        return frozenset(bar.code for bar in self.musts)

    def bars_of(self, rule: Rule) -> tuple[Bar, ...]:
        """What stands, or may stand, against `rule`, also where a missing number keeps it silent."""
        return _against(rule, self.bars) if isinstance(rule, AdviceRule) else ()

    def gives(self, name: str) -> str | None:
        """The code of the class `name`, None while it is open."""
        found = self.settled.get(name)
        return None if found is None else found.gives

    def parameters(self, name: str) -> Mapping[str, Decimal]:
        """The parameters of the case the class `name` settled on; none while it is open."""
        found = self.settled.get(name)
        return {} if found is None or found.case is None else found.case.parameters


def judge(picture: Signals, rules: Sequence[Rule]) -> Judgement:
    """What `rules` say of `picture`; their order does not matter."""
    values: dict[str, Decimal | None] = {name: signal.value for name, signal in picture.values.items()}
    settled = classes(values, rules)
    values |= after_classes(values, settled)
    look = Look(values, {name: one.options for name, one in settled.items() if one.case is None}, settled, picture)
    found = [(rule, look.flag(rule)) for rule in rules if isinstance(rule, FlagRule)]
    flags = [outcome for _, outcome in found if isinstance(outcome, Firing)]
    bars = [bar for rule in rules if isinstance(rule, VetoRule) for bar in look.bars(rule)]
    barred = [bar for bar in bars if bar.code not in MUSTS] + _emergencies(flags)
    forbidden = sorted(barred, key=_bar_order)
    proposed = [(rule, look.advice(rule)) for rule in rules if isinstance(rule, AdviceRule)]
    proposals = [
        Proposal(out, _against(rule, forbidden)) for rule, out in proposed if isinstance(out, Firing)
    ]  # fmt: skip
    asked = [*(q for flag in flags for q in flag.ask), *(q for bar in bars for q in bar.ask), *look.only_asked]
    return Judgement(
        values=values, settled=settled, flags=tuple(sorted(flags, key=_flag_order)),
        bars=tuple(forbidden),
        musts=tuple(sorted((bar for bar in bars if bar.code in MUSTS), key=_bar_order)),
        proposals=tuple(sorted(proposals, key=_proposal_order)),
        silent=frozenset(rule.id for rule, out in (*found, *proposed) if out is None),
        indeterminate=tuple(out for _, out in proposed if isinstance(out, Indeterminate)),
        ask=in_order(asked),
    )  # fmt: skip


MUSTS: Final = frozenset({"hypoglycemia_precaution", "smoking_cessation"})
# In an emergency there is one thing to say; everything a rule could propose is barred by this.
EVERYTHING: Final = "everything"


def in_order(questions: Iterable[str]) -> tuple[str, ...]:
    """The questions without repetition, in the order in which they are put."""
    return tuple(sorted(set(questions), key=lambda q: (QUESTION_ORDER.index(q) if q in QUESTION_ORDER else 99, q)))


def after_classes(values: Mapping[str, Decimal | None], settled: Mapping[str, Settled]) -> dict[str, Decimal | None]:
    """What is computed from signals and classes: how far the BMI is from the ends of its target range."""
    found: dict[str, Decimal | None] = dict.fromkeys(("bmi.above_low", "bmi.above_high", "bmi.goal_above_low"))
    target, bmi = settled.get("bmi.target"), values.get("bmi")
    if bmi is None or target is None or target.case is None or "low" not in target.case.parameters:
        return found
    ends = target.case.parameters
    found |= {"bmi.above_low": bmi - ends["low"], "bmi.above_high": bmi - ends["high"]}
    weight, height = values.get("weight.level"), values.get("height")
    if weight is not None and height is not None and height > 0:
        found["bmi.goal_above_low"] = bmi_after(weight, first_goal(weight, bmi), height) - ends["low"]
    return found


def classes(values: dict[str, Decimal | None], rules: Sequence[Rule]) -> dict[str, Settled]:
    """Every class settled, those it rests on first; settled numbers are put into `values`."""
    settled: dict[str, Settled] = {}
    for rule in class_order(rules):
        settled[rule.defines] = one = settle(rule, values, settled)
        values[rule.defines] = None if one.case is None else one.case.number
    return settled


def class_order(rules: Sequence[Rule]) -> tuple[ClassRule, ...]:
    """The class rules, each after those it rests on; raises ValueError when they rest on each other."""
    waiting = sorted((rule for rule in rules if isinstance(rule, ClassRule)), key=lambda rule: rule.id)
    ordered: list[ClassRule] = []
    while waiting:
        defined = {rule.defines for rule in waiting}
        ready = [rule for rule in waiting if not (rule.signals & defined)]
        if not ready:
            raise ValueError(f"classes rest on each other: {', '.join(rule.id for rule in waiting)}")
        ordered += ready
        waiting = [rule for rule in waiting if rule.signals & defined]
    return tuple(ordered)


def settle(rule: ClassRule, values: Mapping[str, Decimal | None], settled: Mapping[str, Settled]) -> Settled:
    """What `rule` derives from `values` and the classes settled before it."""
    options = {name: one.options for name, one in settled.items() if one.case is None}
    found = answer(rule, values, options, sorted(rule.signals))
    reached = [case for case in found.cases if isinstance(case, ClassCase)]
    numbers = {number for case in reached for number in (case.either or (case.number,))}
    needs = {name for case in reached if case.either for name in case.needs}
    missing = tuple(sorted({*_roots(found.deciding, settled), *needs}))
    if len(numbers) == 1 and None not in found.cases:
        return Settled(rule, next(case for case in reached if not case.either), tuple(numbers))
    if None in found.cases:
        numbers |= {case.number for case in rule.case}
    return Settled(rule, None, tuple(sorted(numbers)), missing or _unknown(rule, values))


def _unknown(rule: ClassRule, values: Mapping[str, Decimal | None]) -> tuple[str, ...]:
    return tuple(sorted(name for name in rule.signals if values.get(name) is None))


def _roots(names: Iterable[str], settled: Mapping[str, Settled]) -> tuple[str, ...]:
    """The measurements behind the names: an open class stands for what it lacks itself."""
    found = (settled[name].missing if name in settled else (name,) for name in names)
    return tuple(sorted({root for roots in found for root in roots}))


class Look(msgspec.Struct, frozen=True):
    """One person's values as flags, vetoes and advice look at them; what is only asked for is collected."""

    values: Mapping[str, Decimal | None]
    options: Mapping[str, tuple[Decimal, ...]]
    settled: Mapping[str, Settled]
    picture: Signals
    only_asked: list[str] = []

    def flag(self, rule: FlagRule) -> Firing | None:
        """The most serious case an unasked answer leaves possible; None when it is silent."""
        found = answer(rule, self.values, NO_OPTIONS, self._unasked(rule))
        if rule.unasked == "ask" and len(found.cases) > 1:
            self.only_asked.extend(self._questions(found))
            return self._told(rule, found.cases[-1], ())
        return self._told(rule, found.cases[0], self._questions(found))

    def _told(self, rule: FlagRule, case: object, ask: tuple[str, ...]) -> Firing | None:
        return Firing(rule, case, self._reasons(case), ask) if isinstance(case, FlagCase) else None

    def bars(self, rule: VetoRule) -> Iterable[Bar]:
        """What this rule forbids or demands, one bar a code and case."""
        for at, case in enumerate(rule.case):
            sole = alone(rule, at)
            unasked = [name for name in case.unasked if self.values.get(name) is None]
            if case.unasked and not unasked:
                continue
            found = answer(sole, self.values, self.options, [*self._unasked(sole), *self.options])
            if found.cases[0] is None:
                continue
            sure = len(found.cases) == 1 and not unasked
            ask = in_order([*self._questions(found), *self._asking(unasked)])
            told = self._reasons(case)
            for code in (*case.must_not, *case.must):
                yield Bar(code, case.tier, rule.id, rule.version, case.name, sure, told, ask)

    def advice(self, rule: AdviceRule) -> Firing | Indeterminate | None:
        """The case every completion agrees on, what is missing, or None when it is silent."""
        found = answer(rule, self.values, self.options, sorted(rule.signals))
        if len(found.cases) > 1:
            return Indeterminate(rule, _roots(found.deciding, self.settled))
        case = found.cases[0]
        return Firing(rule, case, self._reasons(case)) if isinstance(case, AdviceCase) else None

    def _unasked(self, rule: Rule) -> list[str]:
        return [name for name in rule.signals if name in ANSWERS and self.values.get(name) is None]

    def _questions(self, found: Answer) -> tuple[str, ...]:
        return in_order(self._asking(_roots(found.deciding, self.settled)))

    @staticmethod
    def _asking(names: Iterable[str]) -> list[str]:
        return [question for name in names if (question := VOCABULARY[name].question)]

    def _reasons(self, case: FlagCase | VetoCase | AdviceCase) -> tuple[Reason, ...]:
        return reasons(case, self.values, self._inputs)

    def _inputs(self, name: str) -> tuple[str, ...]:
        found: Signal | None = self.picture.values.get(name)
        return () if found is None else found.inputs


def _against(rule: AdviceRule, bars: Sequence[Bar]) -> tuple[Bar, ...]:
    return tuple(bar for bar in bars if bar.code in rule.barred_by or bar.code == EVERYTHING)


def _emergencies(flags: Sequence[Firing]) -> list[Bar]:
    return [
        Bar(EVERYTHING, "emergency", flag.rule.id, flag.rule.version, flag.case.name, True, flag.reasons)
        for flag in flags
        if _case(flag).severity == "emergency"
    ]


def _case(flag: Firing) -> FlagCase:
    assert isinstance(flag.case, FlagCase)
    return flag.case


def _flag_order(flag: Firing) -> tuple[int, str]:
    return -SEVERITIES.index(_case(flag).severity), flag.rule.id


def _bar_order(bar: Bar) -> tuple[int, str, str, str]:
    return TIERS.index(bar.tier), bar.code, bar.rule, bar.case


def _proposal_order(proposal: Proposal) -> tuple[int, int, str]:
    rule = proposal.firing.rule
    assert isinstance(rule, AdviceRule)
    return TIERS.index(rule.tier), rule.rank, rule.id

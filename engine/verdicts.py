"""A check-up's own verdicts beside ours from the values of that day: the same, or different with what would explain it.

A difference is explained by trying: which single supposition - another rounding, a medicine nobody told of, another
counting of the age - makes our rules say what the check-up says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, Literal

import msgspec

from engine.clinical import Fact, picture_of, standing
from engine.clinical_codes import catalogue
from engine.clinical_values import day_of
from engine.dates import fiscal_year_age
from engine.judge import Settled, classes
from engine.people import Resident
from engine.rules.model import Rule
from engine.signals import Signal, bmi, person_signals

Outcome = Literal["agrees", "differs", "cannot-tell"]
Values = dict[str, Decimal | None]
Settle = Callable[[Values], Mapping[str, Settled]]
# The fact with the check-up's word, and the class of ours that says the same.
OFFICIAL: Final = (("checkup.guidance-level", "guidance.level"), ("checkup.mets", "mets"))
# Whoever is treated, too young, too old or pregnant gets information only: a file has no word of its own for them.
_SAME: Final = {"excluded_medication": "info", "out_of_scope_age": "info", "out_of_scope_pregnancy": "info"}
_OPEN: Final = frozenset({"indeterminate", "unknown"})
# The fourth term of the specific check-ups: since then triglycerides may be drawn 3.5 to 10 hours after a meal.
FOURTH_TERM: Final = date(2024, 4, 1)
_TENTH: Final = Decimal("0.1")
_FASTING: Final = Decimal(10)
_CASUAL: Final = Decimal("3.5")
# Below this a check-up may leave the waist out (20), or take it from what the person says (22).
_WAIST_FROM: Final = Decimal(22)
_MEDICINES: Final = ("med.antihypertensive", "med.lipid-lowering", "med.glucose-lowering")
_OF_GLUCOSE: Final = ("med.insulin", "med.sulfonylurea", "med.glinide")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One official word and ours of one day; `missing` are the values without which ours stays open.

    `reason` is why they differ or cannot be compared, `also` what else would explain it: see REASONS.
    """

    resident: str
    at: datetime
    name: str
    official: str
    ours: str
    outcome: Outcome
    reason: str = ""
    also: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return self.outcome == "agrees"


# What a difference may come from, the likeliest first. The last three: nothing to compare, or nothing explains it.
REASONS: Final = (
    "bmi-rounding", "bmi-stated", "edition", "casual-blood", "glucose-order", "visceral-fat", "waist", "age",
    "pregnancy", "medicine", "smoking", "waist-left-out", "missing", "undecided", "rule",
)  # fmt: skip


def verdicts(facts: Iterable[Fact], person: Resident, rules: Sequence[Rule], now: datetime) -> tuple[Verdict, ...]:
    """What every check-up in `facts` concluded, oldest first, beside what `rules` make of the values of its day."""
    known = standing(facts, now)
    days = sorted({fact.at for code, _ in OFFICIAL for fact in known.get(code, [])})
    return tuple(found for at in days for found in _of_day(known, person, rules, at))


def _of_day(
    known: Mapping[str, Sequence[Fact]], person: Resident, rules: Sequence[Rule], at: datetime
) -> Iterator[Verdict]:  # fmt: skip
    day = _Day(known, person, at)
    found = classes(dict(day.values), rules)
    for code, name in OFFICIAL:
        for fact in known.get(code, []):
            if fact.at == at:
                yield compare(fact, name, found[name], day.values, lambda values: classes(values, rules), day.others())


def compare(
    fact: Fact,
    name: str,
    ours: Settled,
    values: Mapping[str, Decimal | None],
    settle: Settle,
    others: Iterable[tuple[str, Values]],
) -> Verdict:
    """One official word beside our class `name`; `others` are (reason, changed values) to be tried by `settle`."""
    says = _said(name, ours)
    base = Verdict(
        resident=fact.resident, at=fact.at, name=name, official=fact.value, ours=ours.gives or says, outcome="agrees"
    )  # fmt: skip
    if says == fact.value:
        return base
    if says in _OPEN:
        thin = values.get("waist") is None and (values.get("bmi") or _WAIST_FROM) < _WAIST_FROM
        reason = "waist-left-out" if "waist" in ours.missing and thin else "missing"
        return msgspec.structs.replace(base, outcome="cannot-tell", reason=reason, missing=ours.missing)
    if fact.value in _OPEN:
        return msgspec.structs.replace(base, outcome="cannot-tell", reason="undecided")
    fitting = {
        reason: None for reason, change in others if _said(name, settle({**values, **change})[name]) == fact.value
    }
    first, *also = sorted(fitting, key=REASONS.index) or ["rule"]
    return msgspec.structs.replace(base, outcome="differs", reason=first, also=tuple(also))


def _said(name: str, ours: Settled) -> str:
    """Our class in the words of a check-up."""
    if ours.gives is None:
        return "unknown" if name == "mets" else "indeterminate"
    return _SAME.get(ours.gives, ours.gives)


class _Day:
    """A person as the check-up of one day saw them: its own numbers, and every answer that held on its day."""

    def __init__(self, known: Mapping[str, Sequence[Fact]], person: Resident, at: datetime) -> None:
        self._person, self._on = person, day_of(at)
        facts = [
            msgspec.structs.replace(fact, recorded_at=fact.at)
            for code, said in known.items()
            for fact in said
            if fact.at == at or (fact.at < at and catalogue()[code].sort == "answer")
        ]
        # The height of the register may be of another year: a check-up measures its own.
        bare = msgspec.structs.replace(person, height_cm=None, height_on=None)
        signals = person_signals(person, self._on) | picture_of(facts, bare, at)
        own = {code: said[-1] for code, facts_ in known.items() if (said := [one for one in facts_ if one.at == at])}
        self.weight, self.stated = (_number(own.get(code)) for code in ("checkup.weight", "checkup.bmi"))
        self.values: Values = {name: signal.value for name, signal in signals.items()}
        self.values["bmi"] = self._bmi(signals["height"])
        if self.values["answer.pregnant"] is None:
            # The pregnant are not called to this check-up, and its form does not ask (R-TKHG-0).
            self.values["answer.pregnant"] = Decimal(0)

    def _bmi(self, height: Signal) -> Decimal | None:
        """From weight and height of that day, exactly; else as the check-up states it."""
        return self.stated if self.weight is None or height.value is None else bmi(self.weight, height.value)

    def others(self) -> Iterator[tuple[str, Values]]:
        """(reason, changed values): what the check-up may have seen or counted in another way."""
        yield from self._of_bmi()
        yield from self._of_blood()
        if self.values.get("visceral-fat") is not None:
            yield "visceral-fat", {"visceral-fat": None}
        if self.values.get("waist") is not None:
            yield "waist", {"waist": None}
        yield from self._of_person()

    def _of_bmi(self) -> Iterator[tuple[str, Values]]:
        ours, height = self.values["bmi"], self.values.get("height")
        if ours is None or height is None or self.weight is None:
            return
        exact = self.weight * 10_000 / (height * height)
        for other in {exact.quantize(_TENTH, way) for way in (ROUND_FLOOR, ROUND_CEILING)} - {ours}:
            yield "bmi-rounding", {"bmi": other}
        if self.stated is not None and abs(self.stated - ours) > _TENTH:
            yield "bmi-stated", {"bmi": self.stated}

    def _of_blood(self) -> Iterator[tuple[str, Values]]:
        hours, fasting = self.values.get("lab.hours-since-meal"), self.values.get("lab.fpg")
        old = self._on < FOURTH_TERM
        for other in (_FASTING, _CASUAL):
            if hours != other:
                yield "edition" if old and other == _FASTING else "casual-blood", {"lab.hours-since-meal": other}
        if fasting is not None and self.values.get("lab.hba1c") is not None:
            yield "glucose-order", {"lab.fpg": None}
        elif fasting is not None:
            casual: Values = {"lab.fpg": None, "lab.casual-glucose": fasting, "lab.hours-since-meal": _CASUAL}
            yield "casual-blood", casual

    def _of_person(self) -> Iterator[tuple[str, Values]]:
        on_eve = Decimal(fiscal_year_age(self._person.birth_date, self._on, on_the_eve=True))
        for age in {on_eve, self.values["age"]} - {self.values["age.fiscal_year"]}:
            yield "age", {"age.fiscal_year": age}
        no, yes = Decimal(0), Decimal(1)
        for name, reason in (("answer.pregnant", "pregnancy"), ("answer.smoker", "smoking")):
            for answer in (no, yes):
                if self.values.get(name) != answer and (reason != "pregnancy" or self._person.sex != "male"):
                    yield reason, {name: answer}
        none: Values = dict.fromkeys((*_MEDICINES, *_OF_GLUCOSE), no)
        yield "medicine", none
        for medicine in _MEDICINES:
            yield "medicine", {medicine: yes}
            group = (medicine, *(_OF_GLUCOSE if medicine == "med.glucose-lowering" else ()))
            untreated: Values = dict.fromkeys(group, no)
            yield "medicine", untreated


def _number(fact: Fact | None) -> Decimal | None:
    return None if fact is None else Decimal(fact.value)

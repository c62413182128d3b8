"""Our verdicts beside the check-up's own: guidance level and metabolic syndrome from the values of that very day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from engine.clinical import Fact, picture_of, standing
from engine.clinical_codes import catalogue
from engine.clinical_values import day_of
from engine.judge import Judgement, judge
from engine.people import Resident
from engine.rules.model import Rule
from engine.signals import Signal, Signals, bmi, person_signals

# The fact with the check-up's word, and the class of ours that says the same.
OFFICIAL: Final = (("checkup.guidance-level", "guidance.level"), ("checkup.mets", "mets"))
# Whoever is treated, too young, too old or pregnant gets information only: a file has no word of its own for them.
_SAME: Final = {
    "excluded_medication": "info", "out_of_scope_age": "info", "out_of_scope_pregnancy": "info", None: "indeterminate",
}  # fmt: skip
_OPEN: Final = frozenset({"indeterminate", "unknown"})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One official word and ours; `missing` are the values without which ours stays open."""

    resident: str
    at: datetime
    name: str
    official: str
    ours: str
    agrees: bool
    missing: tuple[str, ...] = ()
    reason: str = ""


def verdicts(
    facts: Iterable[Fact], person: Resident, rules: Sequence[Rule], now: datetime
) -> tuple[Verdict, ...]:  # fmt: skip
    """What every check-up in `facts` concluded, oldest first, beside what `rules` make of the values of its day.

    A difference carries its reason: missing (a value the check-up had and the file has not), undecided (the check-up
    could not tell) or rule (the same values, another conclusion: to be looked at).
    """
    known = standing(facts, now)
    days = sorted({fact.at for code, _ in OFFICIAL for fact in known.get(code, [])})
    return tuple(found for at in days for found in _of_day(known, person, rules, at))


def _of_day(
    known: dict[str, list[Fact]], person: Resident, rules: Sequence[Rule], at: datetime
) -> Iterable[Verdict]:  # fmt: skip
    judgement = judge(_picture(known, person, at), rules)
    for code, name in OFFICIAL:
        for fact in known.get(code, []):
            if fact.at == at:
                yield _verdict(fact, name, judgement)


def _verdict(fact: Fact, name: str, judgement: Judgement) -> Verdict:
    gives = judgement.gives(name)
    settled = judgement.settled.get(name)
    missing = settled.missing if settled is not None and gives is None else ()
    ours = "unknown" if gives is None and name == "mets" else _SAME.get(gives, gives or "")
    agrees = ours == fact.value
    if agrees:
        reason = ""
    elif ours in _OPEN:
        reason = "missing"
    else:
        reason = "undecided" if fact.value in _OPEN else "rule"
    return Verdict(
        resident=fact.resident, at=fact.at, name=name, official=fact.value, ours=gives or ours, agrees=agrees,
        missing=missing, reason=reason,
    )  # fmt: skip


def _picture(known: dict[str, list[Fact]], person: Resident, at: datetime) -> Signals:
    """The person as that check-up saw them: its own numbers, and every answer that held on its day."""
    day = [
        msgspec.structs.replace(fact, recorded_at=fact.at)
        for code, said in known.items()
        for fact in said
        if fact.at == at or (fact.at < at and catalogue()[code].sort == "answer")
    ]
    bare = msgspec.structs.replace(person, height_cm=None, height_on=None)
    values = person_signals(person, day_of(at)) | picture_of(day, bare, at)
    return Signals(at, values | {"bmi": _bmi(known, values, at)})


def _bmi(known: dict[str, list[Fact]], values: dict[str, Signal], at: datetime) -> Signal:
    """From weight and height of that day, exactly; else as the check-up states it."""
    that_day = {code: said[-1] for code, facts in known.items() if (said := [fact for fact in facts if fact.at == at])}
    weight, height, stated = that_day.get("checkup.weight"), values["height"], that_day.get("checkup.bmi")
    if weight is not None and height.value is not None:
        value = bmi(Decimal(weight.value), height.value)
        return Signal(value=value, unit="kg/m2", inputs=(weight.id, *height.inputs), count=2)
    if stated is None:
        return Signal(value=None, unit="kg/m2", note="no-weight")
    return Signal(value=Decimal(stated.value), unit="kg/m2", inputs=(stated.id,), count=1)

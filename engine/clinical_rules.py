"""What one fact says of another: medicines of a group, dialysis, whom a question cannot concern, meals, drinking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from engine.people import Resident, age_on
from engine.questionnaires import Item, questionnaires
from engine.signals import Signal

if TYPE_CHECKING:
    from engine.clinical import Fact

# A yes to the first is a yes to the second; a no to the second answers the first where nobody asked it.
IMPLIES: Final = (
    ("med.insulin", "med.glucose-lowering"),
    ("med.sulfonylurea", "med.glucose-lowering"),
    ("med.glinide", "med.glucose-lowering"),
    ("has.dialysis", "has.ckd"),
)
# Least amount (in the order of the answers: under 1 go, 1-2, 2-3, 3-5, 5 or more) that is risky drinking at each
# frequency, men and women: 40 g and 20 g of alcohol a day, as the national health survey counts it [M].
_RISKY: Final[Mapping[str, tuple[int, int]]] = {
    "daily": (2, 1), "5-6-a-week": (2, 1), "3-4-a-week": (3, 1), "1-2-a-week": (4, 3), "1-3-a-month": (4, 4),
}  # fmt: skip
_AMOUNTS: Final = ("under-1", "1-2", "2-3", "3-5", "5-more")
# The choice of the question about weight loss that says there was none.
NOT_NOTICED: Final = "none"
LOST_KG: Final = Decimal(2)
LOST_PERCENT: Final = Decimal(5)
_LOSS: Final = ("loss.unintended", "weight.change_180d", "weight.loss_percent_180d")
_FASTING: Final = Decimal(10)
_SELDOM: Final = frozenset({"rarely", "stopped", "never"})


def imply(picture: dict[str, Signal]) -> None:
    """Fills in, in place, what follows from another answer; a yes that follows beats a no."""
    for cause, effect in IMPLIES:
        first, second = picture[cause], picture[effect]
        if first.value == 1 and second.value != 1:
            note = "contradiction" if second.value == 0 else "implied"
            inputs = tuple(dict.fromkeys((*second.inputs, *first.inputs)))
            picture[effect] = Signal(value=Decimal(1), unit="1", inputs=inputs, count=first.count, note=note)
    for cause, effect in IMPLIES:
        first, second = picture[cause], picture[effect]
        if first.value is None and first.note in {"not-asked", "stale"} and second.value == 0:
            picture[cause] = msgspec.structs.replace(second, note="implied")


def concerns(item: Item, person: Resident, today: date) -> bool:
    """Whether a question can apply to `person`; of an unrecorded sex everything can."""
    if item.sex == "female" and person.sex == "male":
        return False
    return item.ages is None or item.ages[0] <= age_on(person.birth_date, today) <= item.ages[1]


def not_applicable(picture: Mapping[str, Signal], person: Resident, today: date) -> dict[str, Signal]:
    """The answers that need no asking: 0 with the note not-applicable, unless somebody recorded a yes."""
    found: dict[str, Signal] = {}
    for item in questionnaires()["veto"].item:
        if not concerns(item, person, today):
            for code in item.settles:
                if picture[code].value != 1:
                    found[code] = Signal(value=Decimal(0), unit="1", inputs=picture[code].inputs, note="not-applicable")
    return found


def not_noticed(known: Mapping[str, Sequence[Fact]], signal: Signal) -> Signal:
    """The answer to an unmeant loss, with the note not-noticed where the person said that there was none at all."""
    rests_on = [fact for fact in known.get("loss.unintended", ()) if fact.id in signal.inputs]
    denied = signal.value == 0 and any(fact.raw == NOT_NOTICED for fact in rests_on)
    return msgspec.structs.replace(signal, note="not-noticed") if denied else signal


def doubt_denied_loss(picture: dict[str, Signal]) -> None:
    """Reopens, in place, the question of an unmeant loss where the scale shows a loss that the person did not notice.

    2 kg or 5 % in half a year (R-FR-1, R-FR-2): nobody can have meant what they did not notice.
    """
    told, change, percent = (picture.get(name) for name in _LOSS)
    if told is None or told.note != "not-noticed":
        return
    lost = change is not None and change.value is not None and change.value <= -LOST_KG
    lost = lost or (percent is not None and percent.value is not None and percent.value >= LOST_PERCENT)
    if lost:
        for name in ("loss.unintended", "frailty.loss-2kg"):
            picture[name] = msgspec.structs.replace(picture[name], value=None, note="contradiction")


def measured_loss(picture: dict[str, Signal]) -> None:
    """Answers, in place, the loss item of J-CHS by the scale where nobody was asked it (R-FR-1, R-FR-3).

    Less than 2 kg in half a year is a no; from 2 kg it is whatever is known of the intention.
    """
    item, change, told = (picture.get(name) for name in ("frailty.loss-2kg", *_LOSS[1::-1]))
    if item is None or item.value is not None or item.note not in {"not-asked", "stale"}:
        return
    if change is None or change.value is None or told is None:
        return
    value = Decimal(0) if change.value > -LOST_KG else told.value
    inputs = tuple(dict.fromkeys((*change.inputs, *told.inputs)))
    picture["frailty.loss-2kg"] = msgspec.structs.replace(item, value=value, inputs=inputs, note="implied")


def same_meal(known: Mapping[str, Sequence[Fact]], picture: Mapping[str, Signal]) -> Signal:
    """The hours since the meal, if they belong to the same blood: triglycerides first, else casual glucose.

    Hours of another day would make a fasting value casual: they are left out with the note other-day. Blood of the very
    time at which a fasting glucose was taken is fasting, 10 hours at least.
    """
    hours = picture["lab.hours-since-meal"]
    blood = known.get("lab.tg") or known.get("lab.casual-glucose") or ()
    own = known.get("lab.hours-since-meal") or ()
    glucose = known.get("lab.fpg") or ()
    if not blood or (own and blood[-1].at == own[-1].at):
        return hours
    if picture["lab.tg"].value is not None and glucose and glucose[-1].at == blood[-1].at:
        return Signal(value=_FASTING, unit="h", inputs=(glucose[-1].id,), count=1, note="implied")
    return hours if hours.value is None else msgspec.structs.replace(hours, value=None, note="other-day")


def drinking(known: Mapping[str, Sequence[Fact]], person: Resident, holds: Callable[[Fact], bool]) -> Signal | None:
    """Risky drinking from how often and how much, as the check-up asks it; None when it is not known.

    Of an unrecorded sex the lower limit counts.
    """
    often, much = (known.get(code) or () for code in ("standard22.18", "standard22.19"))
    if not often or not holds(often[-1]):
        return None
    if often[-1].value in _SELDOM:
        return Signal(value=Decimal(0), unit="1", inputs=(often[-1].id,), count=1, note="implied")
    if not much or not holds(much[-1]):
        return None
    limit = _RISKY[often[-1].value][0 if person.sex == "male" else 1]
    risky = _AMOUNTS.index(much[-1].value) >= limit
    return Signal(value=Decimal(risky), unit="1", inputs=(often[-1].id, much[-1].id), count=2, note="implied")

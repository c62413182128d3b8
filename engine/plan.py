"""The concrete numbers of advice: steps, minutes, kg, kcal and grams of rice, computed for this person."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from engine.judge import Judgement
from engine.plans.compose import build
from engine.plans.model import KINDS, Declined, Goal, Kind
from engine.plans.numbers import UNKNOWN, numbers_of
from engine.plans.person import Aims, Person, person_of
from engine.rules.evaluator import Firing
from engine.rules.model import AdviceRule
from engine.signals import Signals

# The plan a rule names -> the kind of goal; a kind is its own name.
_KINDS: Final[dict[str, Kind]] = {**{kind: kind for kind in KINDS}, "weight-loss": "weight"}

Figures = dict[str, Decimal | str]


def figures(firing: Firing, picture: Signals, found: Judgement, goal: Goal | Declined | None = None) -> Figures:
    """The numbers the texts of this firing need, those of its `goal` among them; `-` for one that is unknown.

    What `found` forbids is in no goal, so it is not among them; `-` stands for the steps of a goal that is not told.
    """
    plan = firing.rule.plan if isinstance(firing.rule, AdviceRule) else ""
    told = numbers_of(found.values, aims_of(found), found.must_not)
    told |= _OWN[plan](picture, found) if plan in _OWN else {}
    return {**told, **goal.figures} if isinstance(goal, Goal) else told


def goal_of(firing: Firing, picture: Signals, found: Judgement, moved: Decimal = Decimal(0)) -> Goal | Declined | None:
    """The goal this advice is about, or why it is declined; None when its plan is no goal or the age is unknown.

    `moved` kcal/day of a loss are done by another goal's movement (its figure `kcal_day`).
    `engine.plans.words.render` puts it into words in which nothing is said that `found` forbids.
    """
    plan = firing.rule.plan if isinstance(firing.rule, AdviceRule) else ""
    kind = _KINDS.get(plan)
    person = person_of(found.values, picture.as_of, aims_of(found))
    if kind is None or person is None:
        return None
    made = build(kind, person, found.must_not, moved)
    # The loss begins with the snack: told again beside it, it would be one exchange twice and a deficit more.
    return Declined("swap", "in-the-loss") if kind == "swap" and _loses(person, found) else made


def _loses(person: Person, found: Judgement) -> bool:
    """Whether a rule proposes a loss to this person, nothing stands against it, and there is one to give."""
    free = [one.firing.rule for one in found.proposals if not one.bars]
    proposed = any(isinstance(rule, AdviceRule) and _KINDS.get(rule.plan) == "weight" for rule in free)
    return proposed and isinstance(build("weight", person, found.must_not), Goal)


def aims_of(found: Judgement) -> Aims:
    """What the classes of `found` aim at: the range of the BMI and the steps a day."""
    bmi, steps = (found.parameters(name) for name in ("bmi.target", "steps.target"))
    return Aims(low=bmi.get("low"), high=bmi.get("high"), steps=steps.get("target"))


def _steps(picture: Signals, found: Judgement) -> Figures:
    """What is walked now and what to aim at; the next goal comes from the goal, where one is told."""
    week = picture.values["steps.mean_7d"]
    walked = {"mean": week.value, "target": aims_of(found).steps, "low": week.low, "high": week.high}
    told: Figures = {name: _whole_or_dash(value) for name, value in walked.items()}
    return told | {"days": Decimal(week.count)} | dict.fromkeys(("goal", "extra", "minutes"), UNKNOWN)


def _weight(picture: Signals, _: Judgement) -> Figures:
    return {"days": _whole_or_dash(picture.value("weight.days_28d"))}


_OWN: Final = {"weight-loss": _weight, "steps": _steps}


def _whole_or_dash(value: Decimal | None) -> Decimal | str:
    return UNKNOWN if value is None else value.quantize(Decimal(1), ROUND_HALF_UP)


def shown(value: Decimal | str) -> str:
    """A number as people read it: thousands separated, no exponent."""
    return value if isinstance(value, str) else f"{value:,f}"

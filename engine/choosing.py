"""Which of the things the rules say are said: referrals, at most two goals, and for each of the others why not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from engine.judge import Bar, Judgement, Proposal
from engine.plan import goal_of
from engine.plans.model import Declined, Goal
from engine.rules.evaluator import Firing
from engine.rules.model import AdviceRule, FlagCase, FlagRule, Rule, Severity
from engine.signals import Signals

# Few goals at a time are kept; what only invites, warns of the weather or asks to measure is no goal.
MOST_GOALS: Final = 2
NO_GOAL: Final = frozenset({"guidance", "data-quality", "heat"})
# While a doctor is to be called today or tomorrow, no goal is told beside it.
HURRIED: Final = frozenset({"urgent", "emergency"})
# Nobody waits for an invitation who is to call a doctor today or tomorrow.
INVITATION: Final = "guidance"
# One pressure has one deadline: of several referrals about it only the most serious is said.
PRESSURE: Final = "blood-pressure"
# What must be said is the advice of this topic.
DEMANDED: Final = {"smoking_cessation": "tobacco"}
# Goals of these tiers a learner may choose among and hold back; what keeps somebody from harm it may not.
LEARNABLE: Final = frozenset({"weight", "habit"})
Goals = Mapping[str, Goal | Declined | None]


class Selection(msgspec.Struct, frozen=True):
    """What is said, the most serious first; the goals of the proposals by rule; the other rules with the reason."""

    spoken: tuple[Proposal, ...]
    goals: Goals
    withdrawn: dict[str, str]
    # The topics of goals that nothing forbids and nobody asked for: what a learner may choose among.
    free: tuple[str, ...] = ()


def select(
    found: Judgement,
    picture: Signals,
    rules: Sequence[Rule],
    wish: str | None,
    refused: Collection[str],
    withheld: Collection[str] = (),
) -> Selection:
    """What of `found` is said to a person who chose `wish` and does not want to hear of the topics `refused`.

    Of `withheld` topics no goal is said for now but what the person chose or must hear; what waits stays.
    """
    agreed = [one for one in found.proposals if one.firing.rule.topic not in refused]
    able = [one for one in agreed if one.allowed]
    goals = {one.firing.rule.id: goal_of(one.firing, picture, found) for one in able if not one.bars}
    declined = {name: goal.reason for name, goal in goals.items() if isinstance(goal, Declined)}
    allowed = [one for one in able if one.firing.rule.id not in declined]
    hurried = found.urgency in HURRIED
    asked = _asked(allowed, wish, found.must)
    free = () if hurried else _free(allowed, asked)
    held = set(withheld) - NO_GOAL - asked
    allowed = [one for one in allowed if one.firing.rule.topic not in held]
    chosen = choose(allowed, wish, frozenset(found.must), most=0 if hurried else MOST_GOALS)
    chosen = tuple(one for one in chosen if not (hurried and one.firing.rule.topic == INVITATION))
    referrals = [Proposal(flag) for flag in _said(found) if flag.rule.topic not in refused]
    late = dict.fromkeys((one.firing.rule.id for one in allowed), "referral-first" if hurried else "two-goals")
    unwanted = {
        rule.id: "no-consent" for rule in rules if isinstance(rule, FlagRule | AdviceRule) and rule.topic in refused
    }
    return Selection(
        (*referrals, *chosen),
        goals | _beside(chosen, goals, picture, found),
        _unsaid(found) | late | {name: f"declined:{why}" for name, why in declined.items()} | unwanted,
        free,
    )


def _asked(allowed: Sequence[Proposal], wish: str | None, must: Collection[str]) -> set[str]:
    """The topics of goals the person chose or must hear of, and of those against frailty: no lot is cast there."""
    demanded = {topic for code, topic in DEMANDED.items() if code in must}
    rules = [one.firing.rule for one in allowed]
    return {
        rule.topic for rule in rules
        if _rank(rule, wish, demanded) != (True, True) or (isinstance(rule, AdviceRule) and rule.tier not in LEARNABLE)
    }  # fmt: skip


def _free(allowed: Sequence[Proposal], asked: Collection[str]) -> tuple[str, ...]:
    """The topics of goals with no bar at all, in the order of conflict, but for those that were asked for."""
    topics = (one.firing.rule.topic for one in allowed if not one.bars)
    return tuple(dict.fromkeys(topic for topic in topics if topic not in NO_GOAL and topic not in asked))


def _unsaid(found: Judgement) -> dict[str, str]:
    """Why each rule that is silent, barred, or overtaken by a referral would not be said."""
    vetoed = {one.firing.rule.id: one.bars for one in found.proposals}
    # What is barred stays barred where a number is missing, too.
    vetoed |= {one.rule.id: bars for one in found.indeterminate if (bars := found.bars_of(one.rule))}
    return {
        **dict.fromkeys(found.silent, "no-longer-applies"),
        **dict.fromkeys((flag.rule.id for flag in found.flags), "referral-first"),
        **{name: f"vetoed {','.join(_against(bars))}" for name, bars in vetoed.items()},
    }


def _said(found: Judgement) -> list[Firing]:
    """The referrals that are said: in an emergency that alone, and no second deadline for one pressure."""
    first = next((flag for flag in found.flags if flag.rule.topic == PRESSURE), None)
    return [
        flag for flag in found.flags
        if _severity(flag) == "emergency" or (
            found.urgency != "emergency"
            and (first is None or flag.rule.topic != PRESSURE or _severity(flag) == _severity(first))
        )
    ]  # fmt: skip


def _severity(flag: Firing) -> Severity:
    assert isinstance(flag.case, FlagCase)
    return flag.case.severity


def _beside(
    chosen: Sequence[Proposal], goals: Mapping[str, Goal | Declined | None], picture: Signals, found: Judgement
) -> dict[str, Goal | Declined | None]:
    """The weight goals among the chosen, anew: food covers only what the movement chosen beside them does not."""
    told = {one.firing.rule.id: goals.get(one.firing.rule.id) for one in chosen}
    spent = [goal.figures.get("kcal_day", Decimal(0)) for goal in told.values() if isinstance(goal, Goal)]
    heavy = {name for name, goal in told.items() if isinstance(goal, Goal) and goal.kind == "weight"}
    return {
        one.firing.rule.id: goal_of(one.firing, picture, found, sum(spent, Decimal(0)))
        for one in chosen if one.firing.rule.id in heavy
    }  # fmt: skip


def choose(
    proposals: Sequence[Proposal],
    wish: str | None = None,
    must: Collection[str] = frozenset(),
    *,
    most: int = MOST_GOALS,
) -> tuple[Proposal, ...]:
    """At most `most` goals, one a topic, in the order of conflict; the own choice and what must be said come first."""
    demanded = {topic for code, topic in DEMANDED.items() if code in must}
    goals: dict[str, Proposal] = {}
    others: list[Proposal] = []
    for one in sorted(proposals, key=lambda proposal: _rank(proposal.firing.rule, wish, demanded)):
        if one.firing.rule.topic in NO_GOAL:
            others.append(one)
        elif len(goals) < most:
            goals.setdefault(one.firing.rule.topic, one)
    kept = {id(one) for one in (*goals.values(), *others)}
    return tuple(one for one in proposals if id(one) in kept)


def _rank(rule: FlagRule | AdviceRule, wish: str | None, demanded: Collection[str]) -> tuple[bool, bool]:
    wished = isinstance(rule, AdviceRule) and wish in {rule.topic, rule.plan}
    return not wished, rule.topic not in demanded


def _against(bars: Sequence[Bar]) -> list[str]:
    """The bars that are sure as `tier:rule`, else the questions that keep them open."""
    sure = [f"{bar.tier}:{bar.rule}" for bar in bars if bar.sure]
    return list(dict.fromkeys(sure or [f"ask:{question}" for bar in bars for question in bar.ask]))

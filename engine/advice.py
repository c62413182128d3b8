"""From what the rules say to drafts in words: referrals always, habits only where nothing forbids them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.flag_figures import UNKNOWN, flag_figures
from engine.judge import Bar, Judgement, Proposal, in_order, judge
from engine.locale import LANGUAGES, Language, catalogue, fields_of, text
from engine.people import Resident
from engine.plan import aims_of, figures, goal_of, shown
from engine.plans.model import Declined, Goal
from engine.plans.numbers import numbers_of
from engine.plans.tables import sources
from engine.plans.words import note, render
from engine.rules.evaluator import Firing, Indeterminate
from engine.rules.model import AdviceCase, AdviceRule, FlagCase, FlagRule, Rule, Severity
from engine.signals import Signal, Signals
from engine.vocabulary import VOCABULARY

# An evidence snapshot names this many readings by id; the rest are bound by count and digest.
NAMED_INPUTS: Final = 60
SNOW: Final = frozenset({12, 1, 2, 3})
HEAT: Final = frozenset({6, 7, 8, 9})
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


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Advice as the engine would have it, waiting for a person; `evidence` is frozen and JSON-able."""

    topic: str
    rule_id: str
    rule_version: int
    text_version: int
    severity: str
    text_ja: str
    text_en: str
    evidence: dict[str, Any]
    ask: tuple[str, ...]

    @property
    def snapshot_hash(self) -> str:
        """sha256 of the evidence in canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self.evidence, order="sorted")).hexdigest()


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was said of one person, and what became of it: drafts, and rules without one with the reason.

    `failed` are rules whose text our own code could not write.
    """

    judgement: Judgement
    drafts: tuple[Draft, ...]
    withdrawn: dict[str, str]
    failed: tuple[str, ...] = ()

    @property
    def indeterminate(self) -> tuple[Indeterminate, ...]:
        """The advice rules that lack a measurement."""
        return self.judgement.indeterminate


def assess(
    person: Resident,
    picture: Signals,
    rules: Sequence[Rule],
    as_of: datetime,
    *,
    first: bool = False,
    wish: str | None = None,
    refused: Collection[str] = (),
) -> Assessment:
    """All rules judged and written; `first` tells that this person never had advice, `wish` the topic they chose.

    `refused` are the topics on which they did not agree to get advice: nothing of them is said or counted on.
    """
    found = judge(picture, rules)
    withdrawn = dict.fromkeys(found.silent, "no-longer-applies")
    if person.status != "active":
        gone = {rule.id: f"vetoed contraindication:{person.status}" for rule in rules}
        return Assessment(judgement=found, drafts=(), withdrawn=gone)
    goals = {
        one.firing.rule.id: goal_of(one.firing, picture, found)
        for one in found.proposals
        if one.allowed and not one.bars
    }
    declined = {name: goal.reason for name, goal in goals.items() if isinstance(goal, Declined)}
    agreed = [one for one in found.proposals if one.firing.rule.topic not in refused]
    allowed = [one for one in agreed if one.allowed and one.firing.rule.id not in declined]
    hurried = found.urgency in HURRIED
    chosen = choose(allowed, wish, frozenset(found.must), most=0 if hurried else MOST_GOALS)
    chosen = tuple(one for one in chosen if not (hurried and one.firing.rule.topic == INVITATION))
    goals |= _beside(chosen, goals, picture, found)
    withdrawn |= {one.firing.rule.id: f"vetoed {','.join(_against(one.bars))}" for one in found.proposals}
    withdrawn |= dict.fromkeys((one.firing.rule.id for one in allowed), "referral-first" if hurried else "two-goals")
    withdrawn |= {name: f"declined:{reason}" for name, reason in declined.items()}
    # What is barred stays barred where a number is missing, too.
    unsure = {one.rule.id: _against(found.bars_of(one.rule)) for one in found.indeterminate}
    withdrawn |= {name: f"vetoed {','.join(bars)}" for name, bars in unsure.items() if bars}
    referrals = [flag for flag in _said(found) if flag.rule.topic not in refused]
    withdrawn |= dict.fromkeys((flag.rule.id for flag in found.flags), "referral-first")
    spoken = [*(Proposal(flag) for flag in referrals), *chosen]
    drafts: list[Draft] = []
    failed: list[str] = []
    for one in spoken:
        try:
            drafts.append(_write(one, goals.get(one.firing.rule.id), found, picture, as_of, first=first))
        except (KeyError, ValueError):
            # One text that cannot be filled must not take a referral with it; whoever evaluates counts it.
            failed.append(one.firing.rule.id)
    for draft in drafts:
        withdrawn.pop(draft.rule_id, None)
    topics = {rule.id: rule.topic for rule in rules if isinstance(rule, FlagRule | AdviceRule)}
    withdrawn |= {name: "no-consent" for name, topic in topics.items() if topic in refused}
    return Assessment(judgement=found, drafts=tuple(drafts), withdrawn=withdrawn, failed=tuple(failed))


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


def _write(
    proposal: Proposal,
    goal: Goal | Declined | None,
    found: Judgement,
    picture: Signals,
    as_of: datetime,
    *,
    first: bool,
) -> Draft:
    firing = proposal.firing
    rule, case = firing.rule, firing.case
    assert isinstance(case, FlagCase | AdviceCase)
    ask = in_order((*firing.ask, *proposal.ask))
    waits = bool(proposal.bars)
    key = (case.message_open if waits and isinstance(case, AdviceCase) else None) or case.message
    values = _values(firing, found, picture, goal)
    spoken = goal if isinstance(goal, Goal) and "plan" in fields_of(catalogue("ja")["resident", key]) else None
    also = () if waits else _also(rule, spoken, found, as_of)
    texts = {language: _words(language, key, values, spoken, also) for language in LANGUAGES}
    noted = values if isinstance(rule, FlagRule) else values | _measured(found)
    notes = {language: _note(language, rule.nurse_note, noted, spoken) for language in LANGUAGES}
    evidence = _evidence(firing, found, picture, as_of)
    return Draft(
        topic=rule.topic, rule_id=rule.id, rule_version=rule.version, text_version=rule.text_version,
        severity=case.severity, text_ja=texts["ja"], text_en=texts["en"], ask=ask,
        evidence=evidence | {"ask": list(ask), "plan": values, "note": notes, "first": first, "message": key}
        | _told_of(evidence, key, spoken, found, also),
    )  # fmt: skip


def _values(firing: Firing, found: Judgement, picture: Signals, goal: Goal | Declined | None) -> dict[str, str]:
    """The numbers the texts may name."""
    if isinstance(firing.rule, FlagRule):
        return flag_figures(firing, found.values)
    return {name: shown(value) for name, value in figures(firing, picture, found, goal).items()}


def _measured(found: Judgement) -> dict[str, str]:
    """The person's own numbers for the nurse, those too that the resident is not shown."""
    numbers = {name: shown(value) for name, value in numbers_of(found.values, aims_of(found), ()).items()}
    return {name: value for name, value in numbers.items() if value != UNKNOWN}


def _words(
    language: Language, key: str, values: Mapping[str, str], goal: Goal | None, also: Sequence[str]
) -> str:  # fmt: skip
    """The text, without the lines that would name a number nobody knows."""
    plan = "" if goal is None else render(language, goal)
    whole = catalogue(language)["resident", key].split("\n")
    known = [line for line in whole if not any(values.get(name) == UNKNOWN for name in fields_of(line))]
    named = {**values, "plan": plan, "test": _label(language, values.get("test", UNKNOWN))}
    lines = [line.format_map(named) for line in known or whole]
    return "\n".join([*lines, *(text(language, "resident", one) for one in also)])


def _note(language: Language, key: str, values: Mapping[str, str], goal: Goal | None) -> str:
    """The nurse's note and the goal's; a number that is not known is a dash: a note never holds up a referral."""
    wanted = fields_of(catalogue(language)["nurse", key])
    own = text(language, "nurse", key, **{name: values.get(name, UNKNOWN) for name in wanted})
    more = None if goal is None else note(language, goal)
    return own if more is None else f"{own} {more}"


def _label(language: Language, signal: str) -> str:
    spec = VOCABULARY.get(signal)
    return UNKNOWN if spec is None else spec.ja if language == "ja" else spec.en


def _also(rule: Rule, goal: Goal | None, found: Judgement, as_of: datetime) -> tuple[str, ...]:
    """Where the text asks to move: a word on snow or heat, and after meals, if the goal has none; sugar at hand."""
    if not isinstance(rule, AdviceRule) or "exercise_increase" not in rule.barred_by:
        return ()
    own = goal is None and "env.snow" not in rule.signals
    conditions = {
        "season.winter": own and as_of.month in SNOW,
        "season.summer": own and as_of.month in HEAT,
        "must.after-meal": (goal is None or goal.kind == "steps") and "fasted_exercise" in found.must_not,
        "must.sugar": "hypoglycemia_precaution" in found.must,
    }
    return tuple(key for key, holds in conditions.items() if holds)


def _told_of(
    evidence: Mapping[str, Any], key: str, goal: Goal | None, found: Judgement, also: Sequence[str]
) -> dict[str, Any]:
    """Where each line comes from: the keys in order, and what the goal rests on, its sources and its classes'."""
    lines = () if goal is None else goal.lines
    texts = [key, *(line.key for line in lines), *also]
    if goal is None:
        return {"texts": texts}
    of_classes = (source for name in goal.classes for source in found.settled[name].rule.source)
    published = [msgspec.to_builtins(one) for one in (*(sources()[name] for name in goal.sources), *of_classes)]
    numbers = {name: shown(value) for name, value in goal.figures.items()}
    told = {"kind": goal.kind, "figures": numbers, "rules": list(goal.rules), "sources": published}
    return {"texts": texts, "goal": told, "sources": [*evidence["sources"], *published]}


def _evidence(firing: Firing, found: Judgement, picture: Signals, as_of: datetime) -> dict[str, Any]:
    rule, case = firing.rule, firing.case
    assert isinstance(case, FlagCase | AdviceCase)
    return {
        "as_of": as_of.isoformat(),
        "rule": {"id": rule.id, "version": rule.version, "text_version": rule.text_version, "case": case.name,
                 "review": rule.review, "valid_from": rule.valid_from.isoformat(), "boundary": case.boundary},
        "sources": [msgspec.to_builtins(source) for source in rule.source],
        "reasons": [reason.words for reason in firing.reasons],
        "signals": {name: _frozen(name, found, picture) for name in sorted(rule.signals)},
        "must_not": sorted(found.must_not),
        "must": sorted(found.must),
        "red_flags": list(found.red_flags),
        "cooldown_days": rule.cooldown_days if case.cooldown_days is None else case.cooldown_days,
    }  # fmt: skip


def _frozen(name: str, found: Judgement, picture: Signals) -> dict[str, Any]:
    """A signal as JSON with its readings: named up to a limit, bound by a digest beyond."""
    signal = picture.values.get(name) or Signal(value=found.values.get(name), unit=VOCABULARY[name].unit)
    digest = hashlib.sha256("\n".join(signal.inputs).encode()).hexdigest()
    numbers = {"value": signal.value, "low": signal.low, "high": signal.high}
    return {
        **{name: None if number is None else str(number) for name, number in numbers.items()},
        "unit": signal.unit, "count": signal.count, "note": signal.note,
        "inputs": list(signal.inputs[-NAMED_INPUTS:]), "inputs_total": len(signal.inputs), "inputs_digest": digest,
    }  # fmt: skip

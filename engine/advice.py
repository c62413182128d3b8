"""From what the rules say to drafts in words: referrals always, habits only where nothing forbids them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from engine.choosing import select
from engine.flag_figures import UNKNOWN, flag_figures
from engine.judge import Judgement, Proposal, in_order, judge
from engine.locale import LANGUAGES, Language, catalogue, fields_of, text
from engine.people import Resident
from engine.plan import aims_of, figures, shown
from engine.plans.model import Declined, Goal
from engine.plans.numbers import numbers_of
from engine.plans.tables import sources
from engine.plans.words import note, render
from engine.refusal import Refusal
from engine.rules.evaluator import Firing, Indeterminate
from engine.rules.model import AdviceCase, AdviceRule, FlagCase, FlagRule, Rule
from engine.signals import Signal, Signals
from engine.vocabulary import VOCABULARY

# An evidence snapshot names this many readings by id; the rest are bound by count and digest.
NAMED_INPUTS: Final = 60
SNOW: Final = frozenset({12, 1, 2, 3})
HEAT: Final = frozenset({6, 7, 8, 9})


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

    `failed` are rules whose text our own code could not write, `free` the topics a learner may choose among.
    """

    judgement: Judgement
    drafts: tuple[Draft, ...]
    withdrawn: dict[str, str]
    failed: tuple[str, ...] = ()
    free: tuple[str, ...] = ()

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
    held: Refusal | None = None,
    withheld: Collection[str] = (),
) -> Assessment:
    """All rules judged and written; `first` tells that this person never had advice, `wish` the topic they chose.

    `refused` are the topics on which they did not agree to get advice: nothing of them is said or counted on. `held`
    is why advice does not apply to them now: nothing at all is said of who is gone, no goal of who is in hospital.
    `withheld` are topics of which no goal is drafted for now.
    """
    found = judge(picture, rules)
    if person.status != "active" or (held is not None and held.code == "inactive"):
        why = held.field if held else person.status
        gone = {rule.id: f"vetoed contraindication:{why}" for rule in rules}
        return Assessment(judgement=found, drafts=(), withdrawn=gone)
    paused = _paused(rules, held)
    chosen = select(found, picture, rules, wish, refused, withheld)
    drafts: list[Draft] = []
    failed: list[str] = []
    for one in chosen.spoken:
        if one.firing.rule.id in paused:
            continue
        try:
            drafts.append(_write(one, chosen.goals.get(one.firing.rule.id), found, picture, as_of, first=first))
        except (KeyError, ValueError):
            # One text that cannot be filled must not take a referral with it; whoever evaluates counts it.
            failed.append(one.firing.rule.id)
    # A referral that cannot be written anew leaves the one that waits.
    said = {draft.rule_id for draft in drafts} | {name for name in failed if name in {f.rule.id for f in found.flags}}
    withdrawn = {name: why for name, why in (chosen.withdrawn | paused).items() if name not in said}
    free = () if paused else chosen.free
    return Assessment(judgement=found, drafts=tuple(drafts), withdrawn=withdrawn, failed=tuple(failed), free=free)


def _paused(rules: Sequence[Rule], held: Refusal | None) -> dict[str, str]:
    """The goals that wait while somebody else looks after the person; a referral never does."""
    if held is None:
        return {}
    return {rule.id: f"vetoed contraindication:{held.code}" for rule in rules if isinstance(rule, AdviceRule)}


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


def referral_words(evidence: Mapping[str, Any]) -> tuple[str, str]:
    """What a referral with this evidence says in today's catalogue, ja and en; KeyError for a text that is gone."""
    ja, en = (_words(language, evidence["message"], evidence["plan"], None, ()) for language in ("ja", "en"))
    return ja, en


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

"""One draft led back, line by line, to its texts, rule, version, sources and measured numbers; what cannot be is a fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from engine.advice import HEAT, SNOW, Assessment, Draft
from engine.flag_figures import UNKNOWN
from engine.locale import LANGUAGES, Language, catalogue, text
from engine.plan import goal_of, shown
from engine.plans.model import Goal, Line
from engine.rules import AdviceRule, FlagRule, load_catalogue
from engine.rules.model import spoken_keys
from engine.signals import Signals
from engine.vocabulary import VOCABULARY
from engine.wording import wording_faults

NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")
# Real numbers that a figure may be rounded from: the tenth and the whole, half up.
STEPS: Final = (Decimal("0.1"), Decimal(1))
_FIELD: Final = re.compile(r"\{(\w+)\}")
# A loss of nothing, a walk of no minutes: sentences that say nothing. Who walks 0 steps is told so.
# What may be said with any advice that asks to move, and the code that demands it.
_MUSTS: Final = {"must.after-meal": "fasted_exercise", "must.sugar": "hypoglycemia_precaution"}
_ALSO: Final = ("season.", "must.")
_MAY_BE_NONE: Final = frozenset({"mean", "days", "value", "least", "most", "weight_days"})


class Met(NamedTuple):
    """Somebody who was met: their picture, when, what the engine made of them."""

    picture: Signals
    as_of: datetime
    found: Assessment


def faults_of(met: Met, draft: Draft) -> tuple[str, ...]:
    """What is wrong with the two messages of a draft, as `code: detail`; empty when every word of it is accounted for."""
    rule = next((rule for rule in load_catalogue() if rule.id == draft.rule_id), None)
    if not isinstance(rule, FlagRule | AdviceRule):
        return (f"no-rule: {draft.rule_id}",)
    found = [*_evidence_faults(draft, rule)]
    goal = _goal(met, draft)
    keys = [str(key) for key in draft.evidence["texts"]]
    found += _key_faults(met, draft, rule, goal, keys)
    told: dict[Language, list[tuple[str, str, str]]] = {}
    for language in LANGUAGES:
        words = draft.text_ja if language == "ja" else draft.text_en
        found += [f"wording {language}: {fault}" for fault in wording_faults(language, words)]
        found += [f"twice {language}: {line}" for line, n in Counter(words.split("\n")).items() if n > 1]
        values = _matched(language, words, _template(language, keys, draft.evidence["plan"]))
        if values is None:
            found.append(f"untraced {language}: {words!r} is not {keys}")
            continue
        told[language] = [one for one in values if NUMBER.search(one[2]) and one[1] != "test"]
        found += _value_faults(language, values, draft, goal)
    if len(told) == len(LANGUAGES) and sorted(told["ja"]) != sorted(told["en"]):
        found.append(f"numbers: ja {told['ja']} en {told['en']}")
    return tuple(found)


def _evidence_faults(draft: Draft, rule: FlagRule | AdviceRule) -> Iterator[str]:
    said = draft.evidence["rule"]
    same = {"id": rule.id, "version": rule.version, "text_version": rule.text_version}
    if any(said[name] != value for name, value in same.items()) or said["case"] not in {
        case.name for case in rule.case
    }:
        yield f"evidence: {said} is not {same}"
    sources = draft.evidence["sources"]
    if not sources or any(not source[part] for source in sources for part in ("title", "edition", "section")):
        yield f"sources: {sources}"
    if not rule.signals <= draft.evidence["signals"].keys():
        yield "signals: the rule looked at more than the evidence tells"


def _goal(met: Met, draft: Draft) -> Goal | None:
    """The goal built anew from picture and judgement, not taken from the draft."""
    firing = next((one.firing for one in met.found.judgement.proposals if one.firing.rule.id == draft.rule_id), None)
    # What the other goal's movement spends is no longer to be eaten less.
    others = [one.evidence["plan"] for one in met.found.drafts if one.rule_id != draft.rule_id]
    moved = sum((Decimal(told["kcal_day"].replace(",", "")) for told in others if "kcal_day" in told), Decimal(0))
    goal = None if firing is None else goal_of(firing, met.picture, met.found.judgement, moved)
    return goal if isinstance(goal, Goal) else None


def _key_faults(
    met: Met, draft: Draft, rule: FlagRule | AdviceRule, goal: Goal | None, keys: list[str]
) -> Iterator[str]:  # fmt: skip
    own = {key for context, key in spoken_keys(rule) if context == "resident"}
    of_goal = {line.key for line in goal.lines} if goal else set()
    months = {"season.winter": SNOW, "season.summer": HEAT}
    for key in keys:
        in_season = key in months and met.as_of.month in months[key] and isinstance(rule, AdviceRule)
        demanded = key in _MUSTS and _MUSTS[key] in {*draft.evidence["must_not"], *draft.evidence["must"]}
        if key not in own and key not in of_goal and not in_season and not demanded:
            yield f"key: {key} is no text of {rule.id}"
        for language in LANGUAGES:
            if ("resident", key) not in catalogue(language):
                yield f"language: {key} is missing in {language}"
    moves = isinstance(rule, AdviceRule) and "exercise_increase" in rule.barred_by and not draft.ask
    if moves and "hypoglycemia_precaution" in draft.evidence["must"] and "must.sugar" not in keys:
        yield "precaution: asks to move without a word on sugar"
    if goal and any(key in of_goal for key in keys):
        said = {(source["title"], source["section"]) for source in draft.evidence["sources"]}
        lacking = [one for one in draft.evidence["goal"]["sources"] if (one["title"], one["section"]) not in said]
        if lacking or not draft.evidence["goal"]["sources"]:
            yield f"goal-sources: {lacking}"


def _template(language: Language, keys: list[str], figures: Mapping[str, str]) -> list[tuple[str, str]]:
    """(key, line) of every line the text must have: {plan} stands for the texts that follow the first.

    A line of the first that would name an unknown number is left out.
    """
    first, *others = [
        [(key, line) for line in catalogue(language).get(("resident", key), "").split("\n")] for key in keys
    ]
    plan = [line for lines in others for line in lines if not line[0].startswith(_ALSO)]
    also = [line for lines in others for line in lines if line[0].startswith(_ALSO)]
    known = [one for one in first if all(figures.get(name) != UNKNOWN for name in _FIELD.findall(one[1]))]
    whole = [line for one in known for line in (plan if one[1] == "{plan}" else [one])]
    return [*whole, *also]


def _matched(language: Language, words: str, template: list[tuple[str, str]]) -> list[tuple[str, str, str]] | None:
    """(key, field, value) of everything that was filled in; None where a line is not the line of the template."""
    lines = words.split("\n")
    if len(lines) != len(template):
        return None
    found: list[tuple[str, str, str]] = []
    for line, (key, form) in zip(lines, template, strict=True):
        hit = _pattern(language, form).fullmatch(line)
        if hit is None:
            return None
        found += [(key, field, value) for field, value in zip(_FIELD.findall(form), hit.groups(), strict=True)]
    return found


@cache
def _pattern(_: Language, form: str) -> re.Pattern[str]:
    parts = _FIELD.split(form)
    return re.compile("".join("(.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)))


def _value_faults(
    language: Language, values: list[tuple[str, str, str]], draft: Draft, goal: Goal | None
) -> Iterator[str]:  # fmt: skip
    figures: dict[str, Any] = {**draft.evidence["plan"], **draft.evidence.get("goal", {}).get("figures", {})}
    known = {str(value) for value in figures.values()}
    words = {text(language, "resident", key) for line in _lines(goal) for key in line.words.values()}
    spec = VOCABULARY.get(draft.evidence["plan"].get("test", ""))
    words |= {spec.ja, spec.en} if spec else set()
    referral = "value" in draft.evidence["plan"]
    measured = {form for signal in draft.evidence["signals"].values() for form in _forms(signal["value"])}
    for key, field, value in values:
        if value in words:
            continue
        if not NUMBER.search(value):
            yield f"unknown {language}: {key} says {field} = {value!r}"
        elif value not in known:
            yield f"invented {language}: {key} says {field} = {value}, the evidence has {sorted(known)}"
        elif value.startswith("-") or (Decimal(value.replace(",", "")) == 0 and field not in _MAY_BE_NONE):
            yield f"nothing {language}: {key} says {field} = {value}"
        elif draft.topic in _MEASURED_TOPICS and referral and value not in measured:
            yield f"unmeasured {language}: {key} says {field} = {value}, no signal of the rule is that"


def _lines(goal: Goal | None) -> tuple[Line, ...]:
    return () if goal is None else goal.lines


# Referrals tell what was measured and nothing else; a pressure may come with the one it was measured with.
_MEASURED_TOPICS: Final = frozenset({"glucose", "lipids", "kidney", "liver", "blood", "heart", "frailty"})


def _forms(value: str | None) -> set[str]:
    """How a signal may be told: as it is, or to the tenth or the whole, without its sign."""
    if value is None:
        return set()
    number = abs(Decimal(value))
    rounded = [number.quantize(step, ROUND_HALF_UP) for step in STEPS]
    return {shown(one) for one in (number, *rounded)}

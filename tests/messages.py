"""Many people's drafts, each sentence led back to its text, rule and source: `python -m tests.messages --count 100000`.

A person is random but seeded: at, between and far beyond the thresholds of the rules, in every month, asked and not.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple

from engine.advice import HEAT, SNOW, Assessment, Draft, assess
from engine.flag_figures import UNKNOWN
from engine.locale import LANGUAGES, Language, catalogue, text
from engine.people import Resident
from engine.plan import goal_of, shown
from engine.plans.model import Goal, Line
from engine.rules import AdviceRule, FlagRule, Rule, load_catalogue
from engine.rules.evaluator import Firing, regions
from engine.rules.model import spoken_keys
from engine.signals import Signal, Signals, bmi
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY
from engine.wording import wording_faults

WHO: Final = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="花子",
    family_kana="サトウ", given_kana="ハナコ", birth_date=date(1955, 5, 1), sex="female", height_cm=Decimal(160),
)  # fmt: skip
NAMES: Final = sorted(VOCABULARY.keys() - DERIVED)
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


def meet(seed: int) -> Iterator[Met]:
    """People without end, each with what the engine has to say to them."""
    rules = load_catalogue()
    topics = sorted({rule.topic for rule in rules if isinstance(rule, AdviceRule)})
    number = 0
    while True:
        rng = Random(f"{seed}/{number}")
        number += 1
        as_of = datetime(2026, rng.randint(1, 12), rng.randint(1, 28), 3, tzinfo=UTC)
        picture = Signals(as_of, picture_of(rng))
        wish = rng.choice([None, None, *topics])
        yield Met(picture, as_of, assess(WHO, picture, rules, as_of, first=rng.random() < 0.5, wish=wish))


def picture_of(rng: Random) -> dict[str, Signal]:
    """Every signal of one person: weight, height and BMI fit each other, all else is as it comes."""
    unknown, yes = rng.choice([0, 0.02, 0.1, 0.3, 0.6]), rng.choice([0, 0.03, 0.1, 0.4])
    calm = rng.random() < 0.8
    found = {name: _signal(rng, name, unknown, yes, calm=calm) for name in NAMES}
    if calm:
        found["symptom.red-flag"] = Signal(value=Decimal(0), unit="1", count=1)
    weight, height = found["weight.level"].value, found["height"].value
    if weight is not None and height is not None:
        found["bmi"] = Signal(value=bmi(weight, height), unit="kg/m2", count=1)
    return found


def _signal(rng: Random, name: str, unknown: float, yes: float, *, calm: bool) -> Signal:
    """`calm` people are measured near what most people have, so that habits are spoken of, not only doctors."""
    unit = VOCABULARY[name].unit
    if rng.random() < unknown:
        return Signal(value=None, unit=unit, note="not-measured")
    if name in ANSWERS:
        often = 0.5 if name.startswith("habit.") else yes
        return Signal(value=Decimal(int(rng.random() < often)), unit=unit, count=1)
    value = _USUAL[name](rng) if name in _USUAL and rng.random() < (0.97 if calm else 0.5) else _anything(rng, name)
    count = rng.randint(1, 60)
    inputs = tuple(f"i-{name}-{number}" for number in range(min(count, 3)))
    return Signal(value=value, unit=unit, inputs=inputs, count=count, low=value, high=value)


def _anything(rng: Random, name: str) -> Decimal:
    """At a threshold, beside it, between two, or at the edge of what a reading can be."""
    edges = _EDGES.get(name, ())
    return rng.choice([*_regions(name), *edges] or [Decimal(1)])


@cache
def _regions(name: str) -> tuple[Decimal, ...]:
    found = {value for rule in load_catalogue() if name in rule.signals for value in regions(rule, name)}
    return tuple(sorted(value for value in found if value >= 0 or "change" in name))


def _between(low: str, high: str, step: str) -> Callable[[Random], Decimal]:
    unit = Decimal(step)
    least, most = int(Decimal(low) / unit), int(Decimal(high) / unit)
    return lambda rng: rng.randint(least, most) * unit


def _edges(*values: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) for value in values)


_USUAL: Final[Mapping[str, Callable[[Random], Decimal]]] = {
    "age": _between("18", "99", "1"), "height": _between("140", "185", "0.1"), "waist": _between("65", "110", "0.1"),
    "weight.level": _between("38", "120", "0.1"), "weight.change_7d": _between("-0.8", "0.8", "0.1"),
    "weight.change_180d": _between("-1.5", "3", "0.1"), "weight.loss_percent_180d": _between("0", "2", "0.1"),
    "weight.days_28d": _between("0", "28", "1"), "weight.age_days": _between("0", "20", "1"),
    "steps.mean_7d": _between("500", "9000", "1"), "steps.valid_days_7d": _between("4", "7", "1"),
    "bp.home.systolic_mean": _between("100", "134", "0.1"), "bp.home.diastolic_mean": _between("60", "84", "0.1"),
    "bp.home.systolic_max": _between("110", "150", "1"), "bp.home.diastolic_max": _between("65", "95", "1"),
    "bp.home.days_7d": _between("0", "7", "1"), "bp.office.systolic": _between("100", "139", "1"),
    "bp.office.diastolic": _between("60", "89", "1"), "heart.resting": _between("50", "95", "1"),
    "heart.resting_max": _between("55", "99", "1"), "heart.resting_min": _between("45", "80", "1"),
    "lab.fpg": _between("75", "125", "1"), "lab.hba1c": _between("4.8", "6.6", "0.1"),
    "lab.tg": _between("40", "299", "1"), "lab.hdl": _between("35", "90", "1"), "lab.ldl": _between("60", "160", "1"),
    "lab.egfr": _between("42", "100", "0.1"), "lab.urine-protein": _between("0", "0", "1"),
    "lab.urine-blood": _between("0", "1", "1"), "lab.ast": _between("12", "32", "1"),
    "lab.alt": _between("8", "33", "1"), "lab.ggt": _between("10", "60", "1"), "lab.hb": _between("12", "17", "0.1"),
    "lab.non-hdl": _between("90", "172", "1"), "lab.casual-glucose": _between("80", "150", "1"),
    "lab.hours-since-meal": _between("3", "14", "0.5"), "visceral-fat": _between("30", "130", "1"),
    "grip": _between("15", "45", "0.1"), "gait": _between("0.7", "1.5", "0.1"), "env.wbgt": _between("10", "33", "1"),
}  # fmt: skip
_EDGES: Final[Mapping[str, tuple[Decimal, ...]]] = {
    "age": _edges("0", "17", "18", "64", "65", "74", "75", "130"), "height": _edges("100", "228.5"),
    "weight.level": _edges("25", "299.9"), "waist": _edges("45", "199.9"), "steps.mean_7d": _edges("0", "99999.5"),
    "weight.change_7d": _edges("-20", "20"), "weight.change_180d": _edges("-60", "60"),
    "weight.loss_percent_180d": _edges("45.5"), "bp.home.systolic_mean": _edges("70", "259.6"),
    "bp.home.systolic_max": _edges("259"), "bp.home.diastolic_max": _edges("159"), "bp.office.systolic": _edges("259"),
    "lab.tg": _edges("10000"), "lab.hba1c": _edges("20"), "lab.fpg": _edges("1500"), "lab.ldl": _edges("999"),
    "lab.alt": _edges("9999"), "heart.resting": _edges("25", "220"), "env.wbgt": _edges("-5", "38.5"),
}  # fmt: skip


# --- one draft ------------------------------------------------------------------------------------------------------


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


# --- many -----------------------------------------------------------------------------------------------------------


class Tally(NamedTuple):
    """What was rendered: messages by text and language, by rule, people met, faults with their number and an example."""

    people: int
    texts: Counter[str]
    rules: Counter[str]
    distinct: int
    faults: Counter[str]


def tally(count: int, seed: int) -> Tally:
    """Meets people until `count` messages were rendered, a draft being one in each language, and checks every one."""
    texts, rules, faults = Counter[str](), Counter[str](), Counter[str]()
    distinct: set[str] = set()
    for people, met in enumerate(meet(seed), start=1):
        faults.update(f"{name}: unwritten" for name in met.found.failed)
        for draft in met.found.drafts:
            rules[draft.rule_id] += len(LANGUAGES)
            texts.update(key for key in draft.evidence["texts"] for _ in LANGUAGES)
            distinct |= {draft.text_ja, draft.text_en}
            faults.update(f"{draft.rule_id}: {fault}" for fault in faults_of(met, draft))
        if rules.total() >= count:
            return Tally(people, texts, rules, len(distinct), faults)
    raise AssertionError("people without end")


def never_said(rules: tuple[Rule, ...], said: Counter[str]) -> list[str]:
    """The residents' texts of `rules` that nobody was told."""
    keys = {key for rule in rules for context, key in spoken_keys(rule) if context == "resident"}
    return sorted(keys - said.keys())


def main() -> None:
    """Prints what was rendered and every kind of fault; ends with 1 when there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = tally(asked.count, asked.seed)
    for rule, number in sorted(found.rules.items()):
        print(f"{number:8,}  {rule}")
    print(f"{found.rules.total():,} messages, {found.distinct:,} different ones, of {found.people:,} people")
    silent = never_said(load_catalogue(), found.texts)
    print(f"{len(silent)} texts were never said: {', '.join(silent) or '-'}")
    print(f"{found.faults.total():,} faults")
    for fault, number in found.faults.most_common(40):
        print(f"{number:8,}  {fault}")
    raise SystemExit(1 if found.faults else 0)


__all__ = ["Firing", "Met", "Tally", "faults_of", "meet", "never_said", "tally"]

if __name__ == "__main__":
    main()

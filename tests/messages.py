"""Many people's drafts, each sentence led back to its text, rule and source: `python -m tests.messages --count 100000`.

A person is random but seeded: at, between and far beyond the thresholds of the rules, in every month, asked and not.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from random import Random
from typing import Final, NamedTuple

from engine.advice import assess
from engine.locale import LANGUAGES
from engine.people import Resident
from engine.rules import AdviceRule, Rule, load_catalogue
from engine.rules.evaluator import regions
from engine.rules.model import spoken_keys
from engine.signals import Signal, Signals, bmi
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY
from tests.message_tracing import Met, faults_of

WHO: Final = Resident(
    id="r-aaaaaaaaaaaaa", household_id=None, municipality_code="062049", family_name="佐藤", given_name="花子",
    family_kana="サトウ", given_kana="ハナコ", birth_date=date(1955, 5, 1), sex="female", height_cm=Decimal(160),
)  # fmt: skip
NAMES: Final = sorted(VOCABULARY.keys() - DERIVED)


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
    least = 0 if _SIZE.fullmatch(name) else -1
    return tuple(sorted(value for value in found if value > least or "change" in name))


# What is measured is more than nothing.
_SIZE: Final = re.compile(
    r"waist|height|grip|gait|bmi|visceral-fat|weight\.level|heart\..+|lab\.(?!urine|hours).+|bp\..+(systolic|diastolic).*"
)


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


if __name__ == "__main__":
    main()

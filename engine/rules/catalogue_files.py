"""The catalogue that ships: every TOML file beside this module, and the laws each must keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from engine.locale import LANGUAGES, catalogue, fields_of, has_text
from engine.rules.model import SEVERITIES, Case, ClassRule, FlagRule, Rule, VetoCase, parse, spoken_keys
from engine.vocabulary import ANSWERS, DERIVED, VOCABULARY

# What `engine.flag_figures` tells of every referral.
FLAG_FIGURES: Final = frozenset(
    {"value", "unit", "test", "days", "systolic", "diastolic", "systolic_max", "diastolic_max"}
)


class CatalogueError(ValueError):
    """The catalogue breaks its laws; the message lists every fault as `file: code: detail`."""


def catalogue_texts() -> Mapping[str, str]:
    """The TOML texts of the catalogue by rule id, in order."""
    folder = files("engine.rules").joinpath("catalogue")
    found = {entry.name.removesuffix(".toml"): entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


@cache
def load_catalogue() -> tuple[Rule, ...]:
    """Every rule of the catalogue, checked; raises CatalogueError when one breaks a law."""
    texts = catalogue_texts()
    faults = check_catalogue(texts)
    if faults:
        raise CatalogueError("\n".join(faults))
    return tuple(parse(text) for text in texts.values())


def in_force(rules: Sequence[Rule], day: date) -> tuple[Rule, ...]:
    """The rules that are valid on `day`."""
    return tuple(
        rule for rule in rules if rule.valid_from <= day and (rule.valid_until is None or day <= rule.valid_until)
    )


def check_catalogue(texts: Mapping[str, str]) -> list[str]:
    """What is wrong with the rules in `texts` (by file name without ending); empty when all is well."""
    faults: list[str] = []
    rules: list[Rule] = []
    for name, text in texts.items():
        try:
            rule = parse(text)
        except msgspec.MsgspecError as error:
            faults.append(f"{name}: not-a-rule: {error}")
            continue
        rules.append(rule)
        faults += [f"{name}: {fault}" for fault in _faults(name, rule)]
    return faults + list(_between(rules))


def _faults(name: str, rule: Rule) -> Iterator[str]:
    if rule.id != name:
        yield f"id: the file is called {name}, the rule {rule.id}"
    unasked = {name for case in rule.cases if isinstance(case, VetoCase) for name in case.unasked}
    for signal in sorted((rule.signals - VOCABULARY.keys()) | (unasked - ANSWERS)):
        yield f"unknown-signal: {signal}"
    names = [case.name for case in rule.cases]
    if len(set(names)) != len(names):
        yield "case-names: two cases have the same name"
    for case in rule.cases:
        # The last case of a class may be what is left over.
        if not _demands(case) and not (isinstance(rule, ClassRule) and case is rule.case[-1]):
            yield f"always: case {case.name} has nothing that must hold"
    if rule.valid_until is not None and rule.valid_until < rule.valid_from:
        yield "validity: it ends before it begins"
    yield from _of_its_kind(rule)
    yield from _missing_texts(rule)


def _demands(case: Case) -> bool:
    return bool(case.all or case.any or case.count or case.none or (isinstance(case, VetoCase) and case.unasked))


def _of_its_kind(rule: Rule) -> Iterator[str]:
    if isinstance(rule, FlagRule):
        yield from _unfilled(rule)
        order = [SEVERITIES.index(case.severity) for case in rule.case]
        if order != sorted(order, reverse=True):
            yield "case-order: the most serious case comes first"
    if isinstance(rule, ClassRule):
        if rule.defines not in DERIVED:
            yield f"defines: {rule.defines} is not a derived signal of the vocabulary"
        for name in sorted({name for case in rule.case for name in case.needs} - VOCABULARY.keys()):
            yield f"unknown-signal: {name}"
        if any(bool(case.needs) != bool(case.either) for case in rule.case):
            yield "needs: a case that cannot tell says what would, and no other does"
        pairs = {(case.gives, case.number) for case in rule.case if not case.either}
        if not len(pairs) == len({code for code, _ in pairs}) == len({number for _, number in pairs}):
            yield "numbers: two codes share a number, or one code has two"


def _unfilled(rule: FlagRule) -> Iterator[str]:
    """A referral must not fail for a number its text wants and nobody gives."""
    for language in LANGUAGES:
        for case in rule.case:
            if has_text(language, "resident", case.message):
                wanted = fields_of(catalogue(language)["resident", case.message])
                for name in sorted(wanted - FLAG_FIGURES):
                    yield f"no-figure: {language} {case.message} wants {name}"


def _between(rules: Sequence[Rule]) -> Iterator[str]:
    """Laws that only hold for the catalogue as a whole."""
    for name, count in Counter(rule.defines for rule in rules if isinstance(rule, ClassRule)).items():
        if count > 1:
            yield f"{name}: defined-twice: {count} rules define it"


def _missing_texts(rule: Rule) -> Iterator[str]:
    for language in LANGUAGES:
        for context, key in sorted(set(spoken_keys(rule))):
            if not has_text(language, context, key):
                yield f"no-text: {language} {context} {key}"

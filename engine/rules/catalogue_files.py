"""The catalogue that ships: every TOML file beside this module, and the laws each must keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import msgspec

from engine.locale import CONTEXTS, LANGUAGES, has_text
from engine.rules.model import SEVERITIES, Rule, parse
from engine.signals import VOCABULARY


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


def check_catalogue(texts: Mapping[str, str]) -> list[str]:
    """What is wrong with the rules in `texts` (by file name without ending); empty when all is well."""
    faults: list[str] = []
    for name, text in texts.items():
        try:
            rule = parse(text)
        except msgspec.MsgspecError as error:
            faults.append(f"{name}: not-a-rule: {error}")
            continue
        faults += [f"{name}: {fault}" for fault in _faults(name, rule)]
    return faults


def _faults(name: str, rule: Rule) -> Iterator[str]:
    if rule.id != name:
        yield f"id: the file is called {name}, the rule {rule.id}"
    for signal in sorted(rule.signals - VOCABULARY.keys()):
        yield f"unknown-signal: {signal}"
    names = [case.name for case in rule.case]
    if len(set(names)) != len(names):
        yield "case-names: two cases have the same name"
    order = [SEVERITIES.index(case.severity) for case in rule.case]
    if order != sorted(order, reverse=True):
        yield "case-order: the most serious case comes first"
    for case in rule.case:
        if not case.all and not case.any:
            yield f"always: case {case.name} has nothing that must hold"
    yield from _missing_texts(rule)


def _missing_texts(rule: Rule) -> Iterator[str]:
    keys = {key for case in rule.case for key in (case.message, case.message_open) if key}
    wanted = [("resident", key) for key in sorted(keys)] + [("nurse", rule.nurse_note)]
    for language in LANGUAGES:
        for context, key in wanted:
            if context in CONTEXTS and not has_text(language, context, key):
                yield f"no-text: {language} {context} {key}"

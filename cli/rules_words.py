"""How rules, their stories and their fates are shown: words for people, plain objects for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from cli.output import result
from cli.wiring import language, settings
from engine.locale import LANGUAGES, catalogue
from engine.rules.model import (
    AdviceCase,
    AdviceRule,
    Case,
    ClassCase,
    ClassRule,
    Condition,
    FlagCase,
    FlagRule,
    Rule,
    VetoCase,
    spoken_keys,
)
from engine.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from engine.explaining import CaseStory, Story
    from engine.store.repo_rule_stats import Fate

_MARK = {"holds": "✔", "fails": "✘", "unknown": "?"}
# A comparison that must not hold is well when it fails.
_TURNED = {"holds": "✘", "fails": "✔", "unknown": "?"}
_UNITS = {"a": "years", "mm[Hg]": "mmHg", "Cel": "°C", "{steps}/d": "steps a day", "1": "", "kg/m2": "kg/m²"}
_JOINED = {"all": "and", "any": "one of", "none": "never", "unasked": "until asked"}


def row(rule: Rule) -> str:
    """One rule in one line."""
    return (
        f"{rule.id:34} {_kind(rule):6} {_about(rule):22} version {rule.version}  from {rule.valid_from}"
        f"  {len(rule.cases)} cases"
    )


def row_json(rule: Rule) -> dict[str, Any]:
    """One rule in the list, for machines."""
    until = None if rule.valid_until is None else rule.valid_until.isoformat()
    return {
        "id": rule.id, "kind": _kind(rule), "topic": _about(rule), "version": rule.version,
        "valid_from": rule.valid_from.isoformat(), "valid_until": until, "cases": len(rule.cases),
    }  # fmt: skip


def rule_json(rule: Rule) -> dict[str, Any]:
    """A whole rule for machines: as its file says it, thresholds as strings, with its texts."""
    shown: dict[str, Any] = msgspec.to_builtins(rule)
    return shown | {"texts": list(_texts(rule))}


def tell_rule(rule: Rule) -> None:
    """Say one rule in words."""
    until = "" if rule.valid_until is None else f" until {rule.valid_until}"
    result(f"{rule.id}  {_kind(rule)}  {_about(rule)}  version {rule.version}, valid from {rule.valid_from}{until}")
    for line in _of_its_kind(rule):
        result(f"  {line}")
    for number, case in enumerate(rule.cases, start=1):
        result(f"  case {number} of {len(rule.cases)}: {case.name} -> {'; '.join(_comes_to(case))}")
        for line in _demands(case):
            result(f"      {line}")
        result(f"      boundary: {case.boundary}")
    for source in rule.source:
        result(f"  source: {source.title} ({source.edition}), {source.section}")
        result(f"      checked: {source.checked}")
    for one in _texts(rule):
        result(f"  text {one['key']} ({one['context']}, {one['language']}):")
        for line in one["text"].splitlines():
            result(f"      {line}")


def _kind(rule: Rule) -> str:
    return str(rule.__struct_config__.tag)


def _about(rule: Rule) -> str:
    """The topic; for a class what it derives, for a veto its tiers."""
    match rule:
        case ClassRule():
            return rule.defines
        case FlagRule() | AdviceRule():
            return rule.topic
        case _:
            return ",".join(dict.fromkeys(case.tier for case in rule.case))


def _of_its_kind(rule: Rule) -> Iterator[str]:
    match rule:
        case FlagRule():
            yield f"said again after {rule.cooldown_days} days at the earliest; signed by: {rule.review}"
            yield "an unasked answer " + ("counts as yes" if rule.unasked == "yes" else "is only asked for")
        case AdviceRule():
            yield f"said again after {rule.cooldown_days} days at the earliest; signed by: {rule.review}"
            yield f"plan {rule.plan}, tier {rule.tier}; gives way to: {', '.join(rule.barred_by) or 'nothing'}"
        case ClassRule():
            yield "the first case that holds, for everything the missing values could be"
        case _:
            yield "every case that holds counts, and one that an unasked answer could make hold"


def _comes_to(case: Case) -> Iterator[str]:
    match case:
        case ClassCase() if case.either:
            yield f"cannot tell {' or '.join(str(number) for number in case.either)}; needs {', '.join(case.needs)}"
        case ClassCase():
            yield f"{case.gives} ({case.number})"
        case FlagCase():
            yield f"{case.severity}, flags {', '.join(case.flags) or 'none'}"
        case VetoCase():
            yield f"{case.tier}: must not {', '.join(case.must_not)}" if case.must_not else case.tier
            if case.must:
                yield f"must {', '.join(case.must)}"
        case AdviceCase():
            yield f"proposes {case.message}" + (f", while open {case.message_open}" if case.message_open else "")
        case _:
            return
    if case.parameters:
        yield ", ".join(f"{name} {value}" for name, value in case.parameters.items())


def _demands(case: Case) -> Iterator[str]:
    """What must hold, in words."""
    yield from (f"and {_condition(c)}" for c in case.all)
    if case.any:
        yield f"one of: {', or '.join(_condition(c) for c in case.any)}"
    if case.count is not None:
        yield f"at least {case.count.at_least} of:"
        yield from (f"  {', or '.join(_condition(c) for c in group)}" for group in case.count.of)
    yield from (f"never {_condition(c)}" for c in case.none)
    if isinstance(case, VetoCase) and case.unasked:
        yield f"until asked: {', '.join(case.unasked)}"
    if not case.conditions and not (isinstance(case, VetoCase) and case.unasked):
        yield "otherwise"


def _condition(c: Condition) -> str:
    spec = VOCABULARY[c.signal]
    label = f"{c.signal} ({spec.ja if language(settings()) == 'ja' else spec.en})"
    if c.about_presence:
        return f"{label} is {c.op}"
    if spec.sort == "answer":
        return f"{label} {c.op} {'yes' if c.value == 1 else 'no'}"
    return f"{label} {c.op} {c.value} {_UNITS.get(spec.unit, spec.unit)}".rstrip()


def _texts(rule: Rule) -> Iterator[dict[str, str]]:
    for context, key in dict.fromkeys(spoken_keys(rule)):
        for lang in LANGUAGES:
            yield {"key": key, "context": context, "language": lang, "text": catalogue(lang)[context, key]}


def tell_story_line(story: Story) -> None:
    """Say in one line what came of a rule."""
    said = f" {', '.join(story.said)}" if story.said else ""
    result(f"{story.rule:34} {story.kind:6} {story.came}{said}{_more(story)}")


def _more(story: Story) -> str:
    parts = [f"case {story.case}"] if story.case else []
    parts += [f"missing {', '.join(story.missing)}"] if story.missing else []
    if story.kind == "advice":
        parts += [f"stopped by {one.rule}" for one in story.stops if one.sure]
    parts += [f"ask {', '.join(story.ask)}"] if story.ask else []
    return f" ({'; '.join(dict.fromkeys(parts))})" if parts else ""


def tell_story(story: Story) -> None:
    """Say why: every case with each comparison, then what stands against it."""
    result(f"{story.rule} version {story.version}: {story.came} {', '.join(story.said)}".rstrip() + _more(story))
    for case in story.cases:
        reached = " <- this one" if case.name == story.case else ""
        result(f"  {_MARK[case.state]} case {case.name}{reached}")
        for line in _compared(case):
            result(f"      {line}")
        result(f"      boundary: {case.boundary}")
    for stop in story.stops:
        why = "" if stop.sure else f" until it is asked: {', '.join(stop.ask)}"
        result(f"  {stop.code} is barred ({stop.tier}) by {stop.rule}, case {stop.case}{why}")


def _compared(case: CaseStory) -> Iterator[str]:
    for one in case.comparisons:
        joined = f"{case.at_least} of, {one.group}" if one.part == "count" else _JOINED[one.part]
        mark = (_TURNED if one.part == "none" else _MARK)[one.state]
        yield f"{mark} {joined}: {one.words}"


def tell_fates(fates: Mapping[str, Fate]) -> None:
    """Say what became of each rule's advice, as a table."""
    if not fates:
        result("nothing was drafted yet")
        return
    names = next(iter(fates.values())).__struct_fields__
    result(f"{'rule':34} " + " ".join(f"{name:>10}" for name in names))
    for rule, fate in fates.items():
        result(f"{rule:34} " + " ".join(f"{getattr(fate, name):>10}" for name in names))

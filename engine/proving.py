"""Hand-written cases of a rule, proven: what a file of cases says, and where the rule disagrees with one.

A file is called after its rule and holds `[[case]]` tables: `signals` (what is not named is missing) and what is
wanted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from engine.judge import Judgement, judge
from engine.refusal import Refusal
from engine.rules.model import AdviceCase, AdviceRule, ClassRule, FlagRule, Rule, VetoRule
from engine.signals import Signal, Signals
from engine.vocabulary import VOCABULARY

# A case has no date; no rule looks at one.
AS_OF: Final = datetime(2026, 11, 22, tzinfo=UTC)
_ABOUT: Final = frozenset({"name", "signals", "note"})
# What can be wanted of each kind of rule.
WANTED: Final[Mapping[type[Rule], frozenset[str]]] = {
    ClassRule: frozenset({"gives", "open", "missing", "parameters", "options"}),
    FlagRule: frozenset({"silent", "ask", "urgency", "flags", "fires", "severity", "reasons"}),
    VetoRule: frozenset({"silent", "bars", "bars_open", "ask"}),
    AdviceRule: frozenset({"silent", "fires", "message", "open", "reasons", "missing"}),
}


class CaseFile(msgspec.Struct, frozen=True):
    """The cases of one rule in the order of the file, and what an advice rule must give way to, when the file says."""

    cases: tuple[dict[str, Any], ...]
    barred_by: tuple[str, ...] | None = None


class Disagreement(msgspec.Struct, frozen=True):
    """A case a rule disagrees with: `differences` as `key: said, wanted value`."""

    case: str
    differences: tuple[str, ...]


class Proof(msgspec.Struct, frozen=True):
    """What came of one file: how many cases its rule was held against, and those it disagrees with."""

    rule: str
    cases: int
    disagreements: tuple[Disagreement, ...]


def read_cases(text: str, rule: Rule) -> CaseFile | Refusal:
    """The cases in a TOML text; refused as `not-toml`, or as `bad-case` with the case and what is wrong with it."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Refusal("not-toml", str(error))
    listed, barred = raw.get("case"), raw.get("barred_by")
    if not isinstance(listed, list) or not listed or raw.keys() - {"case", "barred_by"}:
        return Refusal("bad-case", "a file of cases holds [[case]] tables, and barred_by for an advice rule")
    if barred is not None and not (isinstance(barred, list) and all(isinstance(code, str) for code in barred)):
        return Refusal("bad-case", "barred_by is a list of codes", "barred_by")
    for place, case in enumerate(listed, start=1):
        wrong = next(_faults(case, WANTED[type(rule)]), None)
        if wrong:
            return Refusal("bad-case", f"case {place}: {wrong}")
    return CaseFile(tuple(listed), None if barred is None else tuple(barred))


def _faults(case: Any, known: frozenset[str]) -> Iterator[str]:
    if not isinstance(case, dict) or not isinstance(case.get("name"), str):
        yield "a case has a name"
        return
    name, signals = case["name"], case.get("signals")
    if not isinstance(signals, dict):
        yield f"{name}: signals is a table of names and numbers"
        return
    for signal, value in signals.items():
        if signal not in VOCABULARY:
            yield f"{name}: there is no signal {signal}"
        elif not _is_number(value):
            yield f"{name}: {signal} must be a number in quotes"
    wanted = case.keys() - _ABOUT
    for key in sorted(wanted - known):
        yield f"{name}: {key} is nothing this kind of rule says"
    if not wanted:
        yield f"{name}: it says nothing of what is wanted"


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False


def prove(rule: Rule, file: CaseFile, company: Sequence[Rule]) -> Proof:
    """`rule` held against every case of its file; the classes it rests on are looked for in `company`."""
    found = [
        Disagreement(case["name"], tuple(differing))
        for case in file.cases
        if (differing := disagreements(rule, case, company))
    ]
    if isinstance(rule, AdviceRule) and file.barred_by is not None and set(file.barred_by) != set(rule.barred_by):
        said = f"barred_by: {sorted(rule.barred_by)}, wanted {sorted(file.barred_by)}"
        found.append(Disagreement("the whole file", (said,)))
    return Proof(rule.id, len(file.cases), tuple(found))


def picture(values: Mapping[str, str]) -> Signals:
    """The picture of a case: what it does not name is missing."""
    found = {
        name: Signal(value=Decimal(value), unit="1", inputs=(f"reading-{name}",)) for name, value in values.items()
    }
    return Signals(AS_OF, found)


def disagreements(rule: Rule, case: Mapping[str, Any], company: Sequence[Rule]) -> list[str]:
    """What `rule` says of `case` that the case does not, as `key: said, wanted value`; empty when they agree."""
    around = () if isinstance(rule, ClassRule | FlagRule) else _rests_on(rule, company)
    found = judge(picture(case["signals"]), (*around, rule))
    said = _SAYS[type(rule)](rule, found)
    wanted = {key: case[key] for key in case.keys() - _ABOUT}
    if "silent" in wanted and not said.get("silent"):
        return [f"silent: {said}"]
    differing = {key: (said.get(key), value) for key, value in wanted.items() if said.get(key) != value}
    # What a case does not mention must not be said either, where silence about it would hide a lie.
    if isinstance(rule, ClassRule) and "gives" not in wanted and said.get("gives") is not None:
        differing["gives"] = (said["gives"], None)
    if isinstance(rule, VetoRule):
        differing |= {
            key: (said[key], wanted.get(key, [])) for key in ("bars", "bars_open") if said[key] != wanted.get(key, [])
        }
    return [f"{key}: {got}, wanted {value}" for key, (got, value) in sorted(differing.items())]


def _rests_on(rule: Rule, company: Sequence[Rule]) -> tuple[Rule, ...]:
    """The classes a rule rests on, and those they rest on."""
    found: list[Rule] = []
    # What is computed from BMI and its target range is no class of its own.
    names = set(rule.signals) | ({"bmi.target"} if any(name.startswith("bmi.") for name in rule.signals) else set())
    while more := [one for one in company if isinstance(one, ClassRule) and one.defines in names and one not in found]:
        found += more
        names |= {name for one in more for name in one.signals}
    return tuple(found)


def _of_class(rule: Rule, found: Judgement) -> dict[str, Any]:
    assert isinstance(rule, ClassRule)
    one = found.settled[rule.defines]
    parameters = {} if one.case is None else {name: str(value) for name, value in one.case.parameters.items()}
    return {
        "gives": one.gives, "open": one.case is None, "missing": list(one.missing), "parameters": parameters,
        "options": [str(number) for number in one.options],
    }  # fmt: skip


def _of_flag(rule: Rule, found: Judgement) -> dict[str, Any]:
    assert isinstance(rule, FlagRule)
    said: dict[str, Any] = {
        "silent": not found.flags, "ask": list(found.ask), "urgency": found.urgency, "flags": list(found.red_flags),
    }  # fmt: skip
    for flag in found.flags:
        reasons = [reason.words for reason in flag.reasons]
        said |= {"fires": flag.case.name, "severity": found.urgency, "reasons": reasons}
    return said


def _of_veto(rule: Rule, found: Judgement) -> dict[str, Any]:
    mine = [bar for bar in (*found.bars, *found.musts) if bar.rule == rule.id]
    sure = {bar.code for bar in mine if bar.sure}
    asked = [question for question in found.ask if any(question in bar.ask for bar in mine)]
    return {
        "silent": not mine, "bars": sorted(sure), "bars_open": sorted({bar.code for bar in mine} - sure), "ask": asked,
    }  # fmt: skip


def _of_advice(rule: Rule, found: Judgement) -> dict[str, Any]:
    assert isinstance(rule, AdviceRule)
    said: dict[str, Any] = {"silent": not found.proposals and not found.indeterminate}
    for one in found.proposals:
        case, reasons = one.firing.case, [reason.words for reason in one.firing.reasons]
        assert isinstance(case, AdviceCase)
        said |= {"fires": case.name, "message": case.message, "open": case.message_open, "reasons": reasons}
    for lacking in found.indeterminate:
        said |= {"missing": list(lacking.missing)}
    return said


_SAYS: Final = {ClassRule: _of_class, FlagRule: _of_flag, VetoRule: _of_veto, AdviceRule: _of_advice}

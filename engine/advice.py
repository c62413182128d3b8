"""From rules to drafts in words, and from drafts to changes of the queue: one open advice a person and topic."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.locale import LANGUAGES, Language, text
from engine.people import Resident
from engine.plan import DEFICIT, figures, shown
from engine.review import DECIDED, LIVE, Item
from engine.rules.evaluator import Firing, Indeterminate, Silent, evaluate
from engine.rules.model import SEVERITIES, Rule
from engine.safety import Facts, Verdict, vet
from engine.signals import VOCABULARY, Signal, Signals

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
    """Everything the rules said: drafts, vetoed firings with reasons, silent topics, rules that lack a measurement."""

    drafts: tuple[Draft, ...]
    blocked: tuple[Verdict, ...]
    silent: frozenset[str]
    indeterminate: tuple[Indeterminate, ...]

    @property
    def withdrawn(self) -> dict[str, str]:
        """Rules whose open advice no longer stands, with the reason."""
        gone = dict.fromkeys(self.silent, "no-longer-applies")
        return gone | {verdict.firing.rule.id: f"vetoed {','.join(verdict.reasons)}" for verdict in self.blocked}


class Create(msgspec.Struct, frozen=True):
    """Put a new draft into the queue."""

    draft: Draft


class Supersede(msgspec.Struct, frozen=True):
    """Take `item` out of the queue for `reason`; `draft` takes its place if there is one."""

    item: Item
    draft: Draft | None
    reason: str


class Keep(msgspec.Struct, frozen=True):
    """Leave `item` as it is: unchanged, decided or cooling-down."""

    item: Item
    reason: str


Change = Create | Supersede | Keep


def assess(
    person: Resident,
    signals: Signals,
    rules: Sequence[Rule],
    as_of: datetime,
    facts: Facts | None = None,
    *,
    first: bool = False,
) -> Assessment:
    """All rules evaluated, vetted and written; `first` tells that this person never had advice before."""
    known = facts or {}
    outcomes = [evaluate(rule, _with_facts(signals, known)) for rule in rules]
    firings = [outcome for outcome in outcomes if isinstance(outcome, Firing)]
    verdicts = vet(firings, person, _with_facts(signals, known), known)
    return Assessment(
        drafts=tuple(_write(verdict, signals, as_of, first=first) for verdict in verdicts if verdict.allowed),
        blocked=tuple(verdict for verdict in verdicts if not verdict.allowed),
        silent=frozenset(outcome.rule.id for outcome in outcomes if isinstance(outcome, Silent)),
        indeterminate=tuple(outcome for outcome in outcomes if isinstance(outcome, Indeterminate)),
    )


def draft(person: Resident, signals: Signals, rules: Sequence[Rule], as_of: datetime) -> list[Draft]:
    """The drafts alone, the highest tier first, with every veto question still open."""
    return list(assess(person, signals, rules, as_of).drafts)


def _with_facts(signals: Signals, facts: Facts) -> Signals:
    """The same signals with an answered pregnancy question in them."""
    if "pregnancy" not in facts:
        return signals
    answered = Signal(value=Decimal(int(facts["pregnancy"])), unit="1", count=1)
    return Signals(signals.as_of, {**signals.values, "pregnancy.possible": answered})


def _write(verdict: Verdict, signals: Signals, as_of: datetime, *, first: bool) -> Draft:
    firing = verdict.firing
    rule, case = firing.rule, firing.case
    open_questions = bool(verdict.ask) and case.message_open is not None
    plan = figures(firing, signals)
    key = case.message_open if open_questions and case.message_open else case.message
    values = {name: shown(value) for name, value in plan.items()}
    texts = {language: _resident_text(language, key, values, rule, as_of) for language in LANGUAGES}
    notes = {language: text(language, "nurse", rule.nurse_note, **values) for language in LANGUAGES}
    # A deficit stays out of the evidence, too, until the questions are answered.
    told = {name: value for name, value in values.items() if not open_questions or name not in DEFICIT}
    return Draft(
        topic=rule.topic, rule_id=rule.id, rule_version=rule.version, text_version=rule.text_version,
        severity=case.severity, text_ja=texts["ja"], text_en=texts["en"], ask=verdict.ask,
        evidence=_evidence(verdict, signals, as_of) | {"plan": told, "note": notes, "first": first, "message": key},
    )  # fmt: skip


def _resident_text(language: Language, key: str, values: Mapping[str, str], rule: Rule, as_of: datetime) -> str:
    lines = [text(language, "resident", key, **values)]
    if rule.action == "exercise-increase" and as_of.month in SNOW:
        lines.append(text(language, "resident", "season.winter"))
    if rule.action == "exercise-increase" and as_of.month in HEAT:
        lines.append(text(language, "resident", "season.summer"))
    return "\n".join(lines)


def _evidence(verdict: Verdict, signals: Signals, as_of: datetime) -> dict[str, Any]:
    rule, case = verdict.firing.rule, verdict.firing.case
    return {
        "as_of": as_of.isoformat(),
        "rule": {"id": rule.id, "version": rule.version, "text_version": rule.text_version, "case": case.name,
                 "review": rule.review, "valid_from": rule.valid_from.isoformat(), "boundary": case.boundary},
        "sources": [msgspec.to_builtins(source) for source in rule.source],
        "reasons": [reason.words for reason in verdict.firing.reasons],
        "signals": {name: _frozen(signals.values[name]) for name in sorted(rule.signals) if name in signals.values},
        "ask": list(verdict.ask),
        "cooldown_days": rule.cooldown_days if case.cooldown_days is None else case.cooldown_days,
    }  # fmt: skip


def _frozen(signal: Signal) -> dict[str, Any]:
    """A signal as JSON with its readings: named up to a limit, bound by a digest beyond."""
    digest = hashlib.sha256("\n".join(signal.inputs).encode()).hexdigest()
    numbers = {"value": signal.value, "low": signal.low, "high": signal.high}
    return {
        **{name: None if number is None else str(number) for name, number in numbers.items()},
        "unit": signal.unit, "count": signal.count, "note": signal.note,
        "inputs": list(signal.inputs[-NAMED_INPUTS:]), "inputs_total": len(signal.inputs), "inputs_digest": digest,
    }  # fmt: skip


def merge(
    items: Sequence[Item], drafts: Sequence[Draft], now: datetime, withdrawn: Mapping[str, str] | None = None
) -> list[Change]:
    """What to do with the queue of one person; running it again on its own outcome changes nothing.

    `items` are all advice of the person, `withdrawn` maps rules that no longer stand to the reason.
    """
    changes: list[Change] = []
    best = _one_per_topic(drafts)
    for topic in sorted({*best, *(item.topic for item in items if item.state in LIVE)}):
        live = [item for item in items if item.topic == topic and item.state in LIVE]
        changes += _merge_topic(live, [i for i in items if i.topic == topic], best.get(topic), now, withdrawn or {})
    return changes


def _one_per_topic(drafts: Sequence[Draft]) -> dict[str, Draft]:
    best: dict[str, Draft] = {}
    for one in drafts:
        if one.topic not in best or _weight(one.severity) > _weight(best[one.topic].severity):
            best[one.topic] = one
    return best


def _merge_topic(
    live: Sequence[Item], all_items: Sequence[Item], new: Draft | None, now: datetime, withdrawn: Mapping[str, str]
) -> list[Change]:
    if new is None:
        return [
            Supersede(i, None, withdrawn[i.rule_id]) if i.rule_id in withdrawn else Keep(i, "unchanged") for i in live
        ]
    if live:
        doubles: list[Change] = [Supersede(item, None, "duplicate") for item in live[:-1]]
        return doubles + _renew(live[-1], new)
    cooling = next((item for item in reversed(all_items) if _cooling(item, new, now)), None)
    return [Keep(cooling, "cooling-down")] if cooling else [Create(new)]


def _renew(item: Item, new: Draft) -> list[Change]:
    """An approval that is still held is only overtaken by something more serious."""
    if item.state == "approved" and _weight(new.severity) <= _weight(item.severity):
        return [Keep(item, "decided")]
    return [Supersede(item, new, "evidence-changed")] if changed(item, new) else [Keep(item, "unchanged")]


def _cooling(item: Item, new: Draft, now: datetime) -> bool:
    """Whether a decision on the same rule is too fresh to come again; something more serious never waits."""
    if item.state not in DECIDED or item.rule_id != new.rule_id or _weight(new.severity) > _weight(item.severity):
        return False
    return now < item.updated_at + timedelta(days=int(item.evidence.get("cooldown_days", 0)))


def changed(item: Item, new: Draft) -> bool:
    """Whether `new` says something else than `item`: rule, text, case, questions, or a number by more than its step."""
    old = item.evidence
    same = (
        (item.rule_id, item.rule_version, item.text_version) == (new.rule_id, new.rule_version, new.text_version)
        and item.severity == new.severity
        and old["rule"]["case"] == new.evidence["rule"]["case"]
        and old["ask"] == new.evidence["ask"]
        and old.get("message") == new.evidence.get("message")
    )
    return not same or any(_moved(old, new.evidence, name) for name in new.evidence["signals"])


def _moved(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    before, after = (side["signals"].get(name, {}).get("value") for side in (old, new))
    if before is None or after is None:
        return before is not after
    step = VOCABULARY[name].material if name in VOCABULARY else Decimal(0)
    return abs(Decimal(after) - Decimal(before)) >= step


def _weight(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1

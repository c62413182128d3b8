"""From drafts to changes of the queue: at most one open advice a person and topic, the same when run twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from engine.advice import Draft
from engine.review import DECIDED, LIVE, Item
from engine.rules.model import SEVERITIES
from engine.vocabulary import VOCABULARY


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

"""From drafts to changes of the queue: at most one open advice a person and topic, the same when run twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.advice import Draft
from engine.review import DECIDED, LIVE, Item
from engine.rules.model import SEVERITIES
from engine.vocabulary import VOCABULARY

# Why a draft expired that nobody came to read in time: it rests as if it had been decided.
NOT_READ: Final = "not-read"


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
    for topic in sorted({*(draft.topic for draft in drafts), *(item.topic for item in items if item.state in LIVE)}):
        mine = [item for item in items if item.topic == topic]
        changes += _merge_topic(mine, [one for one in drafts if one.topic == topic], now, withdrawn or {})
    return changes


def _merge_topic(
    items: Sequence[Item], drafts: Sequence[Draft], now: datetime, withdrawn: Mapping[str, str]
) -> list[Change]:
    live = [item for item in items if item.state in LIVE]
    new = _best(drafts, items, now)
    if new is None:
        return [
            Supersede(i, None, withdrawn[i.rule_id]) if i.rule_id in withdrawn else Keep(i, "unchanged") for i in live
        ]
    cooling = _cooled(items, new, now)
    if not live:
        return [Keep(cooling, "cooling-down")] if cooling else [Create(new)]
    *doubles, item = live
    own = next((draft for draft in drafts if draft.rule_id == item.rule_id), None)
    # What was decided lately does not come back in the place of another.
    new = own if cooling and new.rule_id != item.rule_id else new
    return [*(Supersede(one, None, "duplicate") for one in doubles), _renew(item, new, own, withdrawn)]


def _best(drafts: Sequence[Draft], items: Sequence[Item], now: datetime) -> Draft | None:
    """The most serious draft of a topic; of urgent ones one that was not decided lately: it waits for no other."""
    most = max((_weight(draft.severity) for draft in drafts), default=0)
    first = [draft for draft in drafts if _weight(draft.severity) == most]
    fresh = [draft for draft in first if most >= _weight("urgent") and not _cooled(items, draft, now)]
    return next(iter([*fresh, *first]), None)


def _renew(item: Item, new: Draft | None, own: Draft | None, withdrawn: Mapping[str, str]) -> Change:
    """What becomes of a live `item` beside `new`; `own` is what its rule would say now.

    An approval that is still held is overtaken by something more serious only, unless what was signed for may no
    longer be said so.
    """
    fallen = withdrawn.get(item.rule_id)
    if new is None:
        return Supersede(item, None, fallen) if fallen else Keep(item, "unchanged")
    decided = item.state == "approved" and _weight(new.severity) <= _weight(item.severity)
    if decided and fallen is None and not (own and _reopened(item, own)):
        return Keep(item, "decided")
    return Supersede(item, new, fallen or "evidence-changed") if changed(item, new) else Keep(item, "unchanged")


def _reopened(item: Item, own: Draft) -> bool:
    """Whether the rule asks what nobody was asked when `item` was signed for, or says a line that is not in it."""
    told = {*item.evidence.get("texts", ()), item.evidence.get("message")}
    return not told.issuperset(own.evidence.get("texts", ())) or not set(item.ask).issuperset(own.ask)


def _cooled(items: Sequence[Item], new: Draft, now: datetime) -> Item | None:
    return next((item for item in reversed(items) if _cooling(item, new, now)), None)


def _cooling(item: Item, new: Draft, now: datetime) -> bool:
    """Whether a decision on the same rule is too fresh to come again; something more serious or worse never waits."""
    rests = item.state in DECIDED or (item.state == "expired" and item.reason == NOT_READ)
    if not rests or item.rule_id != new.rule_id or _weight(new.severity) > _weight(item.severity):
        return False
    if _weight(new.severity) >= _weight("urgent") and _worse(item.evidence, new.evidence):
        return False
    return now < item.updated_at + timedelta(days=int(item.evidence.get("cooldown_days", 0)))


def _worse(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a highest number rose, or a lowest one fell, by its step."""
    ways = {name: 1 if name.endswith("_max") else -1 for name in new["signals"] if name.endswith(("_max", "_min"))}
    return any(_moved(old, new, name) and _gone(old, new, name) * way > 0 for name, way in ways.items())


def _gone(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Decimal:
    before, after = (side.get("signals", {}).get(name, {}).get("value") for side in (old, new))
    return Decimal(0) if before is None or after is None else Decimal(after) - Decimal(before)


def changed(item: Item, new: Draft) -> bool:
    """Whether `new` says something else than `item`: rule, text, case, questions, or a number by more than its step."""
    old = item.evidence
    same = (
        (item.rule_id, item.rule_version, item.text_version) == (new.rule_id, new.rule_version, new.text_version)
        and item.severity == new.severity
        and old.get("rule", {}).get("case") == new.evidence["rule"]["case"]
        and old.get("ask") == new.evidence["ask"]
        and all(old.get(name) == new.evidence.get(name) for name in ("message", "texts"))
    )
    return not same or any(_moved(old, new.evidence, name) for name in new.evidence["signals"])


def _moved(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    before, after = (side.get("signals", {}).get(name, {}).get("value") for side in (old, new))
    if before is None or after is None:
        return before is not after
    step = VOCABULARY[name].material if name in VOCABULARY else Decimal(0)
    return abs(Decimal(after) - Decimal(before)) >= step


def _weight(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1

"""What may be approved in one go: drafts of one simple rule that were looked into, and of which two were read. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from engine.refusal import Refusal
from engine.review import Item

MOST: Final = 25
READ: Final = 2
_DECIDABLE: Final = frozenset({"open", "claimed"})


def batch_of(
    items: Sequence[Item], told_before: Collection[str], seen: Mapping[str, int]
) -> tuple[Item, ...] | Refusal:
    """The items as they may be approved together, or why not; `told_before` are residents the rule spoke to before.

    `seen` is the version of each item that this person opened last. Codes: batch-empty, batch-many, batch-rules,
    batch-each, batch-questions, batch-first, batch-state, batch-unread; the field names the item at fault.
    """
    refused = _refused_together(items) or next(filter(None, (_refused(one, told_before) for one in items)), None)
    if refused is not None:
        return refused
    if sum(seen.get(one.id) == one.version for one in items) < min(READ, len(items)):
        return Refusal("batch-unread", f"open at least {READ} of them first")
    return tuple(items)


def _refused_together(items: Sequence[Item]) -> Refusal | None:
    if not items:
        return Refusal("batch-empty", "nothing was chosen")
    if len(items) > MOST:
        return Refusal("batch-many", f"at most {MOST} can be approved together")
    if len({(one.rule_id, one.rule_version, one.text_version) for one in items}) > 1:
        return Refusal("batch-rules", "they come from different rules")
    return None


def _refused(item: Item, told_before: Collection[str]) -> Refusal | None:
    """What keeps one item out of every batch."""
    if item.evidence.get("rule", {}).get("review") != "batchable":
        return Refusal("batch-each", "its rule asks for a look at each", item.id)
    if item.ask:
        return Refusal("batch-questions", "there are questions to put first", item.id)
    if item.resident_id not in told_before:
        return Refusal("batch-first", "it would be the person's first of this rule", item.id)
    if item.state not in _DECIDABLE:
        return Refusal("batch-state", "it is not open any more", item.id)
    return None

"""The queue's state machine: what a person or the engine may do to a piece of advice, and in which order it is shown.

Pure: `decide` returns the next item and the event to write down, or a refusal with a stable code. Nothing reaches
`delivered` without an approval by a named person that has been held for ten minutes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from engine.rules.model import SEVERITIES
from engine.safety import wording_faults

State = Literal[
    "draft", "open", "claimed", "approved", "delivered", "rejected", "snoozed", "escalated", "superseded", "expired"
]
Verb = Literal[
    "open", "claim", "approve", "edit", "reject", "snooze", "escalate", "supersede", "expire", "deliver", "undo", "wake"
]
# The most serious first.
ORDER: Final = tuple(reversed(SEVERITIES))
HOLD: Final = timedelta(minutes=10)
CLAIM: Final = timedelta(minutes=10)
# Working time within which each severity should be looked at; product policy.
DUE: Final = {
    "emergency": timedelta(minutes=15),
    "urgent": timedelta(hours=2),
    "prompt": timedelta(days=1),
    "soon": timedelta(days=3),
    "routine": timedelta(days=7),
}
LIVE: Final = frozenset({"draft", "open", "claimed", "snoozed", "escalated", "approved"})
DECIDED: Final = frozenset({"approved", "delivered", "rejected"})
ENGINE: Final = "engine"
# verb -> (states it starts from, whether a person must do it, whether a reason is required)
_TABLE: Final[dict[Verb, tuple[frozenset[str], bool, bool]]] = {
    "open": (frozenset({"draft"}), False, False),
    "claim": (frozenset({"open", "claimed", "escalated"}), True, False),
    "approve": (frozenset({"open", "claimed", "escalated"}), True, False),
    "edit": (frozenset({"open", "claimed", "escalated"}), True, False),
    "reject": (frozenset({"open", "claimed", "escalated"}), True, True),
    "snooze": (frozenset({"open", "claimed"}), True, False),
    "escalate": (frozenset({"open", "claimed"}), True, True),
    "supersede": (frozenset(LIVE), False, True),
    "expire": (frozenset({"draft", "open", "claimed", "snoozed", "escalated"}), False, False),
    "deliver": (frozenset({"approved"}), False, False),
    "undo": (frozenset({"approved", "rejected", "snoozed", "escalated"}), True, False),
    "wake": (frozenset({"snoozed"}), False, False),
}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of advice in the queue.

    `held_until` is the end of a hold or a snooze, `decided_by` who claimed or decided.
    `evidence` is the frozen snapshot it was drafted from; `ask` the veto questions that were open then.
    """

    id: str
    resident_id: str
    topic: str
    rule_id: str
    rule_version: int
    text_version: int
    state: State
    version: int
    severity: str
    text_ja: str
    text_en: str
    evidence: dict[str, Any]
    snapshot_hash: str
    created_at: datetime
    updated_at: datetime
    held_until: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    supersedes: str | None = None

    @property
    def ask(self) -> tuple[str, ...]:
        """The veto questions that were open when this was drafted."""
        return tuple(self.evidence.get("ask", ()))


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants: `by` is a staff id or `engine`, `version` the one they saw, `asked` the questions they put.

    `until` belongs to snooze, the texts to edit, `reason` to reject, escalate and supersede.
    """

    verb: Verb
    by: str
    version: int
    reason: str | None = None
    until: datetime | None = None
    asked: tuple[str, ...] = ()
    text_ja: str | None = None
    text_en: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an item's history."""

    advice_id: str
    at: datetime
    actor: str
    command: str
    from_state: str | None
    to_state: str
    version: int
    reason: str | None


class Decision(msgspec.Struct, frozen=True):
    """The item as it is from now on (version one higher) and the event that made it so."""

    item: Item
    event: Event


class Refusal(msgspec.Struct, frozen=True):
    """Why not.

    Codes: conflict, not-allowed, needs-person, needs-reason, claimed-by-other, questions-open, hold, wording, until.
    """

    code: str
    message: str


class Rank(msgspec.Struct, frozen=True):
    """Where an item stands in the queue: smaller is earlier; every place in the key has its reason in words."""

    key: tuple[int, ...]
    reasons: tuple[str, ...]


def tier(severity: str) -> int:
    """0 for the most serious; a severity this program does not know is looked at first, never last."""
    return ORDER.index(severity) if severity in SEVERITIES else 0


def decide(item: Item, command: Command, now: datetime) -> Decision | Refusal:
    """The next state of `item`, or why `command` cannot be done to it at `now` (aware)."""
    refused = _refused(item, command, now)
    if refused is not None:
        return refused
    after = msgspec.structs.replace(item, version=item.version + 1, updated_at=now, **_change(item, command, now))
    told = command.reason or (",".join(command.asked) and f"asked: {','.join(command.asked)}") or None
    event = Event(
        advice_id=item.id, at=now, actor=command.by, command=command.verb, from_state=item.state,
        to_state=after.state, version=after.version, reason=told,
    )  # fmt: skip
    return Decision(after, event)


def _refused(item: Item, command: Command, now: datetime) -> Refusal | None:
    states, person, reason = _TABLE[command.verb]
    if command.version != item.version:
        return Refusal("conflict", f"version {command.version} was seen, it is {item.version} now")
    if item.state not in states:
        return Refusal("not-allowed", f"{command.verb} is not possible while it is {item.state}")
    if not command.by.strip() or (person and command.by == ENGINE):
        return Refusal("needs-person", f"{command.verb} needs the name of a person")
    if reason and not (command.reason or "").strip():
        return Refusal("needs-reason", f"{command.verb} needs a reason")
    if person and _claimed_by_other(item, command.by, now) and command.verb != "undo":
        return Refusal("claimed-by-other", f"{item.decided_by} is working on it")
    return _refused_by_verb(item, command, now)


def _refused_by_verb(item: Item, command: Command, now: datetime) -> Refusal | None:
    missing = [question for question in item.ask if question not in command.asked]
    sleeps = item.held_until is not None and now < item.held_until
    past = command.until is None or command.until <= now
    refusals: dict[Verb, Refusal | None] = {
        "approve": Refusal("questions-open", f"ask first: {', '.join(missing)}") if missing else None,
        "deliver": Refusal("hold", "it is still held") if sleeps or item.held_until is None else None,
        "undo": Refusal("hold", "the ten minutes are over") if _too_late(item, now) else None,
        "snooze": Refusal("until", "snooze needs a time in the future") if past else None,
        "wake": Refusal("until", "it sleeps until later") if sleeps else None,
        "edit": _bad_wording(command),
    }
    return refusals.get(command.verb)


def _too_late(item: Item, now: datetime) -> bool:
    """An undo must come before the end of the hold, so that it can never meet a delivery."""
    end = item.held_until if item.state == "approved" and item.held_until else item.updated_at + HOLD
    return now >= end


def _claimed_by_other(item: Item, by: str, now: datetime) -> bool:
    return item.state == "claimed" and item.decided_by != by and now < item.updated_at + CLAIM


def _bad_wording(command: Command) -> Refusal | None:
    if not command.text_ja or not command.text_en:
        return Refusal("wording", "both texts are needed, ja and en")
    faults = (*wording_faults("ja", command.text_ja), *wording_faults("en", command.text_en))
    return Refusal("wording", "; ".join(faults)) if faults else None


def _change(item: Item, command: Command, now: datetime) -> dict[str, Any]:
    """The fields a permitted command changes."""
    by, why = command.by, command.reason
    free = {"state": "open", "held_until": None, "decided_by": None, "reason": None}
    texts = {"text_ja": command.text_ja, "text_en": command.text_en}
    changes: dict[Verb, dict[str, Any]] = {
        "open": free,
        "wake": free,
        "undo": free,
        "claim": {"state": "claimed", "decided_by": by},
        "edit": {"state": "claimed", "decided_by": by, **texts},
        "approve": {"state": "approved", "decided_by": by, "held_until": now + HOLD, "reason": why},
        "reject": {"state": "rejected", "decided_by": by, "reason": why},
        "snooze": {"state": "snoozed", "decided_by": by, "held_until": command.until, "reason": why},
        "escalate": {"state": "escalated", "decided_by": by, "reason": why},
        "deliver": {"state": "delivered"},
        "supersede": {"state": "superseded", "held_until": None, "reason": why or item.reason},
        "expire": {"state": "expired", "held_until": None, "reason": why or item.reason},
    }
    return changes[command.verb]


def rank(item: Item, now: datetime) -> Rank:
    """The place of `item` in the queue: severity, minutes over due, first advice of the person, then age."""
    order = len(SEVERITIES) - 1 - SEVERITIES.index(item.severity) if item.severity in SEVERITIES else len(SEVERITIES)
    waited = now - item.created_at
    over = waited - DUE.get(item.severity, DUE["routine"])
    late = max(int(over / timedelta(minutes=1)), 0)
    first = bool(item.evidence.get("first", False))
    reasons = [f"severity:{item.severity}"]
    if late:
        reasons.append(f"overdue:{late}min")
    if first:
        reasons.append("first-advice")
    reasons.append(f"waiting:{max(int(waited / timedelta(minutes=1)), 0)}min")
    return Rank((order, -late, 0 if first else 1, int(item.created_at.timestamp())), tuple(reasons))

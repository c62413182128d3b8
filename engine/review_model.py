"""The values of the queue: a piece of advice, what somebody wants done with it, and what came of that. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from engine.access import Right
from engine.rules.model import SEVERITIES

State = Literal[
    "draft", "open", "claimed", "approved", "delivered", "rejected", "snoozed", "escalated", "superseded", "expired"
]
Verb = Literal[
    "open", "claim", "take-over", "release", "approve", "edit", "reject", "snooze", "escalate", "return", "forward",
    "send-now", "undo", "supersede", "expire", "deliver", "wake", "approve-standing", "deliver-urgent", "reopen",
]  # fmt: skip
# The most serious first.
ORDER: Final = tuple(reversed(SEVERITIES))
HOLD: Final = timedelta(minutes=10)
CLAIM: Final = timedelta(minutes=10)
# Nothing sleeps longer than this, whatever day was named: by then the numbers are others.
LONGEST_SNOOZE: Final = timedelta(days=92)
# The reason of a snooze that ends with the resident's next reading, and how long it waits for one.
NEXT_READING: Final = "next-reading"
READING_WAIT: Final = timedelta(days=30)
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
# Why advice is turned down: the code comes first in the reason, so that each rule's refusals can be counted.
REJECTIONS: Final = ("not-for-person", "in-treatment", "doubtful-data", "unclear-text", "not-now")
OTHER: Final = "other"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of advice in the queue.

    `held_until` is the end of a hold, a snooze or a claim, `decided_by` who claimed or decided: a person, a standing
    approval (`p-…`) or a signed urgent text (`u-…`). `escalated_by` asked a physician, who has not handed it back.
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
    escalated_by: str | None = None

    @property
    def ask(self) -> tuple[str, ...]:
        """The veto questions that were open when this was drafted."""
        return tuple(self.evidence.get("ask", ()))

    @property
    def review(self) -> str:
        """Who its rule wants to look at it: each, batchable or physician."""
        return str(self.evidence.get("rule", {}).get("review", "each"))


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants: `by` is a staff id or `engine`, `version` the one they saw, `asked` the questions they put.

    `rights` are those of the person: without any nothing is decided. `until` belongs to snooze, the texts to edit,
    `reason` to whatever needs one.
    """

    verb: Verb
    by: str
    version: int
    rights: frozenset[Right] = frozenset()
    reason: str | None = None
    until: datetime | None = None
    asked: tuple[str, ...] = ()
    text_ja: str | None = None
    text_en: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an item's history; an edit keeps the texts as they were before it."""

    advice_id: str
    at: datetime
    actor: str
    command: str
    from_state: str | None
    to_state: str
    version: int
    reason: str | None
    text_ja: str | None = None
    text_en: str | None = None


class Decision(msgspec.Struct, frozen=True):
    """The item as it is from now on (version one higher) and the event that made it so."""

    item: Item
    event: Event


class Refusal(msgspec.Struct, frozen=True):
    """Why not.

    Codes: conflict, not-allowed, needs-person, needs-nurse, needs-physician, needs-reason, claimed-by-other,
    questions-open, hold, wording, until.
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


def hurries(severity: str) -> bool:
    """Whether advice of this severity is urgent or worse; what this program does not know hurries."""
    return tier(severity) <= ORDER.index("urgent")


def told(code: str, text: str) -> str:
    """A reason as it is kept: the code of a listed one, the free text behind it; either may be empty."""
    return f"{code}: {text}" if code and text else code or text


def split_reason(reason: str | None) -> tuple[str, str]:
    """The code of a rejection (`other` where none was listed) and its free text; `told` the other way round."""
    code, _, text = (reason or "").partition(": ")
    return (code, text) if code in REJECTIONS else (OTHER, reason or "")

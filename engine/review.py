"""The queue's state machine: what a person or the engine may do to a piece of advice, and in which order it is shown.

Pure: `decide` returns the next item and the event to write down, or a refusal with a stable code. Nothing reaches
`delivered` but by a named person's approval that was held for ten minutes, or that this person sent on at once because
it is urgent; by a standing approval, held alike; or by an urgent text a physician signed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from engine.access import Right, rights_of
from engine.contract.ids import Role, is_id
from engine.review_model import (
    CLAIM,
    DECIDED,
    DUE,
    ENGINE,
    HOLD,
    LIVE,
    LONGEST_SNOOZE,
    NEXT_READING,
    ORDER,
    OTHER,
    READING_WAIT,
    REJECTIONS,
    Command,
    Decision,
    Event,
    Item,
    Rank,
    Refusal,
    State,
    Verb,
    hurries,
    split_reason,
    tier,
    told,
)
from engine.rules.model import SEVERITIES
from engine.safety import wording_faults

__all__ = [
    "CLAIM", "DECIDED", "DUE", "ENGINE", "HOLD", "LIVE", "LOCAL", "LONGEST_SNOOZE", "NEXT_READING", "ORDER", "OTHER",
    "READING_WAIT", "REJECTIONS", "Command", "Decision", "Event", "Item", "Rank", "Refusal", "State", "Verb",
    "busy_with", "decide", "hurries", "legal", "rank", "split_reason", "tier", "told",
]  # fmt: skip
# Who decides at the terminal of this machine does so as a nurse.
LOCAL: Final = rights_of({"nurse"})
# Above these a dietitian leaves the decision to nurses and physicians; product policy.
_MILD: Final = frozenset({"routine", "soon"})
# What stands for a person in `decided_by` without being one: a standing approval, a signed urgent text.
_SIGNED: Final[dict[Verb, Role]] = {"approve-standing": "p", "deliver-urgent": "u"}


class _Way(NamedTuple):
    """From which states a verb starts; whether a person does it, a reason is needed, and it is a decision.

    A decision asks for the right to this item: its severity, and a physician's where one is needed.
    """

    states: frozenset[str]
    person: bool = False
    reason: bool = False
    decides: bool = False


_HANDS: Final = frozenset({"open", "claimed", "escalated"})
_TABLE: Final[dict[Verb, _Way]] = {
    "open": _Way(frozenset({"draft"})),
    "claim": _Way(_HANDS, person=True, decides=True),
    "take-over": _Way(frozenset({"claimed", "escalated"}), person=True, decides=True),
    "release": _Way(frozenset({"claimed", "escalated"}), person=True),
    "approve": _Way(_HANDS, person=True, decides=True),
    "edit": _Way(_HANDS, person=True, decides=True),
    "reject": _Way(_HANDS, person=True, reason=True, decides=True),
    "snooze": _Way(frozenset({"open", "claimed"}), person=True),
    "escalate": _Way(frozenset({"open", "claimed"}), person=True, reason=True),
    "return": _Way(frozenset({"escalated"}), person=True, reason=True, decides=True),
    "forward": _Way(_HANDS | {"snoozed"}, person=True, reason=True),
    "send-now": _Way(frozenset({"approved"}), person=True, decides=True),
    "undo": _Way(frozenset({"approved", "rejected", "snoozed", "escalated"}), person=True),
    "supersede": _Way(LIVE, reason=True),
    "expire": _Way(frozenset({"draft", "open", "claimed", "snoozed", "escalated"})),
    "deliver": _Way(frozenset({"approved"})),
    "wake": _Way(frozenset({"snoozed"})),
    "approve-standing": _Way(frozenset({"open"})),
    "deliver-urgent": _Way(frozenset({"open", "claimed", "snoozed", "escalated", "approved"})),
    "reopen": _Way(frozenset({"approved"}), reason=True),
}


def decide(item: Item, command: Command, now: datetime) -> Decision | Refusal:
    """The next state of `item`, or why `command` cannot be done to it at `now` (aware)."""
    refused = _refused(item, command, now)
    if refused is not None:
        return refused
    after = msgspec.structs.replace(item, version=item.version + 1, updated_at=now, **_change(item, command, now))
    why = command.reason or (",".join(command.asked) and f"asked: {','.join(command.asked)}") or None
    before = (item.text_ja, item.text_en) if command.verb == "edit" else (None, None)
    event = Event(
        advice_id=item.id, at=now, actor=command.by, command=command.verb, from_state=item.state,
        to_state=after.state, version=after.version, reason=why, text_ja=before[0], text_en=before[1],
    )  # fmt: skip
    return Decision(after, event)


def legal(item: Item, by: str, rights: frozenset[Right], now: datetime) -> frozenset[Verb]:
    """What this person may do to `item` at `now`, questions put, reasons given and words well chosen."""
    until = now + HOLD

    def allows(verb: Verb) -> bool:
        wish = Command(
            verb=verb, by=by, version=item.version, rights=rights, asked=item.ask, reason="-", until=until,
            text_ja="-", text_en="-",
        )  # fmt: skip
        return isinstance(decide(item, wish, now), Decision)

    return frozenset(verb for verb, way in _TABLE.items() if way.person and allows(verb))


def busy_with(item: Item, now: datetime) -> str | None:
    """Who has a claim on `item` that has not run out."""
    if item.state not in {"claimed", "escalated"} or item.decided_by is None:
        return None
    # A claim of before claims had an end of their own ends ten minutes after it was made.
    end = item.held_until or (item.updated_at + CLAIM if item.state == "claimed" else now)
    return item.decided_by if now < end else None


def _refused(item: Item, command: Command, now: datetime) -> Refusal | None:
    way = _TABLE[command.verb]
    if command.version != item.version:
        return Refusal("conflict", f"version {command.version} was seen, it is {item.version} now")
    if item.state not in way.states:
        return Refusal("not-allowed", f"{command.verb} is not possible while it is {item.state}")
    if not command.by.strip() or (way.person and (command.by == ENGINE or _is_signature(command.by))):
        return Refusal("needs-person", f"{command.verb} needs the name of a person")
    if way.reason and not (command.reason or "").strip():
        return Refusal("needs-reason", f"{command.verb} needs a reason")
    refused = _refused_to_a_person(item, command, now) if way.person else _refused_to_others(command)
    check = _CHECKS.get(command.verb)
    return refused if refused is not None or check is None else check(item, command, now)


def _refused_to_a_person(item: Item, command: Command, now: datetime) -> Refusal | None:
    return _not_theirs(item, command) or _claimed_by_other(item, command, now)


def _refused_to_others(command: Command) -> Refusal | None:
    engines = command.verb not in _SIGNED and command.by != ENGINE
    return Refusal("not-allowed", f"{command.verb} is the engine's") if engines else None


def _not_theirs(item: Item, command: Command) -> Refusal | None:
    """Why this is for somebody else: a nurse, because it is serious, or a physician, who was asked or must be."""
    if command.verb == "forward" and "advice.decide" in command.rights:
        return None
    own_question = command.verb == "undo" and item.state == "escalated" and item.escalated_by == command.by
    asked = item.escalated_by is not None and not own_question
    needs = item.review == "physician" and (_TABLE[command.verb].decides or command.verb == "undo")
    if (asked or needs) and "advice.decide-escalated" not in command.rights:
        return Refusal("needs-physician", f"{command.verb} is for a physician here")
    if "advice.decide" not in command.rights:
        return Refusal("needs-nurse", f"{command.verb} is not for this person")
    if item.severity not in _MILD and "advice.decide-serious" not in command.rights:
        return Refusal("needs-nurse", f"{command.verb} is for a nurse or a physician: it is {item.severity}")
    return None


def _claimed_by_other(item: Item, command: Command, now: datetime) -> Refusal | None:
    busy = busy_with(item, now)
    if busy is None or busy == command.by or command.verb in {"take-over", "forward"}:
        return None
    return Refusal("claimed-by-other", f"{busy} is working on it")


def _take_over(item: Item, command: Command, now: datetime) -> Refusal | None:
    free = busy_with(item, now) in {None, command.by}
    return Refusal("not-allowed", "nobody else is working on it") if free else None


def _release(item: Item, command: Command, now: datetime) -> Refusal | None:
    mine = busy_with(item, now) == command.by
    return None if mine else Refusal("not-allowed", "it is not claimed by this person")


def _approve(item: Item, command: Command, _: datetime) -> Refusal | None:
    missing = [question for question in item.ask if question not in command.asked]
    return Refusal("questions-open", f"ask first: {', '.join(missing)}") if missing else None


def _edit(_: Item, command: Command, __: datetime) -> Refusal | None:
    if not command.text_ja or not command.text_en:
        return Refusal("wording", "both texts are needed, ja and en")
    faults = (*wording_faults("ja", command.text_ja), *wording_faults("en", command.text_en))
    return Refusal("wording", "; ".join(faults)) if faults else None


def _snooze(item: Item, command: Command, now: datetime) -> Refusal | None:
    if hurries(item.severity):
        return Refusal("not-allowed", "what is urgent does not sleep")
    if command.until is None or command.until <= now:
        return Refusal("until", "snooze needs a time in the future")
    return Refusal("until", "nothing sleeps so long") if command.until - now > LONGEST_SNOOZE else None


def _send_now(item: Item, command: Command, now: datetime) -> Refusal | None:
    if not hurries(item.severity):
        return Refusal("not-allowed", "only what is urgent skips its hold")
    if item.decided_by != command.by:
        return Refusal("not-allowed", "only who approved it sends it on")
    gone = item.held_until is None or item.held_until <= now
    return Refusal("not-allowed", "its hold is over") if gone else None


def _undo(item: Item, command: Command, now: datetime) -> Refusal | None:
    """An undo must come before the end of the hold, so that it can never meet a delivery."""
    end = item.held_until if item.state == "approved" and item.held_until else item.updated_at + HOLD
    if now >= end:
        return Refusal("hold", "the ten minutes are over")
    # Who asked a physician may think better of it; once one has worked on it, it is theirs.
    taken = item.state == "escalated" and not command.by == item.escalated_by == item.decided_by
    return Refusal("not-allowed", "it is the physician's by now") if taken else None


def _deliver(item: Item, _: Command, now: datetime) -> Refusal | None:
    held = item.held_until is None or now < item.held_until
    return Refusal("hold", "it is still held") if held else None


def _wake(item: Item, _: Command, now: datetime) -> Refusal | None:
    sleeps = item.held_until is not None and now < item.held_until
    waits = (item.reason or "").startswith(NEXT_READING)
    return Refusal("until", "it sleeps until later") if sleeps and not waits else None


def _standing(item: Item, command: Command, now: datetime) -> Refusal | None:
    if not is_id(command.by, _SIGNED["approve-standing"]):
        return Refusal("not-allowed", "this is for a standing approval")
    # Whatever the approval says: what hurries, or needs an answer or a physician, waits for a person.
    if item.severity != "routine" or item.review == "physician" or item.escalated_by is not None:
        return Refusal("not-allowed", "a standing approval never covers this")
    return _approve(item, command, now)


def _urgent(item: Item, command: Command, _: datetime) -> Refusal | None:
    fits = is_id(command.by, _SIGNED["deliver-urgent"]) and hurries(item.severity)
    return None if fits else Refusal("not-allowed", "this is for a signed urgent text about an urgent matter")


def _reopen(item: Item, _: Command, __: datetime) -> Refusal | None:
    fits = is_id(item.decided_by or "", _SIGNED["approve-standing"])
    return None if fits else Refusal("not-allowed", "only what a standing approval covered is opened again")


_CHECKS: Final[dict[Verb, Callable[[Item, Command, datetime], Refusal | None]]] = {
    "take-over": _take_over, "release": _release, "approve": _approve, "edit": _edit, "snooze": _snooze,
    "send-now": _send_now, "undo": _undo, "deliver": _deliver, "wake": _wake, "approve-standing": _standing,
    "deliver-urgent": _urgent, "reopen": _reopen,
}  # fmt: skip


def _is_signature(by: str) -> bool:
    return any(is_id(by, letter) for letter in _SIGNED.values())


def _change(item: Item, command: Command, now: datetime) -> dict[str, Any]:
    """The fields a permitted command changes."""
    by, why = command.by, command.reason
    asked = item.escalated_by is not None
    bare = {"held_until": None, "decided_by": None, "reason": None}
    # A physician who was asked stays asked, whatever is claimed, decided and taken back meanwhile.
    free = bare | {"state": "escalated" if asked else "open"}
    mine = {"state": "escalated" if asked else "claimed", "decided_by": by, "held_until": now + CLAIM}
    signed = {"state": "approved", "decided_by": by, "held_until": now + HOLD, "reason": why}
    changes: dict[Verb, dict[str, Any]] = {
        "open": free,
        "wake": free,
        "reopen": free,
        "undo": bare | {"state": "open", "escalated_by": None} if item.state == "escalated" else free,
        "claim": mine,
        "take-over": mine,
        "release": {key: value for key, value in free.items() if key != "reason"},
        "edit": mine | {"text_ja": command.text_ja, "text_en": command.text_en},
        "approve": signed,
        "approve-standing": signed,
        "reject": {"state": "rejected", "decided_by": by, "held_until": None, "reason": why},
        "snooze": {"state": "snoozed", "decided_by": by, "held_until": command.until, "reason": why},
        "escalate": {"state": "escalated", "decided_by": by, "escalated_by": by, "held_until": None, "reason": why},
        "return": bare | {"state": "open", "escalated_by": None},
        "forward": {},
        "send-now": {"held_until": now},
        "deliver": {"state": "delivered"},
        "deliver-urgent": {"state": "delivered", "decided_by": by, "held_until": None, "reason": why},
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

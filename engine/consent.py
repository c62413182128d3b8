"""May this be done with a resident's data: only for the purpose, recipient and kind they said yes to, and only then.

Nothing is inferred from another purpose, and silence is no. What was said later replaces what was said before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from itertools import product
from typing import Final, Literal, get_args

import msgspec

from engine.consent_texts import TEXTS, Purpose, text_hash
from engine.contract.kinds import KINDS
from engine.names import keep
from engine.refusal import Refusal

Reason = Literal["granted", "never-granted", "withdrawn", "expired", "partly-withdrawn"]
_TOPIC: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing `resident` said: yes or no to `purpose`, for one recipient and kind or (None) for all of them.

    `until` ends a yes at that instant. `actor` and `channel` say who wrote it down and how it was said; `seq` orders
    events of the same instant; `text_hash` names the words the resident was shown.
    """

    resident: str
    purpose: Purpose
    granted: bool
    at: datetime
    until: datetime | None = None
    recipient: str | None = None
    kind: str | None = None
    actor: str = ""
    channel: str = ""
    text_hash: str = ""
    seq: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """Whether it may be done, and why (not); `event` is the sequence number that decided, None when nobody spoke."""

    granted: bool
    code: Reason
    event: int | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds now for one purpose and scope that was ever spoken about; `text_hash` names the words it rests on."""

    purpose: Purpose
    recipient: str | None
    kind: str | None
    granted: bool
    code: Reason
    since: datetime
    until: datetime | None
    text_current: bool
    text_hash: str = ""


def permits(
    events: Iterable[Event], purpose: Purpose, recipient: str | None, kind: str | None, when: datetime
) -> Verdict:
    """Whether `purpose` is allowed at `when` for `recipient` and `kind`; None asks for all of them at once.

    The events are one resident's, in any order. The last one that covers the question decides, also when it is a yes
    that has ended. Asked for all, a single later no (to one recipient or kind) is a no.
    """
    said = _newest_first(events, purpose, when)
    first = _verdict(_deciding(said, recipient, kind), when)
    if not first.granted:
        return first
    recipients = {event.recipient for event in said} | {None} if recipient is None else {recipient}
    kinds = {event.kind for event in said} | {None} if kind is None else {kind}
    for narrower in product(recipients, kinds):
        verdict = _verdict(_deciding(said, *narrower), when)
        if not verdict.granted:
            return Verdict(False, "partly-withdrawn", verdict.event)
    return first


def standing(events: Iterable[Event], when: datetime) -> list[Standing]:
    """What holds at `when` for every purpose and scope ever spoken about, in the order of the table of purposes."""
    known = list(events)
    found = []
    for purpose in PURPOSES:
        said = _newest_first(known, purpose, when)
        scopes = {(event.recipient, event.kind) for event in said}
        for recipient, kind in sorted(scopes, key=lambda scope: (scope[0] or "", scope[1] or "")):
            decided = _deciding(said, recipient, kind)
            assert decided is not None  # the scope was taken from these events
            verdict = _verdict(decided, when)
            found.append(
                Standing(
                    purpose=purpose,
                    recipient=recipient,
                    kind=kind,
                    granted=verdict.granted,
                    code=verdict.code,
                    since=decided.at,
                    until=decided.until,
                    text_current=decided.text_hash == text_hash(purpose),
                    text_hash=decided.text_hash,
                )
            )
    return found


def say(draft: Event) -> Event | Refusal:
    """`draft` with the hash of the words shown today, or why it cannot be said.

    A misspelt kind or recipient would be a no that protects nothing, so the scope must fit the purpose.
    """
    refusal = _misfit(draft) or _bad_end(draft)
    return refusal or msgspec.structs.replace(draft, text_hash=text_hash(draft.purpose))


def _misfit(draft: Event) -> Refusal | None:
    text = TEXTS.get(draft.purpose)
    if text is None:
        return Refusal("unknown-purpose", f"purposes are {', '.join(PURPOSES)}")
    if draft.recipient is not None and not text.recipients:
        return Refusal("no-recipients", f"{draft.purpose} cannot be given for one recipient")
    if draft.kind is not None and text.scope == "all":
        return Refusal("no-kinds", f"{draft.purpose} cannot be given for one kind")
    if draft.kind is not None and not (_TOPIC.fullmatch(draft.kind) if text.scope == "topic" else draft.kind in KINDS):
        return Refusal("unknown-kind", f"{draft.kind!r} is not a {text.scope} of {draft.purpose}")
    named = keep(draft.recipient) if draft.recipient is not None else None
    return named if isinstance(named, Refusal) else None


def _bad_end(draft: Event) -> Refusal | None:
    if draft.until is not None and not draft.granted:
        return Refusal("until-on-withdrawal", "a withdrawal has no end; grant again instead")
    if draft.until is not None and draft.until <= draft.at:
        return Refusal("until-past", "the end of a consent must lie in the future")
    return None


def _newest_first(events: Iterable[Event], purpose: str, when: datetime) -> list[Event]:
    said = [event for event in events if event.purpose == purpose and event.at <= when]
    return sorted(said, key=lambda event: (event.at, event.seq), reverse=True)


def _deciding(said: list[Event], recipient: str | None, kind: str | None) -> Event | None:
    """The newest event (`said` is newest first) whose scope covers this recipient and kind."""
    covers = (event for event in said if event.recipient in {None, recipient} and event.kind in {None, kind})
    return next(covers, None)


def _verdict(event: Event | None, when: datetime) -> Verdict:
    if event is None:
        return Verdict(False, "never-granted")
    if not event.granted:
        return Verdict(False, "withdrawn", event.seq)
    if event.until is not None and when >= event.until:
        return Verdict(False, "expired", event.seq)
    return Verdict(True, "granted", event.seq)

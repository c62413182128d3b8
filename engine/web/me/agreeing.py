"""The consents of one resident as their page shows them, and a form of that page as what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from engine.charts_kinds import title_of
from engine.consent import PURPOSES, Event, Standing, permits, say, standing
from engine.consent_texts import TEXTS, Purpose, Text
from engine.contract.kinds import KINDS
from engine.locale import Language
from engine.refusal import Refusal
from engine.rules import load_catalogue

State = Literal["yes", "no", "partly", "ended", "never"]
# These name whom they are for: a yes to nobody in particular would be a yes to everybody.
CHOSEN: Final[frozenset[Purpose]] = frozenset({"care-share", "family-view", "watch-over"})
# How long a yes may be given for, in days; 0 has no end.
SPANS: Final = (0, 31, 183, 366)
_STATES: Final[dict[str, State]] = {
    "granted": "yes", "withdrawn": "no", "expired": "ended", "partly-withdrawn": "partly", "never-granted": "never",
}  # fmt: skip
# Kinds people know by name; what else was ever spoken about is shown as well.
_COMMON: Final = (
    "body-weight", "body-fat", "waist", "systolic", "diastolic", "pulse-rate", "steps-day", "body-temperature",
    "spo2", "sleep-duration",
)  # fmt: skip


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one recipient or kind of a purpose, and how it is called."""

    recipient: str | None
    kind: str | None
    name: str
    what: str
    granted: bool
    since: datetime
    until: datetime | None


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """One purpose: its words, what holds for the whole of it and since when, and its parts.

    `stale` says that a yes was given to other words than today's.
    """

    purpose: Purpose
    label: str
    lines: tuple[str, ...]
    state: State
    since: datetime | None
    until: datetime | None
    stale: bool
    recipients: bool
    scope: str
    chosen: bool
    parts: tuple[Part, ...]
    kinds: tuple[tuple[str, str], ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history; `topic` says that `what` is the code of a topic of advice."""

    label: str
    granted: bool
    name: str
    what: str
    topic: bool
    at: datetime
    actor: str
    channel: str


def agreed(events: Sequence[Event], now: datetime, lang: Language, names: Mapping[str, str]) -> tuple[Agreed, ...]:
    """Every purpose with what holds at `now`; `names` are the names of recipients by their id."""
    held = standing(events, now)
    return tuple(_agreed(TEXTS[purpose], events, held, now, lang, names) for purpose in PURPOSES)


def history(events: Iterable[Event], lang: Language, names: Mapping[str, str], most: int) -> tuple[Said, ...]:
    """The last things that were said, newest first."""
    newest = sorted(events, key=lambda event: (event.at, event.seq), reverse=True)
    return tuple(
        Said(
            label=TEXTS[event.purpose].label(lang), granted=event.granted,
            name=names.get(event.recipient or "", event.recipient or ""), what=kind_word(event.kind, lang),
            topic=TEXTS[event.purpose].scope == "topic", at=event.at,
            actor=names.get(event.actor, event.actor), channel=event.channel,
        )
        for event in newest[:most]
    )  # fmt: skip


def kind_word(kind: str | None, lang: Language) -> str:
    """A kind of measurement as people call it; the code where it is none of ours, "" for none."""
    return title_of(kind, lang) if kind in KINDS else kind or ""


def choices_of(scope: str, spoken: Iterable[str], lang: Language) -> tuple[tuple[str, str], ...]:
    """What a purpose can be narrowed to, as (code, word); a topic's word is its code, for the page to say."""
    if scope == "all":
        return ()
    if scope == "topic":
        known = sorted({rule.topic for rule in load_catalogue() if hasattr(rule, "topic")})
        return tuple((topic, topic) for topic in sorted({*known, *spoken}))
    return tuple((kind, kind_word(kind, lang)) for kind in dict.fromkeys((*_COMMON, *sorted(spoken))))


def draft(
    form: Mapping[str, Any], resident: str, now: datetime, *, actor: str = "", channel: str = "page"
) -> Event | Refusal:
    """What a form of the page says, ready to be stored; refused as `engine.consent.say` refuses, or needs-recipient.

    `actor` is who writes it down, the resident where nobody else does. Silence is no: `granted` other than
    yes is a withdrawal.
    """
    granted = form.get("granted") == "yes"
    recipient, kind = (str(form.get(name) or "").strip() or None for name in ("recipient", "kind"))
    days = next((span for span in SPANS if str(span) == str(form.get("days") or "0")), 0)
    purpose = next((one for one in PURPOSES if one == form.get("purpose")), None)
    if purpose is None:
        return Refusal("unknown-purpose", "there is no such purpose", "purpose")
    if granted and purpose in CHOSEN and recipient is None:
        return Refusal("needs-recipient", "say for whom", "recipient")
    return say(
        Event(
            resident=resident, purpose=purpose, granted=granted, at=now, recipient=recipient, kind=kind,
            until=now + timedelta(days=days) if granted and days else None, actor=actor or resident, channel=channel,
        )
    )  # fmt: skip


def _agreed(
    text: Text,
    events: Sequence[Event],
    held: Sequence[Standing],
    now: datetime,
    lang: Language,
    names: Mapping[str, str],
) -> Agreed:  # fmt: skip
    mine = [one for one in held if one.purpose == text.purpose]
    whole = next((one for one in mine if one.recipient is None and one.kind is None), None)
    state = _STATES[permits(events, text.purpose, None, None, now).code]
    parts = tuple(_part(one, lang, names) for one in mine if one is not whole)
    if state not in {"partly", "yes"} and any(part.granted for part in parts):
        state = "partly"
    return Agreed(
        purpose=text.purpose, label=text.label(lang), lines=text.lines(lang), state=state,
        since=whole.since if whole else None, until=whole.until if whole and whole.granted else None,
        stale=any(one.granted and not one.text_current for one in mine), recipients=text.recipients, scope=text.scope,
        chosen=text.purpose in CHOSEN, parts=parts,
        kinds=choices_of(text.scope, {part.kind for part in parts if part.kind}, lang),
    )  # fmt: skip


def _part(one: Standing, lang: Language, names: Mapping[str, str]) -> Part:
    recipient = one.recipient or ""
    return Part(
        recipient=one.recipient, kind=one.kind, name=names.get(recipient, recipient), what=kind_word(one.kind, lang),
        granted=one.granted, since=one.since, until=one.until if one.granted else None,
    )  # fmt: skip

"""What the templates show: from items, people and events to rows in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_datetime

from engine.asking import words
from engine.locale import Language, has_text, text
from engine.people import Resident, age_on
from engine.questionnaires import questionnaires
from engine.review import REJECTIONS, Event, Item, Rank, split_reason
from engine.vocabulary import VOCABULARY

Say = Callable[..., str]
_LONG: Final = {"ja": "y年M月d日(E) HH:mm", "en": "EEE d MMM y, HH:mm"}
UNITS: Final[dict[str, dict[Language, str]]] = {
    "1": {"ja": "", "en": ""},
    "a": {"ja": "歳", "en": "years"},
    "d": {"ja": "日", "en": "days"},
    "kg/m2": {"ja": "kg/m²", "en": "kg/m²"},
    "kg/wk": {"ja": "kg/週", "en": "kg/week"},
    "{steps}/d": {"ja": "歩/日", "en": "steps/day"},
    "mm[Hg]": {"ja": "mmHg", "en": "mmHg"},
}
_HOUR: Final = 60
_DAYS_FROM: Final = 48 * _HOUR


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One number the rule saw, as it was then, and the readings it came from."""

    name: str
    label: str
    value: str
    between: str
    total: int
    inputs: tuple[str, ...]
    note: str


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    at: str
    actor: str
    done: str
    state: str
    reason: str


def speaker(lang: Language) -> Say:
    """The desk's words in `lang` by key."""

    def say(key: str, **values: object) -> str:
        return text(lang, "nurse", f"desk.{key}", **values)

    return say


def resident_speaker(lang: Language) -> Say:
    """The words of the resident's pages in `lang` by key."""

    def tell(key: str, **values: object) -> str:
        return text(lang, "resident", f"me.{key}", **values)

    return tell


def word(lang: Language, kind: str, code: str) -> str:
    """The word for a code of that kind, or the code itself where there is none: a new code must not break a page."""
    key = f"severity.{code}" if kind == "severity" else f"desk.{kind}.{code}"
    return text(lang, "nurse", key) if has_text(lang, "nurse", key) else code


def when(lang: Language, at: datetime, zone: ZoneInfo) -> str:
    """An instant as a person reads it, in the zone of the resident's home."""
    return format_datetime(at.astimezone(zone), _LONG[lang], locale=lang)


def detail(
    lang: Language,
    item: Item,
    person: Resident | None,
    events: Iterable[Event],
    now: datetime,
    zone: ZoneInfo,
    names: Mapping[str, str],
) -> dict[str, Any]:
    """Everything the page of one item shows of it, from the evidence frozen when it was drafted; `names` of staff."""
    evidence, own = item.evidence, "ja" if person is None else person.language
    seen = evidence.get("as_of")
    return {
        "item": item, "name": _name(person) or item.resident_id, "age": _age(lang, person, now),
        "kana": f"{person.family_kana} {person.given_kana}".strip() if person else "",
        "topic": word(lang, "topic", item.topic), "severity_word": word(lang, "severity", item.severity),
        "state_word": word(lang, "state", item.state), "own": own,
        "texts": sorted((("ja", item.text_ja), ("en", item.text_en)), key=lambda pair: pair[0] != own),
        "note": evidence.get("note", {}).get(lang, ""), "reasons": evidence.get("reasons", ()),
        "rule": {"case": "", "boundary": ""} | evidence.get("rule", {}), "sources": evidence.get("sources", ()),
        "as_of": when(lang, datetime.fromisoformat(seen), zone) if seen else "",
        "signals": [_signal(lang, name, one) for name, one in evidence.get("signals", {}).items()],
        "questions": [(question, words(lang, question), parts_of(lang, question)) for question in item.ask],
        "events": [_event(lang, event, zone, names) for event in events],
        "held": when(lang, item.held_until, zone) if item.held_until else "", "zone": zone,
        "reason_words": reason_words(lang, item.reason),
    }  # fmt: skip


def reason_words(lang: Language, reason: str | None) -> str:
    """A reason as it is read: the words of a listed one, with the free text behind it."""
    code, own = split_reason(reason)
    if code in REJECTIONS:
        return " · ".join(filter(None, (word(lang, "rejection", code), own)))
    return word(lang, "reason", reason) if reason else ""


def parts_of(lang: Language, question: str) -> tuple[str, ...]:
    """What a question asks about where it names several things; nobody may tick it without reading them out."""
    item = questionnaires()["veto"].find(question)
    if item is None or not item.multi:
        return ()
    return tuple(choice.ja if lang == "ja" else choice.en for choice in item.choices if choice.code != "none")


def span(lang: Language, minutes: int) -> str:
    """A length of time in its largest sensible unit."""
    if minutes < _HOUR:
        return text(lang, "nurse", "desk.span.minutes", n=minutes)
    if minutes < _DAYS_FROM:
        return text(lang, "nurse", "desk.span.hours", n=minutes // _HOUR)
    return text(lang, "nurse", "desk.span.days", n=minutes // (24 * _HOUR))


def chips(lang: Language, place: Rank) -> tuple[str, ...]:
    """Why an item stands where it stands, in short words."""
    return tuple(filter(None, (_chip(lang, reason) for reason in place.reasons)))


def _chip(lang: Language, reason: str) -> str | None:
    """A reason of the rank as a short word; the severity has its own place, and what came just now says nothing."""
    code, _, value = reason.partition(":")
    minutes = value.removesuffix("min")
    if code == "severity" or minutes == "0":
        return None
    if minutes.isdigit():
        return text(lang, "nurse", f"desk.chip.{code}", span=span(lang, int(minutes)))
    return word(lang, "chip", code)


def _signal(lang: Language, name: str, frozen: Mapping[str, Any]) -> SignalRow:
    spec = VOCABULARY.get(name)
    unit = frozen.get("unit") or ""
    shown = UNITS.get(unit, {}).get(lang, unit)
    label = name if spec is None else (spec.ja if lang == "ja" else spec.en)
    value, low, high = (frozen.get(part) for part in ("value", "low", "high"))
    inputs = tuple(frozen.get("inputs", ()))
    return SignalRow(
        name=name, label=label,
        value=text(lang, "nurse", "desk.evidence.none") if value is None else f"{value} {shown}".strip(),
        between="" if low is None or high is None else f"{low} … {high}",
        total=int(frozen.get("inputs_total", len(inputs))), inputs=inputs, note=frozen.get("note") or "",
    )  # fmt: skip


def _event(lang: Language, event: Event, zone: ZoneInfo, names: Mapping[str, str]) -> EventRow:
    return EventRow(
        at=when(lang, event.at, zone), actor=names.get(event.actor, event.actor),
        done=word(lang, "verb", event.command), state=word(lang, "state", event.to_state),
        reason=reason_words(lang, event.reason),
    )  # fmt: skip


def _name(person: Resident | None) -> str:
    return f"{person.family_name} {person.given_name}".strip() if person else ""


def _age(lang: Language, person: Resident | None, now: datetime) -> str:
    # The age in years hangs on the day, and every municipality served lies in one zone.
    day = now.astimezone(ZoneInfo("Asia/Tokyo")).date()
    return text(lang, "nurse", "desk.age", years=age_on(person.birth_date, day)) if person else ""

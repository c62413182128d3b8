"""What stands beside an item, as rows in words: notes, attempts to speak with the resident, and advice before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.locale import Language, text
from engine.review import Item
from engine.store.repo_contacts import Contact
from engine.store.repo_evidence import Earlier
from engine.store.repo_notes import Note
from engine.vocabulary import VOCABULARY
from engine.web.view import UNITS, reason_words, when, word

# How many numbers of an earlier advice are set beside today's.
_SINCE: Final = 3


class SaidRow(msgspec.Struct, frozen=True, kw_only=True):
    """A note, or an attempt to speak with the resident: when, by whom, and in words."""

    at: str
    by: str
    text: str
    head: str = ""


class EarlierRow(msgspec.Struct, frozen=True, kw_only=True):
    """Advice on the same topic before, what came of it, and its numbers beside those of now."""

    id: str
    at: str
    by: str
    state: str
    line: str
    outcome: tuple[str, ...]
    since: tuple[tuple[str, str, str], ...]


def note_rows(lang: Language, notes: Iterable[Note], names: Mapping[str, str], zone: ZoneInfo) -> tuple[SaidRow, ...]:
    """The notes beside an item."""
    return tuple(SaidRow(at=when(lang, one.at, zone), by=names[one.author], text=one.text) for one in notes)


def contact_rows(
    lang: Language, contacts: Iterable[Contact], names: Mapping[str, str], zone: ZoneInfo
) -> tuple[SaidRow, ...]:
    """Who tried to speak with the resident, and what came of it."""
    return tuple(
        SaidRow(
            at=when(lang, one.at, zone), by=names[one.by], text=one.text,
            head=f"{word(lang, 'contact.how', one.how)} · {word(lang, 'contact.outcome', one.outcome)}",
        )
        for one in contacts
    )  # fmt: skip


def earlier_rows(
    lang: Language, before: Iterable[Earlier], item: Item, names: Mapping[str, str], zone: ZoneInfo
) -> tuple[EarlierRow, ...]:
    """What was said on the topic before, whether it was read and found useful, and the numbers then and now."""
    return tuple(
        EarlierRow(
            id=one.id, at=when(lang, one.at, zone), by=names.get(one.by or "", ""),
            state=word(lang, "state", one.state),
            line=next(iter((one.text_ja if lang == "ja" else one.text_en).splitlines()), ""),
            outcome=_outcome(lang, one, zone), since=_since(lang, one, item),
        )
        for one in before
    )  # fmt: skip


def _outcome(lang: Language, one: Earlier, zone: ZoneInfo) -> tuple[str, ...]:
    if one.state == "rejected":
        return (reason_words(lang, one.reason),)
    unread = text(lang, "nurse", "desk.earlier.unread")
    read = unread if one.opened is None else text(lang, "nurse", "desk.earlier.read", at=when(lang, one.opened, zone))
    return (read, word(lang, "said", one.said or "nothing"))


def _since(lang: Language, one: Earlier, item: Item) -> tuple[tuple[str, str, str], ...]:
    """Numbers both snapshots hold: what it is, its value then and its value now."""
    now = item.evidence.get("signals", {})
    found = []
    for name, frozen in one.signals.items():
        spec, today = VOCABULARY.get(name), now.get(name, {})
        measured = spec is not None and spec.sort == "number" and bool(frozen.get("inputs"))
        if spec is not None and measured and frozen.get("value") and today.get("value"):
            shown = UNITS.get(spec.unit, {}).get(lang, spec.unit)
            then, since = (f"{side['value']} {shown}".strip() for side in (frozen, today))
            found.append((spec.ja if lang == "ja" else spec.en, then, since))
    return tuple(found[:_SINCE])

"""What a form of the item page held: kept when it is refused, so that nobody types anything twice. Pure."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.locale import LANGUAGES
from engine.refusal import Refusal
from engine.review import LONGEST_SNOOZE, NEXT_READING, READING_WAIT, REJECTIONS
from engine.wording import wording_faults

# A message of this length is no message any more; product policy.
LONGEST_TEXT: Final = 2_000
LONGEST_NOTE: Final = 2_000
# At this hour a snoozed item is back on the desk: before the office opens.
MORNING: Final = time(8, 0)
WHENS: Final = ("tomorrow", "next-reading", "date")
_BLANK: Final = "empty"


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of one form, as they were typed; `form` is its verb, `refused` the code it was refused with."""

    form: str = ""
    asked: frozenset[str] = frozenset()
    why: str = ""
    reason: str = ""
    text_ja: str | None = None
    text_en: str | None = None
    when: str = ""
    day: str = ""
    to: str = ""
    note: str = ""
    how: str = ""
    outcome: str = ""
    refused: str | None = None
    faults: tuple[tuple[str, str, str], ...] = ()

    @property
    def holds_words(self) -> bool:
        """Whether somebody would have to type something again."""
        return bool(self.reason or self.note or self.text_ja is not None)

    def said(self, form: str, name: str) -> str:
        """What stands in a field of a form: what was typed there, nothing elsewhere."""
        return str(getattr(self, name) or "") if self.form == form else ""


def plain_text(text: str) -> str:
    """A text as it is kept: line ends as one character, no blanks at the ends, no blank lines around it."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def note_of(text: str) -> str | Refusal:
    """A note as it is kept, its lines kept too; refused empty, too-long or control-character."""
    kept = plain_text(text).strip()
    if not kept:
        return Refusal(_BLANK, "there is nothing in it", "note")
    if len(kept) > LONGEST_NOTE:
        return Refusal("too-long", f"must not be longer than {LONGEST_NOTE} characters", "note")
    if _unprintable(kept):
        return Refusal("control-character", "there is a character in it that cannot be shown", "note")
    return kept


def text_refusal(*texts: str) -> Refusal | None:
    """Why texts for a resident are not even looked at: too long, or with characters that cannot be shown."""
    if any(len(text) > LONGEST_TEXT for text in texts):
        return Refusal("too-long", f"must not be longer than {LONGEST_TEXT} characters", "text")
    if any(_unprintable(text) for text in texts):
        return Refusal("control-character", "there is a character in it that cannot be shown", "text")
    return None


def faults_of(text_ja: str, text_en: str) -> tuple[tuple[str, str, str], ...]:
    """What is wrong with the words: language, code of the fault, and the words it was found in."""
    found: list[tuple[str, str, str]] = []
    for language, text in zip(LANGUAGES, (text_ja, text_en), strict=True):
        for fault in wording_faults(language, text):
            head, _, words = fault.partition(": ")
            code = head.partition(" (")[0].removeprefix("an ").replace(" ", "-")
            found.append((language, code, words))
    return tuple(found)


def until_of(when: str, day: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, str | None] | Refusal:
    """Until when an item sleeps, and the reason that is kept with it: tomorrow, the next reading, or a day."""
    today = now.astimezone(zone).date()
    if when == "next-reading":
        return now + READING_WAIT, NEXT_READING
    if when == "tomorrow":
        return _morning(today + timedelta(days=1), zone), None
    try:
        chosen = date.fromisoformat(day.strip())
    except ValueError:
        return Refusal("until", "choose a day", "day")
    if not today < chosen <= (now + LONGEST_SNOOZE).astimezone(zone).date() - timedelta(days=1):
        return Refusal("until", "choose a day to come, within three months", "day")
    return _morning(chosen, zone), None


def listed_reason(why: str) -> str:
    """The code of a rejection if it is one of the listed, else nothing."""
    return why if why in REJECTIONS else ""


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, MORNING, zone)


def _unprintable(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} for character in text if character != "\n")

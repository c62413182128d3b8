"""A form of consent on paper: the number that ties it to one person and to today's words, and what was filled in. Pure.

The number is all that ties the paper to the record: a form of somebody else, or with other words than today's, is told
by it before anything is written down.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.consent import PURPOSES, Event, say
from engine.consent_texts import Purpose, text_hash
from engine.contract.ids import ALPHABET, base32
from engine.refusal import Refusal
from engine.sealing import Seal

CHANNEL: Final = "paper"
# A form that lay longer than this was signed about a house that may have been another one.
OLDEST_DAYS: Final = 366
_PART: Final = 4
_SHAPE: Final = re.compile(rf"[{ALPHABET.upper()}]{{12}}")
# What a hand or an eye makes of letters and digits that the alphabet of the numbers does not have.
_READ_AS: Final = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None, " ": None, "‐": None, "ー": None, "−": None})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Answer(msgspec.Struct, frozen=True):
    """One purpose that was ticked: yes or no, and for whom where somebody was named."""

    purpose: Purpose
    granted: bool
    recipient: str | None = None


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A form as it came back: its number, the day it was signed, what was ticked, and the sha256 of its scan or ""."""

    number: str
    signed: date
    answers: tuple[Answer, ...]
    scan: str = ""

    @property
    def sha256(self) -> str:
        """The hash that stands for the paper: of its scan, else of what was typed from it."""
        typed = [self.number, self.signed.isoformat(), msgspec.to_builtins(self.answers)]
        return self.scan or hashlib.sha256(msgspec.json.encode(typed)).hexdigest()

    @property
    def reference(self) -> str:
        """How the paper is found again, and of what the hash is."""
        return f"{self.number} {self.signed.isoformat()} {'scan' if self.scan else 'typed'}"


def words_code() -> str:
    """Four letters that name all of today's words together; other words, other letters."""
    told = "".join(text_hash(purpose) for purpose in PURPOSES)
    return base32(hashlib.sha256(told.encode()).digest(), _PART).upper()


def new_number(seal: Seal, resident: str, rng: Random) -> str:
    """The number of a new form of `resident` (ABCD-EFGH-JKLM); pass `random.SystemRandom()` in production."""
    nonce = "".join(rng.choices(ALPHABET.upper(), k=_PART))
    return _number(seal, resident, words_code(), nonce)


def read_number(seal: Seal, resident: str, typed: str) -> str | Refusal:
    """The number that was typed, in its one spelling; refused as bad-number, old-words or other-person."""
    plain = unicodedata.normalize("NFKC", typed).upper().translate(_READ_AS)
    if not _SHAPE.fullmatch(plain):
        return Refusal("bad-number", "the number of a form is three times four letters", "number")
    words, nonce = plain[:_PART], plain[_PART : 2 * _PART]
    if _number(seal, resident, words, nonce).replace("-", "") != plain:
        return Refusal("other-person", "this is no form of this person", "number")
    if words != words_code():
        return Refusal("old-words", "the words have changed since: print a new form", "number")
    return _number(seal, resident, words, nonce)


def filled(number: str, signed: date, answers: Iterable[Answer], scan: str, today: date) -> Filled | Refusal:
    """What came back, if it can be taken; refused as future-date, old-date, bad-scan or nothing-answered."""
    ticked = tuple(answers)
    if signed > today:
        return Refusal("future-date", "it cannot be signed tomorrow", "signed")
    if (today - signed).days > OLDEST_DAYS:
        return Refusal("old-date", "it was signed more than a year ago: print a new form", "signed")
    if scan and not _SHA256.fullmatch(scan):
        return Refusal("bad-scan", "a sha256 has 64 hex digits", "scan")
    if not ticked:
        return Refusal("nothing-answered", "nothing is ticked", "answers")
    return Filled(number=number, signed=signed, answers=ticked, scan=scan)


def drafts(paper: Filled, resident: str, actor: str, now: datetime) -> tuple[Event, ...] | Refusal:
    """The words of a form, each holding from `now`; refused as `engine.consent.say` refuses one of them."""
    found = []
    for one in paper.answers:
        told = say(
            Event(
                resident=resident, purpose=one.purpose, granted=one.granted, at=now, recipient=one.recipient,
                actor=actor, channel=CHANNEL,
            )
        )  # fmt: skip
        if isinstance(told, Refusal):
            return told
        found.append(told)
    return tuple(found)


def overtaken(paper: Filled, said: Iterable[Event], zone: ZoneInfo) -> Purpose | None:
    """The first purpose with a yes on the paper that what the person said stands against.

    That is whatever they said after the day they signed, and a no of that very day: nobody knows which came first.
    """
    last: Mapping[Purpose, Event] = {event.purpose: event for event in sorted(said, key=lambda one: (one.at, one.seq))}

    def stands(event: Event) -> bool:
        day = event.at.astimezone(zone).date()
        return day > paper.signed or (day == paper.signed and not event.granted)

    yes = (one.purpose for one in paper.answers if one.granted)
    return next((purpose for purpose in yes if purpose in last and stands(last[purpose])), None)


def _number(seal: Seal, resident: str, words: str, nonce: str) -> str:
    told = base32(seal.drawn(f"{resident}|{words}|{nonce}", "consent-form", _PART), _PART).upper()
    return f"{words}-{nonce}-{told}"

"""What a clinical document says before anything is made of it, and the report of what was understood."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine import care_entries
from engine.clinical import Fact, Source
from engine.people import Resident

Form = Literal["echeckup", "clins", "fhir", "tokutei-kenshin", "hl7v2"]
Sort = Literal["observation", "condition", "medicine", "allergy", "report", "document"]
MOST_BYTES: Final = 16 << 20
MOST_ENTRIES: Final = 20_000


class DocumentError(ValueError):
    """The document as a whole cannot be taken: the stable reason `code`, a message, and the `place` in it."""

    def __init__(self, code: str, message: str, place: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.place = place


class Coding(msgspec.Struct, frozen=True):
    """A code with its system (an OID, an address or an HL7 v2 name) and its name."""

    system: str = ""
    code: str = ""
    name: str = ""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whose document it is, as it says it; `birth` as eight digits, "" where it says nothing."""

    place: str = ""
    kana: str = ""
    name: str = ""
    birth: str = ""
    sex: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a document says, at its `place`; `state` is why it does not count, "" where it does.

    `text` and `unit` are the value as written, `choice` the code of a coded value; `over` says that it is past, `until`
    its end. `key` is its own id at its house, `called` how the house writes it, `detail` a dose, a reaction or a
    result in its words. `checkup` marks what a check-up measured.
    """

    place: str
    sort: Sort = "observation"
    codes: tuple[Coding, ...]
    text: str = ""
    unit: str = ""
    choice: Coding | None = None
    at: datetime | None = None
    until: datetime | None = None
    day: str = ""
    state: str = ""
    over: bool = False
    key: str = ""
    called: str = ""
    detail: str = ""
    checkup: bool = False

    @property
    def name(self) -> str:
        """What people call it; the code where nobody named it."""
        return self.called or next((coding.name for coding in self.codes if coding.name), self.code)

    @property
    def code(self) -> str:
        """The first code, by which it is counted where it is not understood."""
        return next((coding.code for coding in self.codes if coding.code), "")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document taken apart: `source_id` names it among its maker's, `edition` when it was last written.

    `others` counts the parts that say nothing of the resident's health, such as the maker's address.
    """

    form: Form
    source_id: str
    edition: datetime | None
    person: Person
    items: tuple[Item, ...]
    others: tuple[tuple[str, int], ...] = ()


class Unknown(msgspec.Struct, frozen=True):
    """What was not made a fact, by code and name: the reason, how often, and the first place."""

    system: str
    code: str
    name: str
    reason: str
    count: int
    place: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was understood of one document: of its `items` `read` became facts and `kept` an entry alone.

    `unknown` counts the others, with the reason: what became neither, or has a code that nobody knows.
    """

    form: Form
    source_id: str
    channel: str
    edition: datetime | None
    items: int
    read: int
    kept: int
    understood: tuple[Fact, ...]
    entries: tuple[care_entries.Entry, ...]
    unknown: tuple[Unknown, ...]
    others: tuple[tuple[str, int], ...]


class Entering(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a document is read, by whom and when; `zone` is that of times without one."""

    resident: Resident
    actor: str
    now: datetime
    zone: ZoneInfo = ZoneInfo("Asia/Tokyo")


def source_of(form: Form, item: Item) -> Source:
    """Who said it: a check-up, a laboratory of a hospital, or the hospital."""
    if item.checkup or form in {"echeckup", "tokutei-kenshin"}:
        return "checkup"
    return "lab" if item.sort == "observation" else "hospital"

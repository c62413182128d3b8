"""What another house told of a person's medicines, conditions, allergies, reports and documents. Pure.

Entries are never rewritten: a newer edition of the same thing follows the older one, and one that was told in error
is followed by an edition that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from engine.clinical import Source

Sort = Literal["medication", "condition", "allergy", "report", "document"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
Status = Literal["active", "past", "wrong"]
# Origins that are the form of a file somebody brought; every other one is a network's name.
FILES: Final = frozenset({"fhir", "echeckup", "clins", "tokutei-kenshin", "hl7v2"})
# Before the detail of what its own house was not sure of.
UNSURE: Final = "（未確認）"


class Coding(msgspec.Struct, frozen=True, kw_only=True):
    """A code of an official table and its name there; `system` as FHIR writes it."""

    system: str
    code: str
    display: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of one thing: `name` as its house wrote it, `detail` a dose, a reaction or a result in its words.

    `origin` is a network or the form of a file, `remote` its name there and `version` the edition; `at` is when it
    began, was given or written, `until` its end where somebody said so. `id` is "" until it is stored.
    """

    resident: str
    sort: Sort
    name: str
    codes: tuple[Coding, ...] = ()
    status: Status = "active"
    detail: str = ""
    at: datetime | None = None
    until: datetime | None = None
    source: Source = "hospital"
    actor: str = ""
    origin: str
    remote: str
    version: str
    recorded_at: datetime
    id: str = ""


def current(entries: Iterable[Entry], as_of: datetime) -> list[Entry]:
    """The newest edition of each thing known at `as_of`, without what was told in error; newest things first."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in sorted(entries, key=lambda one: (one.recorded_at, one.id)):
        if entry.recorded_at <= as_of:
            found[entry.origin, entry.remote] = entry
    live = [entry for entry in found.values() if entry.status != "wrong"]
    return sorted(live, key=_newness, reverse=True)


def ongoing(entries: Iterable[Entry], sort: Sort, as_of: datetime) -> list[Entry]:
    """What of one sort counts at `as_of`: active, and not over."""
    return [
        entry
        for entry in current(entries, as_of)
        if entry.sort == sort and entry.status == "active" and (entry.until is None or as_of < entry.until)
    ]


def code_of(codes: Sequence[Coding], system: str) -> str | None:
    """The code in one table, None where the thing has none there."""
    return next((coding.code for coding in codes if coding.system == system), None)


def _newness(entry: Entry) -> tuple[datetime, str]:
    return entry.at or entry.recorded_at, entry.id

"""What a house told of medicines, conditions, allergies, reports and documents, kept beside the facts made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from engine import care_entries
from engine.clinical import Fact
from engine.contract.ids import base32
from fhir_bridge.imports.model import Form, Item, source_of
from fhir_bridge.imports.originals import stamp

_SORTS: Final[dict[str, care_entries.Sort]] = {
    "condition": "condition", "medicine": "medication", "allergy": "allergy", "report": "report",
    "document": "document",
}  # fmt: skip
# Not told at all, or not told as something that is so.
_NEVER: Final = frozenset({"withheld", "doubtful", "denied", "not-final", "not-understood"})
_LETTERS: Final = 13
_LONGEST: Final = 200


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How entries of one document are kept: whose and by whom as `draft` says, from where, of which edition."""

    draft: Fact
    origin: str
    channel: str
    edition: datetime | None


def is_kept(item: Item) -> bool:
    """Whether an item stays as an entry that says something; what is taken back does not.

    An allergy that nobody confirmed stays, marked: leaving it out is the greater danger.
    """
    if item.sort == "allergy" and item.state == "doubtful":
        return True
    return item.sort in _SORTS and item.state != "withdrawn" and item.state not in _NEVER


def entries_of(items: Iterable[Item], form: Form, kept: Kept) -> tuple[care_entries.Entry, ...]:
    """An entry of each item that is one, those that are no more marked as wrong; the same thing said twice is one."""
    found: dict[str, care_entries.Entry] = {}
    for item in items:
        entry = entry_of(item, form, kept.draft, kept.origin)
        if entry is not None:
            remote = f"{entry.sort}/{_digest(item.key or f'{kept.channel}|{item.code}|{item.name}|{item.day}')}"
            said = msgspec.structs.replace(entry, remote=remote)
            found[remote] = msgspec.structs.replace(said, version=version_of(said, kept.channel, kept.edition))
    return tuple(found.values())


def entry_of(item: Item, form: Form, draft: Fact, origin: str) -> care_entries.Entry | None:
    """The entry of one item, without its name and edition there; None for a measurement and for what was withheld.

    What was doubted, is not final or was taken back is an entry that is wrong: it only follows one that was told.
    """
    sort = _SORTS.get(item.sort)
    if sort is None or not (item.name or item.state == "withheld"):
        return None
    wrong = not is_kept(item)
    status: care_entries.Status = "wrong" if wrong else "past" if item.over else "active"
    codes = tuple(
        care_entries.Coding(system=_short(one.system), code=_short(one.code), display=_short(one.name))
        for one in item.codes
        if one.code
    )
    detail = f"{care_entries.UNSURE} {item.detail}".strip() if item.state == "doubtful" and not wrong else item.detail
    return care_entries.Entry(
        resident=draft.resident, sort=sort, name=_short(item.name) or "-", codes=codes, status=status,
        detail=_plain(detail), at=item.at, until=item.until, source=source_of(form, item), actor=draft.actor,
        origin=origin, remote="", version="", recorded_at=draft.recorded_at,
    )  # fmt: skip


def version_of(entry: care_entries.Entry, channel: str, edition: datetime | None) -> str:
    """The edition of one entry: when its document was written, which document, and what it said of it."""
    said = msgspec.json.encode([entry.name, entry.codes, entry.status, entry.detail, entry.at, entry.until])
    return f"{stamp(edition)}-{channel}-{base32(hashlib.sha256(said).digest(), 6)}"


def of_channel(version: str) -> str:
    """The document an edition was said by."""
    return version.split("-", 1)[1].rpartition("-")[0]


def _digest(text: str) -> str:
    return base32(hashlib.sha256(text.encode(errors="replace")).digest(), _LETTERS)


def _plain(text: str) -> str:
    """Without halves of characters, which JSON can hold and no database, and without control characters."""
    whole = text.encode(errors="replace").decode()
    return "".join(one if one.isprintable() else " " for one in whole)


def _short(text: str) -> str:
    return _plain(text)[:_LONGEST]

"""From a document to facts and entries: the resident checked first, every item understood or counted with why not."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from engine.clinical import Fact, record
from engine.clinical_checkups import facts_of
from engine.contract.ids import base32
from engine.imports.checkups import GLUCOSE, Cell, Row, Who, glucose
from engine.refusal import Refusal
from fhir_bridge.imports import jlac10
from fhir_bridge.imports.codes import answers_of, cell_of, is_fasting
from fhir_bridge.imports.dates import beginning
from fhir_bridge.imports.entries import Kept, entries_of, is_kept
from fhir_bridge.imports.model import Document, Entering, Form, Item, Report, Unknown, source_of
from fhir_bridge.imports.person import not_the_resident

_HOURS: Final = "lab.hours-since-meal"
_LETTERS: Final = 13
_SHOWN: Final = 60
_PAPERS: Final = frozenset({"report", "document"})
# Reasons worth telling even where an entry is kept: somebody has to look at the code or the date.
_COUNTED: Final = frozenset({"unknown-code", "unreadable-date"})


class Tally:
    """What was not made a fact, counted by code, name and reason; `quiet` are those an entry says all of."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], Unknown] = {}
        self.quiet = 0

    def add(self, item: Item, reason: str) -> None:
        """Counts one item; what is kept as an entry counts only where nobody knows what it is or when it was."""
        if reason not in _COUNTED and is_kept(item):
            self.quiet += 1
            return
        system = next((coding.system for coding in item.codes if coding.code), "")
        key = (_shown(system), _shown(item.code), _shown(item.name), reason)
        before = self._found.get(key)
        count = 1 if before is None else before.count + 1
        self._found[key] = Unknown(*key, count, item.place if before is None else before.place)

    def all(self) -> tuple[Unknown, ...]:
        """Every kind of them, in the order of the document."""
        return tuple(self._found.values())


def channel_of(form: Form, source_id: str) -> str:
    """How facts of one document are known again: its form and the hash of its own id."""
    digest = hashlib.sha256(f"{form}\n{source_id}".encode(errors="replace")).digest()
    return f"{form}.{base32(digest, _LETTERS)}"


def report_of(document: Document, entering: Entering) -> Report | Refusal:
    """The facts and entries of a document and what it says besides; refused whole as no-person or other-person."""
    refusal = not_the_resident(document.person, entering.resident)
    if refusal is not None:
        return refusal
    tally = Tally()
    channel = channel_of(document.form, document.source_id)
    draft = Fact(
        resident=entering.resident.id, code="", value="", at=min(document.edition or entering.now, entering.now),
        actor=entering.actor, channel=channel, recorded_at=entering.now,
    )  # fmt: skip
    facts, read = facts_of_items(document.items, document.form, draft, tally)
    kept = Kept(draft=draft, origin=document.form, channel=channel, edition=document.edition)
    return Report(
        form=document.form, source_id=_clean(document.source_id), channel=channel, edition=document.edition,
        items=len(document.items), read=read, kept=tally.quiet, understood=facts,
        entries=entries_of(document.items, document.form, kept), unknown=tally.all(),
        others=tuple((_shown(name), count) for name, count in document.others),
    )  # fmt: skip


def facts_of_items(items: Sequence[Item], form: Form, draft: Fact, tally: Tally) -> tuple[tuple[Fact, ...], int]:
    """The facts that items make, each as `draft` says, and how many items made one; the others go to `tally`.

    `draft.at` is when their house said so: it holds for answers without a day.
    """
    observed = [item for item in items if item.sort == "observation"]
    listed = [item for item in items if item.sort != "observation"]
    measured, read = _measured(observed, form, draft, tally)
    answered, said = _answered(listed, form, draft, tally)
    return tuple(dict.fromkeys([*measured, *answered])), read + said


def _measured(items: Sequence[Item], form: Form, draft: Fact, tally: Tally) -> tuple[list[Fact], int]:
    """The facts of observations, those of one moment together: the hour of a meal decides what a glucose is."""
    moments: dict[datetime, list[tuple[Item, Cell, bool]]] = defaultdict(list)
    for item in sorted(items, key=_preference):
        made = item.state or ("unreadable-date" if item.at is None else cell_of(item, form))
        if isinstance(made, str):
            tally.add(item, made)
        elif item.at is not None:
            moments[item.at].append((item, made[0], is_fasting(item, made[1], form)))
    facts: list[Fact] = []
    read = 0
    for at, found in moments.items():
        told, count = _of_moment(at, found, form, draft, tally)
        facts.extend(told)
        read += count
    return facts, read


def _of_moment(
    at: datetime, found: Sequence[tuple[Item, Cell, bool]], form: Form, draft: Fact, tally: Tally
) -> tuple[list[Fact], int]:
    taken: dict[str, tuple[Item, Cell]] = {}
    for item, cell, _ in found:
        if cell.code in taken:
            tally.add(item, "measured-again")
        else:
            taken[cell.code] = (item, cell)
    cells = {code: cell for code, (_, cell) in taken.items()}
    if any(fasting for _, _, fasting in found):
        cells.setdefault(_HOURS, Cell(_HOURS, "10"))
    facts: list[Fact] = []
    left = {code: item for code, (item, _) in taken.items()}
    read = 0
    for cell in glucose(cells):
        origin = _origin(cell.code, left)
        row = Row(0, Who(), at, "", (cell,))
        made, faults = facts_of(row, draft.resident, draft.recorded_at, actor=draft.actor, channel=draft.channel)
        source = source_of(form, origin or found[0][0])
        facts.extend(msgspec.structs.replace(fact, source=source) for fact in made)
        if origin is not None:
            read += bool(made)
            for fault in faults:
                tally.add(origin, fault.code)
    for unused in left.values():
        tally.add(unused, "measured-again")
    return facts, read


def _origin(code: str, left: dict[str, Item]) -> Item | None:
    """The item a cell was made of: a glucose may have another code since, fasting hours may come from a name."""
    also = (GLUCOSE, "lab.fpg") if code in {"lab.fpg", "lab.casual-glucose"} else ()
    return next((left.pop(name) for name in (code, *also) if name in left), None)


def _answered(items: Sequence[Item], form: Form, draft: Fact, tally: Tally) -> tuple[list[Fact], int]:
    facts: list[Fact] = []
    read = 0
    for item in items:
        if item.sort in _PAPERS:
            tally.add(item, item.state or "no-fact-of-it")
            continue
        # Houses write down allergies without a day: then it is so since the house said it. Of old illnesses they know
        # the year alone, which is no reason to overlook them.
        at = item.at or (beginning(item.day) if item.day else draft.at)
        found = item.state or ("unreadable-date" if at is None else answers_of(item))
        if isinstance(found, str):
            tally.add(item, found)
            continue
        drafts = [
            msgspec.structs.replace(draft, code=code, at=at or draft.at, source=source_of(form, item)) for code in found
        ]
        made = [record(one, "1") for one in drafts]
        refused = [one for one in made if isinstance(one, Refusal)]
        if refused:
            tally.add(item, refused[0].code)
            continue
        raw = _shown(f"{item.code} {item.name}")
        facts.extend(msgspec.structs.replace(one, raw=raw) for one in made if isinstance(one, Fact))
        read += 1
    return facts, read


def _preference(item: Item) -> int:
    """Of several ways to measure the same the one that counts first."""
    code = jlac10.plain(item.code)
    ranks = [rank for rank, start in enumerate(jlac10.PREFERRED) if code.startswith(start)]
    return ranks[0] if ranks else 0


def _clean(text: str) -> str:
    """The text without halves of characters, which JSON can hold and nothing else."""
    return text.encode(errors="replace").decode()


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:_SHOWN])

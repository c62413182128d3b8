"""From a check-up's row to facts of one resident: who it is, never guessed, and what it says, cell by cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

import msgspec

from engine import asking
from engine.cards import number_key
from engine.clinical import Fact, record
from engine.dates import parse_birth_date
from engine.imports.checkups import Cell, Row, Who
from engine.names import search_key
from engine.people import Resident
from engine.questionnaires import NAMES
from engine.refusal import Refusal

_SEX: Final = {"男": "male", "男性": "male", "1": "male", "m": "male", "male": "male",
               "女": "female", "女性": "female", "2": "female", "f": "female", "female": "female"}  # fmt: skip


class Fault(msgspec.Struct, frozen=True):
    """Something of a row that was not taken: of one code, or ("") of the whole row."""

    line: int
    code: str
    item: str = ""
    message: str = ""


class Directory:
    """The residents of a store, found by what a check-up file calls them."""

    def __init__(self, people: Iterable[Resident], today: date) -> None:
        self._today = today
        self._ids: dict[str, Resident] = {}
        self._numbers: dict[str, list[Resident]] = defaultdict(list)
        self._names: dict[tuple[str, date], list[Resident]] = defaultdict(list)
        for person in people:
            self._ids[person.id] = person
            if person.insured_number:
                self._numbers[number_key(person.insured_number)].append(person)
            self._names[search_key(person.family_kana + person.given_kana), person.birth_date].append(person)

    def find(self, who: Who, otherwise: Resident | None = None) -> Resident | Refusal:
        """The one resident whom everything in `who` names; `otherwise` where it names nobody.

        Refused as no-person (nothing that names one), unknown-person, ambiguous, mismatch or unreadable-date.
        """
        born = parse_birth_date(who.birth, self._today) if who.birth else None
        if isinstance(born, Refusal):
            return Refusal("unreadable-date", f"the birth date: {born.message}", "birth")
        if who.resident:
            named = self._ids.get(who.resident)
            found = [] if named is None else [named]
        elif who.insured:
            found = self._numbers.get(number_key(who.insured), [])
        elif who.kana and born is not None:
            found = self._names.get((search_key(who.kana), born), [])
        elif otherwise is not None:
            found = [otherwise]
        else:
            return Refusal("no-person", "the row names nobody: id, insured number, or kana and birth date")
        return _one(found, who, born)


def _one(found: list[Resident], who: Who, born: date | None) -> Resident | Refusal:
    fitting = [person for person in found if _agrees(person, who, born)]
    if not found:
        return Refusal("unknown-person", "no resident is registered so")
    if not fitting:
        return Refusal("mismatch", "the row names a resident whose kana, birth date, number or sex is another")
    if len(fitting) > 1:
        return Refusal("ambiguous", f"{len(fitting)} residents are registered so: give the resident id")
    return fitting[0]


def _agrees(person: Resident, who: Who, born: date | None) -> bool:
    """Whether nothing the row says of the person is somebody else's."""
    sex = _SEX.get(who.sex.strip().lower())
    kana = search_key(person.family_kana + person.given_kana)
    return (
        (born is None or person.birth_date == born)
        and (not who.kana or search_key(who.kana) == kana)
        and (not who.insured or number_key(person.insured_number or "") == number_key(who.insured))
        and (sex is None or person.sex not in {"male", "female"} or person.sex == sex)
    )


def facts_of(
    row: Row, resident: str, now: datetime, *, actor: str, channel: str = "import"
) -> tuple[list[Fact], list[Fault]]:
    """The facts of one row and the faults of the cells that cannot be read; a bad cell costs only itself."""
    if row.at is None:
        return [], [Fault(row.line, "unreadable-date", "", row.day)]
    facts: list[Fact] = []
    faults: list[Fault] = []
    for cell in row.cells:
        said = _said(cell, row.at, resident, now, actor, channel)
        if isinstance(said, Refusal):
            faults.append(Fault(row.line, said.code, cell.code, said.message))
        else:
            facts.extend(said)
    return facts, faults


def _said(
    cell: Cell, at: datetime, resident: str, now: datetime, actor: str, channel: str
) -> tuple[Fact, ...] | Refusal:  # fmt: skip
    draft = Fact(
        resident=resident, code=cell.code, value="", at=at, source="checkup", actor=actor, channel=channel,
        recorded_at=now,
    )  # fmt: skip
    read = record(draft, cell.text, cell.unit or None)
    if isinstance(read, Refusal):
        return read
    name = cell.code.split(".", maxsplit=1)[0]
    item = asking.find(name, cell.code) if name in NAMES else None
    if item is None:
        return (read,)
    told = asking.answer(
        item, [read.value], at, resident=resident, actor=actor, channel=channel, source="checkup"
    )  # fmt: skip
    return told if isinstance(told, Refusal) else tuple(msgspec.structs.replace(one, recorded_at=now) for one in told)

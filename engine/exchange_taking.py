"""A list of the city taken in: one transaction a file, so that it is taken whole, once, or as if it had never come.

Nobody becomes a participant because a list names them: of people who do not take part nothing is kept but how many.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import date, datetime
from random import Random
from typing import Any, Final, Literal

import msgspec

from engine import exchange_csv
from engine.exchange import Key, Known, Verdict, amended, candidates, hidden, judge, key_here
from engine.exchange_csv import Fault, Torn
from engine.exchange_mapping import Mapping, day_of, stamp_of
from engine.exchange_rows import Line, Said, numbers_of, people
from engine.life_store import record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import audit, repo_exchange, repo_life, repo_protection, repo_residents
from engine.store.database import Connection, Engine, write
from engine.store.filing import By
from engine.store.repo_exchange import Number, Run

Became = Literal["taken", "unchanged", "left", "proposed", "waits", "refused"]
# So many refused rows are kept with a run; their number is always told.
_KEPT: Final = 1_000
# More than the residents of any town here.
_MOST: Final = 1_000_000


class Act(msgspec.Struct, frozen=True):
    """What became of one row about a resident: which fields or events, in words that tell no value."""

    line: int
    resident: str
    became: Became
    what: tuple[str, ...] = ()
    reason: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a file did: every row of a participant that was more than unchanged, every refused row, and the counts.

    `others` are rows of people who do not take part: counted, never kept.
    """

    file: str
    town: str
    mapping: str
    sha256: str
    rows: int
    counts: dict[str, int]
    acts: tuple[Act, ...] = ()
    refused: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    missing: tuple[tuple[str, date], ...] = ()
    already: bool = False


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A file and whose it is: its name, its bytes, the town it is of, and who hands it over."""

    name: str
    content: bytes
    town: str
    mapping: Mapping
    by: By

    @property
    def sha256(self) -> str:
        """Of its name and its bytes: a night in which nothing happened is another list, and says that nothing did."""
        return hashlib.sha256(f"{self.name}\n".encode() + self.content).hexdigest()


def take(engine: Engine, given: Given, now: datetime, rng: Random, *, dry: bool = False) -> Report | Torn:
    """What the list of the city changes, done at once or (`dry`) not at all; the same file twice adds nothing.

    Torn as `exchange_csv.read` tears, or as `wrong-name`, `future`, `stale`, `rejected` (one bad row costs the file).
    """
    today = now.astimezone(ZONE).date()
    stamp = stamp_of(given.mapping.residents.name, given.name, today)
    if isinstance(stamp, Refusal):
        return Torn(stamp.code, stamp.message)
    how = given.mapping.residents
    by_row = how.reject == "row"
    sheet = exchange_csv.read(given.content, given.mapping, how.columns, how.ending, by_row=by_row)
    if isinstance(sheet, Torn):
        return sheet
    lines, faults = people(sheet, given.mapping, today)
    if faults and not by_row:
        return Torn("rejected", f"{faults[0].code}: of this list all or nothing is taken", faults[0].line)
    with write(engine) as connection:
        # Nothing of a dry run stays, whatever it did.
        turn = connection.begin_nested() if dry else None
        audit.take_turn(connection)
        made = _taken(connection, given, stamp)
        if made is None:
            town = _Town(connection, given, lines, now, rng)
            named = None if sheet.faults or not how.whole else numbers_of(sheet)
            made = town.report(day_of(stamp), named, faults, sheet.ignored)
            _keep(connection, given, made, stamp, now)
        if turn is not None:
            turn.rollback()
    return made


def consider(connection: Connection, town: str, line: Line, known: Known, by: By, now: datetime, rng: Random) -> Act:
    """One row about a resident who is known by its number: taken as a whole, or put before a person as a whole."""
    name, said = known.person.id, line.said
    verdict = judge(said, known, town, now.astimezone(ZONE).date())
    if verdict.kind == "taken":
        refused = carry_out(connection, known.person, said, verdict, by, now, rng)
        if refused is not None:
            sort: Any = verdict.happens or "both-changed"
            verdict = Verdict(kind="proposed", sort=sort, reason=refused.code)
    if verdict.kind == "proposed":
        assert verdict.sort is not None
        new = repo_exchange.propose(connection, town, name, said, verdict.sort, verdict.reason, now)
        return Act(line.line, name, new, (verdict.sort,), verdict.reason)
    if verdict.kind == "left":
        return Act(line.line, name, "left")
    if known.base != said:
        repo_exchange.tell(connection, town, said)
    return Act(line.line, name, "taken" if verdict.kind == "taken" else "unchanged", verdict.what)


def carry_out(
    connection: Connection, person: Resident, said: Said, verdict: Verdict, by: By, now: datetime, rng: Random
) -> Refusal | None:
    """Records what happened and writes the fields, or says why not and has written nothing."""
    if verdict.happens is not None:
        assert said.on is not None  # such rows are refused without a day
        typed = Typed(sort=verdict.happens, since=said.on.isoformat())
        ready = read_typed(connection, person, typed, by.actor, now, rng)
        done = ready if isinstance(ready, Refusal) else record(
            connection, person, ready, by, now, rng
        )  # fmt: skip
        if isinstance(done, Refusal):
            return done
    return edit(connection, person.id, said, verdict.fields, by, now)


def edit(
    connection: Connection, resident: str, said: Said, fields: tuple[str, ...], by: By, now: datetime
) -> Refusal | None:
    """Writes these fields as the list tells them; refused as `conflict` where somebody was quicker."""
    person = repo_residents.get(connection, resident)
    assert person is not None  # a number is only ever a resident's
    changed = amended(person, said, fields)
    if changed == person:
        return None
    stored = repo_residents.edit(connection, changed, now, actor=by.actor, os_user=by.os_user)
    return None if isinstance(stored, Resident) else Refusal("conflict", "somebody else changed it first")


def known_as(connection: Connection, person: Resident, base: Said | None, now: datetime, *, shared: bool) -> Known:
    """What stands beside a row about one resident."""
    return Known(
        person=person, base=base, situation=repo_life.situation(connection, person.id), shared=shared,
        newest=repo_exchange.newest(connection, person.id), spoken=repo_exchange.spoken(connection, person.id),
        shielded=bool(repo_protection.shielded(connection, [person.id], now)),
    )  # fmt: skip


class _Town:
    """One list against what is known of its town."""

    def __init__(
        self, connection: Connection, given: Given, lines: tuple[Line, ...], now: datetime, rng: Random
    ) -> None:
        self._connection, self._given, self._now, self._rng = connection, given, now, rng
        self._numbers = {one.number: one for one in repo_exchange.numbers(connection, given.town)}
        everybody = repo_exchange.people_of(connection, given.town, {one.resident for one in self._numbers.values()})
        self._people = {person.id: person for person in everybody}
        self._hidden = repo_protection.shielded(connection, self._people, now)
        self._open = {
            (one.number, one.resident): one
            for one in repo_exchange.proposals(connection, frozenset({given.town}), limit=_MOST)
        }
        self._lines = [self._without_place(line) for line in lines]
        self._index = _index(self._people.values(), given.town)
        self._spoken = set[tuple[str, str]]()
        self._homes = defaultdict[str, list[Resident]](list)
        for person in everybody:
            self._homes[person.household_id or ""].append(person)
        self._moving = self._movers()

    def report(
        self, day: date, named: frozenset[str] | None, faults: tuple[Fault, ...], ignored: tuple[str, ...]
    ) -> Report:
        """Does what every row asks for; `named` are the numbers of a whole list that was read to its last row."""
        given, acts, others = self._given, list[Act](), 0
        present = self._present()
        for line in self._lines:
            number = self._numbers.get(line.said.number)
            if number is not None:
                acts.append(self._known(line, number))
                continue
            found = self._unknown(line, present)
            others += not found
            acts += found
        missing = self._missing(day, named)
        self._agree()
        counts = Counter(act.became for act in acts)
        told = {word: counts[word] for word in ("taken", "unchanged", "left", "proposed", "waits")}
        rows = len(self._lines) + len(faults)
        return Report(
            file=given.name, town=given.town, mapping=given.mapping.id, rows=rows, ignored=ignored,
            sha256=given.sha256, refused=faults, missing=tuple(missing),
            counts=told | {"refused": len(faults), "others": others, "missing": len(missing)},
            acts=tuple(act for act in acts if act.became not in {"unchanged", "left"}),
        )  # fmt: skip

    def _known(self, line: Line, number: Number) -> Act:
        person = self._people[number.resident]
        if number.said == line.said and (number.number, person.id) not in self._open:
            return Act(line.line, person.id, "unchanged")
        known = known_as(
            self._connection, person, number.said, self._now, shared=self._is_shared(person, line.said)
        )  # fmt: skip
        act = consider(self._connection, self._given.town, line, known, self._given.by, self._now, self._rng)
        if act.became in {"proposed", "waits"}:
            self._spoken.add((number.number, person.id))
        return act

    def _unknown(self, line: Line, present: frozenset[str]) -> list[Act]:
        """The residents who may be the person of an unknown number: every one is put before a person."""
        found = []
        for person in candidates(line.said, self._index, present):
            said = hidden(line.said, shielded=person.id in self._hidden)
            new = repo_exchange.propose(self._connection, self._given.town, person.id, said, "link", None, self._now)
            if new != "refused":
                self._spoken.add((said.number, person.id))
                found.append(Act(line.line, person.id, new, ("link",)))
        return found

    def _missing(self, day: date, named: frozenset[str] | None) -> list[tuple[str, date]]:
        """Whom the list does not name, and since when; nothing else follows from it."""
        if named is None:
            return []
        connection, town = self._connection, self._given.town
        # Of whom it told that they died or left, it may be silent.
        lives = {name: one for name, one in self._numbers.items() if one.said is None or one.said.state == "lives"}
        gone = [one for name, one in lives.items() if name not in named]
        back = [name for name, one in self._numbers.items() if name in named and one.missing_since]
        repo_exchange.miss(connection, town, [one.number for one in gone if one.missing_since is None], day)
        repo_exchange.miss(connection, town, back, None)
        return sorted((one.resident, one.missing_since or day) for one in gone)

    def _agree(self) -> None:
        """Ends what waited and what the list does not say any more, where it speaks of that number."""
        spoken = {line.said.number for line in self._lines}
        for pair, proposal in self._open.items():
            if pair not in self._spoken and pair[0] in spoken:
                repo_exchange.settle(self._connection, proposal, "gone", self._given.by, self._now)

    def _without_place(self, line: Line) -> Line:
        number = self._numbers.get(line.said.number)
        shielded = number is not None and number.resident in self._hidden
        return Line(line.line, hidden(line.said, shielded=shielded))

    def _present(self) -> frozenset[str]:
        """The residents whom this list names under the number they are known by."""
        told = {line.said.number for line in self._lines}
        return frozenset(one.resident for name, one in self._numbers.items() if name in told)

    def _movers(self) -> dict[str, str | None]:
        """The address the list gives each resident it names."""
        told = {line.said.number: line.said.address for line in self._lines}
        return {one.resident: told[name] for name, one in self._numbers.items() if name in told}

    def _is_shared(self, person: Resident, said: Said) -> bool:
        """Whether somebody of the same household does not go to the same address by the same list."""
        if person.household_id is None or said.address is None or said.address == person.address:
            return False
        others = [one for one in self._homes[person.household_id] if one.id != person.id]
        return any(self._moving.get(one.id, one.address) != said.address for one in others)


def _index(everybody: Any, town: str) -> dict[Key, list[Resident]]:
    found: dict[Key, list[Resident]] = defaultdict(list)
    for person in everybody:
        if person.municipality_code == town and person.status == "active":
            found[key_here(person)].append(person)
    return found


def _taken(connection: Connection, given: Given, stamp: int) -> Report | Torn | None:
    """What there is to say of a list before it is looked at: taken before, or older than one that was."""
    before = repo_exchange.run_of(connection, given.town, "in", given.sha256)
    if before is not None:
        return Report(
            file=given.name, town=given.town, mapping=given.mapping.id, sha256=given.sha256, rows=before.rows,
            counts=dict(before.told.get("counts", {})), already=True,
        )  # fmt: skip
    newest = repo_exchange.reached(connection, given.town, "in")
    if newest is not None and stamp <= newest:
        return Torn("stale", f"a list of {day_of(newest)} or later is taken already: this one is older")
    return None


def _keep(connection: Connection, given: Given, made: Report, stamp: int, now: datetime) -> None:
    refused = [[fault.line, fault.code, fault.field] for fault in made.refused[:_KEPT]]
    told = {"file": given.name, "counts": made.counts, "refused": refused}
    repo_exchange.keep_run(connection, Run(
        seq=0, municipality_code=given.town, direction="in", mapping=given.mapping.id, sha256=made.sha256,
        rows=made.rows, told=told, reached=stamp, by=given.by.actor, at=now,
    ))  # fmt: skip

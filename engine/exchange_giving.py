"""What the city's own system is told of the work with its residents: a running file, each line once, corrections after.

Only of residents the city knows by a number who agreed that its nurses look; no value, no advice, no word and no
address: a day, what was done, and what came of it. A line is stored first, then written, then known to be safe:
killed in between, the same file is written again under the same name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from engine.decisions import open_to_nurses
from engine.exchange_csv import Torn, write
from engine.exchange_mapping import Mapping
from engine.exchange_rows import written
from engine.store import audit, repo_exchange
from engine.store import repo_exchange_lines as repo
from engine.store.database import Connection, Engine, read
from engine.store.database import write as writing
from engine.store.filing import By
from engine.store.repo_exchange import Run
from engine.store.repo_exchange_lines import Change, Line, Thing
from engine.whole_files import put_whole, sync_names

_PER_FILE: Final = 100_000


class Giving(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files go: of which town, by which mapping, and who lets them out."""

    town: str
    mapping: Mapping
    folder: Path
    by: By


class Gave(msgspec.Struct, frozen=True, kw_only=True):
    """The files that are safe now, each with its number of lines, and how many lines told what."""

    files: dict[str, int]
    counts: dict[str, int]


def give(engine: Engine, giving: Giving, now: datetime) -> Gave | Torn:
    """Writes what the city does not know yet, and first what an earlier run left; torn as `exchange_csv.write` tears.

    Raises OSError where the folder takes no file: then it is written the next time.
    """
    done = _deliver(engine, giving, now)
    if isinstance(done, Torn):
        return done
    with writing(engine) as connection:
        audit.take_turn(connection)
        _make(connection, giving, now)
    more = _deliver(engine, giving, now)
    if isinstance(more, Torn):
        return more
    counts = {word: done.counts.get(word, 0) + more.counts.get(word, 0) for word in ("new", "changed", "removed")}
    return Gave(files=done.files | more.files, counts=counts)


def waiting(engine: Engine, giving: Giving, now: datetime) -> Gave:
    """What `give` would write now; nothing is stored or written."""
    with read(engine) as connection:
        left = [line.change for lines in repo.pending(connection, giving.town).values() for line in lines]
        made = [*left, *(change for _, change in _changes(connection, giving, now))]
    return Gave(files={}, counts={word: made.count(word) for word in ("new", "changed", "removed")})


def _make(connection: Connection, giving: Giving, now: datetime) -> None:
    made = _changes(connection, giving, now)
    first = max(repo.last(connection), repo_exchange.reached(connection, giving.town, "out") or 0) + 1
    for start in range(0, len(made), _PER_FILE):
        name = giving.mapping.out.name.replace("{number}", f"{first + start:08}")
        repo.add(connection, giving.town, name, made[start : start + _PER_FILE], now)


def _changes(connection: Connection, giving: Giving, now: datetime) -> list[tuple[Thing, Change]]:
    """What the city does not know yet, is told otherwise, or must not count any more."""
    since = now - timedelta(days=giving.mapping.out.keep_days)
    found = repo.things(connection, giving.town, since, giving.mapping.out.appointments)
    told = repo.told(connection, giving.town)
    known = {one.resident for one in repo_exchange.numbers(connection, giving.town)}
    agreed = _open(connection, giving.town, known, now)
    here = {thing.about for thing in found}
    made: list[tuple[Thing, Change]] = []
    for thing in found:
        before = told.get(thing.about)
        if thing.resident not in agreed or (before and before.change != "removed" and before.cells == thing.cells):
            continue
        made.append((thing, "new" if before is None or before.change == "removed" else "changed"))
    for about, line in told.items():
        # What is merely older than the window still stands, and of whom nothing may be told nothing is.
        stands = line.change == "removed" or line.cells.day < since.date() or about in here
        if not stands and line.resident in agreed:
            made.append((Thing(line.resident, about, line.cells), "removed"))
    return made


def _open(connection: Connection, town: str, residents: Iterable[str], now: datetime) -> frozenset[str]:
    """Those of whom the town may know: who live in it and let nurses look: another town's work is not its own."""
    return repo_exchange.living_in(connection, town, open_to_nurses(connection, residents, now))


def _deliver(engine: Engine, giving: Giving, now: datetime) -> Gave | Torn:
    """Writes every file whose lines wait; of nobody who has said no or moved away since."""
    with writing(engine) as connection:
        audit.take_turn(connection)
        waits = repo.pending(connection, giving.town)
        people = {line.resident for lines in waits.values() for line in lines}
        agreed = _open(connection, giving.town, people, now)
        barred = [line.seq for lines in waits.values() for line in lines if line.resident not in agreed]
        repo.drop(connection, barred)
    files, counts = dict[str, int](), dict[str, int]()
    for name, lines in waits.items():
        kept = [line for line in lines if line.resident in agreed]
        if not kept:
            continue
        made = _content(kept, giving.mapping)
        if isinstance(made, Torn):
            return made
        put_whole(giving.folder / name, made)
        sync_names(giving.folder)
        _safe(engine, giving, name, kept, made, now)
        files[name] = len(kept)
        for line in kept:
            counts[line.change] = counts.get(line.change, 0) + 1
    return Gave(files=files, counts=counts)


def _content(lines: list[Line], mapping: Mapping) -> bytes | Torn:
    codes = mapping.out.codes
    rows = [
        {
            "line": str(line.seq), "change": codes.get(line.change, line.change), "about": line.about,
            "number": line.cells.number,
            "day": written(line.cells.day, mapping.out.days), "sort": codes.get(line.cells.sort, line.cells.sort),
            "what": codes.get(line.cells.what, line.cells.what), "came": codes.get(line.cells.came, line.cells.came),
        }
        for line in lines
    ]  # fmt: skip
    return write(rows, mapping, mapping.out.columns, mapping.out.ending)


def _safe(engine: Engine, giving: Giving, name: str, lines: list[Line], content: bytes, now: datetime) -> None:
    with writing(engine) as connection:
        audit.take_turn(connection)
        repo.written(connection, [line.seq for line in lines], now)
        sha = hashlib.sha256(content).hexdigest()
        if repo_exchange.run_of(connection, giving.town, "out", sha) is None:
            repo_exchange.keep_run(connection, Run(
                seq=0, municipality_code=giving.town, direction="out", mapping=giving.mapping.id, sha256=sha,
                rows=len(lines), told={"file": name}, reached=lines[-1].seq, by=giving.by.actor, at=now,
            ))  # fmt: skip
        for resident in sorted({line.resident for line in lines}):
            audit.note(connection, "export-city", resident, giving.by, now, [name])

"""Writing a take-out: everything of one resident into an archive, file after file, none of them held as a whole."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import RawIOBase
from typing import IO, Any, Final, cast

import msgspec

from engine.carrying import write_table
from engine.carrying_store import tables_of
from engine.export import observations_of
from engine.locale import LANGUAGES, Language
from engine.people import Resident
from engine.picture import zone_of
from engine.sealing import Seal
from engine.store import audit, repo_addresses, repo_disclosure, repo_interests, repo_takeout
from engine.store.database import Connection
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.takeout import BUNDLE, MANIFEST, OBSERVATIONS, ROWS, File, Manifest, readme, rows_file

# FHIR resources are made by another house of this program: who has it hands it in.
Bundle = Callable[[Connection, Resident, datetime], Iterable[bytes]]
_ENCODE: Final = msgspec.json.Encoder().encode
_MAIL: Final = "mail"


def write_takeout(
    connection: Connection, target: IO[bytes], person: Resident, now: datetime, lang: Language, seal: Seal,
    bundle: Bundle | None = None,
) -> Manifest:  # fmt: skip
    """Writes the archive of `person` into `target` in the caller's transaction; nothing in it that they may not see.

    `now` is where days and trends end: the same store gives the same bytes for the same instant.
    """
    made = _Archive(target, now.astimezone(zone_of(connection, person)))
    shown = _shown(connection, person, now)
    for table in ROWS:
        made.lines(rows_file(table), map(_ENCODE, _records(connection, person, table, shown, seal)))
    made.lines(OBSERVATIONS, observations_of(connection, person, now))
    if bundle is not None:
        made.parts(BUNDLE, bundle(connection, person, now))
    for name, head, rows in tables_of(connection, person, now, lang):
        with made.file(f"tables/{name}.csv") as raw:
            write_table(raw, head, rows)
    for one in LANGUAGES:
        made.parts(f"README.{one}.txt", [readme(one, tuple(file.name for file in made.files)).encode()])
    return made.end(person, now)


def note_takeout(connection: Connection, made: Manifest, by: By, now: datetime) -> None:
    """Who took the data out is on record before anything leaves."""
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action="export-takeout", subject=made.resident,
        detail_hash=audit.detail_hash([one.sha256 for one in made.files]),
    )  # fmt: skip
    audit.append(connection, entry)


def _shown(connection: Connection, person: Resident, now: datetime) -> frozenset[str]:
    facts = repo_disclosure.seen_by(connection, person, now).shown
    entries = repo_disclosure.entries_seen_by(connection, person, now).shown
    return frozenset([*(one.id for one in facts), *(one.id for one in entries)])


def _records(
    connection: Connection, person: Resident, table: str, shown: frozenset[str], seal: Seal
) -> Iterator[Mapping[str, Any]]:
    if table == "interest":
        liked = repo_interests.of(connection, repo_interests.pseudonym(seal, person.id))
        yield from ({"code": code} for code in liked)
    elif table == "address":
        # A LINE id or a browser's subscription opens nothing in another house.
        known = repo_addresses.of(connection, seal, person.id, [_MAIL])
        yield from ({"channel": one.channel, "address": one.address} for one in known if one.failed_at is None)
    else:
        yield from repo_takeout.rows_of(connection, person.id, table, shown)


class _Hashed(RawIOBase):
    """What is written goes on to `raw`, hashed and counted; closing it closes `raw`."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self.sha256.update(part)
        self.size += len(part)
        self._raw.write(part)
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Archive:
    """An archive that remembers what it holds."""

    def __init__(self, target: IO[bytes], at: datetime) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self._at = at
        self._records: int | None = None
        self.files: list[File] = []

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        entry = zipfile.ZipInfo(name, self._at.timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        self._records = None
        raw = _Hashed(self._zip.open(entry, "w", force_zip64=True))
        with raw:
            yield cast("IO[bytes]", raw)
        made = File(name=name, sha256=raw.sha256.hexdigest(), size=raw.size, records=self._records)
        self.files.append(made)

    def lines(self, name: str, lines: Iterable[bytes]) -> None:
        with self.file(name) as raw:
            count = 0
            for line in lines:
                raw.write(line + b"\n")
                count += 1
            self._records = count

    def parts(self, name: str, parts: Iterable[bytes]) -> None:
        with self.file(name) as raw:
            for part in parts:
                raw.write(part)

    def end(self, person: Resident, now: datetime) -> Manifest:
        made = Manifest(resident=person.id, municipality=person.municipality_code, made_at=now, files=tuple(self.files))
        with self.file(MANIFEST) as raw:
            raw.write(msgspec.json.format(_ENCODE(made)))
        self._zip.close()
        return made

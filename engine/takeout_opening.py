"""Opening a take-out that somebody brought: nothing is believed that its list does not name with the right hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BufferedReader
from typing import IO, Any, Final
from zipfile import ZipFile, ZipInfo

import msgspec

from engine.imports.archive import Member, members
from engine.imports.model import FileError
from engine.refusal import Refusal
from engine.takeout import MANIFEST, MOST_FILES, MOST_LINE, MOST_MANIFEST, YOUNGER, Manifest, read_manifest, rows_file

_CHUNK: Final = 1 << 18


class Opened:
    """An archive whose every file is as its list says; records are read from it as often as they are asked for."""

    def __init__(self, archive: ZipFile, infos: dict[str, ZipInfo], manifest: Manifest) -> None:
        self._archive, self._infos = archive, infos
        self.manifest = manifest

    def records(self, table: str) -> Iterator[dict[str, Any]]:
        """The records of one table; raises FileError bad-record with the line."""
        if table in YOUNGER and rows_file(table) not in self._infos:
            return
        with BufferedReader(Member(self._archive, self._infos[rows_file(table)]), _CHUNK) as stream:
            number = 0
            while line := stream.readline(MOST_LINE):
                number += 1
                try:
                    record = msgspec.json.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                    raise FileError("bad-record", f"{table}: {error}", number) from error
                if not isinstance(record, dict):
                    raise FileError("bad-record", f"{table}: no record", number)
                yield record


def opened(stream: IO[bytes]) -> Opened | Refusal:
    """The archive in `stream`; refused not-ours, newer, damaged-list, unlisted-file, missing-file, changed.

    Also as `imports.archive.members` refuses zips: damaged-zip, unsafe-path, encrypted, zip-bomb, too-large.
    """
    try:
        archive, found = members(stream, lambda _: True)
        if len(found) > MOST_FILES:
            return Refusal("too-many-files", f"{len(found)} files")
        infos = {info.filename: info for info in found}
        if len(infos) < len(found):
            return Refusal("damaged-list", "two files have one name")
        if MANIFEST not in infos or infos[MANIFEST].file_size > MOST_MANIFEST:
            return Refusal("not-ours", f"there is no {MANIFEST} in it")
        manifest = read_manifest(Member(archive, infos[MANIFEST]).read() or b"")
        return manifest if isinstance(manifest, Refusal) else _held(archive, infos, manifest)
    except FileError as error:
        return Refusal(error.code, error.message)


def _held(archive: ZipFile, infos: dict[str, ZipInfo], manifest: Manifest) -> Opened | Refusal:
    named = manifest.named
    extra = next((name for name in infos if name != MANIFEST and name not in named), None)
    if extra is not None:
        return Refusal("unlisted-file", "there is a file in it that its list does not name")
    for name, one in named.items():
        if name not in infos:
            return Refusal("missing-file", f"{name} is not in it")
        if infos[name].file_size != one.size or _hash(Member(archive, infos[name])) != one.sha256:
            return Refusal("changed", f"{name} is not as it was taken out")
    return Opened(archive, infos, manifest)


def _hash(member: Member) -> str:
    found = hashlib.sha256()
    with member:
        while part := member.read(_CHUNK):
            found.update(part)
    return found.hexdigest()

"""Zip files from strangers: members are read as streams, never unpacked by name, and not for ever."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from io import RawIOBase
from typing import IO, Final

from engine.imports.model import FileError

CHUNK: Final = 1 << 18
MOST_MEMBERS: Final = 200_000
MOST_BYTES: Final = 16 << 30
# Health exports shrink 20 to 40 times; a bomb a thousand times. Small files may be as regular as they like.
MOST_RATIO: Final = 250
INNOCENT: Final = 64 << 20
_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
# What the library raises on damaged files, as a campaign of changed bytes has shown.
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
    LookupError, ArithmeticError,
)  # fmt: skip


def is_zip(stream: IO[bytes]) -> bool:
    """Whether the stream begins as a zip file; it stands at its beginning afterwards."""
    start = stream.read(4)
    stream.seek(0)
    return start in _MAGIC


def members(stream: IO[bytes], wanted: Callable[[str], bool]) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """The opened archive and its members whose names are `wanted`, by name.

    Raises FileError damaged-zip, too-many-files, unsafe-path, encrypted, zip-bomb or too-large.
    """
    try:
        archive = zipfile.ZipFile(stream)
    except _BROKEN as error:
        raise FileError("damaged-zip", f"not a whole zip file: {error}") from error
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise FileError("too-many-files", f"{len(infos)} files in one zip")
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise FileError("unsafe-path", "a file of this zip points outside of it")
    named = [info for info in infos if info.filename and not info.filename.endswith("/")]
    chosen = sorted((info for info in named if wanted(info.filename)), key=lambda info: info.filename)
    for info in chosen:
        _check(info)
    return archive, chosen


def _check(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise FileError("encrypted", "the zip is locked with a password: unpack it first")
    if info.file_size > MOST_BYTES:
        raise FileError("too-large", f"{info.file_size >> 30} GiB in one file")
    if info.file_size > INNOCENT and info.file_size > MOST_RATIO * max(info.compress_size, 1):
        raise FileError("zip-bomb", "the zip unpacks to far more than health data would")


class Member(RawIOBase):
    """A member as a readable stream whose damage is a FileError, and which ends where the zip said it would."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        super().__init__()
        self._left = info.file_size
        try:
            self._inner = archive.open(info)
        except _BROKEN as error:
            raise FileError("damaged-zip", f"a file of the zip cannot be read: {error}") from error

    def readable(self) -> bool:
        """Members can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer`; raises FileError damaged-zip, also when more comes than was announced."""
        try:
            data = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise FileError("damaged-zip", f"the zip is damaged or cut off: {error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise FileError("zip-bomb", "a file of the zip is larger than it says")
        buffer[: len(data)] = data
        return len(data)

"""The documents as they came, byte for byte, readable by this user only: what was not understood is read again later.

One folder a resident and document, one file an edition, named by when it was written and the hash of its bytes.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from engine.whole_files import put_whole

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_UNDATED: Final = "0"
_DIGITS: Final = 32


class Originals:
    """A folder of original documents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, resident: str, channel: str) -> str:
        """The stamp of the newest edition kept, "" where there is none."""
        place = self._folder / resident / channel
        names = [path.name.partition("-")[0] for path in place.iterdir()] if place.is_dir() else []
        return max((name for name in names if not name.startswith(".")), default="")

    def has(self, resident: str, channel: str, edition: datetime | None, data: bytes) -> bool:
        """Whether exactly this edition is kept."""
        return self._path(resident, channel, edition, data).exists()

    def keep(self, resident: str, channel: str, edition: datetime | None, data: bytes) -> bool:
        """Keeps the bytes, True where they were not kept before; raises OSError where the folder cannot be written."""
        path = self._path(resident, channel, edition, data)
        if path.exists():
            return False
        for folder in (self._folder, path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Under its name stands only what is whole: a broken write leaves a file that begins with a dot.
        put_whole(path, data)
        return True

    def read(self, resident: str, channel: str) -> list[bytes]:
        """Every edition of a document, oldest first."""
        place = self._folder / resident / channel
        paths = sorted(place.iterdir()) if place.is_dir() else []
        return [path.read_bytes() for path in paths if not path.name.startswith(".")]

    def _path(self, resident: str, channel: str, edition: datetime | None, data: bytes) -> Path:
        digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
        return self._folder / resident / channel / f"{stamp(edition)}-{digest}"


def stamp(edition: datetime | None) -> str:
    """How an edition is dated in a name: UTC, in an order that sorts; undated ones come first."""
    return _UNDATED if edition is None else edition.astimezone(UTC).strftime(_STAMP)

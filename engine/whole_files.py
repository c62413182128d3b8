"""Files that are there whole or not at all, whatever dies while they are written."""

from __future__ import annotations

import os
from pathlib import Path


def put_whole(path: Path, content: bytes, *, mode: int = 0o600) -> Path:
    """The bytes under their name only when they are safe on the disk; raises OSError, and then all is as before.

    What a killed writer leaves begins with a dot: `.<name>.<process>`. `mode` is before the umask.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    return path


def sync_names(folder: Path) -> None:
    """The names in a folder safe on the disk: what is new in it, and what is gone."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

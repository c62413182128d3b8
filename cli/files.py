"""Files that commands write for people."""

from __future__ import annotations

from pathlib import Path

from cli.exits import Exit
from cli.output import fail


def save(path: Path, content: bytes) -> str:
    """The whole file or nothing, readable by its owner only; its name, or exit code 10."""
    from engine.whole_files import put_whole

    try:
        return str(put_whole(path, content))
    except OSError as error:
        fail(Exit.CONFIGURATION, "cannot-write", f"{path.name} could not be written: {error.strerror}")

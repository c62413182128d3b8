"""Taking one person out of the folder of messages: their files, the folders they leave empty, their lines of the index.

What a member has fetched already is theirs: nothing here reaches it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from engine.whole_files import put_whole
from fhir_bridge.outbound.planning import Remembered
from fhir_bridge.outbound.tree import KIND, Outbox

# The name of the index in `outbound.tree`.
INDEX: Final = "index.ndjson"
_LINE: Final = msgspec.json.Decoder(Remembered).decode


def erase(root: Path, resident: str) -> int:
    """Removes every message about `resident` below `root` and what the index remembers of them; how many files.

    Raises OutboxError busy or damaged-index; a person nobody ever wrote about costs one look.
    """
    if not (root / INDEX).exists():
        return 0
    with Outbox(root).opened() as outbox:
        lines = (root / INDEX).read_bytes().splitlines(keepends=True)
        theirs = [one for one in map(_LINE, lines) if one.resident == resident]
        count = sum(_unlink(outbox.root, one) for one in theirs)
        if theirs:
            put_whole(root / INDEX, b"".join(line for line in lines if _LINE(line).resident != resident))
    return count


def _unlink(root: Path, one: Remembered) -> int:
    """The files of one thing, also the versions it was followed by, and the folders nothing is left in."""
    folder = (root / one.path).parent
    found = sorted(folder.glob(f"*_{KIND}_{one.key}_*")) if folder.is_dir() else []
    for path in found:
        path.unlink()
    while folder != root and folder.is_dir():
        with suppress(OSError):
            folder.rmdir()
        if folder.is_dir():
            break
        folder = folder.parent
    return len(found)

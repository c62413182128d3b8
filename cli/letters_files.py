"""What `phr letters` reads from its options and writes to the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

from cli.exits import Exit
from cli.output import fail
from cli.wiring import open_store, settings

if TYPE_CHECKING:
    from pathlib import Path

    from engine.store.database import Engine

_MONTH = re.compile(r"(\d{4})-(\d{1,2})")


@contextmanager
def opened() -> Iterator[Engine]:
    """The configured store for what needs several transactions; its failures become exit codes."""
    from engine.store.database import StoreError

    engine = open_store(settings())
    try:
        yield engine
    except StoreError as error:
        fail(Exit.NETWORK if error.code in {"busy", "unreachable"} else Exit.CONFIGURATION, error.code, error.message)
    finally:
        engine.dispose()


def first_of(month: str | None, today: date) -> date:
    """The first day of the month asked for, else of the one that is over."""
    if month is None:
        return date(today.year - (today.month == 1), (today.month - 2) % 12 + 1, 1)
    found = _MONTH.fullmatch(month.strip())
    if found is None or not (date.min.year <= int(found[1]) < date.max.year and 1 <= int(found[2]) <= 12):  # noqa: PLR2004
        fail(Exit.USAGE, "unreadable-month", f"{month!r} is not a month; write it as 2026-10")
    return date(int(found[1]), int(found[2]), 1)


def refuse_unwritable(path: Path) -> None:
    """Stop before letters are made that could not be written down; exit code 2."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        fail(Exit.USAGE, "not-written", f"cannot write {path.name}: {error.strerror}")


def write_whole(path: Path, content: bytes) -> None:
    """The whole file or the one that was there; what it tells is for nobody else's eyes."""
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        fail(Exit.CONFIGURATION, "not-written", f"{path.name} could not be written: {error.strerror}; try `again`")

"""Days as they are typed after an option."""

from __future__ import annotations

from datetime import date

from cli.exits import Exit
from cli.output import fail


def day_of(text: str | None, option: str) -> date | None:
    """The day somebody typed after `option`; exit code 2 for what is none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(Exit.USAGE, "unreadable-date", f"{option}: write the day as 2026-11-21, not {text!r}")

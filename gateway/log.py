"""Log lines of the gateway: a past-tense verb and fields on stderr; never names, addresses or measured values."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def log(event: str, **fields: str | float | None) -> None:
    """One JSON line; fields hold ids, codes and counts only."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False)
    # A closed stderr must not take a measurement down with it.
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the one place where the gateway writes its log
    except (OSError, ValueError):
        return

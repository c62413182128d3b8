"""What `phr doctor` says of the desk: its key, the town's telephone numbers, notices that wait, and the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cli.exits import Exit
from cli.finding import Finding
from cli.wiring import Settings

# The engine anchors every hour: twice that is one missed.
STALE: Final = timedelta(hours=2)
_WEEK: Final = timedelta(days=7)


def desk(config: Settings) -> Iterator[Finding]:
    """What would keep staff from signing in, residents from being told, or a look from being proven."""
    yield from _key(config)
    yield from _numbers(config)
    yield from _kept(config)


def _key(config: Settings) -> Iterator[Finding]:
    from engine.sealing import key_of

    if not (config.root / "web" / "key").exists():
        return
    try:
        key_of(config.root)
    except (OSError, ValueError):
        remedy = "put back the copy that was kept apart from the database: no second factor opens without it"
        yield Finding("key", "fault", "PHR_HOME/web/key cannot be read", remedy, Exit.DAMAGED)


def _numbers(config: Settings) -> Iterator[Finding]:
    from engine.contacts import FILE, own_numbers
    from engine.refusal import Refusal

    found = own_numbers(config.root)
    if isinstance(found, Refusal):
        remedy = f"mend {FILE}; until then only the numbers that ship are shown"
        yield Finding("numbers", "fault", f"{found.code}: {found.message}", remedy, Exit.CONFIGURATION)
    elif found:
        yield Finding("numbers", "ok", f"{len(found)} telephone numbers of your own")


def _kept(config: Settings) -> Iterator[Finding]:
    """What the database knows; what is wrong with the database itself is said elsewhere."""
    from engine.store import anchors, repo_notices
    from engine.store.database import StoreError, check, open_engine, read

    if config.engine.database is None and not (config.root / "engine.sqlite").exists():
        return
    now = datetime.now(UTC)
    try:
        store = open_engine(config.database_url)
        try:
            if check(store):
                return
            with read(store) as connection:
                newest, late = anchors.head(connection, now), repo_notices.counts(connection, now, _WEEK)["late"]
        finally:
            store.dispose()
    except StoreError:
        return
    if late:
        remedy = (
            "set notify.base and a way (notify.*)"
            if config.notify.base is None
            else "is `phr engine run` running? `phr notify status`"
        )
        yield Finding("notices", "note", f"{late} notices to residents wait for more than an hour", remedy)
    anchored = anchors.last(config.root)
    if newest is not None and (anchored is None or (anchored.seq < newest.seq and now - anchored.at > STALE)):
        since = "never" if anchored is None else f"last {anchored.at:%Y-%m-%d %H:%M} UTC"
        remedy = "`phr engine run` does it every hour, `phr audit anchor` at once"
        yield Finding("audit", "note", f"the audit trail was anchored {since}", remedy)

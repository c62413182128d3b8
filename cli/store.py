"""The store for one command: opened, used in one transaction, closed; its failures become exit codes."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.exits import Exit
from cli.output import fail
from cli.wiring import open_store, settings

if TYPE_CHECKING:
    from engine.people import Resident
    from engine.store.database import Connection

_EXITS = {"damaged": Exit.DAMAGED, "busy": Exit.NETWORK, "unreachable": Exit.NETWORK}


@contextmanager
def transaction(*, writes: bool = False) -> Iterator[Connection]:
    """A connection to the configured store; with `writes` it is committed at the end unless the command fails."""
    from engine.store.database import StoreError, read, write

    engine = open_store(settings())
    try:
        with write(engine) if writes else read(engine) as connection:
            yield connection
    except StoreError as error:
        fail(_EXITS.get(error.code, Exit.CONFIGURATION), error.code, error.message)
    finally:
        engine.dispose()


def resident_of(connection: Connection, id: str) -> Resident:  # noqa: A002
    """The resident of that id; exit code 3 when there is none."""
    from engine.contract.ids import is_id
    from engine.store import repo_residents

    found = repo_residents.get(connection, id) if is_id(id, "r") else None
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-resident", f"there is no resident {id!r}; `phr resident list` shows them")
    return found


def judge(connection: Connection, resident: str) -> None:
    """Draft at once what follows of a change: an urgent value must not wait until an engine runs."""
    from engine.evaluate import attempt

    attempt(connection, resident, datetime.now(UTC))


def refuse_inactive(person: Resident) -> None:
    """Stop for somebody who died or moved away: what is measured now is somebody else's; exit code 5."""
    if person.status != "active":
        fail(Exit.REFUSED, "inactive", f"{person.id} is {person.status}: nothing is recorded any more")


def os_user() -> str:
    """Who runs this command, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def actor(by: str | None) -> str:
    """Who is answerable: the name given with --by, else the user of the operating system."""
    return os_user() if by is None else plain(by, "--by")


def plain(text: str, option: str) -> str:
    """`text` if it is one short line of real characters; exit code 2 otherwise."""
    from engine.names import keep
    from engine.refusal import Refusal

    kept = keep(text)
    if isinstance(kept, Refusal):
        fail(Exit.USAGE, kept.code, f"{option}: {kept.message}")
    return kept

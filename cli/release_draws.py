"""What was ever drawn here, known also to a store that came back from a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.exits import Exit
from cli.output import fail
from cli.wiring import Settings, ensure_home, open_seal

if TYPE_CHECKING:
    from engine.store.database import Connection
    from engine.store.repo_statistics import Paid


def drawn_before(connection: Connection, config: Settings) -> tuple[Paid, ...]:
    """Every release ever drawn in this PHR_HOME, after what the store knows was written down beside it.

    Ends with exit code 11 where the file was changed or the store holds other numbers than were drawn first.
    """
    from engine.refusal import Refusal
    from engine.store.draws import disputed, note_draws

    try:
        known = note_draws(connection, ensure_home(config), open_seal(config))
    except OSError as error:
        fail(Exit.CONFIGURATION, "cannot-write", f"PHR_HOME cannot be written: {error.strerror}")
    refusal = known if isinstance(known, Refusal) else disputed(connection, known)
    if isinstance(known, Refusal) or refusal is not None:
        assert refusal is not None  # it is `known`, or what `disputed` answered
        fail(Exit.DAMAGED, refusal.code, refusal.message)
    return tuple(one.paid for one in known)

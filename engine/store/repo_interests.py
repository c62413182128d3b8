"""What residents like, under a pseudonym that only the key of PHR_HOME makes of them; no other table knows it.

Nothing here writes to the audit or to a log: a hash of a few of ten codes would be guessed at once. Rows go out of the
database only to their owner's own page and take-out, and into the statistics job's memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select

from engine.sealing import Seal
from engine.store.parts import parts_of
from engine.store.tables_statistics import HELD_INTEREST


def pseudonym(seal: Seal, resident: str) -> str:
    """Under what the interests of `resident` are kept: nobody without the key finds one from the other."""
    return seal.mac(resident, "interests")


def of(connection: Connection, pseudonym: str) -> tuple[str, ...]:
    """The codes somebody chose, the dearest first."""
    table = HELD_INTEREST.c
    query = select(table.code).where(table.pseudonym == pseudonym).order_by(table.place)
    return tuple(connection.execute(query).scalars())


def all_of(connection: Connection, seal: Seal, residents: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The same for many, by resident; who chose nothing is left out. For the statistics job alone.

    Whose consent to `interest-link` does not hold is here as well, until it is withdrawn: the job asks for it.
    """
    named = {pseudonym(seal, resident): resident for resident in residents}
    wanted = sorted(named)
    found: dict[str, list[str]] = defaultdict(list)
    table = HELD_INTEREST.c
    for some in parts_of(wanted):
        query = select(table.pseudonym, table.code).where(table.pseudonym.in_(some))
        for row in connection.execute(query.order_by(table.pseudonym, table.place)):
            found[named[row.pseudonym]].append(row.code)
    return {resident: tuple(liked) for resident, liked in found.items()}


def keep(connection: Connection, pseudonym: str, codes: Sequence[str]) -> None:
    """Replaces what somebody chose by `codes` (`engine.interests.chosen`), the dearest first; none clears it."""
    drop(connection, pseudonym)
    rows = [{"pseudonym": pseudonym, "code": code, "place": place} for place, code in enumerate(codes, 1)]
    if rows:
        connection.execute(insert(HELD_INTEREST), rows)


def keep_many(connection: Connection, seal: Seal, chosen: Iterable[tuple[str, Sequence[str]]]) -> None:
    """What residents who chose nothing before chose, in the order of their pseudonyms, which tells nothing."""
    named = sorted((pseudonym(seal, resident), codes) for resident, codes in chosen)
    rows = [
        {"pseudonym": name, "code": code, "place": place}
        for name, codes in named
        for place, code in enumerate(codes, 1)
    ]
    if rows:
        connection.execute(insert(HELD_INTEREST), rows)


def drop(connection: Connection, pseudonym: str) -> int:
    """Deletes what somebody chose and returns how many codes that were."""
    return connection.execute(delete(HELD_INTEREST).where(HELD_INTEREST.c.pseudonym == pseudonym)).rowcount

"""What is owed to other houses: readings, and residents as a whole, that the bridge has to look at (anew)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from engine.store import repo_outbox
from engine.store.tables_bridge import CARE_LINK, PUSH

# Keys are reading ids, or resident ids where everything of a resident has to be looked at.
BRIDGE: Final = "bridge"


def owe_readings(connection: Connection, owners: Mapping[str, str], now: datetime) -> None:
    """Owes each reading (id to its resident) whose resident is linked to a network."""
    if not owners:
        return
    linked = _linked(connection, set(owners.values()))
    repo_outbox.put(connection, BRIDGE, [reading for reading, owner in owners.items() if owner in linked], now)


def owe_filed(connection: Connection, reading: str, people: Collection[str], now: datetime) -> None:
    """Owes a reading that was filed anew: it was told to a network before, or one of `people` is linked."""
    told = connection.execute(select(PUSH.c.seq).where(PUSH.c.reading_id == reading).limit(1)).first() is not None
    if told or _linked(connection, people):
        repo_outbox.put(connection, BRIDGE, [reading], now)


def owe_residents(connection: Connection, residents: Collection[str], now: datetime) -> None:
    """Owes a look at everything of those residents who are linked: a consent, a link or a height changed."""
    repo_outbox.put(connection, BRIDGE, _linked(connection, residents), now)


def standing_elsewhere(connection: Connection, resident: str, network: str, patient: str) -> int:
    """How many values a network may still count as that patient's, told of a resident by a link that was a mistake."""
    mine = (PUSH.c.network == network) & (PUSH.c.resident_id == resident) & (PUSH.c.patient == patient)
    told = (PUSH.c.says.is_not(None) & (PUSH.c.says != "entered-in-error")) | (PUSH.c.state == "sent")
    return int(connection.execute(select(func.count()).select_from(PUSH).where(mine & told)).scalar_one())


def _linked(connection: Connection, residents: Collection[str]) -> set[str]:
    """Who of them stands in a network; a link that ended still owes what was told by it."""
    if not residents:
        return set()
    query = select(CARE_LINK.c.resident_id).where(
        CARE_LINK.c.resident_id.in_(sorted(residents)), CARE_LINK.c.state.in_(("linked", "ended"))
    )
    return set(connection.execute(query).scalars())

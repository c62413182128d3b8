"""What residents said of the advice they received: useful, or not for me; the last word holds, or none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, select

from engine.store.database import upsert
from engine.store.instants import to_micros
from engine.store.parts import parts_of
from engine.store.tables_desk import ADVICE_RESPONSE

Said = Literal["useful", "not-for-me"]


def say(connection: Connection, advice: str, resident: str, said: Said, now: datetime) -> None:
    """Keeps what the resident says of this advice instead of what they said before."""
    row = {"advice_id": advice, "resident_id": resident, "said": said, "at": to_micros(now)}
    upsert(connection, ADVICE_RESPONSE, [row])


def take_back(connection: Connection, advice: str, resident: str) -> None:
    """Forgets what the resident said of this advice."""
    mine = (ADVICE_RESPONSE.c.advice_id == advice) & (ADVICE_RESPONSE.c.resident_id == resident)
    connection.execute(delete(ADVICE_RESPONSE).where(mine))


def of(connection: Connection, advice: Iterable[str]) -> dict[str, Said]:
    """What was said of each of these pieces of advice; those nobody spoke of are missing."""
    wanted = sorted(set(advice))
    found: dict[str, Said] = {}
    for some in parts_of(wanted):
        query = select(ADVICE_RESPONSE).where(ADVICE_RESPONSE.c.advice_id.in_(some))
        found |= {row.advice_id: row.said for row in connection.execute(query)}
    return found

"""That staff reached a resident, or tried to: how, what came of it, and about which piece of advice.

Of somebody who is followed in a programme it is an event of that case, too: nothing is written down twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, func, insert, select

from engine.contract.ids import new_id
from engine.store import audit, repo_cases
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.tables_desk import CONTACT

How = Literal["phone", "visit", "video", "group", "mail", "letter", "other"]
Outcome = Literal["reached", "family", "message", "absent", "refused"]
HOWS: Final[tuple[How, ...]] = get_args(How)
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
# Somebody was spoken to: an urgent matter is no longer unattended. A bell nobody answered leaves it where it is.
SPOKEN: Final[frozenset[Outcome]] = frozenset({"reached", "family", "refused"})


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to speak with a resident."""

    id: str
    resident: str
    by: str
    at: datetime
    how: How
    outcome: Outcome
    text: str = ""
    advice: str | None = None

    @property
    def spoken(self) -> bool:
        """Whether anybody was spoken to."""
        return self.outcome in SPOKEN


def add(
    connection: Connection,
    *,
    resident: str,
    by: str,
    how: How,
    outcome: Outcome,
    text: str,
    now: datetime,
    rng: Random,
    os_user: str,
    advice: str | None = None,
    minutes: int | None = None,
) -> Contact:
    """Keeps an attempt with its audit entry, which holds no word of it; `minutes` count in a case alone."""
    made = Contact(
        id=new_id("k", rng), resident=resident, by=by, at=now, how=how, outcome=outcome, text=text, advice=advice
    )  # fmt: skip
    row = msgspec.structs.asdict(made) | {"at": to_micros(now)}
    row |= {"resident_id": row.pop("resident"), "advice_id": row.pop("advice")}
    connection.execute(insert(CONTACT), row)
    entry = audit.Entry(
        at=to_micros(now), actor=by, os_user=os_user, action="contact-add", subject=advice or resident,
        detail_hash=audit.detail_hash([made.id, how, outcome, text]),
    )  # fmt: skip
    audit.append(connection, entry)
    repo_cases.note_contact(connection, resident, made.id, how, outcome, minutes, now, By(by, os_user))
    return made


def of_resident(connection: Connection, resident: str, limit: int = 100) -> list[Contact]:
    """The newest attempts to speak with one resident, newest first."""
    return _read(connection, CONTACT.c.resident_id == resident, limit)


def of_advice(connection: Connection, advice: str, limit: int = 100) -> list[Contact]:
    """The newest attempts made about one piece of advice, newest first."""
    return _read(connection, CONTACT.c.advice_id == advice, limit)


def newest(connection: Connection, residents: Iterable[str]) -> dict[str, Contact]:
    """The newest attempt to speak with each of these residents."""
    names, found = sorted(set(residents)), dict[str, Contact]()
    for some in parts_of(names):
        part = CONTACT.c.resident_id.in_(some)
        last = select(func.max(CONTACT.c.at)).where(part).group_by(CONTACT.c.resident_id)
        found |= {one.resident: one for one in reversed(_read(connection, part & CONTACT.c.at.in_(last), None))}
    return found


def _read(connection: Connection, where: Any, limit: int | None) -> list[Contact]:
    query = select(CONTACT).where(where).order_by(CONTACT.c.at.desc(), CONTACT.c.id.desc()).limit(limit)
    return [
        Contact(
            id=row["id"], resident=row["resident_id"], by=row["by"], at=from_micros(row["at"]), how=row["how"],
            outcome=row["outcome"], text=row["text"], advice=row["advice_id"],
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip

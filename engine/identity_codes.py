"""Residents and family prove themselves by what the desk gave them: a one-time code, or a card with a QR code.

A resident also tells the month and day of their birth; a family member has a code of their own and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.access import Identity
from engine.cards import read_card
from engine.contract.ids import is_id
from engine.identity import SLOW_DOWN, WRONG, flooded
from engine.onetime import is_birthday, read_code
from engine.refusal import Refusal
from engine.situation import signs_in
from engine.store import repo_codes, repo_family, repo_life, repo_residents
from engine.store.database import Connection, Engine, write
from engine.store.repo_codes import Code, Kind


class CodeProof:
    """A code of eight characters (`code`), good once, with `month` and `day`."""

    def __init__(self, engine: Engine, os_user: str) -> None:
        self._engine = engine
        self._os_user = os_user

    def prove(self, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        """Whose code this is; five wrong birth dates and it is dead."""
        return _prove(self._engine, self._os_user, "code", read_code(given.get("code", "")), given, now)


class CardProof:
    """The QR code of a card (`card`, 130 bits), good until revoked or two years old, with `month` and `day`."""

    def __init__(self, engine: Engine, os_user: str) -> None:
        self._engine = engine
        self._os_user = os_user

    def prove(self, given: Mapping[str, str], now: datetime) -> Identity | Refusal:
        """Whose card this is; five wrong birth dates in a row and it is dead."""
        return _prove(self._engine, self._os_user, "card", read_card(given.get("card", "")), given, now)


def _prove(
    engine: Engine, os_user: str, kind: Kind, secret: str | None, given: Mapping[str, str], now: datetime
) -> Identity | Refusal:
    with write(engine) as connection:
        if flooded(connection, now):
            return SLOW_DOWN
        code = None if secret is None else repo_codes.by_secret(connection, kind, secret, lock=True)
        if code is None or code.state(now) != "good":
            repo_codes.note_refused(connection, "unknown" if code is None else code.id, now, os_user)
            return WRONG
        who = _holder(connection, code, given, now)
        if who is None:
            repo_codes.miss(connection, code)
            repo_codes.note_refused(connection, code.id, now, os_user)
            return WRONG
        repo_codes.use(connection, code, now)
        return who


def _holder(connection: Connection, code: Code, given: Mapping[str, str], now: datetime) -> Identity | None:
    if is_id(code.subject, "m"):
        member = repo_family.get(connection, code.subject)
        return None if member is None or member.ended_at is not None else member.identity
    person = repo_residents.get(connection, code.subject)
    if person is None or not signs_in(repo_life.situation(connection, person.id), now):
        return None
    if not is_birthday(person.birth_date, given.get("month", ""), given.get("day", "")):
        return None
    name = f"{person.family_name} {person.given_name}".strip()
    # A resident works for no town: what is theirs is theirs by their own id.
    return Identity(id=person.id, name=name, roles=frozenset({"resident"}))

"""What the pages of one resident share: who that is, and days and values as they read them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from engine.clinical_values import day_of
from engine.contract.ids import is_id
from engine.locale import Language
from engine.people import Resident
from engine.picture import zone_of
from engine.store import repo_residents
from engine.store.database import Connection
from engine.web.context import SorryError
from engine.web.sessions import Session

_DAY: Final = {"ja": "y年M月d日", "en": "d MMMM y"}
_TIME: Final = {"ja": "y年M月d日 H時mm分", "en": "d MMMM y, H:mm"}
# Residents' forms are few and short; whoever sends more fields than any of ours has is not a person.
MOST_FIELDS: Final = 200


def me_of(connection: Connection, session: Session) -> Resident:
    """The resident whose session this is; raises SorryError not-found where there is none any more."""
    person = repo_residents.get(connection, session.by) if is_id(session.by, "r") else None
    if person is None:
        raise SorryError(404, "not-found", back="/me")
    return person


def day_words(lang: Language, day: date | datetime) -> str:
    """A civil day in Japan as it is written."""
    return format_date(day_of(day) if isinstance(day, datetime) else day, _DAY[lang], locale=lang)


def time_words(lang: Language, at: datetime, connection: Connection, person: Resident) -> str:
    """An instant on the clock of the person's home."""
    return clock_words(lang, at, zone_of(connection, person))


def clock_words(lang: Language, at: datetime, zone: ZoneInfo) -> str:
    """An instant on the clock of that zone."""
    return format_datetime(at.astimezone(zone), _TIME[lang], locale=lang)


def last(form: Any, name: str) -> str:
    """The text of one field of a form; "" where there is none, or a file."""
    found = form.get(name)
    return found.strip() if isinstance(found, str) else ""

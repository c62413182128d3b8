"""Moments as the clock on the wall of this region showed them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date

from engine.locale import Language
from engine.store.repo_places import ZONE

_HERE: Final = ZoneInfo(ZONE)
_LONG: Final[dict[Language, str]] = {"ja": "y年M月d日", "en": "d MMMM y"}


def minute(instant: datetime) -> str:
    """Day and time to the minute."""
    return f"{instant.astimezone(_HERE):%Y-%m-%d %H:%M}"


def spoken_day(instant: datetime, lang: Language) -> str:
    """The day as it is written for people."""
    return format_date(instant.astimezone(_HERE), _LONG[lang], locale=lang)


def day(instant: datetime) -> str:
    """The day alone."""
    return f"{instant.astimezone(_HERE):%Y-%m-%d}"

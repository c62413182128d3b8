"""What a notice says, when it may be said, and when it is tried again (pure).

There is one text for everything: that there is a message, and where to sign in. Whoever reads it over a shoulder, at
the provider or on a lost phone learns nothing of anybody's health.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.locale import Language, text

# Product policy: nobody is woken by anything but an urgent notice.
QUIET_FROM: Final = time(21, 0)
QUIET_UNTIL: Final = time(7, 0)
# Tries after the first, and how long after the try before; a notice nobody could be given is a failed one.
BACKOFF: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))
LEASE: Final = timedelta(minutes=5)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in words: `link` is the sign-in page, `key` the same for every try of one notice to one address."""

    subject: str
    body: str
    link: str
    key: str
    urgent: bool = False


def message_of(language: Language, base: str, key: str, *, urgent: bool = False) -> Message:
    """The one message there is, in `language`, with the sign-in page under `base` (https://…, no slash at the end)."""
    link = f"{base}/signin"
    subject = text(language, "resident", "notice.subject")
    body = "\n".join((text(language, "resident", "notice.body"), link, text(language, "resident", "notice.night")))
    return Message(subject=subject, body=body, link=link, key=key, urgent=urgent)


def quiet_until(now: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of the quiet hours `now` lies in, None outside of them; in the zone of the home."""
    local = now.astimezone(zone)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return None
    day = local.date() + timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return datetime.combine(day, QUIET_UNTIL, zone)


def next_try(attempts: int, now: datetime, asked: timedelta | None = None) -> datetime | None:
    """When to try again after the `attempts`-th try failed, not before what the other side asked for; None: give up."""
    if attempts > len(BACKOFF):
        return None
    return now + max(BACKOFF[attempts - 1], asked or timedelta(0))

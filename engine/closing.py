"""Closing an account: asked, may be taken back for two weeks, then everything of the person is erased. Pure.

個人情報保護法 (個人情報取扱事業者の義務) and the basic guideline for PHR operators ask for erasure on request; how long
one may think it over is the operator's word. Consents end the moment the wish is spoken: only the rows wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from engine.refusal import Refusal

State = Literal["asked", "taken-back", "erased"]
GRACE_DAYS: Final = 14
MOST_DAYS: Final = 90
# An account nobody used for a year is told so; it is erased only where the operator set a number of months.
INACTIVE_MONTHS: Final = 12
_MONTH: Final = timedelta(days=365) / 12


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The wish to close one account: when it was asked, by whom and how, and when everything is erased.

    `scrubbed_at` is when nothing was left in the database's files either. `slots` are (device, slot) that were theirs
    when they were erased, `counts` the rows erased by table, `sent` what each network still holds.
    """

    resident: str
    state: State
    asked_at: datetime
    asked_by: str
    channel: str
    due_at: datetime
    erased_at: datetime | None = None
    scrubbed_at: datetime | None = None
    counts: Mapping[str, int] = {}
    sent: Mapping[str, int] = {}
    slots: tuple[tuple[str, int], ...] = ()

    def waits(self, now: datetime) -> bool:
        """Whether it may still be taken back."""
        return self.state == "asked" and now < self.due_at

    def due(self, now: datetime) -> bool:
        """Whether everything is to be erased now."""
        return self.state == "asked" and now >= self.due_at


class Inactivity(msgspec.Struct, frozen=True, kw_only=True):
    """Since when nothing was measured, said or opened, and what follows of it: nothing, a notice or the end."""

    since: datetime
    step: Literal["none", "notice", "close"]


def ask(
    before: Closing | None, resident: str, now: datetime, *, by: str, channel: str, days: int = GRACE_DAYS
) -> Closing | Refusal:
    """The wish to close an account, to be carried out after `days`; 0 is at once, which a page never offers.

    Refused bad-days, already-asked while one waits, erased once it is done.
    """
    if not 0 <= days <= MOST_DAYS:
        return Refusal("bad-days", f"0 to {MOST_DAYS} days", "days")
    if before is not None and before.state == "erased":
        return Refusal("erased", f"{resident} was erased")
    if before is not None and before.waits(now) and days:
        return Refusal("already-asked", f"{resident} asked for it already")
    asked = before.asked_at if before is not None and before.state == "asked" else now
    due = now + timedelta(days=days)
    return Closing(resident=resident, state="asked", asked_at=asked, asked_by=by, channel=channel, due_at=due)


def take_back(before: Closing | None, now: datetime) -> Closing | Refusal:
    """The account stays; refused not-asked or too-late. What was agreed to before stays ended: silence is no."""
    if before is None or before.state == "taken-back":
        return Refusal("not-asked", "nobody asked for this account to be closed")
    if not before.waits(now):
        return Refusal("too-late", "what was erased cannot be brought back")
    return msgspec.structs.replace(before, state="taken-back")


def inactivity(used: datetime, now: datetime, *, close_after_months: int | None = None) -> Inactivity:
    """What is due for an account last used at `used`: a notice after a year, its end only where months are set."""
    idle = now - used
    if close_after_months is not None and idle >= _MONTH * max(close_after_months, INACTIVE_MONTHS + 1):
        return Inactivity(since=used, step="close")
    return Inactivity(since=used, step="notice" if idle >= _MONTH * INACTIVE_MONTHS else "none")

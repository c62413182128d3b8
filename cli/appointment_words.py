"""What the commands about appointments and classes share: who is answerable, times as they are typed and shown."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from cli.days import day_of
from cli.exits import Exit
from cli.output import fail
from cli.store import actor, os_user
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.appointments import When
    from engine.locale import Language
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_facts import By as Who

_USAGE = frozenset({"unreadable-date", "unreadable-time", "bad-span", "too-far", "capacity"})


def who_of(by: str | None) -> Who:
    """Who is answerable for this command."""
    from engine.store.repo_facts import By as Made

    return Made(actor(by), os_user())


def when_of(connection: Connection, on: str, at: str, minutes: int, place: str, staff: str | None) -> When:
    """The time and place that were typed; exit code 2 for what is none, 3 for staff there are not."""
    from engine.appointments import read_when
    from engine.refusal import Refusal
    from engine.store import repo_staff

    if staff is not None and repo_staff.get(connection, staff) is None:
        fail(Exit.NOT_FOUND, "unknown-staff", f"there is nobody {staff!r}; `phr staff list` shows them")
    when = read_when(on, at, str(minutes), place, staff)
    if isinstance(when, Refusal):
        fail(Exit.USAGE, when.code, when.message)
    return when


def refuse(refusal: Refusal) -> NoReturn:
    """Stop with the reason; exit code 2 for what was typed wrong, 9 without consent, else 5."""
    if refusal.code == "no-consent":
        fail(Exit.NO_CONSENT, refusal.code, refusal.message)
    fail(Exit.USAGE if refusal.code in _USAGE else Exit.REFUSED, refusal.code, refusal.message)


def shown(one: Any) -> tuple[str, str]:
    """Day and times on the town's clock."""
    from engine.officehours import ZONE

    begins, ends = one.starts_at.astimezone(ZONE), one.ends_at.astimezone(ZONE)
    return begins.date().isoformat(), f"{begins:%H:%M}-{ends:%H:%M}"


def words(key: str, **values: object) -> str:
    """The words of this command."""
    from engine.locale import text

    return text(_lang(), "nurse", f"cli.appointment.{key}", **values)


def midnight(day: str | None, now: datetime) -> datetime:
    """The beginning of that day, of today where none is given."""
    from engine.officehours import ZONE

    first = day_of(day, "--from") or now.astimezone(ZONE).date()
    return datetime(first.year, first.month, first.day, tzinfo=ZONE)


def word(key: str) -> str:
    """A word of the desk's pages about appointments."""
    from engine.locale import text

    return text(_lang(), "nurse", f"desk.appointments.{key}")


def _lang() -> Language:
    return "en" if language(settings()) == "en" else "ja"

"""Which telephone numbers are of use at this hour in this municipality: shipped facts with source, the operator's file.

A number nobody could look up is not invented: `contacts.toml` holds what public sources say, and the health centre of
a town and its clinics belong into the operator's `PHR_HOME/contacts.toml`, which replaces and adds by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from engine.locale import Language, text
from engine.officehours import ZONE, is_holiday
from engine.refusal import Refusal

FILE: Final = "contacts.toml"
_SATURDAY, _SUNDAY = 5, 6
# So many are shown beside urgent advice: who is frightened reads no list.
MOST: Final = 4
Day = Literal["weekday", "saturday", "sunday", "holiday"]
EVERY_DAY: Final[tuple[Day, ...]] = ("weekday", "saturday", "sunday", "holiday")
Span = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-4]):[0-5][0-9]$")]
Dialled = Annotated[str, msgspec.Meta(pattern=r"^[#0-9][0-9-]{1,14}$")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=24)]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name in both languages."""

    ja: Label
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A telephone number: when it answers, for whom, where, and who says so.

    `hours` are local spans (none: round the clock), a span that ends before it begins runs over midnight and belongs to
    the day on which it began; `first` orders the list; `other` is for telephones that cannot dial a short number.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    number: Dialled
    name: Words
    about: Words
    source: Annotated[str, msgspec.Meta(min_length=4)]
    checked: str = ""
    other: Dialled | None = None
    first: int = 5
    hours: tuple[Span, ...] = ()
    days: tuple[Day, ...] = EVERY_DAY
    ages: tuple[int, int] = (0, 130)
    municipalities: tuple[str, ...] = ()
    closed: bool = False

    def answers(self, now: datetime) -> bool:
        """Whether somebody answers at `now` (aware)."""
        return not self.hours or any(_within(span, self.days, now) for span in self.hours)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: tuple[Number, ...] = ()


def read_numbers(content: str) -> tuple[Number, ...] | Refusal:
    """The numbers of a file; refused as `bad-contacts` with the place, also where one id stands twice."""
    try:
        found = msgspec.toml.decode(content, type=_Table).number
    except msgspec.MsgspecError as error:
        return Refusal("bad-contacts", str(error))
    names = [one.id for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    return found if twice is None else Refusal("bad-contacts", f"{twice} stands twice", twice)


def known_numbers(home: Path | None = None) -> tuple[Number, ...]:
    """Every number there is: what ships, with the operator's file in `home` over it.

    A file that cannot be read changes nothing here: `own_numbers` says why, for `phr doctor` and the desk.
    """
    own = own_numbers(home)
    more = () if isinstance(own, Refusal) else own
    merged = {one.id: one for one in (*shipped(), *more)}
    return tuple(sorted((one for one in merged.values() if not one.closed), key=lambda one: (one.first, one.id)))


def own_numbers(home: Path | None) -> tuple[Number, ...] | Refusal:
    """The operator's numbers; none without a file, refused as `bad-contacts` or `unreadable`."""
    if home is None or not (home / FILE).exists():
        return ()
    try:
        return read_numbers((home / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return Refusal("unreadable", f"{FILE}: {type(error).__name__}")


def numbers_at(
    municipality: str, now: datetime, home: Path | None = None, *, age: int | None = None
) -> tuple[Number, ...]:
    """The numbers somebody answers at `now` (aware) in that municipality, the most pressing first; 119 always.

    `age` leaves out the lines that are not for people of that age.
    """
    return tuple(
        one
        for one in known_numbers(home)
        if (not one.municipalities or municipality in one.municipalities)
        and one.answers(now)
        and (age is None or one.ages[0] <= age <= one.ages[1])
    )


def line(
    language: Language, municipality: str, now: datetime, home: Path | None = None, *, age: int | None = None
) -> str:
    """Whom to call now, one number a line: what it is for and the number, for the resident."""
    found = numbers_at(municipality, now, home, age=age)[:MOST]
    return "\n".join(spoken(language, found))


def spoken(language: Language, numbers: Sequence[Number]) -> list[str]:
    """Each number as a line of its own."""
    return [
        text(language, "resident", "contacts.line", name=getattr(one.name, language), number=one.number)
        for one in numbers
    ]


@cache
def shipped() -> tuple[Number, ...]:
    """The numbers that ship with the program; raises ValueError when the file is spoilt."""
    found = read_numbers(files("engine").joinpath(FILE).read_text(encoding="utf-8"))
    if isinstance(found, Refusal):
        raise ValueError(found.message)  # noqa: TRY004
    return found


def _within(span: str, days: Sequence[Day], now: datetime) -> bool:
    local = now.astimezone(ZONE)
    begin, end = (_minutes(part) for part in span.split("-"))
    clock = local.hour * 60 + local.minute
    if begin < end:
        return begin <= clock < end and _kind(local) in days
    if clock >= begin:
        return _kind(local) in days
    yesterday = local - timedelta(days=1)
    return clock < end and _kind(yesterday) in days


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _kind(local: datetime) -> Day:
    """What kind of day it is: a public holiday is only that, on whatever weekday it falls."""
    if is_holiday(local.date()):
        return "holiday"
    return {_SATURDAY: "saturday", _SUNDAY: "sunday"}.get(local.weekday(), "weekday")  # type: ignore[return-value]

"""What the programme knows of a life at each moment: the life events somebody told, and since when they are told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from engine.situation import LifeEvent, Situation
from engine.situation import Sort as Told
from simulators.lives.fates import Span
from simulators.lives.town import Town

ZONE: Final = ZoneInfo("Asia/Tokyo")
SORTS: Final[dict[str, Told]] = {"trip": "away", "hospital": "hospital", "gone": "death"}
Known = tuple[tuple[float, Situation], ...]


def instant(town: Town, hours: float) -> datetime:
    """The instant so many hours after day 0 began, to the second."""
    return _begin(town.fixed.first_day) + timedelta(seconds=round(hours * 3600))


@cache
def _begin(day: date) -> datetime:
    return datetime.combine(day, time(0), ZONE).astimezone(UTC)


def known(town: Town, resident: str, spans: tuple[Span, ...]) -> Known:
    """The situation of a resident from each hour on at which something was told; the first is from ever since.

    Of a trip the end is told with it; that somebody left hospital is told when they do.
    """
    told: list[tuple[float, Span, bool]] = []
    for one in spans:
        if one.sort not in SORTS or one.known is None:
            continue
        ended = one.sort == "trip" or one.known >= one.end
        told.append((one.known, one, ended))
        if not ended and one.end < town.hours:
            told.append((one.end, one, True))
    now: dict[float, LifeEvent] = {}
    found: list[tuple[float, Situation]] = [(float("-inf"), Situation(resident=resident))]
    for at, one, ended in sorted(told, key=lambda each: each[0]):
        until = instant(town, one.end) if ended and one.sort != "gone" else None
        now[one.start] = LifeEvent(
            id=f"f-{one.sort}", resident=resident, sort=SORTS[one.sort], since=instant(town, one.start), until=until,
            at=instant(town, one.known or 0.0),
        )  # fmt: skip
        found.append((at, Situation(resident=resident, events=tuple(now[start] for start in sorted(now)))))
    return tuple(found)


def excuses(spans: tuple[Span, ...]) -> list[tuple[float, float]]:
    """The hours in which the programme knows that silence means nothing."""
    return [
        (max(one.start, one.known), one.end) for one in spans if one.sort in SORTS and one.known is not None
    ]  # fmt: skip

"""What a mirror may show to a person it has identified: newest weight, newest steps, one sentence (pure).

Only what the person agreed to have shown at home, kind by kind; only values that are surely theirs, surely of that day
and no estimate; and of advice only the first line of what a person signed for, never a referral, which others in the
room could read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from engine.consent import Event, permits
from engine.contract.wire import Show, Shown
from engine.locale import LANGUAGES, Language, text
from engine.people import Resident
from engine.review import Item
from engine.signals import History, Point, step_days, trusted

PURPOSE: Final = "mirror-display"
LASTS: Final = timedelta(hours=36)
NEWEST_WEIGHT: Final = timedelta(days=28)
NEWEST_STEPS: Final = timedelta(days=2)
_STEPS: Final = ("steps-total", "steps-day", "steps-interval")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def show(
    person: Resident,
    history: History,
    items: Sequence[Item],
    events: Sequence[Event],
    zone: ZoneInfo,
    now: datetime,
    *,
    again: bool = False,
    told: bool = False,
) -> Show:
    """The lines for `person` at `now`; no lines without a living consent to `mirror-display`.

    `items` is the person's advice in any state, `events` what the person said about mirrors, `history` by kind. With
    `again` the home is asked to measure again and say who: never which value, nor that it was this person's. With
    `told` there is a message for them elsewhere.
    """
    values = [
        value
        for value in (_weight(history, now), _steps(history, zone, now))
        if value is not None and permits(events, PURPOSE, None, value.kind, now).granted
    ]
    lines: dict[Language, list[str]] = {lang: [_line(value, zone, lang) for value in values] for lang in LANGUAGES}
    if permits(events, PURPOSE, None, None, now).granted:
        for lang in LANGUAGES:
            lines[lang] += _request(lang) if again else []
            lines[lang] += _sentence(items, lang, told=told)
    ends = [event.until for event in events if event.until is not None and event.until > now]
    until = min([now + LASTS, *ends])
    if person.status != "active":
        return Show(resident=person.id, until=until)
    return Show(
        resident=person.id, until=until, ja=tuple(lines["ja"]), en=tuple(lines["en"]), values=tuple(values)
    )  # fmt: skip


def _surely(points: Iterable[Point], since: datetime, now: datetime) -> list[Point]:
    return [point for point in points if trusted(point) and since <= point.at <= now]


def _weight(history: History, now: datetime) -> Shown | None:
    points = _surely(history.get("body-weight", ()), now - NEWEST_WEIGHT, now)
    newest = max(points, key=lambda point: point.at, default=None)
    if newest is None:
        return None
    return Shown(kind="body-weight", value=format(newest.value, "f"), unit=newest.unit, at=newest.at)


def _steps(history: History, zone: ZoneInfo, now: datetime) -> Shown | None:
    sure = {kind: _surely(history.get(kind, ()), now - timedelta(days=9), now) for kind in _STEPS}
    days = step_days(sure, zone)
    newest = max(days, default=None)
    if newest is None:
        return None
    at = datetime.combine(newest, time(), zone)
    recent = at > now - NEWEST_STEPS
    return Shown(kind="steps-day", value=format(days[newest], "f"), unit="{steps}/d", at=at) if recent else None


def _line(value: Shown, zone: ZoneInfo, lang: Language) -> str:
    day = value.at.astimezone(zone)
    date = f"{day.month}月{day.day}日" if lang == "ja" else f"{day.day} {_MONTHS[day.month - 1]}"
    amount = Decimal(value.value)
    key, words = ("mirror.weight", f"{amount:.1f}") if value.kind == "body-weight" else ("mirror.steps", f"{amount:,}")
    return text(lang, "resident", key, date=date, value=words)


def _request(lang: Language) -> list[str]:
    return [text(lang, "resident", "mirror.again"), text(lang, "resident", "mirror.again-who")]


def _sentence(items: Sequence[Item], lang: Language, *, told: bool) -> list[str]:
    """The newest delivered advice in one line; of anything more serious only that there is a message."""
    delivered = [item for item in items if item.state == "delivered"]
    if told or any(item.severity != "routine" for item in delivered):
        return [text(lang, "resident", "mirror.message"), text(lang, "resident", "mirror.look")]
    if not delivered:
        return [text(lang, "resident", "today.nothing")]
    newest = max(delivered, key=lambda item: item.updated_at)
    return [(newest.text_ja if lang == "ja" else newest.text_en).splitlines()[0]]

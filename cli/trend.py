"""`phr trend`: the days of one kind as a small plot or a table, and what can honestly be said of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import resident_of, transaction
from cli.wiring import language, settings
from cli.words import word

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from engine.series.model import Model
    from engine.signals import Point
    from engine.trends import Trend

NICKNAMES = {"weight": "body-weight", "steps": "steps", "pressure": "systolic", "pulse": "pulse-rate"}
STEPS = ("steps-total", "steps-day", "steps-interval")
WIDTH, HEIGHT = 72, 14
# Below this a plot says less than its table.
LEAST = 30
# Twenty-eight days have twenty-seven nights.
_FOUR_WEEKS = timedelta(days=27)


def trend(
    kind: Annotated[str, typer.Argument(help="weight, steps, pressure, pulse, or a kind of the contract.")] = "weight",
    resident: Annotated[str | None, typer.Option("--resident", help="Resident id.")] = None,
    days: Annotated[int, typer.Option(min=2, max=3660, help="How many days back.")] = 56,
    plain: Annotated[bool, typer.Option("--plain", help="A table instead of a plot.")] = False,
    from_csv: Annotated[Path | None, typer.Option("--from-csv", help="A table of weights instead; - is stdin.")] = None,
    column: Annotated[str, typer.Option("--column", help="Its column of values.")] = "weight_kg",
    date_column: Annotated[str, typer.Option("--date-column", help="Its column of dates or day numbers.")] = "date",
    group_column: Annotated[str | None, typer.Option("--group-column", help="Its column that says whose.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout; one object per row of a table.")] = False,
) -> None:
    """Show the days of one kind, and for body weight its level and its trend, if there is one.

    With --from-csv: for every row of a table, what would have been said knowing only the rows up to it.
    """
    if from_csv is not None:
        from cli.trend_csv import Columns, answer_table

        answer_table(from_csv, Columns(column, date_column, group_column), json=json)
        return
    if resident is None:
        fail(Exit.USAGE, "no-resident", "say whose trend with --resident, or give a table with --from-csv")
    wanted, now = _kinds(kind), datetime.now(UTC)
    points, zone, noise, spared = _points(resident, wanted, days, now)
    if spared and not json:
        fail(
            Exit.REFUSED,
            "not-shown",
            f"a rule forbids to put {kind} before this person; --json is for who looks after them",
        )
    series = _series(wanted, points, zone)
    said = _said(wanted, points, now.astimezone(zone), noise)
    if json:
        emit({"resident": resident, "kind": kind, "days": [_day(day, value) for day, value in series], "trend": said})
        return
    if not series:
        fail(Exit.NOT_FOUND, "no-readings", f"no {kind} in the last {days} days")
    if plain:
        _table(series)
    else:
        _plot(series, kind)
    if said is not None:
        say(_sentence(said, language(settings())))


def _kinds(kind: str) -> tuple[str, ...]:
    from engine.contract.kinds import KINDS

    name = NICKNAMES.get(kind, kind)
    if name == "steps" or name in STEPS:
        return STEPS
    if name not in KINDS:
        fail(Exit.USAGE, "unknown-kind", f"{kind!r} is not a kind; try weight, steps, pressure or pulse")
    return (name,)


class Found(NamedTuple):
    """What is stored of a resident, the zone of their days, their own parameters, and whether a rule spares them."""

    points: dict[str, list[Point]]
    zone: ZoneInfo
    noise: Model | None
    spared: bool


def _points(resident: str, kinds: Sequence[str], days: int, now: datetime) -> Found:
    from engine.courses import COURSES
    from engine.picture import zone_of
    from engine.refit import model_of
    from engine.store import repo_history
    from engine.store.instants import to_micros
    from engine.telling import courses_of

    with transaction() as connection:
        person = resident_of(connection, resident)
        since = to_micros(now - timedelta(days=days))
        found = repo_history.history(connection, person.id, kinds, since, to_micros(now) + 1)
        shown = {name for course in courses_of(connection, person, now) for name in course.kinds}
        spared = not shown & set(kinds) and any(set(kinds) & set(course.kinds) for course in COURSES.values())
        return Found(found, zone_of(connection, person), model_of(connection, person.id), spared)


def _series(kinds: Sequence[str], points: dict[str, list[Point]], zone: ZoneInfo) -> list[tuple[date, Decimal]]:
    """One value a civil day: the day's steps, or the median of the day's readings."""
    if tuple(kinds) == STEPS:
        from engine.signals import step_days

        return sorted(step_days(points, zone).items())
    from statistics import median

    found: dict[date, list[Decimal]] = {}
    for point in points[kinds[0]]:
        found.setdefault(point.at.astimezone(zone).date(), []).append(point.value)
    return [(day, median(values)) for day, values in sorted(found.items())]


def _said(
    kinds: Sequence[str], points: dict[str, list[Point]], now: datetime, noise: Model | None
) -> dict[str, Any] | None:
    """What is claimed about body weight; None for other kinds, for which no trend is computed."""
    if tuple(kinds) != ("body-weight",):
        return None
    from engine.signals import trusted
    from engine.trends import weight_trend

    # What is only probably theirs, or an estimate, is drawn; nothing is claimed from it.
    sound = [point for point in points["body-weight"] if trusted(point)]
    found = weight_trend(((point.at, float(point.value)) for point in sound), now, noise)
    turned = None if found.turned_on is None else found.turned_on.isoformat()
    weekdays = None if found.weekdays is None else [round(kg, 3) for kg in found.weekdays]
    numbers = {name: _rounded(value) for name, value in _numbers(found).items()}
    more = {"claimed": found.claimed, "turned_on": turned, "weekdays": weekdays, "intake": _intake(found, sound, now)}
    return numbers | more


def _intake(found: Trend, sound: Sequence[Point], now: datetime) -> dict[str, int] | None:
    """What the weight says of the intake in kcal/day against the first week shown; None before four weeks of it."""
    from statistics import median

    from engine.energy import intake_change

    if found.level is None or found.slope_per_week is None or found.low is None or found.high is None:
        return None
    first = min(point.at for point in sound)
    if now - first < _FOUR_WEEKS:
        return None
    before = median(point.value for point in sound if point.at - first < timedelta(days=7))
    change = intake_change(found.slope_per_week, found.low, found.high, found.level, float(before))
    return {"kcal": int(change.kcal), "low": int(change.low), "high": int(change.high)}


def _numbers(found: Trend) -> dict[str, float | None]:
    return {
        "level": found.level, "slope_per_week": found.slope_per_week, "low": found.low, "high": found.high,
        "forecast_7d": found.forecast_7d, "forecast_7d_low": found.forecast_7d_low,
        "forecast_7d_high": found.forecast_7d_high, "forecast_14d": found.forecast_14d,
        "slope_56d": found.slope_56d, "low_56d": found.low_56d, "high_56d": found.high_56d,
        "slope_before": found.slope_before, "slope_after": found.slope_after,
        "days": float(found.days), "age_days": found.age_days,
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _sentence(said: dict[str, Any], lang: str) -> str:
    level = word(lang, "no-level" if said["level"] is None else "level", level=said["level"])
    if said["level"] is None or said["low"] is None:
        return word(lang, "too-few", level=level)
    values = {"level": said["level"], "slope": said["slope_per_week"], "low": said["low"], "high": said["high"]}
    return word(lang, "claimed" if said["claimed"] else "unclaimed", **values)


def _day(day: date, value: Decimal) -> dict[str, str]:
    return {"date": day.isoformat(), "value": str(value)}


def _table(series: Sequence[tuple[date, Decimal]]) -> None:
    for day, value in series:
        result(f"{day.isoformat()}  {value}")


def _plot(series: Sequence[tuple[date, Decimal]], title: str) -> None:
    """A plot without colour, so that it reads the same on any terminal; the table twin is --plain."""
    if (width := room()) < LEAST:
        _table(series)
    else:
        result(plot(series, title, width))


def room() -> int:
    """The columns a plot may take: 72, or what a narrower terminal has; a file or a pipe has no width."""
    return min(WIDTH, shutil.get_terminal_size((WIDTH, HEIGHT)).columns) if sys.stdout.isatty() else WIDTH


def plot(series: Sequence[tuple[date, Decimal]], title: str, width: int = WIDTH) -> str:
    """The series drawn with characters, 14 lines high."""
    import plotext

    first = series[0][0].toordinal()
    figure = plotext.figure
    figure.clear()
    # The size is said, not asked for: the same readings give the same picture in every terminal that has the room.
    plotext.terminal.limit(False, False)
    figure.plot_size(width, HEIGHT)
    figure.title(title)
    places = [day.toordinal() - first for day, _ in series]
    figure.draw(figure.signal(places, [float(value) for _, value in series], marker="dot").lines())
    shown = series[:: max(len(series) // 4, 1)]
    ticks = [day.toordinal() - first for day, _ in shown], [f"{day:%m-%d}" for day, _ in shown]
    figure.ruler("x").ticks(*ticks)
    return str(figure.build().string(colorless=True)).rstrip()

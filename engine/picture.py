"""Everything stored of one resident, as the rules look at it: readings, facts and the weather of the place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.clinical import holds, picture_of, standing
from engine.clinical_rules import doubt_denied_loss, measured_loss
from engine.people import Resident
from engine.refit import model_of
from engine.seasons import AROUND, YEAR
from engine.signals import Point, Signal, Signals, bmi_signal, signals
from engine.store import repo_facts, repo_history, repo_places, repo_weather
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.weather import weather_signals

_WEEK: Final = timedelta(days=9)
_SEASON: Final = timedelta(days=400)
# How far back each kind is read. Weight: the change over half a year and the days its filter needs before.
LOOK_BACK: Final = {
    "body-weight": timedelta(days=240),
    "waist": timedelta(days=548),
    "body-height": timedelta(days=4000),
    "steps-total": timedelta(days=40),
    "steps-day": _SEASON,
    "steps-interval": timedelta(days=40),
    "systolic": _WEEK,
    "diastolic": _WEEK,
    "pulse-rate": _WEEK,
    "resting-heart-rate": _WEEK,
    "heart-rate": _WEEK,
}
# A band tells a total a hundred times a day: of last year only the weeks around this one are read, and a few days
# at either end, because a running total says nothing without the one before it.
_LAST_YEAR: Final = (
    ("steps-total", "steps-interval"), timedelta(days=YEAR + AROUND + 5), timedelta(days=YEAR - AROUND - 3),
)  # fmt: skip


def zone_of(connection: Connection, person: Resident) -> ZoneInfo:
    """The zone in which this person's days are cut: the household's."""
    home = repo_places.household(connection, person.household_id) if person.household_id else None
    return ZoneInfo(home.zone if home else repo_places.ZONE)


def history_of(connection: Connection, resident: str, now: datetime) -> dict[str, list[Point]]:
    """The points the signals look at, up to and including `now`, oldest first."""
    until = to_micros(now) + 1
    spans: dict[timedelta, list[str]] = {}
    for kind, span in LOOK_BACK.items():
        spans.setdefault(span, []).append(kind)
    found: dict[str, list[Point]] = {}
    for span, kinds in spans.items():
        found |= repo_history.history(connection, resident, kinds, to_micros(now - span), until)
    kinds_before, first, last = _LAST_YEAR
    before = repo_history.history(
        connection, resident, kinds_before, to_micros(now - first), to_micros(now - last)
    )  # fmt: skip
    return found | {kind: before[kind] + found[kind] for kind in kinds_before}


def signals_of(connection: Connection, person: Resident, now: datetime) -> Signals:
    """The whole picture of a stored resident at `now`: what was measured, told and asked, and the weather."""
    zone, history = zone_of(connection, person), history_of(connection, person.id, now)
    measured = signals(person, history, zone, now, model_of(connection, person.id))
    told = picture_of(repo_facts.of_one(connection, person.id), person, now, history)
    today = now.astimezone(zone).date()
    weather = weather_signals(repo_weather.around(connection, person.municipality_code, today), today)
    values = {**measured.values, **told, **_kept(measured, told), **weather}
    # The height of a check-up may be newer than the one in the register.
    values["bmi"] = bmi_signal(values["weight.level"], values["height"])
    doubt_denied_loss(values)
    measured_loss(values)
    return Signals(now, values)


def wish_of(connection: Connection, person: Resident, now: datetime) -> str | None:
    """The goal the person chose, while that still holds."""
    chosen = standing(repo_facts.of_one(connection, person.id), now).get("wish.goal", [])
    return chosen[-1].value if chosen and holds(chosen[-1], now) else None


def _kept(measured: Signals, told: dict[str, Signal]) -> dict[str, Signal]:
    """What was measured stands where nothing was told of the same."""
    return {
        name: signal
        for name, signal in measured.values.items()
        if name in told and told[name].value is None and signal.value is not None
    }

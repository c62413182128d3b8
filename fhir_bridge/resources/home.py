"""What was measured at home as Observations, with what follows from it: BMI, the steps of each day, the trend."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final

import msgspec

from engine.contract.kinds import KINDS
from engine.observation_derived import STEP_TOTALS, step_summaries, with_bmi
from engine.observation_trends import WEIGHT_TREND, weight_trend_of
from engine.observation_values import identifier_of
from engine.observations import IDENTIFIER_SYSTEM, Measured, UnbuildableError, compose, fhir_id, fold
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.made import Body, Resource

# Numbers of so few characters need no closer look.
_SHORT: Final = 12
_COMMON: Final = ("status", "category", "code", "device")
Looks = tuple[Hashable, ...]


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """An Observation that was computed: its id, by which algorithm, of which Observations, and since when it is so."""

    id: str
    algorithm: str
    sources: tuple[str, ...]
    since: datetime


def observations(holdings: Holdings) -> Iterator[Resource]:
    """Every accepted value; one that cannot be an Observation is left out, as the export leaves it out."""
    for row, since, identifier, alike in _sound(holdings):
        moment = row.day is None and row.period_start is None
        heading = partial(_head, alike, row, identifier, holdings) if moment else None
        yield Resource("Observation", fhir_id(identifier), since, partial(compose, row, holdings.zone), heading)
    trend = _trend(holdings)
    if trend is not None:
        body, since = trend
        yield Resource("Observation", body["id"], since, lambda: body)


def derived(holdings: Holdings) -> Iterator[Derived]:
    """Those of `observations` that were computed from others."""
    for row, since, identifier, _ in _sound(holdings):
        if row.derived_from or row.day is not None:
            sources = tuple(fhir_id(source) for source in row.derived_from)
            yield Derived(id=fhir_id(identifier), algorithm=row.kind, sources=sources, since=since)
    trend = _trend(holdings)
    if trend is not None:
        body, since = trend
        sources = tuple(one["reference"].split("/")[1] for one in body["derivedFrom"])
        yield Derived(id=body["id"], algorithm=WEIGHT_TREND, sources=sources, since=since)


def _sound(holdings: Holdings) -> Iterator[tuple[Measured, datetime, str, Body]]:
    """The rows of which an Observation can be made, with its identifier and what it shares with those that look alike.

    Who reads one must not be the one who learns that it cannot be made.
    """
    known: dict[Looks, Body] = {}
    for row, since in _rows(holdings):
        try:
            yield row, since, identifier_of(row), _alike(row, holdings, known)
        except UnbuildableError:
            continue


def _alike(row: Measured, holdings: Holdings, sound: dict[Looks, Body]) -> Body:
    """What the Observation of a row has in common with all that look alike; raises UnbuildableError if there is none.

    One row of each look is made whole here; of the others only what is their own is looked at.
    """
    looks = _looks(row)
    values = [value for value in (row.value, *(value for _, value in row.components)) if value is not None]
    if looks not in sound or not all(value.is_finite() and len(f"{value:f}") <= _SHORT for value in values):
        body = compose(row, holdings.zone)
        parts = [{"code": part["code"]} for part in body.get("component", ())]
        common = {name: body[name] for name in _COMMON if name in body}
        sound[looks] = common | ({"component": parts} if parts else {})
    return sound[looks]


def _head(alike: Body, row: Measured, identifier: str, holdings: Holdings) -> Body:
    """What searches look at in an Observation of a moment."""
    sources = [{"reference": f"Observation/{fhir_id(source)}"} for source in row.derived_from]
    return alike | {
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": identifier}],
        "effectiveDateTime": row.measured_at.astimezone(holdings.zone).isoformat(),
        **({"derivedFrom": sources} if sources else {}),
    }


def _looks(row: Measured) -> Looks:
    """What decides whether an Observation can be made of a row, its numbers and its own id aside."""
    parts = tuple(code for code, _ in row.components)
    return (
        row.kind, row.unit, row.resident_id, row.device_id, row.gateway_id, row.value is None, row.day is None,
        row.reading_id is None, row.period_start is None, row.time_quality, row.preliminary, row.experimental,
        row.sensor, len(row.derived_from), parts,
    )  # fmt: skip


def _rows(holdings: Holdings) -> Iterator[tuple[Measured, datetime]]:
    """Everything that becomes an Observation of its own, and since when it is as it is."""
    others = [row for row in holdings.measured if row.kind not in STEP_TOTALS]
    for row in fold(with_bmi(others, holdings.person.height_cm)):
        known = KINDS.get(row.kind)
        if known is not None and known.observed:
            since = holdings.arrived.get(row.reading_id or "", row.measured_at)
            # Another height makes another BMI of the same weight.
            yield row, max(since, holdings.changed) if row.derived_from else since
    days = _days(holdings)
    for row in step_summaries(holdings.measured, holdings.zone, holdings.now):
        assert row.day is not None  # a summary is of a day
        yield row, _told_last(row.day, days, holdings)


def _trend(holdings: Holdings) -> tuple[Body, datetime] | None:
    """The weight trend at the end of yesterday, and when the last weight it saw arrived."""
    found = weight_trend_of(holdings.measured, holdings.zone, holdings.now)
    if found is None:
        return None
    midnight = datetime.combine(holdings.now.astimezone(holdings.zone).date(), time(), holdings.zone)
    weights = {row.reading_id for row in holdings.measured if row.kind == "body-weight"}
    came = [at for name, at in holdings.arrived.items() if name in weights and at <= holdings.now]
    return found, max([midnight, *came])


def _days(holdings: Holdings) -> dict[date, datetime]:
    """When the last total of each civil day arrived."""
    found: dict[date, datetime] = {}
    for row in holdings.measured:
        if row.kind in STEP_TOTALS:
            day = row.measured_at.astimezone(holdings.zone).date()
            at = holdings.arrived.get(row.reading_id or "", row.measured_at)
            found[day] = max(at, found.get(day, at))
    return found


def _told_last(day: date, days: dict[date, datetime], holdings: Holdings) -> datetime:
    """When the summary of `day` became what it is: the next day's first total ends it, and so does midnight."""
    after = min((one for one in days if one > day), default=day)
    midnight = datetime.combine(day + timedelta(days=1), time(), holdings.zone)
    told = [days[one] for one in {day, after} if one in days]
    return max([*told, midnight] if midnight <= holdings.now else told, default=holdings.now)

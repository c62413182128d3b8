"""Real series for virtual devices: where they come from, how they are moved to today, what is invented beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from simulators.household import Household, Record, VirtualDevice

DAYS: Final = 56
# Whole weeks inside the excerpt, without its partial first and last days: played in a circle, weekdays are kept.
CIRCLE_START: Final = date(2016, 4, 14)
CIRCLE: Final = 28
DAY_END: Final = time(23, 50)
WALKER, WEIGHER = "P07", "P33"

DESCRIPTION: Final = (
    "Two invented residents, put together from the real series of several volunteers.",
    "first, weight: subject 1 of Krone et al. 2020 (PLoS ONE, CC BY 4.0), 56 of 63 days moved so that they end today.",
    "first, steps: volunteer P07 of the Fitbit data of Furberg et al. 2016 (Zenodo 53894, CC BY 4.0).",
    "  28 real days are played twice, every day on its own weekday; today's steps are those walked up to this hour.",
    "second, weight: subject 2 of Krone et al. 2020, moved likewise.",
    "second, body fat, and blood pressure of the last 14 days: NOT real, drawn from a seeded generator.",
    "The check-up and the answers of the first are made up; the second was never asked anything.",
)
FITBIT_DESCRIPTION: Final = (
    "One resident: volunteer P33 of the Fitbit data of Furberg et al. 2016 (Zenodo 53894, CC BY 4.0).",
    "28 real days of steps and weigh-ins are played twice, every day on its own weekday, and end today.",
)


def demo_household(now: datetime, zone: ZoneInfo, *, seed: int = 1) -> Household:
    """The household of the demo at `now`: four devices, two residents (`first`, `second`), 56 days ending today."""
    rng = Random(seed)
    scale = _scale(krone_weights("1", now, zone, rng), owner="first")
    composition = _composition_scale(_with_fat(krone_weights("2", now, zone, rng), rng), owner="second")
    cuff = VirtualDevice(
        name="cuff", kind="blood-pressure-monitor", address="F0:00:00:00:00:03", profile="sig-blood-pressure",
        local_name="Minato BP", model="BP-1", serial="BP0003", owner="second", asleep=True,
        source="seeded, not real", records=invented_pressures(now, zone, rng),
    )  # fmt: skip
    band = _band(fitbit_steps(WALKER, now, zone), owner="first")
    return Household(zone=zone.key, description=DESCRIPTION, devices=(scale, composition, cuff, band))


def fitbit_household(now: datetime, zone: ZoneInfo) -> Household:
    """Steps and weights of one and the same Fitbit volunteer on a band and an advert scale."""
    scale = VirtualDevice(
        name="advert-scale", kind="xiaomi-scale", address="F0:00:00:00:00:05", profile="xiaomi-miscale-v2",
        local_name="MIBFS", maker="Xiaomi", model="Mi Body Composition Scale 2", owner="first",
        source="Fitbit 2016 P33", heard_after=0.1, records=fitbit_weights(WEIGHER, now, zone),
    )  # fmt: skip
    band = _band(fitbit_steps(WEIGHER, now, zone), owner="first")
    return Household(zone=zone.key, description=FITBIT_DESCRIPTION, devices=(scale, band))


def _scale(records: tuple[Record, ...], owner: str) -> VirtualDevice:
    return VirtualDevice(
        name="scale", kind="weight-scale", address="F0:00:00:00:00:01", profile="sig-weight",
        local_name="Minato Scale", model="WS-1", serial="WS0001", owner=owner, asleep=True,
        source="Krone 2020", records=records,
    )  # fmt: skip


def _composition_scale(records: tuple[Record, ...], owner: str) -> VirtualDevice:
    return VirtualDevice(
        name="composition-scale", kind="body-composition-scale", address="F0:00:00:00:00:02",
        profile="sig-body-composition", local_name="Minato Body", model="BC-1", serial="BC0002",
        owners={1: owner}, pins={1: 1946}, asleep=True, source="Krone 2020, body fat seeded", records=records,
    )  # fmt: skip


def _band(records: tuple[Record, ...], owner: str) -> VirtualDevice:
    return VirtualDevice(
        name="band", kind="step-band", address="F0:00:00:00:00:04", profile="huami-band", local_name="MI Band 2",
        maker="Huami", model="Mi Band 2", owner=owner, source="Fitbit 2016", records=records, heard_after=0.1,
    )  # fmt: skip


def krone_weights(subject: str, now: datetime, zone: ZoneInfo, rng: Random) -> tuple[Record, ...]:
    """The last 56 days of a Krone subject, day 62 on the day of `now`; only the minute of the day is drawn by `rng`."""
    today = now.astimezone(zone).date()
    rows = [(int(row["day"]), row["weight_kg"]) for row in _rows("krone2020_weights.csv") if row["subject"] == subject]
    last = max(day for day, _ in rows)
    kept = ((today - timedelta(days=last - day), weight) for day, weight in rows if weight and last - day < DAYS)
    return tuple(Record(at=_morning(day, now, zone, rng), values={"weight": weight}, slot=None) for day, weight in kept)


def fitbit_steps(person: str, now: datetime, zone: ZoneInfo) -> tuple[Record, ...]:
    """56 daily totals, told late in the evening; today's is what the volunteer had walked by this hour."""
    local = now.astimezone(zone)
    steps = {row["date"]: row["steps"] for row in _rows("fitbit2016_daily.csv") if row["person"] == person}
    past = tuple(
        Record(at=datetime.combine(day, DAY_END, zone), values={"steps": steps[_in_circle(day).isoformat()]})
        for day in _days(local.date())
    )
    return (*past, *_today(person, now, local))


def _today(person: str, now: datetime, local: datetime) -> tuple[Record, ...]:
    source = _in_circle(local.date()).isoformat()
    hours = [r for r in _rows("fitbit2016_hourly_steps.csv") if r["person"] == person and r["date"] == source]
    total = sum(int(row[f"h{hour:02}"]) for row in hours for hour in range(local.hour))
    return (Record(at=now, values={"steps": str(total)}),) if total else ()


def fitbit_weights(person: str, now: datetime, zone: ZoneInfo) -> tuple[Record, ...]:
    """The volunteer's weigh-ins at their own times of day, in the same circle as the steps, over the last 56 days."""
    local = now.astimezone(zone)
    by_day: dict[date, list[tuple[time, str]]] = {}
    for row in _rows("fitbit2016_weights.csv"):
        if row["person"] == person:
            when = datetime.fromisoformat(row["local_ts"])
            by_day.setdefault(when.date(), []).append((when.time(), row["weight_kg"]))
    days = (*_days(local.date()), local.date())
    found = ((day, *one) for day in days for one in by_day.get(_in_circle(day), ()))
    made = (Record(at=datetime.combine(day, at, zone), values={"weight": weight}) for day, at, weight in found)
    return tuple(record for record in made if record.at <= now)


def invented_pressures(now: datetime, zone: ZoneInfo, rng: Random, *, days: int = 14) -> tuple[Record, ...]:
    """Morning and evening home blood pressures of `days` days, NOT real: about 142/88 mm[Hg], pulse about 70."""
    today = now.astimezone(zone).date()
    made = []
    for back in range(days - 1, -1, -1):
        for hour in (6, 21):
            at = datetime.combine(today - timedelta(days=back), time(hour, rng.randrange(10, 50)), zone)
            values = {
                "systolic": str(round(rng.gauss(142, 5))),
                "diastolic": str(round(rng.gauss(88, 3))),
                "pulse_rate": str(round(rng.gauss(70, 4))),
            }
            made += [Record(at=at, values=values)] if at <= now else []
    return tuple(made)


def _with_fat(records: tuple[Record, ...], rng: Random) -> tuple[Record, ...]:
    """The same weights with an invented body fat percentage and impedance, for the scale's user slot 1."""
    fat = [f"{rng.gauss(31, 0.4):.1f}" for _ in records]
    ohms = [f"{rng.gauss(520, 6):.1f}" for _ in records]
    return tuple(
        Record(at=one.at, slot=1, values={**one.values, "body_fat_percentage": percent, "impedance": ohm})
        for one, percent, ohm in zip(records, fat, ohms, strict=True)
    )


def _days(today: date) -> list[date]:
    return [today - timedelta(days=back) for back in range(DAYS - 1, 0, -1)]


def _in_circle(day: date) -> date:
    return CIRCLE_START + (day - CIRCLE_START) % timedelta(days=CIRCLE)


def _morning(day: date, now: datetime, zone: ZoneInfo, rng: Random) -> datetime:
    """Before breakfast; whoever runs the demo earlier than that was weighed a few minutes ago, though today."""
    usual = datetime.combine(day, time(6, rng.randrange(30, 59), rng.randrange(60)), zone)
    if usual <= now:
        return usual
    return max(datetime.combine(day, time(), zone), (now - timedelta(minutes=5)).astimezone(zone))


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("simulators").joinpath("data", name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())

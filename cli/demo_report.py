"""The demo's report: counts, one Observation, BMI, trend and the queue, in plain words and as one object."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cli.output import result
from cli.words import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.locale import Language
    from engine.people import Resident
    from engine.store.census import Census
    from simulators.home import SimulatedHome


def report(home: SimulatedHome, people: Mapping[str, Resident], heard: int, lang: str) -> dict[str, Any]:
    """Print what happened in `home` and return it for machines; `heard` is the devices' own count."""
    from engine.store.census import census
    from engine.store.database import read
    from gateway.journal_peek import tallies

    now = datetime.now(UTC)
    with read(home.store) as connection:
        found = census(connection)
        summary = _summary(found, heard, tallies(home.root / "journal.sqlite").get("published", 0))
        _counts(summary, found, lang)
        summary["observations"] = _observations(connection, people, lang)
        for owner in ("first", "second"):
            _person(connection, people[owner], now, lang)
        summary["advice_open"] = _advice(connection, {person.id: person for person in people.values()}, now, lang)
    _commands(home, people["first"], lang)
    return summary


def _summary(found: Census, heard: int, published: int) -> dict[str, Any]:
    return {
        "heard": heard, "published": published, "stored": found.stored, "lost": heard - found.stored,
        "duplicated": found.duplicated, "refused": found.refused, "unassigned": found.unassigned,
    }  # fmt: skip


def _counts(summary: Mapping[str, Any], found: Census, lang: str) -> None:
    result(word(lang, "counts"))
    labels = {"stored": "kept"}
    for key, number in summary.items():
        result(f"  {number:>5}  {word(lang, labels.get(key, key))}")
    if found.reasons:
        reasons = ", ".join(f"{code} {number}" for code, number in sorted(found.reasons.items()))
        result(f"         {word(lang, 'reasons', reasons=reasons)}")
    result()


def _observations(connection: Any, people: Mapping[str, Resident], lang: str) -> int:
    """How many Observations the store projects to; the newest weight is shown whole."""
    import msgspec

    from engine.export import observations_of

    made = {name: list(observations_of(connection, person, datetime.now(UTC))) for name, person in people.items()}
    weights = [line for line in made["first"] if b'"29463-7"' in line]
    count = sum(len(lines) for lines in made.values())
    result(word(lang, "observation", count=count))
    if weights:
        # Laid out as text: a JSON parser would print 62.30 as 62.3.
        for line in msgspec.json.format(weights[-1], indent=2).decode().splitlines():
            result(f"  {line}")
    result()
    return count


def _person(connection: Any, person: Resident, now: datetime, lang: str) -> None:
    from cli.trend import plot
    from engine.picture import history_of, signals_of, zone_of
    from engine.signals import trusted
    from engine.trends import weight_trend

    name = f"{person.family_name} {person.given_name}"
    zone = zone_of(connection, person)
    bmi = signals_of(connection, person, now).value("bmi")
    result(word(lang, "bmi", name=name, value=bmi if bmi is not None else "?"))
    points = [point for point in history_of(connection, person.id, now)["body-weight"] if trusted(point)]
    found = weight_trend(((point.at, float(point.value)) for point in points), now.astimezone(zone))
    days = {point.at.astimezone(zone).date(): point.value for point in points}
    if days:
        result(plot(sorted(days.items()), word(lang, "trend", name=name)))
    if found.level is not None and found.low is not None:
        key = "claimed" if found.claimed else "unclaimed"
        values = {"level": found.level, "slope": found.slope_per_week, "low": found.low, "high": found.high}
        result(f"  {word(lang, key, **values)}")
    result()


def _advice(connection: Any, people: Mapping[str, Resident], now: datetime, lang: str) -> int:
    from engine.decisions import queue
    from engine.web.view import chips

    tongue: Language = "ja" if lang == "ja" else "en"
    ranked = queue(connection, now)
    result(word(lang, "advice", count=len(ranked)))
    for place, item in ranked:
        person = people[item.resident_id]
        why = " · ".join((item.severity, *chips(tongue, place)))
        result(f"  {item.id}  {person.family_name} {person.given_name}  {item.topic}  [{why}]")
        for line in (item.text_ja if lang == "ja" else item.text_en).splitlines():
            result(f"      {line}")
        result(f"      {word(lang, 'because', reason=item.evidence['note'][tongue])}")
        for source in item.evidence["sources"][:1]:
            result(f"      {word(lang, 'source', title=source['title'], section=source['section'])}")
    result()
    return len(ranked)


def _commands(home: SimulatedHome, person: Resident, lang: str) -> None:
    result(word(lang, "look"))
    result(f"  export PHR_HOME={home.root}")
    lines = (
        "phr advice list", f"phr trend weight --resident {person.id}", f"phr today --resident {person.id}",
        f"phr report {person.id} --html month.html", "phr web",
        f"phr export fhir --resident {person.id} --out -", "phr resident list", "phr device list", "phr doctor",
    )  # fmt: skip
    # After ./x demo the command is in .venv/bin, which is on nobody's PATH yet.
    program = "phr" if shutil.which("phr") else sys.argv[0]
    for line in lines:
        result(f"  {program}{line.removeprefix('phr')}")

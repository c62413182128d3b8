"""The report of a month for the resident: what was measured and advised, who looked, how to stop, whom to call.

The values are gathered here; `engine.report_file` makes a page, a PDF or lines of them. Nothing is judged anew: the
sentences are those of the resident's own page, and advice that safety no longer allows is not printed either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine import contacts
from engine.approvals import Approval, approval_of
from engine.charts import Chart, Row, rows
from engine.charts_kinds import chart_of, unit_words
from engine.charts_scale import long_day
from engine.consent import standing
from engine.consent_texts import TEXTS
from engine.contract.kinds import KINDS
from engine.courses import COURSES, Course, Said, said
from engine.dates import age_on
from engine.locale import Language, text
from engine.people import Resident
from engine.picture import zone_of
from engine.refit import model_of
from engine.report_looks import Look, looks_of
from engine.review import Item
from engine.signals import History
from engine.store import audit, repo_consents, repo_history, repo_staff
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.telling import courses_of, delivered_of

# What everybody knows of themselves comes first; the others follow where something was measured.
ALWAYS: Final = ("weight", "steps", "pressure")
# The page shows all who looked; on paper the newest are enough.
MOST_LOOKS: Final = 20
# A running total of steps says nothing without the one before it.
_BEFORE: Final = timedelta(days=3)


class Picture(msgspec.Struct, frozen=True):
    """A chart with its captions, its dots as rows of a table, and a sentence where something surely changed."""

    chart: Chart
    captions: tuple[str, ...]
    rows: tuple[Row, ...]
    change: str = ""


class Told(msgspec.Struct, frozen=True):
    """Advice that reached the resident: the day, its lines, and who answers for it."""

    day: str
    lines: tuple[str, ...]
    by: str


class Agreed(msgspec.Struct, frozen=True):
    """A purpose the resident agrees to now, for whom, and since when."""

    label: str
    since: str


class Call(msgspec.Struct, frozen=True):
    """A telephone number with its name, what it is for and when somebody answers ("" for always)."""

    name: str
    number: str
    about: str
    hours: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the paper, in words of one language; days are those of the resident's home."""

    resident: str
    name: str
    kana: str
    language: Language
    first: date
    last: date
    month: str
    made: str
    sentence: str
    more: tuple[str, ...]
    pictures: tuple[Picture, ...]
    advice: tuple[Told, ...]
    looks: tuple[Look, ...]
    more_looks: int
    agreed: tuple[Agreed, ...]
    calls: tuple[Call, ...]


def report_of(
    connection: Connection,
    person: Resident,
    month: date | None,
    now: datetime,
    *,
    language: Language | None = None,
    home: Path | None = None,
) -> Report:
    """The report of the month that begins with `month` (None: the one of `now`), as far as it has passed.

    `home` holds the operator's telephone numbers. Raises ValueError for a month that has not begun.
    """
    zone, lang = zone_of(connection, person), language or ("en" if person.language.startswith("en") else "ja")
    here = now.astimezone(zone)
    first = (month or here.date()).replace(day=1)
    if first > here.date():
        raise ValueError("this month has not begun")
    last = min(_month_end(first), here.date())
    pictures, measured = _pictures(connection, person, first, last, here, lang)
    delivered = [item for item in delivered_of(connection, person, now) if _during(item.updated_at, zone, first, last)]
    # What came at the same moment has an order all the same: the paper is the same twice.
    delivered.sort(key=lambda item: (item.updated_at, item.rule_id), reverse=True)
    looks = looks_of(connection, person, first, last, lang)
    sentences = summary(pictures, measured, lang)
    return Report(
        resident=person.id, name=f"{person.family_name} {person.given_name}".strip(),
        kana=f"{person.family_kana} {person.given_kana}".strip(), language=lang, first=first, last=last,
        month=month_words(first, lang), made=long_day(here.date(), lang),
        sentence=sentences[0], more=sentences[1:],
        pictures=pictures, advice=_advice(connection, delivered, zone, lang), looks=tuple(looks[:MOST_LOOKS]),
        more_looks=max(0, len(looks) - MOST_LOOKS), agreed=_agreed(connection, person, now, zone, lang),
        calls=calls_of(person, now, lang, home),
    )  # fmt: skip


def note_report(
    connection: Connection, person: Resident, report: Report, now: datetime, *, actor: str, os_user: str
) -> None:
    """Writes into the audit chain that the report was made, for whom and of which month: of its words only a hash."""
    entry = audit.Entry(
        at=to_micros(now), actor=actor, os_user=os_user, action="report-make", subject=person.id,
        detail_hash=audit.detail_hash([person.id, report.first.isoformat(), report.last.isoformat()]),
    )  # fmt: skip
    audit.append(connection, entry)


def as_json(report: Report) -> dict[str, Any]:
    """The report for machines: charts as their rows."""
    found: dict[str, Any] = msgspec.to_builtins(report)
    found["pictures"] = [
        {
            "title": one.chart.title,
            "unit": one.chart.unit,
            "captions": one.captions,
            "rows": msgspec.to_builtins(one.rows),
        }
        for one in report.pictures
    ]  # fmt: skip
    return found


def month_words(first: date, language: Language) -> str:
    """2026年11月, or November 2026."""
    if language == "ja":
        return f"{first.year}年{first.month}月"
    return f"{_MONTHS[first.month - 1]} {first.year}"


def captions_of(course: Course, found: Said, language: Language) -> tuple[str, ...]:
    """What can be said of a month of one kind, in plain sentences: on how many days, and the change or the average."""
    values: dict[str, object] = {"change": found.change or "", "low": f"{found.mean_low or ''}"}
    key = found.verdict
    if key == "mean":
        key = f"mean.{course.key if course.key in {'steps', 'pressure'} else 'other'}"  # type: ignore[assignment]
        values |= {"mean": f"{found.mean:,}", "unit": unit_words(KINDS[course.kinds[0]].unit, language)}
    told = text(language, "resident", f"report.{key}", **values)
    return (text(language, "resident", "report.days", days=found.days), told)


def summary(pictures: Sequence[Picture], days: int, language: Language) -> tuple[str, ...]:
    """The month in one sentence, and what else belongs to it: a change that is sure comes before a count of days."""
    if not days:
        return (text(language, "resident", "report.no-days"),)
    counted = text(language, "resident", "report.days", days=days)
    return (*[one.change for one in pictures if one.change][:1], counted)


def calls_of(person: Resident, now: datetime, language: Language, home: Path | None) -> tuple[Call, ...]:
    """Every number of the resident's town that is for people of their age, with its hours: paper knows no clock."""
    age = age_on(person.birth_date, now.date())
    return tuple(
        Call(getattr(one.name, language), one.number, getattr(one.about, language), " ".join(one.hours))
        for one in contacts.known_numbers(home)
        if (not one.municipalities or person.municipality_code in one.municipalities)
        and one.ages[0] <= age <= one.ages[1]
    )


def _pictures(
    connection: Connection, person: Resident, first: date, last: date, here: datetime, lang: Language
) -> tuple[tuple[Picture, ...], int]:
    """The charts of the month, without what a rule forbids to show this person; on how many days was measured."""
    zone, until = zone_of(connection, person), min(here, datetime.combine(last, time.max, here.tzinfo))
    kinds = {kind for course in COURSES.values() for kind in course.kinds}
    since = datetime.combine(first, time.min, zone) - _BEFORE
    history = repo_history.history(connection, person.id, sorted(kinds), to_micros(since), to_micros(until) + 1)
    found, noise = [], model_of(connection, person.id)
    for course in courses_of(connection, person, here):
        chart = chart_of(course.kind, history, zone, first, last, lang, noise=noise)
        if chart.dots or course.key in ALWAYS:
            told = said(course, history, until, (last - first).days + 1)
            captions = captions_of(course, told, lang) if chart.dots else (text(lang, "resident", "chart.empty"),)
            changed = chart.dots and told.verdict in {"fell", "rose"}
            found.append(Picture(chart, captions, rows(chart), captions[-1] if changed else ""))
    return tuple(found), len(_days(history, zone, first, last))


def _days(history: History, zone: ZoneInfo, first: date, last: date) -> set[date]:
    days = {point.at.astimezone(zone).date() for points in history.values() for point in points}
    return {day for day in days if first <= day <= last}


def _advice(connection: Connection, items: Sequence[Item], zone: ZoneInfo, lang: Language) -> tuple[Told, ...]:
    found = []
    for item in items:
        approval = approval_of(connection, item)
        lines = (item.text_ja if lang == "ja" else item.text_en).splitlines()
        if approval is not None:
            day = long_day(item.updated_at.astimezone(zone).date(), lang)
            found.append(Told(day, tuple(lines), answered_for(approval, lang)))
    return tuple(found)


def answered_for(approval: Approval, language: Language) -> str:
    """Who answers for a text, with what they are."""
    return text(language, "resident", f"report.by.{approval.way}", name=titled(approval, language))


def titled(approval: Approval, language: Language) -> str:
    """A name with the profession behind it, where it is known."""
    if approval.role is None:
        return approval.name
    role = text(language, "resident", f"me.role.{approval.role}")
    return f"{approval.name} {role}" if language == "ja" else f"{approval.name}, {role}"


def _agreed(
    connection: Connection, person: Resident, now: datetime, zone: ZoneInfo, lang: Language
) -> tuple[Agreed, ...]:
    given = [one for one in standing(repo_consents.history(connection, person.id), now) if one.granted]
    names = repo_staff.names_of(connection, {one.recipient for one in given if one.recipient})
    found = []
    for one in given:
        label = TEXTS[one.purpose].label_ja if lang == "ja" else TEXTS[one.purpose].label_en
        whom = names.get(one.recipient or "", "")
        since = text(lang, "resident", "report.since", day=long_day(one.since.astimezone(zone).date(), lang))
        found.append(Agreed(f"{label} ({whom})" if whom else label, since))
    return tuple(dict.fromkeys(found))


def _during(at: datetime, zone: ZoneInfo, first: date, last: date) -> bool:
    return first <= at.astimezone(zone).date() <= last


def _month_end(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

"""What a resident may be told, read from the store: advice as it may be said today, and each kind over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.charts import Chart
from engine.charts_kinds import chart_of
from engine.consent import permits
from engine.courses import COURSES, Course, Said, said
from engine.evaluate import still_said
from engine.judge import judge
from engine.locale import Language
from engine.people import Resident
from engine.picture import signals_of, zone_of
from engine.refit import model_of
from engine.review import Item
from engine.rules import ClassRule, Rule, VetoRule, in_force, load_catalogue
from engine.signals import History, Signals
from engine.store import inbox, repo_advice, repo_consents, repo_history
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.today import Told, say_today

# For so long a resident is asked about a reading that is only probably theirs; the inbox asks on.
UNCONFIRMED: Final = timedelta(days=7)
# A running total of steps says nothing without the one before it.
_BEFORE: Final = timedelta(days=3)
# What a rule forbids to show (R-CI-4) -> the courses that show it.
_SPARED: Final = {"weight_display": frozenset({"weight", "waist", "fat"}), "body_composition": frozenset({"fat"})}


class Day(msgspec.Struct, frozen=True):
    """What there is to tell on a day: all advice that may still be said, and what is only probably this person's."""

    told: Told
    items: tuple[Item, ...]
    assumed: tuple[inbox.Waiting, ...]


def today_of(connection: Connection, person: Resident, now: datetime, lang: Language) -> Day:
    """What `person` is told at `now`; the same on the page, in the terminal and in a family's view."""
    signals = signals_of(connection, person, now)
    items = repo_advice.listed(connection, resident=person.id, states=None, limit=10_000)
    sound = still_said(connection, person, items, now, signals)
    assumed = inbox.assumed_of(connection, person.id, now - UNCONFIRMED)
    told = say_today(sound, signals, lang, spared=_spared(connection, person, signals, now))
    return Day(told, tuple(sound), tuple(assumed))


def delivered_of(connection: Connection, person: Resident, now: datetime) -> list[Item]:
    """The advice `person` received and may still be told, the newest first."""
    items = repo_advice.listed(connection, resident=person.id, states={"delivered"}, limit=10_000)
    return sorted(still_said(connection, person, items, now), key=lambda item: item.updated_at, reverse=True)


def courses_of(connection: Connection, person: Resident, now: datetime) -> list[Course]:
    """What `person` is shown over time: everything but what a rule surely forbids to show them."""
    spared = _spared(connection, person, signals_of(connection, person, now), now)
    return [course for key, course in COURSES.items() if key not in spared]


def recorded(connection: Connection, person: Resident, course: Course, now: datetime) -> bool:
    """Whether `person` lets this be recorded at `now`."""
    events = repo_consents.events_of(connection, [person.id], "record").get(person.id, [])
    return any(permits(events, "record", None, kind, now).granted for kind in course.kinds)


def history_of(
    connection: Connection, person: Resident, courses: Sequence[Course], span: int, now: datetime
) -> History:
    """What is stored of these courses over the last `span` days, by kind, with what comes just before."""
    kinds = [kind for course in courses for kind in course.kinds]
    since, until = to_micros(now - timedelta(days=span) - _BEFORE), to_micros(now) + 1
    return repo_history.history(connection, person.id, kinds, since, until)


def course_of(
    connection: Connection, person: Resident, course: Course, span: int, now: datetime, lang: Language
) -> tuple[Chart, Said]:
    """The chart of one kind of `person` over the last `span` days, and what can be said of them."""
    zone = zone_of(connection, person)
    history, here = history_of(connection, person, [course], span, now), now.astimezone(zone)
    first, noise = here.date() - timedelta(days=span - 1), model_of(connection, person.id)
    chart = chart_of(course.kind, history, zone, first, here.date(), lang, noise=noise)
    return chart, said(course, history, here, span)


def _spared(connection: Connection, person: Resident, signals: Signals, now: datetime) -> frozenset[str]:
    """The courses that are not put before `person`."""
    catalogue = in_force(load_catalogue(), now.astimezone(zone_of(connection, person)).date())
    # Only the rules that can forbid it, and the classes they may rest on: this is asked on every page.
    asked = [rule for rule in catalogue if isinstance(rule, ClassRule) or _spares(rule)]
    codes = {bar.code for bar in judge(signals, asked).bars if bar.sure}
    return frozenset[str]().union(*(courses for code, courses in _SPARED.items() if code in codes))


def _spares(rule: Rule) -> bool:
    return isinstance(rule, VetoRule) and any(code in _SPARED for case in rule.case for code in case.must_not)

"""What a letter tells, gathered from the store: the numbers and sentences of the resident's own page, nothing new.

Whether somebody may be written to is asked here and nowhere else: what happened in their life, the measure of support,
consent, the address, and whether the last letter came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.approvals import approval_of
from engine.charts import Chart, Dot
from engine.charts_kinds import STEPS, chart_of
from engine.charts_scale import long_day, short_day
from engine.consent import Event, permits
from engine.courses import Course, said
from engine.courses import Said as Spoken
from engine.letters import Dots, Said, Sort, To, Told, addressed
from engine.letters_reply import ASKS
from engine.locale import Language, text
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.report import Picture, answered_for, calls_of, captions_of, month_words, summary
from engine.review import ORDER, Item, tier
from engine.rules import FlagRule, load_catalogue
from engine.situation import refuses
from engine.store import repo_consents, repo_history, repo_letters, repo_life, repo_protection
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.telling import courses_of, delivered_of

# So many newest values stand on a letter to take to the doctor.
_NEWEST: Final = 3
_CALLS: Final = 3
# Of which kind the one chart is, where none of them surely changed.
_FIRST: Final = ("pressure", "weight", "steps")
_UNSPOKEN: Final = "-"
_LEAST_DOTS: Final = 2
_REFERRAL_DAYS: Final = 30
# A running total of steps says nothing without the one before it.
_BEFORE: Final = timedelta(days=3)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters: of a `town`, of a `sort`, of the month that begins with `month`; only `residents`, where named.

    Whoever is named is written to whatever their channel. `to` is where the desk says that one resident is to be
    written to; only this reaches somebody under a measure of support.
    """

    town: str
    sort: Sort
    month: date
    residents: frozenset[str] = frozenset()
    to: str | None = None


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about somebody's letters: their words of consent, by purpose, and where the letter goes."""

    person: Resident
    to: To
    record: Sequence[Event]
    advice: Sequence[Event]


def gates(
    connection: Connection, people: Iterable[Resident], wish: Wish, now: datetime
) -> tuple[list[Given], dict[str, str]]:
    """Who may be written to, and of everybody else why not.

    The codes: inactive, in-hospital, in-care-home, shielded, no-consent, no-address, came-back.
    """
    known = {person.id: person for person in people}
    lives = repo_life.situations(connection, known)
    hidden = repo_protection.shielded(connection, known, now)
    record = repo_consents.events_of(connection, known, "record")
    advice = repo_consents.events_of(connection, known, "advice")
    astray = repo_letters.astray(connection, known)
    given, left = [], {}
    for name, person in known.items():
        held = refuses(lives[name], "advice", now)
        to = addressed(wish.to or person.address, f"{person.family_name} {person.given_name}".strip())
        one = None if isinstance(to, Refusal) else Given(
            person=person, to=to, record=record.get(name, []), advice=advice.get(name, [])
        )  # fmt: skip
        if held is not None:
            left[name] = held.code
        elif name in hidden and wish.to is None:
            left[name] = "shielded"
        elif one is None:
            left[name] = "no-address"
        elif wish.to is None and astray.get(name) == one.to:
            left[name] = "came-back"
        elif not _agreed(one, wish.sort, now):
            left[name] = "no-consent"
        else:
            given.append(one)
    return given, left


def months(connection: Connection, given: Given, wish: Wish, now: datetime, home: Path | None) -> Said:
    """The letter of a month, without its code: what was measured and advised in it, as far as it may be told."""
    person, lang = given.person, given.person.language
    zone = zone_of(connection, person)
    first = wish.month
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    end = min(now.astimezone(zone), datetime.combine(last, time.max, zone))
    pictures = _pictures(connection, given, end, (end.date() - first).days + 1, now)
    days = {dot.at.date() for picture, _ in pictures for dot in picture.chart.dots}
    blocks = [_block(picture, lang) for picture, _ in pictures]
    received = [one for one in _received(connection, given, now) if _within(one, first, last, zone)]
    return Said(
        sort="month", about=f"{first:%Y-%m}", language=lang, resident=person.id, code="", to=given.to,
        made=long_day(now.astimezone(zone).date(), lang),
        title=_tell(lang, "month.title", month=month_words(first, lang)),
        lead=summary([picture for picture, _ in pictures], len(days), lang),
        front=(*blocks, *_advice(connection, received, lang)), back=(_numbers(person, now, lang, home),),
        chart=_chosen(pictures), asks=ASKS["month"],
    )  # fmt: skip


def referrals(connection: Connection, given: Given, now: datetime, home: Path | None) -> list[Said]:
    """A letter for each delivered piece of advice that asks to see a doctor, without its code, the newest first."""
    asking = {rule.id for rule in load_catalogue() if isinstance(rule, FlagRule)}
    grave = ORDER.index("soon")
    items = [
        item for item in _received(connection, given, now) if item.rule_id in asking and tier(item.severity) <= grave
    ]
    if not items:
        return []
    pictures = _pictures(connection, given, now.astimezone(zone_of(connection, given.person)), _REFERRAL_DAYS, now)
    made = (_referral(connection, given, item, pictures, now, home) for item in items)
    return [letter for letter in made if letter is not None]


def _referral(
    connection: Connection, given: Given, item: Item, pictures: Sequence[tuple[Picture, Course]], now: datetime,
    home: Path | None,
) -> Said | None:  # fmt: skip
    """None for what nobody answers for: no program refers anybody to a doctor on paper."""
    person, lang = given.person, given.person.language
    approval = approval_of(connection, item)
    if approval is None:
        return None
    hurries = tier(item.severity) <= ORDER.index("prompt")
    lead = (*((_tell(lang, "referral.urgent"),) if hurries else ()), _tell(lang, "referral.lead"))
    words = Told(_tell(lang, "referral.advice"), _lines(item, lang), answered_for(approval, lang))
    doctor = Told(_tell(lang, "doctor"), tuple(_tell(lang, "doctor.lines").splitlines()))
    blocks = [_block(picture, lang) for picture, _ in pictures]
    return Said(
        sort="referral", about=item.id, language=lang, resident=person.id, code="", to=given.to,
        made=long_day(now.astimezone(zone_of(connection, person)).date(), lang),
        title=_tell(lang, "referral.title"), lead=lead, front=(words, *blocks[:_NEWEST]),
        back=(doctor, _numbers(person, now, lang, home, most=2)),
        chart=_chosen(pictures), asks=ASKS["referral"],
    )  # fmt: skip


def _agreed(given: Given, sort: Sort, now: datetime) -> bool:
    """Numbers are told to whoever lets us record some kind, a referral to whoever wants advice on something."""
    events, purpose = (given.record, "record") if sort == "month" else (given.advice, "advice")
    # None asks for all of them at once, and no word was ever said about the last one alone.
    kinds = {event.kind for event in events} | {None, _UNSPOKEN}
    return any(permits(events, purpose, None, kind, now).granted for kind in kinds)  # type: ignore[arg-type]


def _pictures(
    connection: Connection, given: Given, end: datetime, days: int, now: datetime
) -> list[tuple[Picture, Course]]:
    """What was measured of each kind in the `days` that end with `end`, of what they let us record and may be shown."""
    courses = [
        course
        for course in courses_of(connection, given.person, now)
        if any(permits(given.record, "record", None, kind, now).granted for kind in course.kinds)
    ]
    zone, lang = zone_of(connection, given.person), given.person.language
    first, last = end.date() - timedelta(days=days - 1), end.date()
    # The steps of a day count once it is over; the last day of a month that is over counts, too.
    midnight = datetime.combine(last + timedelta(days=1), time.min, zone)
    over = midnight <= now
    kinds = sorted({kind for course in courses for kind in course.kinds})
    since = datetime.combine(first, time.min, zone) - _BEFORE
    history = repo_history.history(connection, given.person.id, kinds, to_micros(since), to_micros(end) + 1)
    found = []
    for course in courses:
        chart = chart_of(course.kind, history, zone, first, last, lang)
        if chart.dots:
            whole = over and course.kind == STEPS
            spoken = said(course, history, midnight, days + 1) if whole else said(course, history, end, days)
            found.append((_picture(course, chart, spoken), course))
    return found


def _picture(course: Course, chart: Chart, spoken: Spoken) -> Picture:
    captions = captions_of(course, spoken, chart.language)
    return Picture(chart, captions, (), captions[-1] if spoken.verdict in {"fell", "rose"} else "")


def _block(picture: Picture, lang: Language) -> Told:
    """The newest value and what can be said of the month."""
    dot = max(picture.chart.dots, key=lambda one: one.at)
    value = f"{_value(dot)}{'' if lang == 'ja' else ' '}{picture.chart.shown or ''}"
    newest = _tell(lang, "newest", day=short_day(dot.at.date(), lang), value=value.strip())
    return Told(picture.chart.title, (newest, picture.captions[-1]))


def _chosen(pictures: Sequence[tuple[Picture, Course]]) -> Dots | None:
    """The chart that tells most: of what surely changed, else of blood pressure, weight, steps, or the first."""
    full = [(picture, course.key) for picture, course in pictures if len(picture.chart.dots) >= _LEAST_DOTS]
    if not full:
        return None
    rank = {key: place for place, key in enumerate(_FIRST)}
    chart = min(full, key=lambda one: (not one[0].change, rank.get(one[1], len(rank))))[0].chart
    assert chart.first is not None and chart.last is not None  # noqa: PT018 - both are given where charts are made
    return Dots(
        title=chart.title, description=chart.description, unit=chart.unit, shown=chart.shown or "",
        first=chart.first.isoformat(), last=chart.last.isoformat(),
        dots=tuple(
            (dot.at.replace(tzinfo=None).isoformat(timespec="seconds"), f"{dot.value:f}",
             "" if dot.low is None else f"{dot.low:f}", dot.mark)
            for dot in chart.dots
        ),
    )  # fmt: skip


def _received(connection: Connection, given: Given, now: datetime) -> list[Item]:
    """The advice that reached this resident and that they still agree to, the newest first."""
    if not given.advice:
        return []
    items = sorted(delivered_of(connection, given.person, now), key=lambda one: (one.updated_at, one.id), reverse=True)
    return [item for item in items if permits(given.advice, "advice", None, item.topic, now).granted]


def _within(item: Item, first: date, last: date, zone: ZoneInfo) -> bool:
    return first <= item.updated_at.astimezone(zone).date() <= last


def _advice(connection: Connection, items: Sequence[Item], lang: Language) -> list[Told]:
    found = []
    for item in items:
        approval = approval_of(connection, item)
        if approval is not None:
            found.append(
                Told(text(lang, "resident", "report.h.advice"), _lines(item, lang), answered_for(approval, lang))
            )
    return found


def _lines(item: Item, lang: Language) -> tuple[str, ...]:
    return tuple((item.text_ja if lang == "ja" else item.text_en).splitlines())


def _numbers(person: Resident, now: datetime, lang: Language, home: Path | None, *, most: int = _CALLS) -> Told:
    calls = calls_of(person, now, lang, home)[:most]
    lines = [_tell(lang, "call", name=one.name, number=one.number) for one in calls]
    return Told(_tell(lang, "calls"), (*lines, text(lang, "resident", "report.not-watched")))


def _value(dot: Dot) -> str:
    return f"{dot.value:,f}" if dot.low is None else f"{dot.value:,f} / {dot.low:,f}"


def _tell(lang: Language, key: str, **values: object) -> str:
    return text(lang, "resident", f"letters.{key}", **values)

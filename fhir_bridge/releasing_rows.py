"""The residents of one release as rows in memory: read in bulk, merged, joined under a key that nobody keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from engine.consent import Event, permits
from engine.interests import OWN
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.situation import Situation, lived_in, refuses
from engine.store import repo_counted, repo_interests, repo_life
from engine.store.database import Connection
from engine.store.repo_counted import Counted, Span
from fhir_bridge.aggregate import WEIGHTS, Subject, Weighed, body_of, may_link
from fhir_bridge.aggregate_join import Body, Interest, Row, Taste, joined, token
from fhir_bridge.privacy_units import Partition, Period
from fhir_bridge.releasing_tastes import Handed, Tastes

# Somebody whose record says so in one place is dead in all.
_DEATH: Final = frozenset({"death", "deceased"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a release counts: a unit of the partition, a period; `seal` opens our own picker, `tastes` is the city's.

    What was chosen on our own page counts only while the yes to it holds at `now`, too.
    """

    unit: str
    partition: Partition
    period: Period
    zone: ZoneInfo
    seal: Seal | None = None
    tastes: Tastes | None = None
    now: datetime | None = None

    @property
    def cutoff(self) -> datetime:
        """The instant at which consent, residence and life are looked at."""
        return self.period.cutoff(self.zone)

    @property
    def release(self) -> str:
        """What tokens of this release are made with beside the key."""
        return f"{self.unit}:{self.period}"


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Everything read for a release, by resident."""

    records: Mapping[str, Counted]
    situations: Mapping[str, Situation]
    statistics: Mapping[str, Sequence[Event]]
    linking: Mapping[str, Sequence[Event]]
    own: Mapping[str, Sequence[str]]
    subjects: Mapping[str, Collection[str]]


def rows_of(connection: Connection, asked: Asked, key: bytes) -> tuple[Row, ...] | Refusal:
    """Everybody a release may count, each once, with what they like where they agreed to that link.

    `key` is random and made for this call. Refused as `same-person-twice`; nothing is written.
    """
    same = repo_counted.same_people(connection)
    shelf = _shelf(connection, asked, same)
    groups = sorted({same.get(name, (name,)) for name in shelf.records})
    counted = [(group, body) for group in groups if (body := _body(group, shelf, asked, key)) is not None]
    tastes = (taste for group, body in counted if (taste := _taste(group, body.token, shelf, asked)) is not None)
    return joined((body for _, body in counted), tastes)


def span_of(asked: Asked) -> Span:
    """The instants of the period in the zone, and the weights a statistic believes."""
    return Span(datetime.combine(asked.period.start, time(), asked.zone), asked.cutoff, *WEIGHTS)


def _shelf(connection: Connection, asked: Asked, same: Mapping[str, Collection[str]]) -> _Shelf:
    records = repo_counted.everybody(connection, span_of(asked), same)
    told = repo_life.situations(connection, repo_counted.eventful(connection) & records.keys())
    plain = {
        name: Situation(resident=name, municipality=record.municipality)
        for name, record in records.items()
        if name not in told
    }
    handed = asked.tastes is not None
    return _Shelf(
        records=records, situations=plain | told, statistics=repo_counted.words(connection, "open-statistics"),
        # What was said of other services matters only where they told anything.
        linking=repo_counted.words(connection, "interest-link", None if handed else OWN),
        own={} if asked.seal is None else repo_interests.all_of(connection, asked.seal, records),
        subjects=repo_counted.subjects(connection) if handed else {},
    )  # fmt: skip


def _body(group: tuple[str, ...], shelf: _Shelf, asked: Asked, key: bytes) -> Body | None:
    """The person as they are counted for this unit, None when they are not."""
    verdicts = {name: refuses(shelf.situations[name], "statistics", asked.cutoff) for name in group}
    if any(verdict is not None and verdict.field in _DEATH for verdict in verdicts.values()):
        return None
    records = [shelf.records[name] for name in group]
    here = [record for record in records if verdicts[record.id] is None and not record.closing]
    if not here:
        return None
    living = min(here, key=lambda record: record.id)
    unit = asked.partition.unit_of(lived_in(shelf.situations[living.id], asked.cutoff))
    if unit is None or unit.code != asked.unit:
        return None
    subject = _subject(living, here, [event for name in group for event in shelf.statistics.get(name, ())])
    return body_of(subject, token(key, group[0], asked.release), asked.period, asked.zone)


def _subject(living: Counted, here: Iterable[Counted], said: Sequence[Event]) -> Subject:
    """One person of all their records: the last weight, the newest height, everything they ever said."""
    known = list(here)
    tall = max(known, key=lambda record: (record.height_cm is not None, record.height_on or date.min, record.id))
    weights = [
        Weighed(record.weighed_at, record.kg, sound=True)
        for record in known
        if record.weighed_at is not None and record.kg is not None
    ]
    return Subject(born=living.born, sex=living.sex, height_cm=tall.height_cm, weights=weights, consents=said)


def _taste(group: tuple[str, ...], mark: bytes, shelf: _Shelf, asked: Asked) -> Taste | None:
    """What a counted person likes and uses, each only as far as they agreed that this service's word is linked."""
    own = next((shelf.own[name] for name in group if name in shelf.own), ())
    handed = _handed([subject for name in group for subject in shelf.subjects.get(name, ())], asked)
    if not own and not handed:
        return None
    said = [event for name in group for event in shelf.linking.get(name, ())]
    liked = _liked(handed, own, said, asked)
    used = {code for one in handed for code in one.services if may_link(said, code, asked.period, asked.zone)}
    return Taste(mark, [Interest(code, rank) for rank, code in enumerate(liked, 1)], used)


def _handed(subjects: Iterable[str], asked: Asked) -> list[Handed]:
    """What the city handed in of somebody it knows by these names."""
    if asked.tastes is None:
        return []
    tokens = (token(asked.tastes.key, subject, asked.release) for subject in subjects)
    return [found for mark in tokens if (found := asked.tastes.by_token.get(mark)) is not None]


def _liked(handed: Iterable[Handed], own: Sequence[str], said: Sequence[Event], asked: Asked) -> list[str]:
    """The interests that count: those of the platform, else those chosen on our own page."""
    for one in handed:
        if one.interests and may_link(said, one.origin, asked.period, asked.zone):
            return list(dict.fromkeys(one.interests))
    if not own or not may_link(said, OWN, asked.period, asked.zone):
        return []
    held = asked.now is None or permits(said, "interest-link", OWN, None, asked.now).granted
    return list(own) if held else []

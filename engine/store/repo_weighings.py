"""What the numbers say of a weighing nobody claimed: the household's weighings before it, read only when one comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, func, or_, select

from engine.assignment import WEIGHED, Owner, owner_by_numbers
from engine.contract.reading import Reading
from engine.household import Household
from engine.intake import Accepted, Stored, Unassigned, store_form
from engine.likelihood_home import Belief, Known, guessed, nobody_enrolled, recalled, sighting_of
from engine.store import repo_places
from engine.store.instants import from_micros, to_micros
from engine.store.readings import Heard
from engine.store.tables import MEASUREMENT, READING

LOOK_BACK: Final = timedelta(days=180)
# Of each member and of nobody; a month of days says what there is to say, and each costs about a millisecond.
EACH: Final = 30
OHMS: Final = "impedance"


class _Home(msgspec.Struct):
    """A household up to `at`; `used` of what this batch heard is in `belief` or in `later`."""

    zone: ZoneInfo
    at: datetime
    belief: Belief
    used: int = 0
    later: list[tuple[datetime, Known]] = []


class Weighings:
    """The weighings of the households of one batch, as far as they were asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Whoever died or moved out competes no more: of such a home there is one belief for before and one for after.
        self._homes: dict[tuple[str, frozenset[str]], _Home] = {}

    def fitting(self, household: Household, reading: Reading, heard: Sequence[Heard]) -> Owner | None:
        """Whom the numbers name for `reading`, after what is stored and what this batch `heard` so far.

        None where they name nobody surely enough, or where the weight itself cannot be used.
        """
        values = [found for value in reading.values if isinstance(found := store_form(value), Stored)]
        numbers = {value.kind: float(value.value) for value in values}
        if WEIGHED not in numbers or not household.residents:
            return None
        home = self._brought_to(household, reading.measured_at, heard)
        seen = sighting_of(reading.measured_at, home.zone, numbers[WEIGHED], numbers.get(OHMS))
        return owner_by_numbers(guessed(home.belief, seen)[0])

    def _brought_to(self, household: Household, at: datetime, heard: Sequence[Heard]) -> _Home:
        key = household.id, household.residents
        home = self._homes.get(key)
        if home is None or at < home.at:
            zone = home.zone if home else self._zone(household.id)
            past = _seeded(self._stored(household, at - LOOK_BACK, at, zone))
            home = _Home(zone, at, recalled(nobody_enrolled(household.residents), past))
            self._homes[key] = home
        elif at > home.at:
            past = self._stored(household, home.at, at, home.zone)
            home.belief, home.at = recalled(home.belief, past), at
        fresh = (item for item in heard[home.used :] if item.household == household.id)
        known = _known(fresh, home.zone)
        here = [item for item in known if item[1].owner is None or item[1].owner in household.residents]
        waiting = [*home.later, *here]
        home.used, home.later = len(heard), [item for item in waiting if item[0] > at]
        due = sorted((item for item in waiting if item[0] <= at), key=lambda item: item[0])
        home.belief = recalled(home.belief, (known for _, known in due))
        return home

    def _zone(self, household: str) -> ZoneInfo:
        found = repo_places.household(self._connection, household)
        return ZoneInfo(found.zone if found else repo_places.ZONE)

    def _stored(self, household: Household, after: datetime, until: datetime, zone: ZoneInfo) -> list[Known]:
        """Stored weighings measured later than `after` and not later than `until`, oldest first, the newest of each."""
        ohms = MEASUREMENT.alias("ohms")
        place = func.row_number().over(
            partition_by=READING.c.resident_id, order_by=(READING.c.measured_at.desc(), READING.c.id)
        )
        # Behind a function, so that nobody's are found by the device: by the resident they are a whole town's.
        nobodys = func.coalesce(MEASUREMENT.c.resident_id, "") == ""
        of_whom = or_(
            MEASUREMENT.c.resident_id.in_(sorted(household.residents)),
            nobodys & MEASUREMENT.c.device_id.in_(sorted(household.devices)),
        )
        when = (MEASUREMENT.c.measured_at > to_micros(after)) & (MEASUREMENT.c.measured_at <= to_micros(until))
        also = (ohms.c.reading_id == MEASUREMENT.c.reading_id) & (ohms.c.kind == OHMS)
        ranked = (
            select(
                READING.c.id, READING.c.resident_id, READING.c.certainty, READING.c.posterior, READING.c.measured_at,
                MEASUREMENT.c.value.label("kg"), ohms.c.value.label("ohms"), place.label("place"),
            )
            .join_from(MEASUREMENT, READING, READING.c.id == MEASUREMENT.c.reading_id)
            .join(ohms, also, isouter=True)
            .where(MEASUREMENT.c.kind == WEIGHED, of_whom, when, READING.c.outcome.in_(("accepted", "unassigned")))
            .where(READING.c.time_quality != "unknown")
            .subquery()
        )  # fmt: skip
        query = select(ranked).where(ranked.c.place <= EACH).order_by(ranked.c.measured_at, ranked.c.id)
        return [_known_row(row, zone) for row in self._connection.execute(query)]


def _known_row(row: Any, zone: ZoneInfo) -> Known:
    ohms = None if row.ohms is None else float(row.ohms)
    seen = sighting_of(from_micros(row.measured_at), zone, float(row.kg), ohms)
    sure = row.certainty == "sure"
    return Known(seen, row.resident_id, sure, sure and row.posterior is None)


def _seeded(past: Sequence[Known]) -> list[Known]:
    """`past` with one reading to begin with for everybody of whom nobody said anything in it.

    What the numbers filed as sure goes back to somebody's word, however long ago; the rest stays open to doubt, so a
    mistake at the beginning is contradicted by what follows and asked about.
    """
    said = {known.owner for known in past if known.said}
    found: list[Known] = []
    for known in past:
        first = known.sure and known.owner is not None and known.owner not in said
        said |= {known.owner} if first else set()
        found.append(msgspec.structs.replace(known, said=True) if first else known)
    return found


def _known(heard: Iterable[Heard], zone: ZoneInfo) -> list[tuple[datetime, Known]]:
    """The weighings among what a batch heard, with their instants."""
    found: list[tuple[datetime, Known]] = []
    for item in heard:
        outcome = item.outcome
        if not isinstance(outcome, Accepted | Unassigned) or outcome.reading.time_quality == "unknown":
            continue
        numbers = {value.kind: float(value.value) for value in outcome.values}
        if WEIGHED not in numbers:
            continue
        at, owner, sure, said = outcome.reading.measured_at, None, False, False
        if isinstance(outcome, Accepted):
            owner, sure = outcome.resident, outcome.certainty == "sure"
            said = sure and outcome.posterior is None
        seen = sighting_of(at, zone, numbers[WEIGHED], numbers.get(OHMS))
        found.append((at, Known(seen, owner, sure, said)))
    return found

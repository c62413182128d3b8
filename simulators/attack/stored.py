"""The attacks that need a house: a made-up city in a real store, asked for its statistics again and again.

The noise is the real one. Everything that would leave for the public and for the platform is read back and compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Final

from engine.consent import Event
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_consents, repo_statistics
from engine.store.database import Engine, migrate, open_engine, read, write
from engine.store.repo_facts import By
from fhir_bridge import open_data, platform_entities
from fhir_bridge.aggregate_join import KEY_BYTES
from fhir_bridge.platform_reading import cells_in
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_release import Release
from fhir_bridge.privacy_release import read as sealed
from fhir_bridge.privacy_units import Period
from fhir_bridge.releasing import ZONE, Job, Made, opened, prepared
from fhir_bridge.releasing_rows import Asked, rows_of
from simulators.attack.findings import Finding
from simulators.attack.world import FIRST, TURNS, UNIT, AttackError, day_after, region
from simulators.city.people import Inhabitant, Town, inhabitants
from simulators.city.settle import settle

_PEOPLE: Final = 420
_TOO_FEW: Final = 299
_SOME: Final = 10
_BY: Final = By("attacker", "attacker")
_SECOND: Final = timedelta(seconds=1)


def attacks_on_a_store(seed: int) -> Iterator[Finding]:
    """What came of A2 (all that is published), A4, A6, A8 and A9 on a store; `seed` makes the city."""
    with tempfile.TemporaryDirectory(prefix="phr-attack-") as folder:
        few = _House(Path(folder) / "few", Town(people=_TOO_FEW, seed=seed, histories=False))
        many = _House(Path(folder) / "many", Town(people=_PEOPLE, seed=seed, periods=3, histories=False))
        try:
            yield _universe(few)
            yield from _cutoff(many)
            yield _again(many)
            yield _budget(many)
            yield _published(many)
        finally:
            few.engine.dispose()
            many.engine.dispose()


class _House:
    """A store with a city in it, its book open; everybody agreed and weighs."""

    def __init__(self, home: Path, town: Town) -> None:
        home.mkdir(mode=0o700)
        self.people: Sequence[Inhabitant] = list(inhabitants(town))
        self.engine: Engine = open_engine(f"sqlite:///{home / 'engine.sqlite'}")
        migrate(self.engine)
        start = datetime.combine(FIRST.start, time(12), ZONE)
        with write(self.engine) as connection:
            settle(connection, town, seal_of(home), start)
            refusal = opened(connection, region(), FIRST, "made up", _BY, start)
        if refusal is not None:
            raise AttackError(refusal.code)

    def draw(self, period: Period, days: int = 10) -> Made | Refusal:
        """The release of a period, asked for so many days after its end."""
        now = datetime.combine(day_after(period, days), time(12), ZONE)
        with write(self.engine) as connection:
            return prepared(connection, Job(UNIT, period, _BY), ExactLaplace(), now)

    def withdraw(self, one: Inhabitant, at: datetime) -> None:
        """A no to open statistics at that instant."""
        said = Event(resident=one.id, purpose="open-statistics", granted=False, at=at, actor=one.id, channel="page")
        with write(self.engine) as connection:
            repo_consents.append(connection, said, os_user="attacker")

    def counted(self, period: Period) -> int:
        """How many people the release of a period counts."""
        with read(self.engine) as connection:
            found = rows_of(connection, Asked(UNIT, region(), period, ZONE), bytes(KEY_BYTES))
        return -1 if isinstance(found, Refusal) else len(found)


def _universe(house: _House) -> Finding:
    found = house.draw(FIRST)
    with read(house.engine) as connection:
        charges = len(repo_statistics.charges(connection))
    code = found.code if isinstance(found, Refusal) else "a release"
    return Finding(
        attack="A8", what=f"a store with {_TOO_FEW} people who agreed", measured=f"{code}, {charges} charges",
        mark="population-too-small, 0 charges", withstood=code == "population-too-small" and not charges,
    )  # fmt: skip


def _cutoff(house: _House) -> Iterator[Finding]:
    """Some withdraw a second before the cut-off, some a second after it."""
    cutoff = FIRST.cutoff(ZONE)
    early, late = house.people[:_SOME], house.people[_SOME : 2 * _SOME]
    for one in early:
        house.withdraw(one, cutoff - _SECOND)
    for one in late:
        house.withdraw(one, cutoff + _SECOND)
    now, then = house.counted(FIRST), house.counted(FIRST.next)
    made = house.draw(FIRST)
    yield Finding(
        attack="A6", what=f"{_SOME} withdraw a second before the cut-off, {_SOME} a second after",
        measured=f"{_PEOPLE - now} left out of it, {_PEOPLE - then} of the next",
        mark=f"{_SOME} and {2 * _SOME}", withstood=(now, then) == (_PEOPLE - _SOME, _PEOPLE - 2 * _SOME),
    )  # fmt: skip
    bodies = b"" if isinstance(made, Refusal) else b"".join(content for _, content in _leaving(made))
    named = sum(one.id.encode() in bodies for one in house.people)
    yield Finding(
        attack="A6", what="names of residents in what leaves", measured=f"{named} in {len(bodies):,} bytes", mark="0",
        withstood=not named and bool(bodies),
    )  # fmt: skip


def _again(house: _House) -> Finding:
    """The same period asked for at once, after somebody withdrew, with the clock back, and a year later."""
    found = [house.draw(FIRST), house.draw(FIRST, -30)]
    house.withdraw(house.people[2 * _SOME], FIRST.cutoff(ZONE) - _SECOND)
    found += [house.draw(FIRST), house.draw(FIRST, 400)]
    bytes_ = {one.kept.content for one in found if isinstance(one, Made)}
    drawn = sum(isinstance(one, Made) and one.drawn for one in found)
    return Finding(
        attack="A4", what="a stored period asked for four times more", mark="0 draws, 1 content",
        measured=f"{drawn} draws, {len(bytes_)} content", withstood=not drawn and len(bytes_) == 1,
    )  # fmt: skip


def _budget(house: _House) -> Finding:
    second = house.draw(TURNS[1])
    third = house.draw(TURNS[2], 5)
    code = third.code if isinstance(third, Refusal) else "a release"
    with read(house.engine) as connection:
        charges = len(repo_statistics.charges(connection))
    kept = not isinstance(second, Refusal) and charges == len(TURNS) - 1
    return Finding(
        attack="A9", what="a third release five days too early", measured=f"{code}, {charges} charges",
        mark="budget-spent, 2 charges", withstood=kept and code == "budget-spent",
    )  # fmt: skip


def _published(house: _House) -> Finding:
    """Whether files or requests hold any number that is not the release's own."""
    checked = odd = 0
    with read(house.engine) as connection:
        kept = repo_statistics.releases(connection)
    for one in kept:
        release = sealed(one.content, one.sha256)
        if isinstance(release, Refusal):
            odd += 1
            continue
        wanted = open_data.figures(release)
        told = [found for file in _files(one.content, one.sha256) if (found := open_data.figures_of(file)) is not None]
        checked += len(told)
        # A dataset of one table holds a part, and all files together everything.
        odd += sum(not found.items() <= wanted.items() for found in told)
        odd += {key for found in told for key in found} != wanted.keys()
        checked += 1
        odd += _sent(release) != sorted(str(cell.count) for table in release.tables for cell in table.cells)
    return Finding(
        attack="A2", what=f"{checked} files and requests of {len(kept)} releases, read back",
        measured=f"{odd} say another number than the release", mark="0", withstood=not odd and checked > len(kept) > 1,
    )  # fmt: skip


def _leaving(made: Made) -> Iterator[tuple[str, bytes]]:
    """Every file and request of a release."""
    release = sealed(made.kept.content, made.kept.sha256)
    if isinstance(release, Refusal):
        raise AttackError(release.code)
    for file in _files(made.kept.content, made.kept.sha256):
        yield file.name, file.content
    about = platform_entities.About(issued=made.kept.prepared_at, note="made up")
    batches = platform_entities.batches_of(release, made.kept.sha256, about)
    if isinstance(batches, Refusal):
        raise AttackError(batches.code)
    for batch in batches:
        yield batch.part, batch.body


def _files(content: bytes, sha256: str) -> tuple[open_data.File, ...]:
    about = open_data.About(issued=day_after(FIRST), contact="nobody")
    found = open_data.files_of(content, sha256, about)
    if isinstance(found, Refusal):
        raise AttackError(found.code)
    return found


def _sent(release: Release) -> list[str]:
    return sorted(str(cell["personCount"]) for cell in cells_in(release).values())

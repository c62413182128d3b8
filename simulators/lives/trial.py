"""Many lives before the real watching, through its pure core: the same questions the hourly round asks of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from engine.watching import Alert, Facts, Standing, ended, judge
from engine.watching_drop import change_of, town_changes
from engine.watching_ears import Gateway
from engine.watching_rules import rules
from simulators.lives.fates import HOURS
from simulators.lives.frozen import frozen
from simulators.lives.gateways import EARS_BEFORE, Listener
from simulators.lives.homes import Home, draw_home
from simulators.lives.known import instant
from simulators.lives.rivals import SLOW, SUDDEN, Compared, Rival, Rivals
from simulators.lives.seeing import Sight
from simulators.lives.town import Town, draw_town
from simulators.lives.truth import Alarm, Figures, Raised, Tally, is_broken

_TOWN_SEED: Final = 2**31
# A day heard late may lower what was known of the days before; further from the mark it cannot bring them.
_NEARLY: Final = 1.2
# The sabotage is tried on the first so many: it only has to show that the count can be other than 0.
_SABOTAGED: Final = 100


def town_of(days: int, seed: int) -> Town:
    """The town of a seed, so many days after those of learning."""
    return draw_town(frozen(), days, np.random.default_rng([seed, _TOWN_SEED]))


def homes_of(town: Town, people: int, seed: int) -> Iterator[Home]:
    """The homes of this town, one watched person in each."""
    return (draw_home(town, number, seed) for number in range(people))


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """How far below the usual a town's middle person walked on each day, and each home's own by its number."""

    town: Mapping[date, float] = {}
    own: Mapping[int, Mapping[date, float]] = {}


def walked(town: Town, homes: Iterable[Home]) -> Walked:
    """The changes of these homes, out of what their pedometers told."""
    own = {home.number: _changes_of(town, Sight(town, home)) for home in homes}
    return Walked(town=town_changes(own.values()), own=own)


def _changes_of(town: Town, sight: Sight) -> Mapping[date, float]:
    found = {}
    for day in range(town.fixed.learning_days - 1, town.days):
        known = sight.steps(int((day + 1) * HOURS))
        change = change_of(known, town.day(day))
        if change is not None:
            found[town.day(day)] = change.share
    return found


class Watch:
    """One life as the round sees it that looks `every` so many hours: what stands, what was raised."""

    def __init__(
        self, town: Town, home: Home, walked: Walked, *, every: int = 1, believe: bool = False
    ) -> None:  # fmt: skip
        self._town, self._home, self._shared, self._every, self._believe = town, home, walked.town, every, believe
        self._sight, self._ear = Sight(town, home), Listener(town, home)
        self._standing: list[Standing] = []
        self._seen: set[tuple[str, datetime]] = set()
        own = walked.own.get(home.number)
        self._low = _low_days(town, _changes_of(town, self._sight) if own is None else own, walked.town)
        self.raised: list[Raised] = []

    def run(self) -> list[Raised]:
        """All looks from the end of the learning on; what was raised. The gateway's words are heard every hour."""
        first = int(self._town.fixed.learning_days * HOURS)
        for hour in range(first - EARS_BEFORE, int(self._town.hours)):
            looks = hour >= first and hour % self._every == 0
            steps = looks and hour % 24 == 0 and self._steps_matter(hour)
            needed = steps or (looks and (bool(self._standing) or self._sight.is_late(hour)))
            self._ear.hear(hour, needed=needed)
            if looks and (needed or self._ear.to_report(hour)):
                self._look(hour, steps=steps)
        return self.raised

    def _steps_matter(self, hour: int) -> bool:
        return bool(self._low[hour // 24]) or any(one.sort == "activity-drop" for one in self._standing)

    def _look(self, hour: int, *, steps: bool) -> None:
        now = instant(self._town, float(hour))
        gateways = self._ear.gateways(now)
        devices = self._sight.devices(hour)
        if self._believe:
            # The sabotage: whatever is not heard is taken to work as it always did, gateway and devices.
            always = instant(self._town, -HOURS)
            gateways = tuple(Gateway(id=one.id, told=now, since=always, hears=now) for one in gateways)
            devices = tuple(msgspec.structs.replace(one, heard=now, unbroken=always) for one in devices)
        facts = Facts(
            resident=self._sight.name, situation=self._sight.situation(hour), devices=devices, gateways=gateways,
            present=self._sight.present(hour) if any(one.usual is not None for one in devices) else None,
            steps=self._sight.steps(hour) if steps else {}, town=self._shared, standing=tuple(self._standing),
        )  # fmt: skip
        self._standing = [one for one in self._standing if ended(facts, one, now) is None]
        facts = msgspec.structs.replace(facts, standing=tuple(self._standing))
        for alert in judge(facts, now):
            self._raise(alert, hour)

    def _raise(self, alert: Alert, hour: int) -> None:
        key = (alert.sort, alert.since)
        if key in self._seen:
            return
        self._seen.add(key)
        self._standing.append(
            Standing(sort=alert.sort, since=alert.since, cause=alert.cause, devices=alert.devices, usual=alert.usual)
        )
        since = (alert.since - instant(self._town, 0.0)) / timedelta(hours=1)
        self.raised.append(
            Raised(home=self._home.number, sort=alert.sort, since=since, at=float(hour), cause=alert.cause)
        )


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A trial: what the lives showed, beside simpler rules, and with the checks that things work taken out (sabotage).

    `held_out` is whether no threshold was ever tuned on this seed.
    """

    seed: int
    days: int
    held_out: bool
    figures: Figures
    compared: Compared
    sabotaged: int


def trial(people: int, days: int, seed: int, *, tell: Callable[[int], None] = lambda _: None) -> Outcome:
    """So many lives of one town through the pure core; `tell` hears how many are done."""
    town = town_of(days, seed)
    moved = walked(town, homes_of(town, people, seed))
    tally, rivals, sabotaged = Tally(town), Rivals(town), 0
    for number, home in enumerate(homes_of(town, people, seed), 1):
        tally.add(home, Watch(town, home, moved).run())
        rivals.add(home)
        if number <= _SABOTAGED:
            blind = Watch(town, home, moved, believe=True).run()
            sabotaged += sum(is_broken(home, one) for one in blind)
        tell(number)
    figures = tally.figures()
    return Outcome(
        seed=seed, days=days, held_out=seed >= town.fixed.held_out, figures=figures,
        compared=rivals.compared(_beside(figures, "person-silent", SUDDEN), _beside(figures, "activity-drop", SLOW)),
        sabotaged=sabotaged,
    )  # fmt: skip


def _beside(figures: Figures, sort: Alarm, sorts: frozenset[str]) -> Rival:
    """The watching as one of the rivals; its silences and its drops both find an event."""
    return Rival(
        threshold=0.0, alerts=figures.alerts.get(sort, 0), true=figures.true[sort],
        events=sum(figures.found[one].events for one in sorts), found=sum(figures.found[one].found for one in sorts),
    )  # fmt: skip


def _low_days(town: Town, change: Mapping[date, float], shared: Mapping[date, float]) -> list[bool]:
    """On which days the steps are worth a look: when they were far below the usual on one of the last few days."""
    mark = rules().drop.below * _NEARLY
    low = [
        change.get(town.day(day), 1.0) / min(shared.get(town.day(day), 1.0) or 1.0, 1.0) < mark
        for day in range(town.days)
    ]
    return [any(low[max(day - rules().drop.stale_days - 1, 0) : day]) for day in range(town.days + 1)]

"""Simulated lives: what is true in them, that the hard rule can be broken by a careless watching, and is not by ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.exits import Exit
from cli.simulate import app
from engine import watching
from engine.watching_signs import signs
from simulators.lives import trial as trials
from simulators.lives.fates import HOURS, Fault, Span
from simulators.lives.frozen import Frozen, frozen
from simulators.lives.homes import Heard, Home
from simulators.lives.known import ZONE, excuses, instant, known
from simulators.lives.people import PEDOMETER, SCALE, Device, Person, Uses
from simulators.lives.rivals import Rivals
from simulators.lives.seeing import Sight, Total
from simulators.lives.town import Floats, Town, draw_town
from simulators.lives.trial import Walked, Watch, homes_of, town_of, walked
from simulators.lives.truth import Raised, Tally, events_of, is_broken, is_excused, why

DAYS = 40
LEARNED = frozen().learning_days
BEGIN = LEARNED * HOURS
NOBODY = Walked()


def eventful() -> Frozen:
    """The frozen world with more of everything, so that a few lives show it."""
    base = frozen()
    return msgspec.structs.replace(
        base,
        events=msgspec.structs.replace(base.events, sudden=6.0, gradual=2.0, death=0.5),
        device=msgspec.structs.replace(base.device, broken=0.6),
        home=msgspec.structs.replace(base.home, unplugged=3.0, router=3.0, deaf=1.0),
        hospital=msgspec.structs.replace(base.hospital, stays=1.0),
        away=msgspec.structs.replace(base.away, trips=2.0),
    )


@pytest.fixture(scope="module")
def town() -> Town:
    return draw_town(eventful(), DAYS, np.random.default_rng([7, 1]))


@pytest.fixture(scope="module")
def homes(town: Town) -> list[Home]:
    return list(homes_of(town, 40, 7))


def device(kind: int, *faults: Fault, speaks_alone: bool = False) -> Device:
    return Device(
        kind=kind, faults=faults, batteries=(-1.0,), battery_days=2_000.0, tells_battery=True, keeps=False,
        speaks_alone=speaks_alone,
    )  # fmt: skip


def steady(
    town: Town, *, spans: Sequence[Span] = (), faults: Sequence[Fault] = (), quiet: tuple[float, float] = (0.0, 0.0)
) -> Home:
    """Somebody who weighs every morning, with a band that speaks whether it is worn or not; nothing arrives in `quiet`."""
    at: Floats = np.arange(town.days, dtype=np.float64) * HOURS
    weighed, told = _line(at + 7.0, 60.0, spans, quiet), _line(np.sort([*(at + 9), *(at + 20)]), 2_000.0, spans, quiet)
    here = Heard(
        at=weighed.at[weighed.meant], heard=weighed.heard[weighed.meant], value=weighed.value[weighed.meant],
        meant=weighed.meant[weighed.meant],
    )  # fmt: skip
    # A total grows between the morning and the evening.
    grown = msgspec.structs.replace(told, value=told.value * np.where(told.at % HOURS < 12, 0.5, 1.0))
    lines = (here, grown)
    uses = tuple(Uses(line.at, line.value, line.meant) for line in lines)
    person = Person(devices=(device(SCALE), device(PEDOMETER, speaks_alone=True)), spans=tuple(spans), uses=uses)
    return Home(number=0, people=(person,), heard=(lines,), faults=tuple(faults), neighbours=True)


def _line(at: Floats, value: float, spans: Sequence[Span], quiet: tuple[float, float]) -> Heard:
    away = np.zeros(len(at), dtype=bool)
    for one in spans:
        away |= (at >= one.start) & (at < one.end)
    heard = np.where((at >= quiet[0]) & (at < quiet[1]), np.nan, at)
    return Heard(at=at, heard=heard, value=np.where(away, 0.0, value), meant=~away)


def test_a_home_is_the_same_each_time_it_is_drawn_and_another_for_another_seed(town: Town, homes: list[Home]) -> None:
    again, other = next(homes_of(town, 1, 7)), next(homes_of(town, 1, 8))
    assert np.array_equal(again.heard[0][0].at, homes[0].heard[0][0].at)
    assert again.people[0].spans == homes[0].people[0].spans
    assert not np.array_equal(other.heard[0][0].at, homes[0].heard[0][0].at)


def test_nobody_does_anything_at_home_while_they_lie_there_or_are_not_there(homes: list[Home]) -> None:
    seen = set()
    for home in homes:
        for person in home.people:
            for span in person.spans:
                if span.sort in {"sudden", "death", "trip", "hospital", "gone"}:
                    seen.add(span.sort)
                    for uses in person.uses:
                        assert not (uses.meant & (uses.at >= span.start) & (uses.at < span.end)).any()
    assert seen >= {"sudden", "trip", "hospital"}


def test_nothing_is_known_before_it_is_measured_nor_from_a_thing_that_does_not_work(homes: list[Home]) -> None:
    lost = late = 0
    for home in homes:
        for line, one in zip(home.heard[0], home.people[0].devices, strict=True):
            got = np.isfinite(line.heard)
            assert (line.heard[got] >= line.at[got]).all()
            lost, late = lost + int((~got).sum()), late + int((line.heard[got] > line.at[got]).sum())
            for fault in one.faults:
                assert not got[(line.at >= fault.start) & (line.at < fault.end)].any()
    assert lost > 0
    assert late > 0


def test_a_band_that_speaks_on_the_wrist_of_somebody_who_fell_gives_no_sign_of_them(
    homes: list[Home], town: Town
) -> None:
    spoke = 0
    for home in homes:
        for span in (one for one in home.people[0].spans if one.sort == "sudden"):
            for one, line in zip(home.people[0].devices, home.heard[0], strict=True):
                inside = (line.at >= span.start) & (line.at < span.end)
                if one.kind != PEDOMETER or not inside.any():
                    continue
                spoke += 1
                points = [
                    Total(instant(town, at), Decimal(int(value)), instant(town, at // HOURS * HOURS))
                    for at, value in zip(line.at.tolist(), line.value.tolist(), strict=True)
                ]
                told = [at for at in signs({"steps-day": points}, ZONE) if instant(town, span.start) <= at]
                # What was walked before the fall may be told after it, once.
                assert [at for at in told if at < instant(town, span.end)][1:] == []
    assert spoke > 0


def test_what_is_known_of_a_stay_is_known_when_it_is_told_and_not_before() -> None:
    town = town_of(DAYS, 1)
    span = Span(sort="hospital", start=BEGIN, end=BEGIN + 200, known=BEGIN + 50)
    told = known(town, "r-1", (span, Span(sort="trip", start=BEGIN + 600, end=BEGIN + 700)))
    assert [at for at, _ in told[1:]] == [BEGIN + 50, BEGIN + 200]
    assert [one.events[0].until for _, one in told[1:]] == [None, instant(town, BEGIN + 200)]
    assert excuses((span,)) == [(BEGIN + 50, BEGIN + 200)]


def test_an_unplugged_gateway_is_no_silence_of_the_person_unless_all_is_believed_to_work() -> None:
    town = town_of(DAYS, 1)
    out = (BEGIN + 100, BEGIN + 400)
    home = steady(town, faults=[Fault("unplugged", *out)], quiet=out)
    seen = Watch(town, home, NOBODY).run()
    assert [one.cause for one in seen] == ["gateway-silent"]
    blind = Watch(town, home, NOBODY, believe=True).run()
    assert any(is_broken(home, one) for one in blind)


def test_a_fall_is_found_a_trip_that_was_told_is_not_and_one_that_was_not_is_a_false_alert() -> None:
    town = town_of(DAYS, 1)
    fell = Span(sort="sudden", start=BEGIN + 100, end=BEGIN + 400, full=BEGIN + 100, walk=0.0, measure=0.0)
    home = steady(town, spans=[fell])
    raised = Watch(town, home, NOBODY).run()
    assert [why(town, home, one) for one in raised if one.sort == "person-silent"] == ["sudden"]
    assert not is_broken(home, raised[0])
    (event,) = events_of(home, raised, town.hours)
    assert event.person is not None
    assert 12 < event.person < 80
    for when, expected in ((BEGIN, []), (None, ["trip"])):
        away = steady(town, spans=[Span(sort="trip", start=BEGIN + 100, end=BEGIN + 400, known=when)])
        told = [one for one in Watch(town, away, NOBODY).run() if one.sort == "person-silent"]
        assert [why(town, away, one) for one in told] == expected


def test_in_lives_full_of_faults_and_trips_no_silence_of_things_is_told_as_a_persons(
    town: Town, homes: list[Home]
) -> None:
    moved, tally = walked(town, homes), Tally(town)
    for home in homes:
        tally.add(home, Watch(town, home, moved).run())
    found = tally.figures()
    assert (found.broken, found.excused, found.sound) == (0, 0, True)
    assert found.alerts["device-silent"] > 10
    assert found.alerts["person-silent"] > 0
    assert sum(one.with_device for one in found.found.values()) > 0


def test_the_count_of_broken_rules_sees_an_alert_that_breaks_them() -> None:
    town = town_of(DAYS, 1)
    lost = (BEGIN + 100, BEGIN + 400)
    home = steady(town, quiet=lost)
    alert = Raised(home=0, sort="person-silent", since=lost[0], at=BEGIN + 300)
    assert is_broken(home, alert)
    assert not is_broken(home, msgspec.structs.replace(alert, sort="device-silent"))
    away = steady(town, spans=[Span(sort="trip", start=lost[0], end=lost[1], known=BEGIN)])
    assert is_excused(away, alert)
    assert not is_broken(away, alert)


def test_simpler_rules_are_as_loud_as_the_watching_at_most(town: Town, homes: list[Home]) -> None:
    rivals = Rivals(town)
    for home in homes:
        rivals.add(home)
    naive, few = rivals.silent(36.0), rivals.few(1_500.0)
    assert naive.alerts > rivals.silent(100.0).alerts > 0
    assert naive.found >= rivals.silent(100.0).found
    beside = rivals.compared(rivals.silent(100.0), few)
    assert beside.silence_equal.alerts <= beside.silence.alerts
    assert beside.drop_equal.alerts <= few.alerts
    assert beside.silence_equal.threshold > beside.silence_naive.threshold


def test_storms_come_in_winter_only_and_are_the_whole_towns() -> None:
    town = town_of(365, 3)
    assert {town.day(int(start // HOURS)).month for start, _, _ in town.storms} <= {12, 1, 2, 3}
    assert len(town.storms) > 0
    assert (town.storm < 1).sum() >= len(town.storms)
    assert Sight(town, next(homes_of(town, 1, 3))).every_day()


def run(*more: str) -> Any:
    return CliRunner().invoke(app, ["lives", "--people", "6", "--days", "20", "--seed", "3", *more])


def test_the_command_states_its_figures_and_whether_its_seed_was_tuned_on() -> None:
    done = run("--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert (said["held_out"], said["sound"], said["figures"]["people"]) == (False, True, 6)
    words = run()
    assert "TUNED ON" in words.stdout
    assert "device silence told as a person's: 0" in words.stdout


def test_a_watching_that_calls_every_silence_a_persons_ends_with_exit_11(
    monkeypatch: pytest.MonkeyPatch, town: Town
) -> None:
    monkeypatch.setattr(watching, "_is_person", lambda *_: True)
    monkeypatch.setattr(trials, "town_of", lambda *_: town)
    assert run("--people", "12").exit_code == Exit.DAMAGED

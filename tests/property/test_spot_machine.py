"""Whatever happens at a spot in whatever order: no reading goes to a person whose visit is not open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.contract.reading import TimeQuality, Value
from engine.contract.wire import Known
from engine.spots import Visit, covers, paused_until
from gateway.spot import Moment, State, finish, go_on, known, measured, present, sorry, tick
from tests.homes import weighing

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
PEOPLE = ("r-aaaaaaaaaaaaa", "r-bbbbbbbbbbbbb", "r-ccccccccccccc")
QUALITIES: tuple[TimeQuality, ...] = ("device", "received", "sequence", "unknown")
SECONDS = st.floats(0, 120, allow_nan=False)


class SpotMachine(RuleBasedStateMachine):
    """A spot with an observer who knows, second by second, for whom the screen bade to measure."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.state = State(since=START)
        self.visits = 0
        # (person, from, to): when the screen showed that person's visit; an open one has no end.
        self.shown: list[tuple[str, datetime, datetime | None]] = []
        self.last: list[Moment] = []

    def turn(self, state: State) -> None:
        before, self.state = self.state.visit, state
        after = state.visit
        if before is not None and (after is None or after.id != before.id):
            person, begin, _ = self.shown[-1]
            self.shown[-1] = person, begin, self.now
        if after is not None and (before is None or before.id != after.id):
            self.shown.append((after.resident, self.now, None))

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.turn(tick(self.state, self.now))

    @rule()
    def show_card(self) -> None:
        self.visits += 1
        self.turn(present(self.state, f"v-{'a' * 12}{'abcdefghijklmnopqrstuvwxyz'[self.visits % 26]}", self.now))

    @precondition(lambda self: self.state.phase == "asking")
    @rule(person=st.sampled_from([*PEOPLE, None]), left=st.floats(-5, 400))
    def answer(self, person: str | None, left: float) -> None:
        until = self.now + timedelta(seconds=left)
        self.turn(known(self.state, Known(visit=self.state.asked or "", resident=person, until=until), self.now))

    @rule(person=st.sampled_from(PEOPLE))
    def stray_answer(self, person: str) -> None:
        answer = Known(visit="v-zzzzzzzzzzzzz", resident=person, until=self.now + timedelta(seconds=300))
        self.turn(known(self.state, answer, self.now))

    @rule()
    def press_enter(self) -> None:
        self.turn(go_on(self.state, self.now))

    @rule()
    def finish(self) -> None:
        self.turn(finish(self.state, self.now))

    @rule()
    def mumble(self) -> None:
        self.turn(sorry(self.state, "unreadable", self.now))

    @rule(
        kind=st.sampled_from(["body-weight", "systolic", "battery"]), value=st.sampled_from(["1", "2"]),
        heard=st.floats(0, 200), took=st.floats(0, 20), made=st.floats(-60, 400), quality=st.sampled_from(QUALITIES),
    )  # fmt: skip
    def measure(self, kind: str, value: str, heard: float, took: float, made: float, quality: TimeQuality) -> None:
        self.turn(tick(self.state, self.now))
        last = self.now - timedelta(seconds=heard)
        moment = Moment(
            values=(Value(kind, value, "1"),), first=last - timedelta(seconds=took), last=last,
            measured_at=last - timedelta(seconds=made) if quality == "device" else last, quality=quality,
        )  # fmt: skip
        said = {} if self.state.visit is None else dict(self.state.visit.said)
        state, person = measured(self.state, moment, self.now)
        self.turn(state)
        if person is None:
            return
        assert quality in {"device", "received"}
        assert kind != "battery"
        theirs = [(begin, end) for who, begin, end in self.shown if who == person]
        assert any(
            begin <= moment.first and last <= (end or self.now) and moment.measured_at >= begin.replace(microsecond=0)
            for begin, end in theirs
        )
        if state.visit is not None and state.phase == "shown" and kind in said and state.visit.resident == person:
            assert said[kind].value == value

    @invariant()
    def the_screen_shows_values_of_an_open_visit_only(self) -> None:
        if self.state.visit is None:
            assert self.state.values == ()
        assert (self.state.visit is not None) == (self.state.phase in {"open", "shown"})

    @invariant()
    def a_visit_ends_within_its_limit(self) -> None:
        if self.state.visit is not None and self.state.until is not None:
            assert self.state.until <= self.state.visit.limit


TestSpotMachine = SpotMachine.TestCase
TestSpotMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(
    hint=st.sampled_from([None, *PEOPLE]), gateway=st.sampled_from(["g-a", "g-b"]), heard=st.integers(-400, 400),
    made=st.integers(-400, 400), quality=st.sampled_from(QUALITIES), closes=st.integers(0, 300),
)  # fmt: skip
def test_the_engine_takes_nothing_outside_of_a_visit_either(
    hint: str | None, gateway: str, heard: int, made: int, quality: TimeQuality, closes: int
) -> None:
    visit = Visit(
        id="v-aaaaaaaaaaaaa", gateway_id="g-a", resident_id=PEOPLE[0], name="ハ", opened_at=START,
        closes_at=START + timedelta(seconds=closes),
    )  # fmt: skip
    reading = msgspec.structs.replace(
        weighing(1), person_hint=hint, received_at=START + timedelta(seconds=heard),
        measured_at=START + timedelta(seconds=made), time_quality=quality,
    )  # fmt: skip
    inside = 0 <= heard <= closes and 0 <= made <= heard + 30
    expected = hint == PEOPLE[0] and gateway == "g-a" and quality in {"device", "received"} and inside
    assert covers(visit, gateway, reading) is expected


@given(gaps=st.lists(st.integers(0, 300), max_size=40), later=st.integers(0, 1500))
def test_ten_wrong_guesses_in_ten_minutes_pause_a_spot_for_ten(gaps: list[int], later: int) -> None:
    times: list[datetime] = []
    now = START
    for gap in gaps:
        now += timedelta(seconds=gap)
        if paused_until(times, now) is None:
            times.append(now)
    asked = now + timedelta(seconds=later)
    end = paused_until(times, asked)
    ten = times[-10:]
    full = len(ten) == 10 and ten[-1] - ten[0] <= timedelta(minutes=10)
    assert (end is not None) == (full and asked < ten[-1] + timedelta(minutes=10))
    # However patient: never more than ten in any ten minutes.
    assert all(later - first > timedelta(minutes=10) for first, later in zip(times, times[10:], strict=False))

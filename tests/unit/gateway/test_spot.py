"""A visit to a public spot by a clock of our own: what is open when, what the screen shows, whose a value is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from engine.contract.reading import Value
from engine.contract.wire import Known
from gateway.spot import Moment, State, finish, go_on, known, measured, present, sorry, tick

START = datetime(2026, 11, 21, 1, 0, 0, 600_000, tzinfo=UTC)
HANAKO, TARO = "r-hanakohanako2", "r-tarotarotaro3"
V1, V2 = "v-aaaaaaaaaaaaa", "v-bbbbbbbbbbbbb"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def welcome(visit: str = V1, resident: str = HANAKO) -> Known:
    return Known(visit=visit, resident=resident, call="ハ", until=at(300))


def opened(seconds: float = 0.0) -> State:
    asked = present(State(since=at(seconds)), V1, at(seconds))
    return known(asked, welcome(), at(seconds))


def weighed(seconds: float, kg: str = "62.30", **more: object) -> Moment:
    moment = Moment(
        values=(Value("body-weight", kg, "kg"),), first=at(seconds), last=at(seconds), measured_at=at(seconds),
        quality="received",
    )  # fmt: skip
    return msgspec.structs.replace(moment, **more)


def test_the_value_stands_for_twenty_seconds_and_then_nothing_does() -> None:
    shown, person = measured(opened(), weighed(5), at(6))
    assert (person, shown.phase, shown.values) == (HANAKO, "shown", (Value("body-weight", "62.30", "kg"),))
    assert tick(shown, at(25.9)) == shown
    gone = tick(shown, at(26))
    assert (gone.phase, gone.visit, gone.values) == ("idle", None, ())


def test_twenty_seconds_count_from_the_last_value() -> None:
    shown, _ = measured(opened(), weighed(5), at(6))
    cuff = (Value("systolic", "128", "mm[Hg]"), Value("diastolic", "76", "mm[Hg]"))
    both, person = measured(shown, weighed(20, values=cuff), at(20))
    assert person == HANAKO
    assert [value.kind for value in both.values] == ["body-weight", "systolic", "diastolic"]
    assert tick(both, at(39)).phase == "shown"
    assert tick(both, at(40)).phase == "idle"


def test_who_measures_nothing_for_ninety_seconds_has_gone() -> None:
    assert tick(opened(), at(89)).phase == "open"
    gone = tick(opened(), at(90))
    assert gone.phase == "idle"
    assert measured(gone, weighed(91), at(92))[1] is None


def test_the_next_to_step_on_is_somebody_else() -> None:
    shown, _ = measured(opened(), weighed(5), at(6))
    after, person = measured(shown, weighed(12, "81.00"), at(13))
    assert (person, after.phase, after.visit, after.values) == (None, "idle", None, ())
    # The same weighing with the fat that was computed meanwhile is still hers.
    more = (Value("body-weight", "62.30", "kg"), Value("body-fat", "24.1", "%"))
    assert measured(shown, weighed(8, values=more), at(8))[1] == HANAKO


def test_going_on_gives_time_for_another_device_but_not_for_ever() -> None:
    state = opened()
    for turn in range(1, 5):
        state = go_on(
            measured(state, weighed(turn * 70, values=(Value(f"kind-{turn}", "1", "1"),)), at(turn * 70))[0],
            at(turn * 70 + 1),
        )
    assert (state.phase, state.values) == ("open", ())
    assert state.until == at(300)
    assert go_on(tick(state, at(300)), at(300)).phase == "idle"


def test_what_was_measured_before_the_visit_is_never_its_persons() -> None:
    state = opened(10)
    early = [
        weighed(9.9),
        weighed(12, measured_at=at(8), quality="device"),
        weighed(12, first=at(9), measured_at=at(12), quality="device"),
        weighed(12, quality="unknown"),
        weighed(12, quality="sequence"),
        # The device's clock runs ahead: it may have been the one before.
        weighed(12, measured_at=at(50), quality="device"),
    ]
    assert [measured(state, moment, at(13))[1] for moment in early] == [None] * len(early)
    # A clock without parts of a second shows the second in which the visit began.
    assert (
        measured(state, weighed(12, measured_at=at(10).replace(microsecond=0), quality="device"), at(13))[1] == HANAKO
    )


def test_the_next_card_takes_over_and_what_was_heard_before_stays_with_the_first() -> None:
    second = known(present(opened(), V2, at(8)), welcome(V2, TARO), at(9))
    state, person = measured(second, weighed(7), at(10))
    assert (person, state.phase, state.values) == (HANAKO, "open", ())
    assert measured(second, weighed(8.5), at(10))[1] is None
    assert measured(second, weighed(9.5), at(10))[1] == TARO


def test_before_the_answer_nobody_is_measured_and_late_answers_open_nothing() -> None:
    asked = present(State(since=at(0)), V1, at(0))
    assert measured(asked, weighed(1), at(2))[1] is None
    silent = tick(asked, at(10))
    assert (silent.phase, silent.code) == ("sorry", "no-answer")
    assert known(silent, welcome(), at(11)) == silent
    assert known(asked, welcome(V2), at(1)) == asked
    assert known(asked, Known(visit=V1, code="unknown"), at(1)).code == "unknown"
    assert known(asked, msgspec.structs.replace(welcome(), until=at(-1)), at(1)).phase == "sorry"


def test_finishing_empties_the_screen_and_a_sorry_goes_by_itself() -> None:
    shown, _ = measured(opened(), weighed(5), at(6))
    assert finish(shown, at(7)).phase == "idle"
    assert measured(finish(shown, at(7)), weighed(8, "81.00"), at(8))[1] is None
    assert tick(sorry(shown, "unreadable", at(7)), at(15)).phase == "idle"
    assert sorry(shown, "unreadable", at(7)).visit is None


def test_a_clock_that_was_set_back_ends_the_visit() -> None:
    assert tick(opened(), at(-1)).phase == "open"
    assert tick(opened(), at(-3)).visit is None


def test_a_battery_alone_is_nobodys() -> None:
    assert measured(opened(), weighed(5, values=(Value("battery", "80", "%"),)), at(5))[1] is None

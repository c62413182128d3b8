"""Whatever a person, a device and a radio do, the pairing has something to show and a way out of every moment."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from cli.pair_words import CALLS, FAILURES, STEPS, TITLES, WORDS, word
from engine.contract.reading import Value
from firmware_profiles.model import Pairing
from gateway.pairing import step
from gateway.pairing_model import (
    Accept,
    Again,
    Aside,
    Broke,
    Chose,
    Disown,
    Effect,
    Enlist,
    Event,
    Family,
    ForPeople,
    Found,
    GivePasskey,
    Implants,
    KeyTyped,
    No,
    NotThis,
    PasskeyTyped,
    PasskeyWanted,
    Person,
    PinTyped,
    Reached,
    Seen,
    Sighted,
    Sighting,
    SlotTyped,
    State,
    Stop,
    Stranger,
    Tick,
    Unnumbered,
    Withdraw,
    Yes,
)
from gateway.pairing_reasons import _MEANT, REASONS, reason_of
from gateway.pairing_screen import screen, typed

SCALE, CUFF, SLOTS, LOCKED, REGISTERS = "scale", "cuff", "slots", "locked", "registers"
FAMILIES: Final = {
    family.id: family
    for family in (
        Family(id=SCALE, label="A Scale", pairing=Pairing(wake="step-on"), current=True),
        Family(id=CUFF, label="B Cuff", pairing=Pairing(wake="cuff", bond="passkey", button=True), connects=True),
        Family(id=SLOTS, label="C Slots", pairing=Pairing(wake="step-on", slots=4), pins=True, connects=True),
        Family(id=LOCKED, label="D Locked", pairing=Pairing(wake="mouth", evicts=True)),
        Family(
            id=REGISTERS, label="E", pairing=Pairing(wake="finger", slots=8, register=True), pins=True, connects=True
        ),
    )
}
HANAKO, TARO, JIRO = "r-hanakohanako2", "r-tarotarotaro3", "r-jirojirojiro4"
PEOPLE: Final = (
    Person(id=HANAKO, name="花子さん", weight=Decimal("62.3")),
    Person(id=TARO, name="太郎さん", weight=Decimal("81.0")),
    Person(id=JIRO, name="次郎さん", consents=False),
)
DEVICES: Final = tuple(
    Found(address=f"C0:00:00:00:00:0{at}", family=name, rssi=rssi, listed=listed, needs_key=name == LOCKED)
    for at, (name, rssi, listed) in enumerate(
        [(SCALE, -50, None), (CUFF, -90, None), (SLOTS, None, None), (LOCKED, -60, None), (REGISTERS, -70, "d-known")]
    )
)
CODES: Final = sorted({*REASONS, *_MEANT, "something-new"})
START: Final = State(families=FAMILIES, people=PEOPLE)


def weight(kilograms: str, number: int = 1, *, dated: bool = True) -> Sighted:
    return Sighted(Sighting(number=number, values=(Value("body-weight", kilograms, "kg"),), dated=dated))


def play(state: State, *events: Event) -> tuple[State, list[Effect]]:
    done: list[Effect] = []
    for event in events:
        state, effects = step(state, event)
        done += effects
    return state, done


class Clumsy(RuleBasedStateMachine):
    """Somebody who does everything at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.state = START
        self.effects: list[Effect] = []
        self.said_yes: set[str] = set()
        self.answered_for: tuple[str, ...] = ()

    def do(self, event: Event) -> None:
        if isinstance(event, Chose) and self.state.phase in {"search", "choose"}:
            self.said_yes.add(event.address)
        asking = self.state.phase in {"is-it-now", "is-it-you"}
        self.state, effects = step(self.state, event)
        self.effects += effects
        for effect in effects:
            if isinstance(effect, Enlist):
                assert effect.address in self.said_yes
                assert effect.again or effect.residents
                assert all((person := self.state.person(name)) and person.consents for name in effect.residents)
                family = FAMILIES[effect.family]
                if family.current and not effect.again:
                    assert effect.weight_only == (self.state.implants != "no")
            if isinstance(effect, Withdraw):
                # Whatever was being asked about is not filed by walking away.
                assert not asking or any(isinstance(other, Disown) for other in effects)
            if isinstance(effect, Accept):
                assert self.state.sighting is not None
                assert effect.number > self.state.disowned

    @rule(seconds=st.sampled_from([0.5, 3.0, 61.0, 130.0]))
    def wait(self, seconds: float) -> None:
        self.do(Tick(self.state.at + seconds))

    @rule(found=st.sampled_from(DEVICES), rssi=st.sampled_from([None, -95, -40]))
    def hear(self, found: Found, rssi: int | None) -> None:
        self.do(Seen(replace(found, rssi=rssi)))

    @rule(
        event=st.sampled_from(
            [Stranger("tanita"), NotThis(), Unnumbered(), Yes(), No(), Reached(), Reached(9), PasskeyWanted()]
        )
    )
    def say(self, event: Event) -> None:
        self.do(event)

    @rule(found=st.sampled_from(DEVICES))
    def choose(self, found: Found) -> None:
        self.do(Chose(found.address))

    @rule(who=st.lists(st.sampled_from([HANAKO, TARO, JIRO, "r-nobodynobody5"]), max_size=3))
    def answer_who(self, who: list[str]) -> None:
        self.do(ForPeople(tuple(who)))

    @rule(answer=st.sampled_from(["yes", "no", "unknown"]))
    def answer_implants(self, answer: str) -> None:
        self.do(Implants(answer))  # type: ignore[arg-type]

    @rule(
        kind=st.sampled_from([KeyTyped, SlotTyped, PinTyped, PasskeyTyped]),
        text=st.sampled_from(["", "1", "2", "0007", "9999", "123456", "-1", "１", "aB" * 16, "x" * 300, "99999999999"]),
    )
    def type_something(self, kind: type, text: str) -> None:
        self.do(kind(text))

    @rule(kg=st.sampled_from(["62.3", "20", "81"]), number=st.integers(1, 6), dated=st.booleans())
    def measure(self, kg: str, number: int, dated: bool) -> None:
        self.do(weight(kg, number, dated=dated))

    @rule(count=st.integers(1, 5))
    def set_aside(self, count: int) -> None:
        self.do(Aside(count))

    @rule(code=st.sampled_from(CODES))
    def fail(self, code: str) -> None:
        self.do(Broke(code))

    @rule()
    def again(self) -> None:
        self.do(Again())

    @precondition(lambda self: self.state.phase == "failed")
    @rule()
    def stop(self) -> None:
        self.do(Stop())

    @invariant()
    def something_is_shown_and_there_is_a_way_on(self) -> None:
        now = screen(self.state)
        assert 1 <= now.step <= 4
        assert now.say
        for line in now.say:
            for lang in ("ja", "en"):
                said = word(lang, line.key, **dict(line.values))
                assert said
                assert "{" not in said
        for choice in now.choices:
            assert word("ja", choice.key, **dict(choice.values))
        if self.state.over:
            return
        assert now.choices[-1].event == Stop()
        assert now.ask or now.seconds is not None or len(now.choices) > 1 or self.state.phase == "failed"
        if self.state.phase == "failed":
            assert now.reason is not None
            assert sum(isinstance(choice.event, Again) for choice in now.choices) == (now.reason.retry is not None)

    @invariant()
    def every_button_leads_somewhere(self) -> None:
        for choice in screen(self.state).choices:
            after, _ = step(self.state, choice.event)
            assert after != self.state, choice

    @invariant()
    def stopping_ends_it_and_leaves_nothing_waiting(self) -> None:
        after, effects = step(self.state, Stop())
        assert after.over
        if self.state.enlisted and self.state.phase != "done":
            assert any(isinstance(effect, Withdraw) for effect in effects)


TestClumsy = Clumsy.TestCase


def test_one_person_one_scale_four_steps() -> None:
    state, done = play(
        START, Tick(0), Seen(DEVICES[0]), Tick(2.5), Chose(DEVICES[0].address), ForPeople((HANAKO,)), Implants("no"),
        Reached(80), weight("62.1"),
    )  # fmt: skip
    assert state.phase == "done"
    assert done == [Enlist(address=DEVICES[0].address, family=SCALE, residents=(HANAKO,)), Accept(1)]


@pytest.mark.parametrize(("answer", "only"), [("yes", True), ("unknown", True), ("no", False)])
def test_an_implant_or_nobody_knows_means_the_weight_and_nothing_else(answer: str, only: bool) -> None:
    base, _ = play(START, Seen(DEVICES[0]), Chose(DEVICES[0].address), ForPeople((HANAKO, TARO)))
    assert base.phase == "implants"
    _, done = play(base, Implants(answer))  # type: ignore[arg-type]
    assert [effect.weight_only for effect in done if isinstance(effect, Enlist)] == [only]


def test_two_devices_in_the_room_are_listed_nearest_first_and_neither_is_taken_for_the_other() -> None:
    state, _ = play(START, Seen(DEVICES[1]), Seen(DEVICES[0]), Tick(2.5))
    shown = screen(state)
    assert [row.address for row in shown.found] == [DEVICES[0].address, DEVICES[1].address]
    assert [row.signal for row in shown.found] == ["strong", "weak"]
    assert [type(choice.event) for choice in shown.choices] == [Chose, Chose, NotThis, Stop]


def test_a_value_far_from_the_person_is_asked_about_and_a_no_is_nobody_s_reading() -> None:
    base, _ = play(START, Seen(DEVICES[0]), Chose(DEVICES[0].address), ForPeople((HANAKO,)), Implants("no"))
    asked, done = play(base, weight("81.2", 4))
    assert (asked.phase, done) == ("is-it-you", [])
    refused, done = play(asked, No())
    assert (refused.phase, done) == ("proof", [Disown(4)])
    # What was disowned is never offered again, the next weighing is.
    assert play(refused, weight("81.2", 4))[0].phase == "proof"
    assert play(refused, weight("62.0", 5)) == (replace(play(refused, weight("62.0", 5))[0], phase="done"), [Accept(5)])


def test_a_question_nobody_answers_leaves_the_measurement_to_nobody() -> None:
    base, _ = play(START, Seen(DEVICES[0]), Chose(DEVICES[0].address), ForPeople((HANAKO,)), Implants("no"))
    asked, _ = play(base, weight("81.2", 4))
    left, done = play(asked, Tick(500))
    assert (left.code, done) == ("wrong-person", [Disown(4), Withdraw()])
    assert play(asked, Stop())[1] == [Disown(4), Withdraw()]
    # Meanwhile the right person stepped on.
    right, done = play(asked, weight("62.4", 5))
    assert (right.phase, done) == ("done", [Disown(4), Accept(5)])


def test_an_undated_record_is_the_proof_only_if_the_device_shows_it_now() -> None:
    base, _ = play(START, Seen(DEVICES[0]), Chose(DEVICES[0].address), ForPeople((HANAKO,)), Implants("no"))
    asked, done = play(base, weight("62.0", 7, dated=False))
    assert (asked.phase, done) == ("is-it-now", [])
    assert play(asked, Yes())[1] == [Accept(7)]
    assert play(asked, No())[1] == [Disown(7)]


def test_without_consent_nothing_is_listed_and_somebody_else_may_be_chosen() -> None:
    state, done = play(START, Seen(DEVICES[0]), Chose(DEVICES[0].address), ForPeople((JIRO,)))
    assert (state.phase, state.code, done) == ("failed", "no-consent", [])
    assert play(state, Again())[0].phase == "people"


def test_a_listed_device_is_paired_anew_only_when_somebody_says_so() -> None:
    known = DEVICES[4]
    state, done = play(START, Seen(known), Chose(known.address))
    assert (state.code, done) == ("already-paired", [])
    _, done = play(state, Again())
    assert done == [Enlist(address=known.address, family=REGISTERS, residents=(), again=True)]


def test_a_device_that_was_not_measured_with_leaves_the_list_as_it_was_answered_or_not() -> None:
    base, _ = play(START, Seen(DEVICES[0]), Chose(DEVICES[0].address), ForPeople((HANAKO,)), Implants("no"))
    assert play(base, Broke("lost"))[1] == [Withdraw()]
    assert play(base, Reached(), Broke("lost"))[1] == [Withdraw()]
    flat, _ = play(base, Reached(8), Broke("lost"))
    assert flat.code == "flat-battery"


def test_a_wrong_passkey_and_a_phone_that_holds_the_bond_are_told_apart() -> None:
    base, _ = play(START, Seen(DEVICES[1]), Chose(DEVICES[1].address), ForPeople((HANAKO,)))
    assert play(base, Broke("not-paired"))[0].code == "phone-holds-bond"
    asked, done = play(base, PasskeyWanted(), PasskeyTyped("123456"))
    assert done == [GivePasskey(123456)]
    assert play(asked, Broke("not-paired"))[0].code == "wrong-passkey"
    gone, done = play(base, PasskeyWanted(), Tick(500))
    assert (gone.code, done[0]) == ("wrong-passkey", GivePasskey(None))


def test_each_of_two_people_is_asked_for_their_number_and_its_code() -> None:
    state, done = play(
        START, Seen(DEVICES[2]), Chose(DEVICES[2].address), ForPeople((HANAKO, TARO)), SlotTyped("1"), PinTyped("0042"),
        SlotTyped("1"), SlotTyped("2"), PinTyped("7"),
    )  # fmt: skip
    assert state.phase == "join"
    (plan,) = (effect for effect in done if isinstance(effect, Enlist))
    assert [(seat.resident, seat.slot, seat.pin) for seat in plan.seats] == [(HANAKO, 1, 42), (TARO, 2, 7)]


@pytest.mark.parametrize("people", [(HANAKO,), (HANAKO, TARO)])
def test_a_model_without_numbers_needs_none_and_says_whose_it_then_is(people: tuple[str, ...]) -> None:
    asked, _ = play(START, Seen(DEVICES[2]), Chose(DEVICES[2].address), ForPeople(people))
    assert [c.key for c in screen(asked).choices if isinstance(c.event, Unnumbered)] == [
        "slot.alone" if len(people) == 1 else "slot.none"
    ]
    state, done = play(asked, Unnumbered())
    (plan,) = (effect for effect in done if isinstance(effect, Enlist))
    assert (state.phase, plan.seats, plan.residents) == ("join", (), people)
    # Once somebody has a number the device has numbers.
    seated, _ = play(asked, SlotTyped("1"), PinTyped("1"))
    if len(people) == 2:
        assert play(seated, Unnumbered())[0].phase == "slot"


def test_a_device_that_gives_no_new_slot_is_asked_about_the_one_made_on_it() -> None:
    base, _ = play(START, Seen(replace(DEVICES[4], listed=None)), Chose(DEVICES[4].address), ForPeople((HANAKO,)))
    full, done = play(base, Broke("no-slot"))
    assert (full.code, done) == ("no-slot", [Withdraw()])
    state, done = play(full, Again(), SlotTyped("3"), PinTyped("7"))
    (plan,) = (effect for effect in done if isinstance(effect, Enlist))
    assert [(seat.slot, seat.pin) for seat in plan.seats] == [(3, 7)]
    # Its code was wrong: it is asked for once more.
    wrong, _ = play(state, Broke("slot-refused"))
    assert play(wrong, Again())[0].phase == "slot"


def test_nothing_in_the_room_and_only_a_maker_s_own_app_have_different_next_actions() -> None:
    assert play(START, Tick(61))[0].code == "nothing-found"
    assert play(START, Stranger("tanita"), Tick(61))[0].code == "not-supported"


def test_every_reason_has_its_words_one_next_action_and_whom_to_call_in_both_languages() -> None:
    assert FAILURES.keys() == REASONS.keys()
    assert {f"call.{reason.call}" for reason in REASONS.values()} == CALLS.keys()
    for what, do in FAILURES.values():
        assert all((*what, *do))
    assert all(all(pair) for pair in (*WORDS.values(), *TITLES.values()))
    assert len(STEPS) == 4
    assert {reason_of(code).code for code in CODES} <= REASONS.keys()


def test_what_is_typed_becomes_the_event_the_screen_asked_for() -> None:
    assert typed("slot", "3") == SlotTyped("3")
    assert typed("passkey", "123456") == PasskeyTyped("123456")

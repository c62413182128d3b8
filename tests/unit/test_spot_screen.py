"""The screen of a public spot in both languages, and a keyboard that is typed on by scanners and by people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cli.spot_screen import Keyboard, Place, Typing, event, large, lines, plain
from cli.words_spot import WORDS
from engine.contract.reading import Value
from engine.contract.wire import Known
from gateway.spot import Moment, State, known, measured, present, sorry

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
PERSON, VISIT = "r-hanakohanako2", "v-aaaaaaaaaaaaa"
SORRY = ("unknown", "no-consent", "paused", "clock", "not-a-spot", "offline", "no-answer", "bad-birth", "unreadable")
SCALE = Place(("step-on", "cuff", "step-on"), current=True)


def opened() -> State:
    asked = present(State(since=NOW), VISIT, NOW)
    return known(asked, Known(visit=VISIT, resident=PERSON, call="ハ", until=NOW + timedelta(minutes=5)), NOW)


def shown(*values: Value) -> State:
    moment = Moment(values=values, first=NOW, last=NOW, measured_at=NOW, quality="received")
    return measured(opened(), moment, NOW)[0]


def weight(kg: str = "62.30") -> tuple[Value, ...]:
    return Value("body-weight", kg, "kg"), Value("body-fat", "24.1", "%")


def pressure(systolic: str, diastolic: str) -> tuple[Value, ...]:
    return Value("systolic", systolic, "mm[Hg]"), Value("diastolic", diastolic, "mm[Hg]")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_moment_of_a_visit_as_people_see_it(lang: str, golden: Callable[[str, str], None]) -> None:
    moments = {
        "idle": (State(since=NOW), Place(), Typing()),
        "typing": (State(since=NOW), Place(), Typing(4)),
        "birth": (State(since=NOW), Place(), Typing(2, birth=True)),
        "asking": (present(State(since=NOW), VISIT, NOW), SCALE, Typing()),
        "open": (opened(), SCALE, Typing()),
        "open, a device of another kind": (opened(), Place(("finger",)), Typing()),
        "shown": (shown(*weight()), SCALE, Typing()),
        "shown, blood pressure": (shown(*pressure("128", "76")), SCALE, Typing()),
        "shown, a red flag": (shown(*pressure("186.0", "104.0")), SCALE, Typing()),
    }
    moments |= {f"sorry {code}": (sorry(State(since=NOW), code, NOW), SCALE, Typing()) for code in SORRY}
    told = [f"== {name}\n" + "\n".join(lines(*moment, lang)) for name, moment in moments.items()]
    golden(f"cli/spot_screen_{lang}.txt", "\n".join(told) + "\n")


@pytest.mark.parametrize(
    ("call", "greeting"), [("はなちゃん", "はなちゃん"), ("花子さん", "花子さん"), ("ハ", "ハ さん")]
)
def test_a_name_that_is_already_friendly_is_given_no_second_title(call: str, greeting: str) -> None:
    asked = present(State(since=NOW), VISIT, NOW)
    state = known(asked, Known(visit=VISIT, resident=PERSON, call=call, until=NOW + timedelta(minutes=5)), NOW)
    assert greeting in lines(state, SCALE, Typing(), "ja")
    assert f"Hello, {call}" in lines(state, SCALE, Typing(), "en")


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_screen_knows_neither_residents_nor_what_is_typed_nor_more_than_one_value(lang: str) -> None:
    text = "\n".join(lines(shown(*weight()), SCALE, Typing(), lang))
    assert PERSON not in text
    assert "24.1" not in text
    assert "●●●●" in "\n".join(lines(State(since=NOW), SCALE, Typing(4), lang))
    assert not any(PERSON in str(event(state)) for state in (opened(), shown(*weight())))


def test_over_a_frightening_value_nobody_is_told_that_all_is_done() -> None:
    high = lines(shown(*pressure("180", "90")), SCALE, Typing(), "ja")
    assert WORDS["red-flag"][0] in high
    assert WORDS["measured"][0] not in high
    assert WORDS["red-flag"][0] not in lines(shown(*pressure("179", "109")), SCALE, Typing(), "ja")


@pytest.mark.parametrize(
    ("values", "red"),
    [
        ((Value("resting-heart-rate", "40", "/min"),), True),
        ((Value("resting-heart-rate", "41", "/min"),), False),
        ((*pressure("128", "76"), Value("pulse-rate", "121", "/min")), True),
        ((Value("pulse-rate", "121", "/min"),), False),
        ((Value("systolic", "24.0", "kPa"), Value("diastolic", "10.0", "kPa")), True),
        (pressure("23.0", "10.0"), True),
    ],
)
def test_the_staff_is_asked_for_over_every_red_flag_in_any_unit(values: tuple[Value, ...], red: bool) -> None:
    assert (WORDS["red-flag"][1] in lines(shown(*values), SCALE, Typing(), "en")) == red


def test_every_code_of_engine_and_spot_has_words() -> None:
    assert {key.removeprefix("sorry.") for key in WORDS if key.startswith("sorry.")} == set(SORRY)


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        ("body-weight", "62.30", "62.3"), ("body-weight", "62.00", "62.0"), ("body-weight", "62", "62"),
        ("systolic", "128.0", "128"), ("systolic", "127.5", "127.5"), ("none-of-ours", "-1.50", "-1.5"),
    ],
)  # fmt: skip
def test_numbers_lose_the_zeros_of_their_devices_format(kind: str, number: str, text: str) -> None:
    assert plain(Value(kind, number, "1")) == text


def test_digits_are_told_apart_five_lines_high() -> None:
    drawn = {digit: tuple(large(digit)) for digit in "0123456789"}
    assert len(set(drawn.values())) == 10
    assert all(len(rows) == 5 for rows in drawn.values())
    assert all(len({len(row) for row in large("128/76.5")}) == 1 for _ in range(1))


def test_a_keyboard_makes_lines_out_of_pieces() -> None:
    keyboard = Keyboard()
    assert list(keyboard.feed("12\x7f")) == []
    assert keyboard.length == 1
    assert list(keyboard.feed("34\r5６\n\x1b")) == ["134", "5６"]
    assert keyboard.length == 0
    assert list(keyboard.feed("9" * 1000 + "\n")) == ["9" * 200]

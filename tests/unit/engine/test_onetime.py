"""Codes people type, birthdays they tell and digits their authenticator shows."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.onetime import CODE_LENGTH, LETTERS, STEP_SECONDS, is_birthday, new_code, read_code, shown, used_step

BIRTH = date(1951, 5, 9)
# RFC 6238 appendix B, the rows for SHA-1: their secret, moments and the last six of their eight digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
ROWS = [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")]


def wide(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


@given(st.integers())
def test_a_printed_code_is_read_back_however_it_is_typed(seed: int) -> None:
    code = new_code(Random(seed))
    spellings = [code, code.lower(), shown(code), wide(code), f" {shown(code).replace('-', 'ー')}　", " ".join(code)]
    assert {read_code(text) for text in spellings} == {code}


@given(st.integers())
def test_a_doubled_consonant_is_read_as_an_input_method_writes_it(seed: int) -> None:
    code = new_code(Random(seed))
    typed = ""
    for place, letter in enumerate(code):
        follows = code[place + 1 : place + 2]
        typed += "っ" if letter == follows and letter.isalpha() else wide(letter.lower())
    # っ stands for one letter of a pair; three in a row become っっ, which no input method writes.
    if not any(code[at : at + 3] == code[at] * 3 for at in range(CODE_LENGTH)):
        assert read_code(typed) == code


@given(st.text(max_size=30))
def test_any_other_text_is_no_code_and_never_an_error(text: str) -> None:
    found = read_code(text)
    assert found is None or (len(found) == CODE_LENGTH and set(found) <= set(LETTERS))


def test_no_letter_of_a_code_is_mistaken_for_another() -> None:
    assert not set(LETTERS) & set("0O1I2Z5S8BGAEUNY")
    assert len(set(LETTERS)) == len(LETTERS) == 20


@pytest.mark.parametrize(
    ("month", "day", "right"),
    [("5", "9", True), ("05", "09", True), ("５", "９", True), ("5月", "9日", True), (" 5 ", "9", True),
     ("9", "5", False), ("5", "", False), ("", "", False), ("五", "九", False), ("5.0", "9", False), ("-5", "9", False),
     ("5", "9" * 5000, False), ("²", "9", False)],
)  # fmt: skip
def test_a_birthday_is_two_numbers_in_any_width(month: str, day: str, right: bool) -> None:
    assert is_birthday(BIRTH, month, day) is right


@pytest.mark.parametrize(("at", "digits"), ROWS)
def test_the_digits_are_those_of_the_standard(at: int, digits: str) -> None:
    now = datetime.fromtimestamp(at, UTC)
    assert used_step(SECRET, digits, 0, now) == at // STEP_SECONDS
    assert used_step(SECRET, f"{wide(digits[:3])} {digits[3:]}", 0, now) == at // STEP_SECONDS
    assert used_step(SECRET, digits, at // STEP_SECONDS, now) is None, "used already"


@given(st.integers(min_value=-10, max_value=10))
def test_a_clock_may_be_one_step_off_and_no_more(steps: int) -> None:
    at, digits = ROWS[1]
    found = used_step(SECRET, digits, 0, datetime.fromtimestamp(at, UTC) + timedelta(seconds=STEP_SECONDS * steps))
    assert (found is not None) == (abs(steps) <= 1)


@given(st.text(max_size=12))
def test_other_digits_are_no_error(text: str) -> None:
    assert used_step(SECRET, text, 0, datetime.fromtimestamp(ROWS[0][0], UTC)) in {None, 0, 1, 2}

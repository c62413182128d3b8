"""Letters without a store: codes nobody mistypes, the address in the window, forms that say one thing, the post order."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.ids import ALPHABET
from engine.letters import STATES, To, addressed, moves, new_code, read_code, shown
from engine.letters_reply import ASKS, TICKS, Reply, read_reply
from engine.letters_sender import FILE, Stationery, stationery_of
from engine.letters_window import FOLD, SHEET, Envelope, Window, assumed, window_of
from engine.refusal import Refusal

LETTERS = ALPHABET.upper()
TODAY = date(2026, 12, 2)
codes = st.integers(0, 2**32).map(lambda seed: new_code(Random(seed)))
sizes = st.floats(0, 260, allow_nan=False)


@given(codes, st.integers(0, 7), st.sampled_from(LETTERS))
def test_one_letter_typed_wrong_is_never_another_letter(code: str, place: int, letter: str) -> None:
    typed = code[:place] + letter + code[place + 1 :]
    assert read_code(typed) == code if typed == code else isinstance(read_code(typed), Refusal)


@given(codes, st.integers(0, 6))
def test_two_neighbours_typed_the_wrong_way_round_are_told(code: str, place: int) -> None:
    typed = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    # Luhn's one blind spot: the first and the last of the alphabet.
    if typed != code and {code[place], code[place + 1]} != {LETTERS[0], LETTERS[-1]}:
        assert isinstance(read_code(typed), Refusal)


@given(codes)
def test_a_code_is_read_as_people_write_it(code: str) -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) for one in shown(code).lower() if one != "-")
    assert {read_code(one) for one in (code, shown(code), shown(code).lower(), f" {code} ", wide)} == {code}
    assert read_code(code.replace("O", "0").replace("I", "1").replace("B", "8")) == code


@pytest.mark.parametrize(
    ("written", "to"),
    [
        ("〒998-0842 酒田市亀ケ崎1-2", To("998-0842", "酒田市亀ケ崎1-2", "山田")),
        ("〒９９８－０８４２　酒田市亀ケ崎１－２", To("998-0842", "酒田市亀ケ崎１－２", "山田")),
        ("9980842 酒田市本町", To("998-0842", "酒田市本町", "山田")),
        ("酒田市本町2-2-45", To("", "酒田市本町2-2-45", "山田")),
        ("998-08421番地", To("", "998-08421番地", "山田")),
    ],
)
def test_the_postcode_is_read_and_the_address_stays_as_it_is_registered(written: str, to: To) -> None:
    assert addressed(written, "山田") == to


@pytest.mark.parametrize("written", [None, "", "  ", "〒998-0842"])
def test_without_an_address_there_is_no_letter(written: str | None) -> None:
    assert isinstance(addressed(written, "山田"), Refusal)


@given(sizes, sizes, st.floats(0, 100), st.floats(0, 80), sizes, sizes)
def test_however_the_sheet_slides_the_window_shows_the_address_whole_and_nothing_else(
    width: float, height: float, left: float, top: float, wide: float, high: float
) -> None:
    envelope = Envelope(width=width, height=height, left=left, top=top, window_width=wide, window_height=high)
    found = window_of(envelope)
    if not isinstance(found, Window):
        assert found.code in {"too-small-envelope", "too-small-window", "too-far-window"}
        return
    address, blank = found.address, found.blank
    slides = [(x, y) for x in (0.0, width - SHEET[0]) for y in (0.0, height - FOLD)]
    for x, y in slides:
        assert left <= address.left + x + 1e-9
        assert address.left + address.width + x <= left + wide + 1e-9
        assert top <= address.top + y + 1e-9
        assert address.top + address.height + y <= top + high + 1e-9
        # What this slide brings into the window lies within the blank part of the sheet.
        assert blank.left <= max(0.0, left - x) + 1e-9
        assert left + wide - x <= blank.left + blank.width + 1e-9
        assert blank.top <= max(0.0, top - y) + 1e-9
        assert top + high - y <= blank.top + blank.height + 1e-9
    assert blank.top + blank.height <= FOLD + 1e-9


def test_the_envelope_we_assume_holds_an_address_and_smaller_windows_are_refused() -> None:
    assert isinstance(window_of(assumed()), Window)
    assert not assumed().verified
    small = window_of(msgspec.structs.replace(assumed(), window_width=80, window_height=40))
    assert isinstance(small, Refusal)
    assert small.code == "too-small-window"
    assert isinstance(window_of(msgspec.structs.replace(assumed(), width=200)), Refusal)


def test_the_operators_file_says_who_writes_and_a_spoilt_one_stops_everything(tmp_path: Path) -> None:
    assert stationery_of(None) == stationery_of(tmp_path) == Stationery()
    written = '[sender.062049]\nname = "酒田市"\npostcode = "998-8540"\nphone = "0234-00-0000"\n'
    (tmp_path / FILE).write_text(written, encoding="utf-8")
    found = stationery_of(tmp_path)
    assert isinstance(found, Stationery)
    assert (found.of("062049", "酒田").postcode, found.of("064262", "三川町").name) == ("998-8540", "三川町")
    assert found.envelope == assumed()
    (tmp_path / FILE).write_text("[envelope]\nleft = 18.0\nverified = true\n", encoding="utf-8")
    measured = stationery_of(tmp_path)
    assert isinstance(measured, Stationery)
    assert (measured.envelope.left, measured.envelope.width, measured.envelope.verified) == (18.0, 235.0, True)
    for spoilt in (
        "x",
        "envelope = 3\n",
        '[envelope]\nleft = "a"\n',
        '[sender.062049]\nname = ""\n',
        "[envelope]\nwindow_width = 50.0\n",
        "[other]\n",
    ):
        (tmp_path / FILE).write_text(spoilt, encoding="utf-8")
        assert isinstance(stationery_of(tmp_path), Refusal)


@given(
    st.sampled_from(sorted(ASKS)),
    st.sets(st.sampled_from(TICKS)),
    st.none() | st.dates(),
    st.sampled_from(["", "はい"]),
)
def test_a_form_says_only_what_it_asks_and_one_thing_at_a_time(
    sort: str, ticks: set[str], seen_on: date | None, words: str
) -> None:
    said = read_reply(sort, ticks, seen_on, words, TODAY)  # type: ignore[arg-type]
    wrong = (
        not ticks <= set(ASKS[sort])  # type: ignore[index]
        or not (ticks or words)
        or len(ticks & {"seen", "planned", "declined"}) > 1
        or {"fine", "call"} <= ticks
        or (seen_on is not None and ("seen" not in ticks or seen_on > TODAY))
    )
    assert isinstance(said, Refusal) == wrong
    if isinstance(said, Reply):
        assert set(said.ticks) == ticks
        assert (said.seen_on, said.words) == (seen_on, words)


def test_a_letter_never_goes_back_and_a_reply_ends_it() -> None:
    order = {state: place for place, state in enumerate(STATES)}
    for before in STATES:
        assert not moves(before, "made")
        assert not moves("replied", before)
        assert all(order[before] < order[after] for after in STATES if moves(before, after))

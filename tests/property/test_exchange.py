"""The city's lists as text: what is written is read back, whatever the mapping; half of a file is none."""

from __future__ import annotations

from datetime import date
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine import exchange_csv
from engine.exchange_csv import Sheet, Torn
from engine.exchange_mapping import Mapping, State, shipped
from engine.exchange_rows import Said, cells_of, people

TODAY = date(2026, 11, 22)
# Variant characters, iteration marks, a name of kana of half width, what CP932 lacks, JIS X 0213 and a selector.
LETTERS = "山田髙﨑齋藤渡邊佐々木ヱツハナコ花子ｱｲｳ〆ヶ𠮷塚葛\U000e0100あ゛,\"'=+-@"
KANA = "アイウエオガギグゲゴパピヴャュョッーンヲ"


def mappings() -> list[Mapping]:
    """Every shipped mapping in its own encoding, and one of them in every encoding there is."""
    base = shipped()["example-c"]
    more = [
        msgspec.structs.replace(base, encoding=encoding)
        for encoding in ("cp932", "utf-8", "utf-8-sig", "utf-16", "shift_jis_2004", "euc_jis_2004")
    ]
    return [*shipped().values(), *msgspec.convert(more, list[Mapping])]


def encodable(text: str, mapping: Mapping) -> str:
    """What of a text the mapping's encoding brings back as it was."""
    kept = []
    for letter in text:
        try:
            same = letter.encode(mapping.encoding).decode(mapping.encoding) == letter
        except UnicodeEncodeError:
            same = False
        kept.append(letter if same else "")
    return "".join(kept)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Mapping, list[Said]]:
    mapping = draw(st.sampled_from(mappings()))
    sexes = sorted(set(mapping.residents.sex.values()))

    def words(letters: str = LETTERS, least: int = 0) -> str:
        text = encodable(draw(st.text(letters, min_size=least, max_size=8)), mapping)
        # A selector stands after a character; an empty name does not exist.
        return text.lstrip("\U000e0100") or ("田" if least else "")

    found = []
    for number in range(draw(st.integers(0, 6))):
        state = draw(st.sampled_from(get_args(State)))
        days = st.dates(date(1920, 1, 1), TODAY)
        found.append(Said(
            number=f"{number}-{draw(st.integers(0, 99))}", family=words(least=1), given=words(),
            family_kana=draw(st.text(KANA, min_size=1, max_size=6)), given_kana=draw(st.text(KANA, max_size=6)),
            birth=draw(days), sex=draw(st.sampled_from(sexes)), state=state,
            on=draw(days) if state != "lives" or draw(st.booleans()) else None, address=words() or None,
            insured=words("0123456789-+=@'") or None, to=draw(st.sampled_from([None, "062014"])),
            shielded=draw(st.booleans()),
        ))  # fmt: skip
    return mapping, found


def written(mapping: Mapping, crowd: list[Said]) -> bytes:
    how = mapping.residents
    made = exchange_csv.write(cells_of(crowd, how), mapping, how.columns, how.ending)
    assert isinstance(made, bytes), made
    return made


def read(mapping: Mapping, content: bytes, *, by_row: bool = True) -> Sheet | Torn:
    how = mapping.residents
    return exchange_csv.read(content, mapping, how.columns, how.ending, by_row=by_row)


@given(crowds())
def test_what_is_written_is_read_back_byte_for_byte_in_every_mapping_and_encoding(
    made: tuple[Mapping, list[Said]],
) -> None:
    mapping, crowd = made
    sheet = read(mapping, written(mapping, crowd), by_row=False)
    assert isinstance(sheet, Sheet), sheet
    lines, faults = people(sheet, mapping, TODAY)
    assert faults == ()
    assert [line.said for line in lines] == crowd


@given(crowds(), st.data())
def test_no_beginning_of_a_file_that_counts_its_rows_is_taken_for_the_whole(
    made: tuple[Mapping, list[Said]], data: st.DataObject
) -> None:
    mapping, crowd = made
    if mapping.residents.ending.end != "trailer":
        return
    content = written(mapping, crowd)
    cut = data.draw(st.integers(0, len(content) - 1))
    # A line end of two bytes may lose its second: nothing of the text is lost with it.
    if content[:cut].endswith(b"\r") and cut == len(content) - 1:
        return
    assert isinstance(read(mapping, content[:cut]), Torn)


@given(crowds(), st.data())
def test_damaged_bytes_cost_rows_or_the_file_and_never_more_than_an_answer(
    made: tuple[Mapping, list[Said]], data: st.DataObject
) -> None:
    mapping, crowd = made
    content = bytearray(written(mapping, crowd))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    sheet = read(mapping, bytes(content))
    if isinstance(sheet, Sheet):
        lines, faults = people(sheet, mapping, TODAY)
        assert len(lines) + len(faults) <= len(crowd) + 8
        assert all(fault.line >= 2 for fault in faults)

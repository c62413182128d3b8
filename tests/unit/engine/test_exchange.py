"""What follows from a row of the city's list, and what a list must not do: guess, hide a fault, change a name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from engine import exchange_csv
from engine.exchange import Known, Verdict, hidden, judge
from engine.exchange_csv import Fault, Sheet, Torn
from engine.exchange_mapping import Mapping, day_of, parse, shipped, stamp_of
from engine.exchange_rows import Said, people, written
from engine.refusal import Refusal
from engine.situation import LifeEvent, Situation
from tests.homes import HANAKO, resident

TODAY, TOWN = date(2026, 11, 22), "062049"
A = shipped()["example-a"]
HEAD = "住民番号,氏名,カナ氏名,生年月日,性別,住所,被保険者番号,異動区分,異動日,転出先コード,支援措置\r\n"
ROW = "1001,山田　花子,ﾔﾏﾀﾞ ﾊﾅｺ,S26.05.05,2,酒田市本町1-1,123,0,0,,\r\n"
HERE = msgspec.structs.replace(
    resident(HANAKO, "花子", date(1951, 5, 5)), address="酒田市本町1-1", insured_number="123"
)
BASE = Said(
    number="1001", family="山田", given="花子", family_kana="ヤマダ", given_kana="ハナコ", birth=date(1951, 5, 5),
    sex="female", state="lives", address="酒田市本町1-1", insured="123",
)  # fmt: skip

DEAD, AWAY = (msgspec.structs.replace(BASE, state=state, on=date(2026, 9, 30)) for state in ("dead", "moved-out"))


def listed(text: str, mapping: Mapping = A, *, by_row: bool = True) -> Sheet | Torn:
    how = mapping.residents
    return exchange_csv.read(text.encode(mapping.encoding), mapping, how.columns, how.ending, by_row=by_row)


def rows(text: str) -> tuple[list[Said], list[Fault]]:
    sheet = listed(text)
    assert isinstance(sheet, Sheet), sheet
    lines, faults = people(sheet, A, TODAY)
    return [line.said for line in lines], list(faults)


def verdict(said: Said, **more: Any) -> Verdict:
    situation = more.pop("situation", Situation(resident=HANAKO, municipality=TOWN))
    known: Known = msgspec.structs.replace(Known(person=HERE, base=BASE, situation=situation), **more)
    return judge(hidden(said, shielded=known.shielded), known, TOWN, TODAY)


def says(**changes: Any) -> Said:
    return msgspec.structs.replace(BASE, **changes)


def happened(sort: Any, status: Any = "active") -> Situation:
    at = datetime(2026, 10, 1, tzinfo=UTC)
    event = LifeEvent(id="f-abcdefghijklm", resident=HANAKO, sort=sort, since=at, at=at)
    return Situation(resident=HANAKO, status=status, municipality=TOWN, events=(event,))


def test_a_row_is_read_in_its_era_its_half_width_kana_and_its_codes() -> None:
    assert rows(HEAD + ROW + "END,1\r\n") == ([BASE], [])


def test_a_name_stays_as_it_is_written_whatever_the_characters() -> None:
    found, faults = rows(HEAD + ROW.replace("山田　花子", "髙﨑　ﾊﾅ〆") + "END,1\r\n")
    assert ([(one.family, one.given) for one in found], faults) == ([("髙﨑", "ﾊﾅ〆")], [])
    utf = msgspec.structs.replace(A, encoding="utf-8")
    sheet = listed(HEAD + ROW.replace("山田　花子", "葛\U000e0100城　𠮷江") + "END,1\r\n", utf)
    assert isinstance(sheet, Sheet)
    [line] = people(sheet, utf, TODAY)[0]
    assert (line.said.family, line.said.given) == ("葛\U000e0100城", "𠮷江")


def test_a_character_of_the_offices_own_is_refused_with_its_line_and_not_replaced() -> None:
    # F040 is the first place CP932 leaves to whoever draws a character of their own.
    raw = (HEAD + ROW + ROW.replace("1001", "1002") + "END,2\r\n").encode("cp932")
    raw = raw.replace("山田".encode("cp932"), b"\xf0\x40", 1)
    sheet = exchange_csv.read(raw, A, A.residents.columns, A.residents.ending, by_row=True)
    assert isinstance(sheet, Sheet)
    assert people(sheet, A, TODAY)[1] == (Fault(2, "private-character", "name"),)


@pytest.mark.parametrize(
    ("cell", "other", "code", "field"),
    [
        ("1001", "", "bad-number", "number"), ("1001", "=1+1", "bad-number", "number"),
        ("ﾔﾏﾀﾞ ﾊﾅｺ", "yamada", "not-kana", "kana"), ("S26.05.05", "S26.13.05", "no-such-date", "birth"),
        ("S26.05.05", "R1.04.30", "outside-era", "birth"), ("S26.05.05", "花子", "unreadable-date", "birth"),
        (",2,", ",9,", "unknown-code", "sex"), (",0,0,", ",2,0,", "missing-day", "on"),
        (",0,0,", ",7,0,", "unknown-code", "state"), ("山田　花子", " ", "empty", "name"),
        ("山田　花子", "山\u202e田", "control-character", "name"), (",0,0,,", ",1,R8.11.01,06204,", "unknown-code", "to"),
        ("酒田市本町1-1", "町" * 201, "too-long", "address"), ("酒田市本町1-1", '"本\n町"', "control-character", "address"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_costs_its_row_and_is_named(cell: str, other: str, code: str, field: str) -> None:
    utf = msgspec.structs.replace(A, encoding="utf-8")
    sheet = listed(HEAD + ROW.replace(cell, other, 1) + ROW.replace("1001", "1002") + "END,2\r\n", utf)
    assert isinstance(sheet, Sheet)
    lines, faults = people(sheet, utf, TODAY)
    assert faults == (Fault(2, code, field),)
    assert [line.said.number for line in lines] == ["1002"]


def test_a_number_that_stands_twice_is_nobodys_row() -> None:
    found, faults = rows(HEAD + ROW + ROW.replace("花子", "華子") + "END,2\r\n")
    assert (found, faults) == ([], [Fault(2, "twice", "number"), Fault(3, "twice", "number")])


def test_columns_are_found_by_their_titles_and_not_by_their_places() -> None:
    swapped = HEAD.replace("氏名,カナ氏名", "カナ氏名,氏名")
    row = ROW.replace("山田　花子,ﾔﾏﾀﾞ ﾊﾅｺ", "ﾔﾏﾀﾞ ﾊﾅｺ,山田　花子")
    assert rows(swapped + row + "END,1\r\n") == ([BASE], [])
    # The titles stay and the cells are swapped: kanji are no kana.
    assert [fault.code for fault in rows(HEAD + row + "END,1\r\n")[1]] == ["not-kana"]
    sheet = listed("備考," + HEAD + "," + ROW + "END,1\r\n")
    assert isinstance(sheet, Sheet)
    assert (sheet.ignored, len(sheet.rows)) == (("備考",), 1)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "no-header", 0), (HEAD.replace("住所", "住処") + ROW + "END,1\r\n", "no-column", 1),
        (HEAD.replace("住所", "氏名") + ROW + "END,1\r\n", "column-twice", 1),
        (HEAD.replace("\r\n", ",住所\r\n") + "END,0\r\n", "column-twice", 1), (HEAD + ROW, "torn", 2),
        (HEAD + ROW + "END,2\r\n", "wrong-count", 3), (HEAD + ROW + ROW + "END,1\r\n", "wrong-count", 4),
        (HEAD + ROW + "END,1", "torn", 3), (HEAD + '1001,"山田\r\nEND,1\r\n', "bad-csv", 2),
    ],
)  # fmt: skip
def test_half_of_a_file_and_a_file_of_something_else_are_refused_whole(text: str, code: str, line: int) -> None:
    torn = listed(text)
    assert isinstance(torn, Torn)
    assert (torn.code, torn.line) == (code, line)


def test_bytes_that_are_no_text_cost_their_row_or_by_the_mapping_the_file_and_the_line_is_told() -> None:
    raw = (
        (HEAD + ROW + ROW.replace("1001", "1002") + "END,2\r\n")
        .encode("cp932")
        .replace("花子".encode("cp932"), b"\x81 ", 1)
    )
    columns, ending = A.residents.columns, A.residents.ending
    sheet = exchange_csv.read(raw, A, columns, ending, by_row=True)
    assert isinstance(sheet, Sheet)
    assert sheet.faults == (Fault(2, "bad-encoding"),)
    assert [row.cells["number"] for row in sheet.rows] == ["1002"]
    torn = exchange_csv.read(raw, A, columns, ending, by_row=False)
    assert isinstance(torn, Torn)
    assert (torn.code, torn.line) == ("bad-encoding", 2)


def test_a_row_of_another_length_costs_itself_or_the_file() -> None:
    text = HEAD + "1001,山田\r\n" + ROW + "END,2\r\n"
    sheet, torn = listed(text), listed(text, by_row=False)
    assert isinstance(sheet, Sheet)
    assert sheet.faults == (Fault(2, "cells"),)
    assert isinstance(torn, Torn)
    assert (torn.code, torn.line) == ("cells", 2)


def test_what_a_spreadsheet_would_run_goes_out_and_comes_in_as_text() -> None:
    b = shipped()["example-b"]
    cells = ["=1+1", "+81", "-x", "@y", "'=z", "'plain", "a\r\nb", 'say "no"', ""]
    columns = {"a": "A", "b": "B"}
    made = exchange_csv.write([{"a": cell, "b": "1"} for cell in cells], b, columns, b.out.ending)
    assert isinstance(made, bytes)
    text = made.decode("utf-8-sig")
    assert not any(line.lstrip('"').startswith(("=", "+", "-", "@")) for line in text.splitlines())
    sheet = exchange_csv.read(made, b, columns, b.out.ending, by_row=False)
    assert isinstance(sheet, Sheet)
    assert [row.cells["a"] for row in sheet.rows] == cells


def test_what_the_encoding_lacks_is_told_with_its_line_and_not_written_otherwise() -> None:
    torn = exchange_csv.write([{"a": "田"}, {"a": "𠮷"}], A, {"a": "A"}, A.out.ending)
    assert isinstance(torn, Torn)
    assert (torn.code, torn.line) == ("unencodable", 3)


def test_a_list_is_as_old_as_its_name_says() -> None:
    name = A.residents.name
    one, two = stamp_of(name, "juki_20261121.csv", TODAY), stamp_of(name, "juki_2026112102.csv", TODAY)
    assert isinstance(one, int)
    assert isinstance(two, int)
    assert one < two
    assert day_of(two) == date(2026, 11, 21)
    wrong = ("juki_20261131.csv", "juki_.csv", "juki_20261121.csv.part", ".juki_20261121.csv", "JUKI_20261121.csv")
    for other in wrong:
        assert stamp_of(name, other, TODAY) == Refusal(
            "wrong-name", f"this mapping's lists are called {name}, with the day as 20261121"
        )
    found = stamp_of(name, "juki_20270101.csv", TODAY)
    assert isinstance(found, Refusal)
    assert found.code == "future"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('kana = "カナ氏名"\n', ""), ('"住民番号"\nname', '"氏名"\nname'), ("{stamp}", "x"), ('2 = "dead"', ""),
        ('encoding = "cp932"', 'encoding = "latin1"'), ("連番", "連番\\U00020BB7"), ('changed = "2"', 'changed = "1"'),
        ('id = "example-a"', 'id = "../a"'), ("[residents]", "[residents]\nodd = 1"), ("whole = true", "whole ="),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_is_refused_before_any_file(old: str, new: str) -> None:
    from importlib.resources import files

    text = files("engine").joinpath("exchanges", "example-a.toml").read_text("utf-8")
    assert old in text
    found = parse(text.replace(old, new, 1))
    assert isinstance(found, Refusal)
    assert found.code == "bad-mapping"


def test_every_shipped_mapping_says_that_it_is_our_example() -> None:
    assert len(shipped()) >= 2
    for name, mapping in shipped().items():
        assert name.startswith("example-")
        assert "Our example" in mapping.title
        assert "no supplier" in mapping.source


@pytest.mark.parametrize(
    ("form", "text"),
    [("iso", "2019-05-01"), ("compact", "20190501"), ("era", "令和元年5月1日"), ("era-letter", "R01.05.01")],
)
def test_days_are_written_as_the_mapping_says(form: Any, text: str) -> None:
    assert written(date(2019, 5, 1), form) == text
    assert written(date(2019, 4, 30), "era") == "平成31年4月30日"


@pytest.mark.parametrize(
    ("said", "more", "kind", "what"),
    [
        (says(), {}, "settled", ()),
        (says(address="酒田市中町2-2"), {}, "taken", ("address",)),
        (says(family="鈴木", family_kana="スズキ"), {}, "taken", ("name", "kana")),
        # An empty cell takes nothing away.
        (says(address=None, insured=None), {}, "settled", ()),
        # Whoever has another birth, sex or given name may be somebody else: number reuse, twins.
        (says(birth=date(1951, 5, 6)), {}, "proposed", ("identity",)),
        (says(sex="male"), {}, "proposed", ("identity",)),
        (says(given="華代", given_kana="ハナヨ"), {}, "proposed", ("identity",)),
        (says(given="華子"), {}, "taken", ("name",)),
        # A person changed it here meanwhile.
        (says(address="酒田市中町2-2"), {"base": says(address="旧い町")}, "proposed", ("both-changed",)),
        (says(), {"base": says(address="旧い町")}, "settled", ()),
        (BASE, {"person": msgspec.structs.replace(HERE, address="娘の家")}, "settled", ()),
        # A move of one of several leaves a home's devices to the others: a person says where to.
        (says(address="酒田市中町2-2"), {"shared": True}, "proposed", ("move",)),
        (says(state="dead", on=date(2026, 11, 20)), {}, "taken", ("death",)),
        (says(state="dead", on=date(2026, 11, 20)), {"newest": date(2026, 11, 20)}, "taken", ("death",)),
        (says(state="dead", on=date(2026, 11, 20)), {"newest": date(2026, 11, 21)}, "proposed", ("death",)),
        (says(state="dead", on=date(2026, 11, 23)), {}, "proposed", ("death",)),
        (says(state="dead", on=date(2026, 11, 20)), {"situation": happened("death", "deceased")}, "left", ()),
        (says(state="moved-out", on=date(2026, 11, 20), to="131016"), {}, "taken", ("moved-out",)),
        (says(state="moved-out", on=date(2026, 11, 20), to="064611"), {}, "proposed", ("move",)),
        (says(state="moved-out", on=date(2026, 11, 20)), {"newest": TODAY}, "proposed", ("moved-out",)),
        (says(state="moved-out", on=date(2026, 11, 20)), {"situation": happened("death")}, "proposed", ("alive",)),
        (says(state="dead", on=date(2026, 11, 20)), {"situation": happened("moved-out")}, "taken", ("death",)),
        (says(), {"situation": happened("death"), "base": DEAD}, "proposed", ("alive",)),
        (says(), {"situation": happened("moved-out"), "base": AWAY}, "proposed", ("back",)),
        # The list tells nothing new of it, and what a person wrote down here stays.
        (says(insured="9"), {"situation": happened("death")}, "left", ()),
        (says(), {"situation": happened("death")}, "settled", ()),
        (says(insured="9"), {"person": msgspec.structs.replace(HERE, status="left")}, "left", ()),
        # Nothing of a hidden person's place is looked at.
        (says(address="隠れ家"), {"shielded": True}, "settled", ()),
        (says(address="隠れ家", shielded=True), {}, "proposed", ("shield",)),
        (says(shielded=True), {"shielded": True}, "settled", ()),
    ],
)  # fmt: skip
def test_what_follows_from_a_row(said: Said, more: dict[str, Any], kind: str, what: tuple[str, ...]) -> None:
    found = verdict(said, **more)
    assert (found.kind, found.what) == (kind, what)

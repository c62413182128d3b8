"""Check-up files: columns in Japanese, English or JLAC10, whose row it is, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.clinical import Fact
from engine.clinical_checkups import Directory, Fault, facts_of
from engine.imports.checkups import Row, Who, parse, sheet, shipped
from engine.imports.model import FileError
from engine.people import Resident
from engine.refusal import Refusal
from tests.homes import HANAKO, TARO, resident

ZONE = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def rows(text: str, encoding: str = "utf-8") -> list[Row]:
    return list(sheet(BytesIO(text.encode(encoding)), ZONE).rows)


def read(text: str, encoding: str = "utf-8") -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Values and faults of the only row."""
    [row] = rows(text, encoding)
    facts, faults = facts_of(row, HANAKO, NOW, actor="desk")
    return {fact.code: fact.value for fact in facts}, [(fault.item, fault.code) for fault in faults]


def test_a_japanese_sheet_in_shift_jis_below_a_title_is_read_with_era_dates_and_full_width() -> None:
    text = (
        "令和8年度 健診結果\r\n"
        "健診日,腹囲,収縮期血圧,拡張期血圧,空腹時血糖(mg/dL),ＨｂＡ１ｃ（ＮＧＳＰ）,尿蛋白,メタボ判定,担当\r\n"
        "令和8年10月3日,８５．５,142,88,１０４,5.9,1+,予備群該当,佐藤\r\n"
    )
    values, faults = read(text, "cp932")
    assert values == {
        "waist": "85.5", "bp.office.systolic": "142", "bp.office.diastolic": "88", "lab.fpg": "104", "lab.hba1c": "5.9",
        "lab.urine-protein": "2", "checkup.mets": "pre_mets",
    }  # fmt: skip
    assert faults == []
    assert sheet(BytesIO(text.encode("cp932")), ZONE).ignored == ("担当",)
    [row] = rows(text, "cp932")
    assert row.at == datetime(2026, 10, 3, tzinfo=ZONE)


def test_english_names_semicolons_and_units_in_brackets_are_read() -> None:
    values, faults = read("date;fasting glucose (mmol/L);HDL;systolic;smoker\n2026-10-03;5.6;55;128;no\n")
    assert values == {
        "lab.fpg": "101", "lab.hdl": "55", "bp.office.systolic": "128", "standard22.08": "no", "answer.smoker": "0",
    }  # fmt: skip
    assert faults == []


def test_columns_may_be_headed_by_jlac10_and_answers_by_their_official_codes() -> None:
    values, _ = read(
        "健診日,3D046000001906202,9N706000000000011,9N506000000000011,1A010000000191111,9N937000000000011\n"
        "20261003,6.0,2,3,4,1\n"
    )
    assert values == {
        "lab.hba1c": "6.0", "standard22.02": "no", "med.glucose-lowering": "0", "med.insulin": "0",
        "med.sulfonylurea": "0", "med.glinide": "0", "checkup.guidance-level": "info", "lab.urine-protein": "3",
        "older75.06": "yes", "frailty.loss-2kg": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "column", "code"),
    [
        ("2", "空腹時血糖", "lab.fpg"), ("3", "空腹時血糖", "lab.casual-glucose"), ("4", "空腹時血糖", "lab.casual-glucose"),
        ("", "空腹時血糖", "lab.fpg"), ("2", "血糖", "lab.fpg"), ("3", "血糖", "lab.casual-glucose"),
        ("", "血糖", "lab.casual-glucose"), ("食後3.5時間未満", "血糖", "lab.casual-glucose"),
    ],
)  # fmt: skip
def test_a_glucose_is_fasting_only_where_the_hours_do_not_say_otherwise(hours: str, column: str, code: str) -> None:
    values, faults = read(f"健診日,採血時間(食後),{column}\n2026-10-03,{hours},130\n")
    assert values.get(code) == "130"
    assert len(values) == 1 + bool(hours)
    assert faults == []


def test_triglycerides_that_are_called_fasting_say_the_hours() -> None:
    assert read("健診日,中性脂肪,空腹時中性脂肪\n2026-10-03,180,150\n")[0] == {
        "lab.tg": "150", "lab.hours-since-meal": "10",
    }  # fmt: skip
    assert read("健診日,3F015000002327101\n2026-10-03,150\n")[0] == {"lab.tg": "150", "lab.hours-since-meal": "10"}
    assert read("健診日,3F015129902327101\n2026-10-03,150\n")[0] == {"lab.tg": "150"}
    assert read("健診日,中性脂肪\n2026-10-03,150\n")[0] == {"lab.tg": "150"}


def test_the_preferred_of_several_pressures_counts_and_the_next_where_it_is_empty() -> None:
    head = "健診日,収縮期血圧(1回目),収縮期血圧(2回目),収縮期血圧(その他)\n2026-10-03,"
    assert read(head + "150,140,145\n")[0] == {"bp.office.systolic": "145"}
    assert read(head + "150,140,\n")[0] == {"bp.office.systolic": "140"}


def test_a_dash_is_a_result_on_a_strip_and_nothing_anywhere_else() -> None:
    assert read("健診日,尿蛋白,尿潜血,HbA1c,LDL,AST\n2026-10-03,－,未実施,-,未実施,\n") == (
        {"lab.urine-protein": "0"},
        [],
    )


def test_a_bad_cell_costs_only_itself_and_says_why() -> None:
    values, faults = read("健診日,HbA1c(JDS),空腹時血糖,腹囲,eGFR\n2026-10-03,5.6,5.6,abc,61.5\n")
    assert values == {"lab.egfr": "61.5"}
    assert sorted(faults) == [("lab.fpg", "implausible"), ("lab.hba1c", "jds"), ("waist", "not-a-number")]


def test_a_row_without_a_day_or_of_the_future_is_refused() -> None:
    text = "健診日,腹囲\n秋,85\n2027-01-01,85\n"
    found = [facts_of(row, HANAKO, NOW, actor="desk") for row in rows(text)]
    assert [[fault.code for fault in faults] for _, faults in found] == [["unreadable-date"], ["future"]]
    assert all(not facts for facts, _ in found)


def test_a_check_up_of_today_is_taken_at_any_hour() -> None:
    early = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
    [row] = rows("健診日,腹囲\n2026-11-21,85\n")
    facts, faults = facts_of(row, HANAKO, early, actor="desk")
    assert (len(facts), faults) == (1, [])
    assert isinstance(facts[0], Fact)
    assert facts[0].source == "checkup"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04nonsense", "not-csv"), (b"\0\0\0\0", "not-csv"), (b"a,b\n1,2\n", "no-header"), (b"", "no-header"),
        ("健診日,担当\n2026-10-03,佐藤\n".encode(), "no-header"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_sheet_of_check_ups_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(FileError) as caught:
        sheet(BytesIO(content), ZONE)
    assert caught.value.code == code


def test_a_mapping_of_ones_own_names_the_columns_and_a_wrong_one_is_refused() -> None:
    own = parse(
        'title = "t"\nsource = "s"\nwhen = ["D"]\nformats = ["iso"]\n[[column]]\ncode = "waist"\nnames = ["W"]\nunit = "m"'
    )
    [row] = sheet(BytesIO(b"D,W\n2026-10-03,0.85\n"), ZONE, own).rows
    assert [fact.value for fact in facts_of(row, HANAKO, NOW, actor="desk")[0]] == ["85.0"]
    for text in (
        "",
        "when = 3",
        'title = "t"\nsource = "s"\nwhen = ["D"]\nformats = []\n[[column]]\ncode = "x"\nnames = []',
    ):
        with pytest.raises(FileError, match="mapping"):
            parse(text)
    assert shipped().column


HOME = [
    msgspec.structs.replace(resident(HANAKO, "花子", date(1951, 5, 5)), insured_number="0123-456"),
    msgspec.structs.replace(
        resident(TARO, "太郎", date(1976, 5, 5)), given_kana="タロウ", sex="male", insured_number="0123-456"
    ),
    msgspec.structs.replace(resident("r-aaaaaaaaaaaaa", "花子", date(1951, 5, 5))),
]


def whom(**who: str) -> str:
    found = Directory(HOME, NOW.date()).find(Who(**who))
    return found.id if isinstance(found, Resident) else f"! {found.code}"


def test_a_row_is_filed_only_where_one_resident_fits_all_that_it_says() -> None:
    assert whom(resident=HANAKO) == HANAKO
    assert whom(resident=HANAKO, birth="1951-05-05", sex="女") == HANAKO
    assert whom(insured="０１２３４５６", birth="昭和51年5月5日") == TARO
    assert whom(insured="0123456", sex="1") == TARO
    assert whom(kana="ﾔﾏﾀﾞ ﾀﾛｳ", birth="S51.5.5") == TARO


def test_a_person_is_never_guessed() -> None:
    assert whom(kana="ヤマダ ハナコ", birth="1951-05-05") == "! ambiguous"
    assert whom(insured="0123456") == "! ambiguous"
    assert whom(kana="ヤマダ ハナコ") == "! no-person"
    assert whom() == "! no-person"
    assert whom(resident="r-zzzzzzzzzzzzz") == "! unknown-person"
    assert whom(resident=HANAKO, birth="1951-05-06") == "! mismatch"
    assert whom(resident=HANAKO, sex="男") == "! mismatch"
    assert whom(resident=HANAKO, kana="ヤマダ タロウ") == "! mismatch"
    assert whom(insured="0123456", kana="サトウ ハナコ") == "! mismatch"
    assert whom(kana="ヤマダ ハナコ", birth="spring") == "! unreadable-date"


def test_a_file_of_one_person_need_not_name_them_but_must_not_name_another() -> None:
    directory = Directory(HOME[:1], NOW.date())
    assert directory.find(Who(), HOME[0]) == HOME[0]
    other = directory.find(Who(birth="1960-01-01"), HOME[0])
    assert isinstance(other, Refusal)
    assert other.code == "mismatch"


def test_a_fault_names_its_line() -> None:
    [_, second] = rows("健診日,腹囲\n2026-10-03,85\n2026-10-04,x\n")
    assert facts_of(second, HANAKO, NOW, actor="d")[1] == [
        Fault(3, "not-a-number", "waist", "waist: x is not a number")
    ]

"""CSV files: Japan's encodings, headers below titles, families in one file, and mappings that say what is wrong."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.contract.kinds import KINDS
from engine.imports import table
from engine.imports.mapping import Mapping, fitting, parse, shipped
from engine.imports.model import Fault, FileError, Item, Record
from tests.flow.import_files import as_cp932, sample, zipped

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINE = """
title = "mine"
source = "me"
comma = true
[when]
names = ["Datum"]
formats = ["%d.%m.%Y"]
day_time = "07:00"
[[value]]
names = ["Gewicht"]
kind = "body-weight"
unit_names = ["Einheit"]
[[value]]
names = ["Schritte"]
kind = "steps-interval"
unit = "{steps}"
"""


def read(data: bytes, choice: table.Choice | None = None) -> list[Item]:
    return list(table.records(io.BytesIO(data), TOKYO, NOW, Counter(), choice))


def refused(data: bytes, choice: table.Choice | None = None) -> str:
    with pytest.raises(FileError) as caught:
        read(data, choice)
    return caught.value.code


@pytest.mark.parametrize("name", ["omron-scale.csv", "diary.csv", "withings-weight.csv", "zepp-body.csv"])
def test_the_encoding_of_a_file_changes_nothing(name: str) -> None:
    text = sample(name).decode()
    expected = read(text.encode())
    assert any(isinstance(item, Record) for item in expected)
    for encoding in ("cp932", "utf-8-sig", "utf-16"):
        # What cp932 has no letter for (°C in a heading) is not what is read.
        assert read(text.encode(encoding, "replace")) == expected


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_do_as_well_as_commas(delimiter: str) -> None:
    assert read(sample("zepp-activity.csv").replace(b",", delimiter.encode())) == read(sample("zepp-activity.csv"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("omron-scale.csv", "omron-connect"), ("omron-pressure.csv", "omron-connect"),
        ("omron-report.csv", "omron-report"), ("zepp-body.csv", "zepp-body"), ("zepp-activity.csv", "zepp-activity"),
        ("withings-weight.csv", "withings-weight"), ("withings-bp.csv", "withings-pressure"),
        ("openscale.csv", "openscale"), ("openscale-old.csv", "openscale"),
    ],
)  # fmt: skip
def test_a_known_export_is_recognised_by_its_header(name: str, expected: str) -> None:
    header = sample(name).decode().splitlines()[0].replace('"', "").split(",")
    found = fitting(header)
    assert found is not None
    assert found.name == expected


def test_two_plain_columns_are_never_guessed_to_be_steps() -> None:
    assert refused(sample("withings-steps.csv")) == "no-mapping"
    steps = read(sample("withings-steps.csv"), table.Choice(shipped()["withings-steps"]))
    assert [item.values[0].value for item in steps if isinstance(item, Record)] == ["6400", "5400"]


def test_a_family_in_one_file_is_not_filed_under_one_of_them() -> None:
    family = sample("zepp-body.csv") + b"2024-11-18 22:30:00+0000,81.2,174.0,26.8,null,null,null,null,null,null\n"
    assert refused(family) == "several-people"
    mine = read(family, table.Choice(None, "152.5"))
    assert mine[:2] == read(sample("zepp-body.csv"))
    assert mine[2:] == [Fault(4, "another-person")]


def test_a_mapping_of_ones_own_reads_decimal_commas_units_by_row_and_parts_of_a_day() -> None:
    rows = "Datum;Gewicht;Einheit;Schritte\n19.11.2026;62,3;kg;2.000\n19.11.2026;137,4;lb;500\n"
    found = read(rows.encode(), table.Choice(parse(MINE, "mine")))
    values = [
        (value.kind, value.value, value.unit) for item in found if isinstance(item, Record) for value in item.values
    ]
    assert values == [
        ("body-weight", "62.3", "kg"), ("body-weight", "137.4", "[lb_av]"), ("steps-day", "2500", "{steps}"),
    ]  # fmt: skip
    assert isinstance(found[0], Record)
    assert found[0].at.astimezone(TOKYO).isoformat() == "2026-11-19T07:00:00+09:00"


@pytest.mark.parametrize(
    "wrong",
    [
        "", "title = 1", MINE + "typo = 1", MINE.replace("body-weight", "body-wait"), MINE.replace("body-weight", "battery"),
        MINE.replace('unit = "{steps}"', 'unit = "km"'), MINE.replace('unit_names = ["Einheit"]', ""),
        MINE.replace("07:00", "7 Uhr"), "[" * 5000,
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_work_is_refused_before_any_file_is_read(wrong: str) -> None:
    with pytest.raises(FileError) as caught:
        parse(wrong)
    assert caught.value.code == "bad-mapping"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no-mapping"),
        (b"a,b\n1,2\n", "no-mapping"),
        (zipped(xDOTxml=b""), "not-csv"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not-csv"),
        (b"\xff\xfe\xfd\xfc,\x81\n", "no-mapping"),
        ("日付,体重\n".encode("euc-jp") + b"\xa0\xfd\xfe\n", "bad-encoding"),
        ('日付,体重\n2026/11/20 07:05,62\n"'.encode() + b"x" * 200_000, "bad-csv"),
    ],
)
def test_what_is_no_table_of_health_data_is_refused(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_a_named_mapping_says_when_its_columns_are_missing() -> None:
    assert refused(sample("zepp-body.csv"), table.Choice(shipped()["omron-connect"])) == "no-header"


def test_rows_before_a_spoilt_one_are_read() -> None:
    text = "日付,体重\n2026/11/20 07:05,62.3\n2026/11/19 07:05,6\ufffd2\n".encode("utf-8")
    first, second = read(text)
    assert isinstance(first, Record)
    assert second == Fault(3, "not-a-number", "6\ufffd2")


@pytest.mark.parametrize("mapping", shipped().values(), ids=lambda mapping: str(mapping.name))
def test_every_shipped_mapping_names_its_source_and_measures_something_of_a_body(mapping: Mapping) -> None:
    assert mapping.source
    assert mapping.title
    assert {column.kind for column in mapping.value} <= KINDS.keys()


def test_cp932_is_told_from_utf_8_by_the_file_itself() -> None:
    assert read(as_cp932("diary.csv")) == read(sample("diary.csv"))

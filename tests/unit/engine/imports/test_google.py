"""Health Connect's database and Fitbit's JSON files."""

from __future__ import annotations

import io
import json
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.imports import fitbit, health_connect
from engine.imports.model import Fault, FileError, Item, Record
from engine.store.foreign_sqlite import opened
from tests.flow.import_files import FITBIT, fitbit_zip, health_connect_db, zipped

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def of_database(path: Path, skipped: Counter[str] | None = None) -> list[Item]:
    with opened(path) as source:
        return list(health_connect.records(source, TOKYO, NOW, Counter() if skipped is None else skipped))


def code_of(path: Path) -> str:
    with pytest.raises(FileError) as caught:
        of_database(path)
    return caught.value.code


def kinds(items: list[Item]) -> list[str]:
    return [value.kind for item in items if isinstance(item, Record) for value in item.values]


def test_the_order_of_columns_and_generated_ones_do_not_matter(tmp_path: Path) -> None:
    plain = of_database(health_connect_db(tmp_path / "a.db"))
    other = health_connect_db(tmp_path / "b #1?.db")
    with sqlite3.connect(other) as connection:
        connection.execute("ALTER TABLE weight_record_table RENAME TO old")
        connection.execute(
            "CREATE TABLE weight_record_table (weight REAL, time INTEGER, app_info_id INTEGER, row_id INTEGER)"
        )
        connection.execute("INSERT INTO weight_record_table SELECT weight, time, app_info_id, row_id FROM old")
        connection.execute("DROP TABLE old")
    connection.close()
    assert of_database(other) == plain


def test_a_missing_column_is_a_newer_format_and_not_a_guess(tmp_path: Path) -> None:
    path = health_connect_db(tmp_path / "a.db")
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE weight_record_table RENAME COLUMN weight TO mass_grams")
    connection.close()
    assert code_of(path) == "newer-format"


def test_a_view_in_place_of_a_table_is_not_looked_into(tmp_path: Path) -> None:
    path = health_connect_db(tmp_path / "a.db")
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE weight_record_table")
        connection.execute(
            "CREATE VIEW weight_record_table AS WITH RECURSIVE n(row_id) AS (SELECT 1 UNION ALL SELECT row_id + 1 FROM n) "
            "SELECT row_id, 1 AS app_info_id, 0 AS time, 1.0 AS weight FROM n"
        )
    connection.close()
    assert "body-weight" not in kinds(of_database(path))


@pytest.mark.parametrize("cut", [0, 50, 100, 5000, 20_000])
def test_a_damaged_database_is_refused_with_a_code(tmp_path: Path, cut: int) -> None:
    whole = health_connect_db(tmp_path / "a.db").read_bytes()
    broken = tmp_path / "cut.db"
    broken.write_bytes(whole[:cut])
    assert code_of(broken) in {"damaged-database", "not-health-connect"}


def test_another_programs_database_is_not_taken_for_health_connects(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")
    connection.close()
    assert code_of(path) == "not-health-connect"


def test_two_apps_that_counted_the_same_walk_are_not_added(tmp_path: Path) -> None:
    skipped: Counter[str] = Counter()
    found = of_database(health_connect_db(tmp_path / "a.db"), skipped)
    steps = [v.value for i in found if isinstance(i, Record) for v in i.values if v.kind == "steps-day"]
    assert steps == ["1500"]
    assert skipped == {"hydration_record_table": 2}


def test_fitbits_files_read_the_same_in_a_zip_and_one_by_one() -> None:
    packed = list(fitbit.records(io.BytesIO(fitbit_zip()), TOKYO, NOW, Counter()))
    single = [
        item
        for name, entries in FITBIT.items()
        for item in fitbit.records(io.BytesIO(json.dumps(entries).encode()), TOKYO, NOW, Counter(), name)
    ]
    assert sorted(map(repr, packed)) == sorted(map(repr, single))


def test_a_weight_whose_unit_nothing_tells_is_refused() -> None:
    found = list(fitbit.records(io.BytesIO(fitbit_zip()), TOKYO, NOW, Counter()))
    weights = [v for i in found if isinstance(i, Record) for v in i.values if v.kind == "body-weight"]
    assert [(v.value, v.unit) for v in weights] == [("137.4", "[lb_av]"), ("62.4", "kg")]
    assert [item.code for item in found if isinstance(item, Fault)] == ["unknown-unit"]


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"[{", "steps-2026-11-01.json", "damaged-json"),
        (b"{}", "steps-2026-11-01.json", "not-fitbit"),
        (b"[]", "export.json", "not-fitbit"),
        (b"[" * 100_000, "sleep-2026-11-01.json", "damaged-json"),
        (zipped(aDOTtxt=b""), None, "not-fitbit"),
    ],
)
def test_what_is_no_fitbit_export_is_refused(data: bytes, name: str | None, code: str) -> None:
    with pytest.raises(FileError) as caught:
        list(fitbit.records(io.BytesIO(data), TOKYO, NOW, Counter(), name))
    assert caught.value.code == code


def test_entries_of_any_shape_are_faults_and_no_crash() -> None:
    odd = [{}, {"value": []}, {"dateTime": 5}, {"value": {"bpm": None}}, {"date": "11/20/26", "weight": "x"}]
    for name in FITBIT:
        found = list(fitbit.records(io.BytesIO(json.dumps(odd).encode()), TOKYO, NOW, Counter(), name))
        assert all(isinstance(item, Fault) for item in found)

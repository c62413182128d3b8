"""`phr trend --from-csv` on files as people have them: one line per row, whatever the order, days or damage."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli.exits import Exit
from cli.output import Fail
from cli.trend import trend
from engine.series.model import PRIOR
from tests.benchmarks.trend_errors import DATA, ours, people

pytestmark = [pytest.mark.flow]
KEYS = ["group", "date", "level", "slope_per_week", "low", "high", "forecast_7d", "forecast_7d_low", "forecast_7d_high",
        "forecast_14d"]  # fmt: skip
app = typer.Typer()
app.command()(trend)


def lines(*words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["--json", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(*words: str) -> Fail:
    done = CliRunner().invoke(app, [*words])
    assert isinstance(done.exception, Fail)
    return done.exception


def write(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_text(text, encoding=encoding, newline="")
    return str(path)


def test_every_row_of_a_study_is_answered_as_the_measured_kernel_answers_it() -> None:
    said = lines("--from-csv", str(DATA / "krone2020_weights_s1_6.csv"), "--column", "weight_kg",
                 "--date-column", "day", "--group-column", "subject")  # fmt: skip
    with (DATA / "krone2020_weights_s1_6.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(line["group"], line["date"]) for line in said] == [(row["subject"], row["day"]) for row in rows]
    assert all(list(line) == KEYS for line in said)
    found = people()
    forecasts = ours(found.readings, PRIOR)
    by_row = {(line["group"], int(line["date"])): line for line in said}
    compared = 0
    for number, name in enumerate(found.names):
        for day in range(63) if name.startswith("krone") else ():
            line, level = by_row[name.removeprefix("krone-"), day], forecasts.level[number, day]
            if np.isnan(level):
                assert line["level"] is None
                continue
            expected = (level, forecasts.low[7][number, day], forecasts.high[7][number, day])
            assert (line["level"], line["forecast_7d_low"], line["forecast_7d_high"]) == pytest.approx(
                expected, abs=1e-4
            )
            compared += 1
    assert compared > 330


def test_instants_with_a_clock_and_hand_typed_midnights_are_days_too() -> None:
    said = lines("--from-csv", str(DATA / "fitbit2016_weights.csv"), "--date-column", "local_ts",
                 "--group-column", "person")  # fmt: skip
    assert len(said) == 30
    single = next(line for line in said if line["group"] == "P05")
    assert single["level"] == pytest.approx(133.5)
    assert single["slope_per_week"] is None
    assert single["forecast_7d_low"] < 133.5 < single["forecast_7d_high"]


def test_rows_in_any_order_know_only_earlier_ones_and_rows_without_a_weight_are_answered(tmp_path: Path) -> None:
    text = "date,weight_kg\n2026-01-05,71.0\n2026-01-01,70.0\n2026-01-03,\n2026-01-03,NA\n2026-01-02,70.5\n"
    said = lines("--from-csv", write(tmp_path / "w.csv", text))
    assert [line["date"] for line in said] == ["2026-01-05", "2026-01-01", "2026-01-03", "2026-01-03", "2026-01-02"]
    last, first, empty, also_empty, second = said
    assert first["level"] == 70.0
    assert first["group"] is None
    assert first["slope_per_week"] is None
    assert second["slope_per_week"] == pytest.approx(3.5)
    assert second["low"] is None
    assert empty == also_empty
    assert empty["slope_per_week"] == pytest.approx(3.5)
    assert last["low"] <= last["slope_per_week"] <= last["high"]
    width = {line["date"]: line["forecast_7d_high"] - line["forecast_7d_low"] for line in said}
    assert width["2026-01-03"] > width["2026-01-02"], "a day without a reading is not a day of knowledge"


def test_nothing_is_said_before_the_first_weight(tmp_path: Path) -> None:
    [line, _] = lines("--from-csv", write(tmp_path / "w.csv", "date,weight_kg\n1,\n2,70\n"))
    assert all(line[key] is None for key in KEYS[2:])


def test_a_row_that_cannot_be_read_is_named_and_the_others_are_answered(tmp_path: Path) -> None:
    text = "subject,date,weight_kg\na,1,70\na,yesterday,70\na,2,seventy\na,3,70,5\na,4\na,5,70.2\n"
    said = lines("--from-csv", write(tmp_path / "w.csv", text), "--group-column", "subject")
    codes = [line.get("error", {}).get("code") for line in said]
    assert codes == [None, "bad-date", "bad-value", "bad-row", "bad-row", None]
    assert said[-1]["slope_per_week"] == pytest.approx(0.35)


@pytest.mark.parametrize(
    "dates",
    [("2026-03-30", "2026-03-31", "2026-04-02"), ("20260330", "20260331", "20260402"), ("2026/3/30", "2026/3/31", "2026/4/2"),
     ("令和8年3月30日", "令和8年3月31日", "令和8年4月2日"), ("-2", "-1", "1"), ("10.0", "11.0", "13.0"),
     ("2026-03-30T07:00:00+09:00", "2026-03-31T07:00:00+09:00", "2026-04-02T07:00:00+09:00")],
)  # fmt: skip
def test_days_may_be_written_in_many_ways(tmp_path: Path, dates: tuple[str, str, str]) -> None:
    rows = zip(dates, ("70.0", "70.4", "70.2"), strict=True)
    said = lines("--from-csv", write(tmp_path / "w.csv", "date,weight_kg\n" + "".join(f"{d},{w}\n" for d, w in rows)))
    plain = lines("--from-csv", write(tmp_path / "p.csv", "date,weight_kg\n0,70.0\n1,70.4\n3,70.2\n"))
    assert [{**line, "date": ""} for line in said] == [{**line, "date": ""} for line in plain]


def test_a_table_from_excel_in_japan_is_read(tmp_path: Path) -> None:
    [line] = lines("--from-csv", write(tmp_path / "w.csv", "日付,体重\r\n2026/1/5,６２．３\r\n", "cp932"),
                   "--date-column", "日付", "--column", "体重")  # fmt: skip
    assert line["level"] == pytest.approx(62.3)
    [line] = lines("--from-csv", write(tmp_path / "u.csv", "date,weight_kg\n1,62.3\n", "utf-8-sig"))
    assert line["level"] == pytest.approx(62.3)


def test_somebody_else_on_the_scale_hardly_moves_what_is_said(tmp_path: Path) -> None:
    days = [f"{day},{70 + 0.3 * (-1) ** day}\n" for day in range(30)]
    clean = lines("--from-csv", write(tmp_path / "c.csv", "date,weight_kg\n" + "".join(days)))
    wrong = lines("--from-csv", write(tmp_path / "w.csv", "date,weight_kg\n" + "".join([*days[:-1], "29,91.0\n"])))
    assert wrong[-1]["level"] == pytest.approx(clean[-2]["level"], abs=0.3)


def test_a_file_or_column_that_is_not_there_is_said_with_its_code(tmp_path: Path) -> None:
    path = write(tmp_path / "w.csv", "date,weight_kg\n1,70\n")
    for words, code, exit_code in (
        (("--from-csv", str(tmp_path / "none.csv")), "no-file", Exit.USAGE),
        (("--from-csv", path, "--column", "kg"), "no-column", Exit.USAGE),
        (("--from-csv", path, "--group-column", "who"), "no-column", Exit.USAGE),
        (("--from-csv", write(tmp_path / "empty.csv", "")), "no-header", Exit.DAMAGED),
        (("--from-csv", write(tmp_path / "nul.csv", "a\0b")), "not-csv", Exit.DAMAGED),
        ((), "no-resident", Exit.USAGE),
    ):
        found = refused(*words)
        assert (found.code, found.exit_code) == (code, exit_code)


def test_without_json_the_same_numbers_stand_in_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "w.csv", "date,weight_kg\n1,70\nx,70\n2,70.5\n")
    done = CliRunner().invoke(app, ["--from-csv", path], catch_exceptions=False)
    table = [line.split("\t") for line in done.stdout.splitlines()]
    assert table[0] == KEYS
    assert table[2] == ["", "x", "bad-date"]
    assert [float(table[row][2]) for row in (1, 3)] == [
        line["level"] for line in lines("--from-csv", path) if "level" in line
    ]


def test_values_and_dates_at_the_end_of_the_world_are_answered_too(tmp_path: Path) -> None:
    text = "date,weight_kg\n0001-01-01T00:00:00+14:00,70\n9999-12-31T23:00:00-12:00,70\n1,99999999\n99999999,-5\n"
    said = lines("--from-csv", write(tmp_path / "w.csv", text))
    assert [line["date"] for line in said] == [row.split(",")[0] for row in text.splitlines()[1:]]
    assert all(line["forecast_7d_low"] < line["forecast_7d_high"] for line in said)
    assert lines("--from-csv", write(tmp_path / "none.csv", "date,weight_kg\n")) == []

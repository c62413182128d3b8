"""`phr add` over a real database: what a person typed, kept as self-reported, in plain words, and asked about first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.add import add
from cli.exits import Exit
from cli.inbox import app as inbox_app
from cli.output import Fail
from engine.decisions import queue
from engine.store import audit, repo_consents, repo_imports, repo_residents
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.store.repo_history import history
from tests.flow.furnished import engine
from tests.flow.import_files import sample
from tests.flow.stores import store
from tests.flow.test_import import hear
from tests.flow.test_import import run as run_import
from tests.homes import HANAKO, NOW, TARO, consent, furnish, weighing

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
TOKYO = ZoneInfo("Asia/Tokyo")
ROWS = "SELECT r.source, r.provenance, r.profile, r.certainty, m.kind, m.value, m.unit FROM reading r JOIN measurement m ON m.reading_id = r.id ORDER BY m.kind, m.value"


def run(*words: str, person: str | None = HANAKO, typed: str | None = None) -> Result:
    app = typer.Typer()
    app.command()(add)
    options = ["--resident", person] if person else []
    return CliRunner().invoke(app, [*words, *options], input=typed)


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    with read(engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(ROWS)]


def refusal(done: Result) -> tuple[int, str]:
    assert isinstance(done.exception, Fail), done.output
    return done.exception.exit_code, done.exception.code


def test_several_values_at_once_are_kept_as_told_and_said_back_in_plain_words(engine: Engine) -> None:
    done = run(
        "体重",
        "６２．３",
        "血圧",
        "１２８／７６",
        "脈拍",
        "70",
        "腹囲",
        "88",
        "歩数",
        "5,400",
        "--at",
        "2024-11-20 7:05",
    )
    assert done.exit_code == 0, done.exception
    assert rows(engine) == [
        ("manual", "self-reported", "manual", "sure", kind, value, unit)
        for kind, value, unit in (
            ("body-weight", "62.3", "kg"), ("diastolic", "76", "mm[Hg]"), ("pulse-rate", "70", "/min"),
            ("steps-day", "5400", "{steps}/d"), ("systolic", "128", "mm[Hg]"), ("waist", "88", "cm"),
        )
    ]  # fmt: skip
    assert "体重 62.3 kg" in done.stdout
    assert "2024-11-20 07:05" in done.stdout
    with read(engine) as connection:
        assert audit.entries(connection, subject=HANAKO)[-1].action == "reading-add"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--at", "7:05", "--date", "2024-11-20"), "2024-11-20T07:05"),
        (("--at", "午後３時５分", "--date", "令和6年11月20日"), "2024-11-20T15:05"),
        (("--at", "R6.11.20 7:05"), "2024-11-20T07:05"),
        (("--at", "R6.11.20"), "2024-11-20T12:00"),
        (("--date", "2024/11/20"), "2024-11-20T12:00"),
    ],
)
def test_when_it_was_can_be_said_in_several_ways(engine: Engine, options: tuple[str, ...], expected: str) -> None:
    done = run("weight", "62.3", *options, "--json")
    (one,) = json.loads(done.stdout)["readings"]
    assert datetime.fromisoformat(one["at"]).astimezone(TOKYO).isoformat()[:16] == expected


def test_an_urgent_pressure_is_before_the_nurse_at_once_and_not_when_an_engine_runs(engine: Engine) -> None:
    assert run("bp", "186/112", "--yes").exit_code == 0
    with read(engine) as connection:
        waiting = [item for _, item in queue(connection, datetime.now(UTC), resident=HANAKO)]
    assert waiting[0].severity == "urgent"
    assert "186" in waiting[0].text_ja


def test_a_slip_is_taken_back_as_the_echo_says(engine: Engine) -> None:
    wrong = run("steps", "54000", "--date", "2024-11-20")
    how = wrong.stderr.strip().splitlines()[-1].split("phr inbox ")[1].split()
    assert CliRunner().invoke(inbox_app, how).exit_code == 0
    assert run("steps", "54000", "--date", "2024-11-20").exit_code == Exit.ALREADY
    assert run("steps", "5400", "--date", "2024-11-20").exit_code == 0
    with read(engine) as connection:
        points = history(connection, HANAKO, ["steps-day"], 0, to_micros(NOW))["steps-day"]
    assert [point.value for point in points] == [Decimal(5400)]


def test_pounds_are_kept_as_typed_and_as_kilograms(engine: Engine) -> None:
    run("weight", "137.4", "--unit", "lb")
    assert rows(engine)[0][4:] == ("body-weight", "62.32", "kg")


def test_the_same_again_is_said_to_be_there_and_stored_once(engine: Engine) -> None:
    words = ("weight", "62.3", "steps", "5400", "--at", "2024-11-20 7:05")
    assert run(*words).exit_code == 0
    again = run(*words, "--json")
    assert again.exit_code == Exit.ALREADY
    assert {one["outcome"] for one in json.loads(again.stdout)["readings"]} == {"duplicate"}
    assert len(rows(engine)) == 2
    said = run(*words)
    assert "もう あります" in said.stdout
    assert said.stderr == "", "nothing new was kept, so there is nothing to take back"


def test_what_the_scale_or_a_file_said_in_that_minute_is_the_same_measurement(engine: Engine, tmp_path: Path) -> None:
    at = datetime(2024, 11, 19, 22, 5, 31, tzinfo=UTC)
    hear(engine, msgspec.structs.replace(weighing(1), measured_at=at))
    again = run("weight", "62.3", "--at", "2024-11-20 7:05", "--json")
    assert again.exit_code == Exit.ALREADY
    assert json.loads(again.stdout)["readings"][0]["id"] == weighing(1).id, "an id that is stored"
    (tmp_path / "z.csv").write_bytes(sample("zepp-activity.csv"))
    run_import("csv", tmp_path / "z.csv")
    assert run("steps", "5400", "--date", "2024-11-20").exit_code == Exit.ALREADY


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        (("weight", "623", "--yes"), (Exit.USAGE, "implausible"), "62.3 では ありませんか"),
        (("bp", "76/128", "--yes"), (Exit.USAGE, "crossed"), "128/76 では ありませんか"),
        (("steps", "540000"), (Exit.USAGE, "implausible"), "54000"),
        (("weight", "heavy"), (Exit.USAGE, "not-a-number"), "heavy"),
        (("mood", "5"), (Exit.USAGE, "unknown-name"), "weight"),
        (("weight",), (Exit.USAGE, "missing-value"), "weight 62.3"),
        (("weight", "62", "--at", "tomorrow"), (Exit.USAGE, "unreadable-date"), "tomorrow"),
        (("weight", "62", "--date", "2199-01-01"), (Exit.USAGE, "future"), "2199-01-01"),
    ],
)
def test_what_cannot_be_is_refused_with_a_question_and_no_yes_changes_that(
    engine: Engine, words: tuple[str, ...], expected: tuple[int, str], said: str
) -> None:
    done = run(*words)
    assert refusal(done) == expected
    assert said in str(done.exception)
    assert rows(engine) == []


def test_a_surprising_value_is_asked_about_and_yes_takes_it(engine: Engine) -> None:
    run("weight", "62.3", "--at", (datetime.now(TOKYO) - timedelta(days=3)).strftime("%Y-%m-%d %H:%M"))
    done = run("weight", "6.23")
    assert refusal(done) == (Exit.REFUSED, "unusual")
    assert "62.3" in str(done.exception)
    assert run("weight", "6.23", "--yes").exit_code == 0
    assert [row[5] for row in rows(engine)] == ["6.23", "62.3"]


def test_without_consent_nothing_is_asked_and_nothing_kept(engine: Engine) -> None:
    with write(engine) as connection:
        repo_consents.append(
            connection, consent(HANAKO, "record", granted=False, at=NOW - timedelta(days=1)), os_user="t"
        )
    assert refusal(run("weight", "62.3")) == (Exit.NO_CONSENT, "no-consent")
    assert rows(engine) == []


def test_whose_it_is_must_be_said_where_several_live(engine: Engine) -> None:
    assert refusal(run("weight", "62.3", person=None)) == (Exit.USAGE, "whose")
    with write(engine) as connection:
        connection.exec_driver_sql(f"UPDATE resident SET status = 'moved' WHERE id = '{TARO}'")
    assert run("weight", "62.3", person=None).exit_code == 0


def test_a_person_at_a_terminal_is_asked_one_thing_after_the_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.add._at_terminal", lambda: True)
    done = run(typed="６２．３\n128/76\n\n\n5400\n")
    assert done.exit_code == 0, done.exception
    assert [row[4] for row in rows(engine)] == ["body-weight", "diastolic", "steps-day", "systolic"]
    assert "体重 (kg)" in done.stderr
    assert done.stdout.startswith("記録しました")
    assert run(typed="\n\n\n\n\n").exit_code == Exit.NOT_FOUND
    doubtful = run("weight", "6.23", typed="n\n")
    assert refusal(doubtful) == (Exit.REFUSED, "unusual")
    assert run("weight", "6.23", typed="y\n").exit_code == 0


def test_nothing_typed_and_nobody_there_is_a_usage_error(engine: Engine) -> None:
    assert refusal(run()) == (Exit.USAGE, "missing-value")


def test_todays_steps_are_until_now_and_a_past_days_are_that_days(engine: Engine) -> None:
    run("steps", "3000")
    run("steps", "6000", "--date", "令和6年11月20日")
    with read(engine) as connection:
        points = history(connection, HANAKO, ["steps-day"], 0, to_micros(datetime.now(UTC) + timedelta(days=1)))
    days = [(point.at.astimezone(TOKYO).date(), point.value) for point in points["steps-day"]]
    assert [value for _, value in days] == [Decimal(6000), Decimal(3000)]
    assert days[0][0].isoformat() == "2024-11-20"
    assert points["steps-day"][1].at <= datetime.now(UTC)


def test_the_look_around_a_minute_is_the_same_on_both_databases(store: Engine) -> None:
    """The statement is written by hand for each of them."""
    furnish(store)
    at = datetime(2024, 11, 19, 22, 5, 31, tzinfo=UTC)
    hear(
        store,
        msgspec.structs.replace(weighing(1), measured_at=at),
        msgspec.structs.replace(weighing(2, "80.1", 2), measured_at=at),
    )
    minute = repo_imports.minute_of("body-weight", at.replace(second=0))
    with read(store) as connection:
        near = repo_imports.same_minutes(
            connection, HANAKO, [minute, ("body-fat", 0), ("body-weight", minute[1] + 60_000_000)]
        )
        known = repo_imports.held(connection, [weighing(1).id, "x" * 26])
    assert list(near) == [minute]
    assert [(one.value, one.reading) for one in near[minute]] == [(Decimal("62.30"), weighing(1).id)]
    assert known == {weighing(1).id: repo_imports.Held(HANAKO, {"body-weight": (Decimal("62.30"), "62.30")})}


def test_nothing_is_recorded_any_more_of_somebody_who_died(engine: Engine) -> None:
    with write(engine) as connection:
        hanako = repo_residents.get(connection, HANAKO)
        assert hanako is not None
        gone = msgspec.structs.replace(hanako, status="deceased", version=hanako.version + 1)
        repo_residents.edit(connection, gone, NOW, actor="test", os_user="test")
    failure = run("weight", "62.3").exception
    assert isinstance(failure, Fail)
    assert (failure.code, failure.exit_code, rows(engine)) == ("inactive", Exit.REFUSED, [])

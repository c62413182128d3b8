"""`phr release` as a person runs it: units once, a release once, refusals with their reason, an entry for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from typer import Typer
from typer.testing import CliRunner

from cli.commands import register
from cli.exits import Exit
from cli.release import app
from engine.store import audit
from engine.store.database import migrate, open_engine, read, write
from engine.store.tables_statistics import STATISTICS_RELEASE
from fhir_bridge.privacy_units import Period
from simulators.city.people import Town
from tests.city_stores import city_file
from tests.flow.commands import refused, told

# Long over, whatever the clock of the machine says.
CITY = Town(people=340, first=Period(2024, 1), weighings=1, histories=False)
run = CliRunner().invoke


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "phr").mkdir()
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    monkeypatch.setenv("PHR_LANG", "en")
    return tmp_path / "phr"


@pytest.fixture
def engine(home: Path) -> Engine:
    return city_file(home / "engine.sqlite", CITY)


def _actions(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return [link.action for link in audit.entries(connection) if link.action.startswith("release-")]


def test_a_release_is_prepared_once_shown_and_listed_with_an_entry_each(engine: Engine) -> None:
    first = told(run(app, ["prepare", "2024H1", "--json"]))
    assert (first["drawn"], first["state"], first["release"]["period"]) == (True, "prepared", "2024H1")
    assert first["budget"] == {"spent": "2", "left": "2", "cap": "4"}
    again = told(run(app, ["prepare", "2024H1", "--json"]), Exit.ALREADY)
    assert again == first | {"drawn": False}
    shown = told(run(app, ["show", "2024H1", "--json"]))
    assert (shown["sha256"], shown["release"]) == (first["sha256"], first["release"])
    listed = told(run(app, ["list", "--json"]))
    assert [one["sha256"] for one in listed["releases"]] == [first["sha256"]]
    read_out = run(app, ["show", "2024H1"]).stdout
    assert first["sha256"] in read_out
    assert "not published" in read_out
    assert run(app, ["list"]).stdout.count(first["sha256"]) == 1
    assert _actions(engine)[1:] == [
        "release-prepare", "release-already-drawn", "release-show", "release-list", "release-show", "release-list",
    ]  # fmt: skip


def test_what_leaves_says_nothing_of_how_many_people_there_are(engine: Engine) -> None:
    told_ = run(app, ["prepare", "2024H1", "--json"]).stdout + run(app, ["show", "2024H1"]).stdout
    assert "340" not in told_.replace(told(run(app, ["show", "2024H1", "--json"]))["sha256"], "")
    engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["prepare", "2024"], "bad-period", Exit.USAGE),
        (["prepare", "2023H2"], "before-first", Exit.REFUSED),
        (["prepare", "2199H1"], "period-open", Exit.REFUSED),
        (["prepare", "2024H2"], "population-too-small", Exit.REFUSED),
        (["prepare", "2024H1", "--unit", "elsewhere"], "foreign-unit", Exit.NOT_FOUND),
        (["prepare", "2024H1", "--tastes", "none.jsonl"], "no-key", Exit.USAGE),
        (["prepare", "2024H1", "--service", "Bus Line"], "bad-codes", Exit.USAGE),
        (["show", "2024H1"], "no-release", Exit.NOT_FOUND),
        (["units", "--population", "137000", "--source", "census", "--first", "2024H1"], "book-open", Exit.ALREADY),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    engine: Engine, arguments: list[str], code: str, exit_code: Exit
) -> None:
    assert refused(run(app, arguments)) == (exit_code, code)
    asked = arguments[0] == "prepare" and code not in {"bad-period", "foreign-unit", "no-key"}
    wanted = [f"release-refused:{code}"] if asked else []
    assert _actions(engine)[1:] == wanted


def test_bytes_that_were_changed_are_not_shown(engine: Engine) -> None:
    run(app, ["prepare", "2024H1"])
    with write(engine) as connection:
        connection.execute(update(STATISTICS_RELEASE).values(content=STATISTICS_RELEASE.c.content + " "))
    assert refused(run(app, ["show", "2024H1"])) == (Exit.DAMAGED, "changed")
    assert refused(run(app, ["prepare", "2024H1"])) == (Exit.DAMAGED, "changed")


def test_units_are_opened_once_with_the_source_of_their_numbers(home: Path) -> None:
    assert refused(run(app, ["prepare", "2024H1"])) == (Exit.CONFIGURATION, "no-units")
    assert refused(run(app, ["units", "--population", "137000", "--source", "s"])) == (Exit.USAGE, "no-first")
    assert refused(run(app, ["units", "--population", "137000", "--first", "2024H1"])) == (Exit.USAGE, "no-source")
    parts = ["--unit", "city=062049=97000", "--unit", "chokai=064611,064289,064262=39000"]
    assert refused(run(app, ["units", *parts, "--population", "1"])) == (Exit.USAGE, "both")
    assert refused(run(app, ["units", "--unit", "city=062049"])) == (Exit.USAGE, "bad-unit")
    assert refused(run(app, ["units", "--unit", "x=062049=1500", "--source", "s", "--first", "2024H1"])) == (
        Exit.USAGE,
        "unit-too-small",
    )
    twice = ["units", "--unit", "a=062049=97000", "--unit", "b=062049=97000", "--source", "s", "--first", "2024H1"]
    assert refused(run(app, twice)) == (Exit.USAGE, "shared-municipality")
    opened = told(run(app, ["units", *parts, "--source", "census 2020", "--first", "2024H1", "--json"]))
    assert [(one["code"], one["population"], one["source"], one["first"]) for one in opened["units"]] == [
        ("chokai", 39_000, "census 2020", "2024H1"), ("city", 97_000, "census 2020", "2024H1"),
    ]  # fmt: skip
    assert refused(run(app, ["prepare", "2024H1"])) == (Exit.USAGE, "which-unit")
    assert refused(run(app, ["prepare", "2024H1", "--unit", "city"])) == (Exit.REFUSED, "population-too-small")
    engine = open_engine(f"sqlite:///{home / 'engine.sqlite'}")
    assert _actions(engine) == ["release-units", "release-units", "release-refused:population-too-small"]


def test_a_city_fills_an_empty_store_only_and_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Typer()
    register(whole)
    first, hashes = None, []
    for name in ("one", "two"):
        monkeypatch.setenv("PHR_HOME", str(tmp_path / name))
        done = told(run(whole, ["simulate", "city", "--people", "60", "--seed", "9", "--first", "2024H1"]))
        assert done["people"] == 60
        assert first in {None, str(done)}
        first = str(done)
        engine = open_engine(f"sqlite:///{tmp_path / name / 'engine.sqlite'}")
        with read(engine) as connection:
            rows = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM consent ORDER BY seq")]
            rows += [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM measurement ORDER BY 1")]
        hashes.append(hash(tuple(rows)))
        migrate(engine)
        engine.dispose()
    assert hashes[0] == hashes[1]
    assert refused(run(whole, ["simulate", "city", "--people", "5"])) == (Exit.REFUSED, "not-empty")

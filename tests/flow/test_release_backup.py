"""A store that came back from a backup, or another copy of it, never draws a second time what was drawn before."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.exits import Exit
from cli.release import app
from engine.store.draws import NAME
from fhir_bridge.privacy_units import Period
from simulators.city.people import Town
from tests.city_stores import city_file
from tests.flow.commands import refused, told

CITY = Town(people=340, first=Period(2024, 1), weighings=1, histories=False)
run = CliRunner().invoke
ASK = ["prepare", "2024H1", "--json"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "phr").mkdir()
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))
    monkeypatch.setenv("PHR_LANG", "en")
    _restore(tmp_path / "phr")
    return tmp_path / "phr"


def _restore(home: Path) -> None:
    for path in home.glob("engine.sqlite*"):
        path.unlink()
    city_file(home / "engine.sqlite", CITY).dispose()


def test_a_store_from_a_backup_draws_nothing_twice_and_goes_on_with_the_next_period(home: Path) -> None:
    told(run(app, ASK))
    _restore(home)
    assert refused(run(app, ASK)) == (Exit.REFUSED, "older-store")
    # What the first draw cost is paid, also where the store has forgotten it.
    assert refused(run(app, ["prepare", "2023H2"])) == (Exit.REFUSED, "before-first")
    later = run(app, ["prepare", "2024H2", "--json"])
    assert refused(later) == (Exit.REFUSED, "population-too-small"), "only the forgotten period is closed"


def test_a_store_that_drew_other_numbers_first_elsewhere_is_found(home: Path) -> None:
    told(run(app, ASK))
    written = (home / NAME).read_bytes()
    _restore(home)
    (home / NAME).unlink()
    told(run(app, ASK))
    (home / NAME).write_bytes(written)
    assert refused(run(app, ["show", "2024H1"])) == (Exit.DAMAGED, "other-release")
    assert refused(run(app, ["files", "2024H1", "--out", str(home / "out")])) == (Exit.DAMAGED, "other-release")
    assert not (home / "out").exists()


def test_a_line_that_was_changed_stops_everything_and_one_the_power_failed_in_nothing(home: Path) -> None:
    told(run(app, ASK))
    place, written = home / NAME, (home / NAME).read_bytes()
    place.write_bytes(written + b"region-062049 2024H2 20")
    told(run(app, ["show", "2024H1", "--json"]))
    place.write_bytes(written.replace(b"2024H1", b"2023H1"))
    assert refused(run(app, ["show", "2024H1"])) == (Exit.DAMAGED, "draws-changed")
    place.write_bytes(b"")
    told(run(app, ["show", "2024H1", "--json"]))
    assert place.read_bytes() == written, "what the store knows is written down again"


def test_a_new_book_is_not_opened_where_something_was_drawn_under_another(home: Path) -> None:
    told(run(app, ASK))
    (home / "engine.sqlite").unlink()
    for path in home.glob("engine.sqlite*"):
        path.unlink()
    from engine.store.database import migrate, open_engine

    engine = open_engine(f"sqlite:///{home / 'engine.sqlite'}")
    migrate(engine)
    engine.dispose()
    opening = ["units", "--population", "137000", "--source", "census", "--first", "2024H1"]
    assert refused(run(app, opening)) == (Exit.REFUSED, "older-store")

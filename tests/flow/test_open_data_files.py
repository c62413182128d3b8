"""`phr release files` over a real store: whole files, one hash, never other bytes where something was published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.release_files import files
from engine.store import audit, repo_statistics
from engine.store.database import Engine, read, write
from engine.store.repo_statistics import Kept
from fhir_bridge.open_data import File, figures_of
from simulators.attack.world import FIRST, UNIT
from simulators.city.rows import rows
from tests.flow.commands import refused, told
from tests.privacy_city import drawn_of
from tests.stores import migrated_file

NOW = datetime(2026, 10, 10, 23, 30, tzinfo=UTC)
WHOM = "酒田市 健康課 phr@example.jp"
app = typer.Typer()
app.command()(files)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    monkeypatch.setenv("PHR_PLATFORM_CONTACT", WHOM)
    engine = migrated_file(tmp_path / "engine.sqlite")
    yield engine
    engine.dispose()


def keep(engine: Engine, unit: str = UNIT, **changes: object) -> Kept:
    made = drawn_of(rows(600, 3), FIRST)
    plain = {
        "id": repo_statistics.release_id(unit, str(FIRST)), "unit": unit, "period": str(FIRST),
        "content": made.content, "sha256": made.sha256, "by": "operator", "prepared_at": NOW,
    }  # fmt: skip
    kept = Kept(**(plain | changes))  # type: ignore[arg-type]
    with write(engine) as connection:
        repo_statistics.keep(connection, kept)
    return kept


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def test_a_prepared_release_becomes_files_that_can_be_made_again(store: Engine, tmp_path: Path) -> None:
    kept, out = keep(store), tmp_path / "open"
    out.mkdir()
    (out / ".062049_phr_stats_2026H1_T2.json.4711").write_text("half of it: its writer was killed")
    said = told(run("2026H1", "--out", str(out), "--by", "佐藤", "--json"))
    assert said["sha256"] == kept.sha256
    assert said["written"] == len(said["files"]) == 9
    assert sorted(path.name for path in out.iterdir()) == sorted(said["files"])
    assert hashlib.sha256((out / "062049_phr_stats_2026H1_release.json").read_bytes()).hexdigest() == kept.sha256
    # The evening in UTC is the next morning in Sakata.
    assert "2026年10月11日" in (out / "062049_phr_stats_2026H1_method.html").read_text(encoding="utf-8")
    tables = [figures_of(File(path.name, "", "", path.read_bytes())) for path in out.glob("*.csv")]
    assert [one for one in tables if one] == [tables[0] or tables[1]] * 2
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert told(run("2026H1", "--out", str(out), "--json"))["written"] == 0
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    with read(store) as connection:
        acts = [(one.actor, one.subject) for one in audit.entries(connection) if one.action == "release-files"]
    assert acts[0] == ("佐藤", kept.id)
    assert len(acts) == 2


def test_another_file_under_the_same_name_stops_everything(store: Engine, tmp_path: Path) -> None:
    keep(store)
    out = tmp_path / "open"
    out.mkdir()
    (out / "062049_phr_stats_2026H1_T2.json").write_text("{}")
    assert refused(run("2026H1", "--out", str(out))) == (Exit.REFUSED, "file-differs")
    assert [path.name for path in out.iterdir()] == ["062049_phr_stats_2026H1_T2.json"]


def test_what_may_not_be_published_is_refused_by_its_reason(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "open")
    assert refused(run("2026H1", "--out", out)) == (Exit.NOT_FOUND, "no-release")
    keep(store, state="withdrawn", reason="wrong")
    assert refused(run("2026H1", "--out", out)) == (Exit.REFUSED, "withdrawn")
    keep(store, "test-unit", test=True)
    assert refused(run("2026H1", "--out", out)) == (Exit.USAGE, "which-unit")
    assert refused(run("2026H1", "--out", out, "--unit", "test-unit")) == (Exit.REFUSED, "test-release")
    keep(store, "other", sha256="0" * 64)
    assert refused(run("2026H1", "--out", out, "--unit", "other")) == (Exit.DAMAGED, "changed")
    keep(store, "good")
    monkeypatch.delenv("PHR_PLATFORM_CONTACT")
    assert refused(run("2026H1", "--out", out, "--unit", "good")) == (Exit.CONFIGURATION, "no-contact")
    assert not Path(out).exists()
    told(run("2026H1", "--out", out, "--unit", "good", "--contact", WHOM, "--json"))
    file = tmp_path / "file"
    file.write_text("")
    done = run("2026H1", "--out", str(file), "--unit", "good", "--contact", WHOM)
    assert refused(done) == (Exit.CONFIGURATION, "cannot-write")

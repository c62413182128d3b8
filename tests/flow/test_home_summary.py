"""`phr export home-summary`: a doctor's page from the store, on the resident's word or for themselves, and on record."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.export_files import home_summary
from cli.output import Fail
from engine.contract.reading import Reading
from engine.intake import accept
from engine.seen import did
from engine.store import audit
from engine.store.database import read, write
from engine.store.households import households_of
from engine.store.readings import Heard, recent_of, remember, write_batch
from tests.flow.furnished import engine
from tests.homes import GATEWAY, HANAKO, weighing
from tests.linked_home import agree

__all__ = ["engine"]
pytestmark = pytest.mark.flow


@pytest.fixture
def home(engine: Engine) -> Engine:
    now = datetime.now(UTC)
    readings: list[Reading] = []
    for number in range(3):
        at = now - timedelta(days=number + 1)
        one = weighing(number, "62.30")
        readings.append(type(one)(**{name: getattr(one, name) for name in one.__struct_fields__} | {
            "measured_at": at, "received_at": at + timedelta(seconds=2)}))  # fmt: skip
    with write(engine) as connection:
        place = households_of(connection, [GATEWAY], now)[GATEWAY]
        recent, heard = recent_of(connection, readings), []
        for reading in readings:
            outcome = accept(reading, GATEWAY, place, recent, now)
            remember(recent, GATEWAY, outcome)
            heard.append(Heard(GATEWAY, place.id, outcome))
        write_batch(connection, heard, [], now)
    return engine


def run(*words: object) -> Result:
    app = typer.Typer()
    app.command()(home_summary)
    return CliRunner().invoke(app, [str(word) for word in words])


def refusal(*words: object) -> tuple[int, str]:
    done = run(*words)
    assert isinstance(done.exception, Fail), (done.output, done.exception)
    return done.exception.exit_code, done.exception.code


def acts(engine: Engine) -> list[Any]:
    with read(engine) as connection:
        return [one for one in audit.entries(connection, subject=HANAKO) if one.action == "export-home-summary"]


def test_the_residents_own_page_is_written_privately_and_told(home: Engine, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = run("--resident", HANAKO, "--out", out, "--by", "suzuki")
    assert done.exit_code == 0, done.output
    page = out.read_text(encoding="utf-8")
    assert ("62.30 kg" in page, "本人の求めにより" in page, "山田 花子" in page) == (True, True, True)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [one.actor for one in acts(home)] == ["suzuki"]
    assert did("export-home-summary") == did("export-fhir"), "the resident is told of it as of any other export"


def test_a_page_for_the_network_needs_the_residents_word(
    home: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "page.html"
    assert refusal("--resident", HANAKO, "--out", out, "--network") == (Exit.NO_CONSENT, "no-consent")
    assert (out.exists(), acts(home)) == (False, [])
    agree(home, HANAKO)
    assert run("--resident", HANAKO, "--out", out, "--network").exit_code == 0
    assert "choukai-net への提供に本人が同意（2026-08-01）" in out.read_text(encoding="utf-8")
    monkeypatch.setenv("PHR_BRIDGE_TEST_PATIENTS", "1001")
    assert refusal("--resident", HANAKO, "--out", out, "--network") == (Exit.REFUSED, "not-a-test-patient")


def test_a_pdf_is_written_and_what_cannot_be_is_refused(home: Engine, tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    assert run("--resident", HANAKO, "--out", out, "--lang", "en").exit_code == 0
    assert out.read_bytes().startswith(b"%PDF")
    assert refusal("--resident", HANAKO, "--out", tmp_path / "x.txt") == (Exit.USAGE, "unknown-file")
    assert refusal("--resident", HANAKO, "--out", out, "--days", 7) == (Exit.USAGE, "bad-days")
    assert refusal("--resident", "r-nobodynobody2", "--out", out) == (Exit.NOT_FOUND, "unknown-resident")
    assert refusal("--resident", HANAKO, "--out", tmp_path / "none" / "x.html") == (Exit.CONFIGURATION, "cannot-write")
    assert len(acts(home)) == 1, "nothing is on record that was not made"

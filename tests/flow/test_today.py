"""`phr today` when something is urgent: all of the advice, and whom to call at this hour."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.commands import register
from cli.main import app
from tests.flow.furnished import engine
from tests.homes import HANAKO
from tests.web.resident_home import delivered

__all__ = ["engine"]
if not app.registered_groups:
    register(app)
DESK = """
[[number]]
id = "health-centre"
number = "0234-00-0000"
name = { ja = "健康課", en = "Health centre" }
about = { ja = "健康の こと", en = "about your health" }
source = "the operator of this test"
"""


def today(*words: str) -> list[str]:
    done = CliRunner().invoke(app, [*words, "today", "--resident", HANAKO], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout.splitlines()


def test_urgent_advice_comes_with_the_numbers_that_answer_now(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    delivered(engine, "calm")
    assert not any("119" in line for line in today()), "a number is for need, not for every day"
    item = delivered(engine, "red", "urgent")
    (tmp_path / "phr" / "contacts.toml").write_text(DESK, encoding="utf-8")
    lines = today()
    assert lines[: len(item.text_ja.splitlines())] == item.text_ja.splitlines()
    assert any("救急車" in line and "119" in line for line in lines)
    assert any("健康課" in line and "0234-00-0000" in line for line in lines)
    assert any("Ambulance" in line and "119" in line for line in today("--lang", "en"))

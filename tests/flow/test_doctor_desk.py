"""`phr doctor` at the desk: a lost key, numbers that cannot be read, notices nobody sends, an audit trail not anchored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.doctor_desk import desk
from cli.wiring import NotifySettings, Settings
from engine.sealing import seal_of
from engine.store import anchors, repo_notices
from engine.store.database import migrate, open_engine, write
from tests.homes import HANAKO, furnish

pytestmark = pytest.mark.flow
CALL = """[[number]]
id = "health-centre"
number = "0234-00-0000"
name = { ja = "保健センター", en = "Health centre" }
about = { ja = "平日の 昼", en = "weekdays" }
source = "made up for this test"
"""


def said(home: Path) -> list[tuple[str, str]]:
    return [(found.check, found.state) for found in desk(Settings(home=str(home)))]


def test_an_empty_home_says_nothing_and_is_given_no_key(tmp_path: Path) -> None:
    assert said(tmp_path) == []
    assert not (tmp_path / "web").exists()


def test_a_damaged_key_and_numbers_that_cannot_be_read_are_faults(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "key").write_text("00")
    (tmp_path / "contacts.toml").write_text("[[number]]")
    assert said(tmp_path) == [("key", "fault"), ("numbers", "fault")]


def test_numbers_of_the_town_are_counted(tmp_path: Path) -> None:
    (tmp_path / "contacts.toml").write_text(CALL, encoding="utf-8")
    assert said(tmp_path) == [("numbers", "ok")]


def test_notices_an_hour_late_and_an_audit_trail_behind_its_anchor_are_noted(tmp_path: Path) -> None:
    store, now = open_engine(f"sqlite:///{tmp_path / 'engine.sqlite'}"), datetime.now(UTC)
    migrate(store)
    furnish(store)
    assert said(tmp_path) == [("audit", "note")]
    with write(store) as connection:
        anchors.anchor(connection, tmp_path, seal_of(tmp_path), now - timedelta(hours=3))
    assert said(tmp_path) == [], "nothing was done since"
    with write(store) as connection:
        repo_notices.owe(connection, HANAKO, "advice", "a-lateadviceslat", now - timedelta(hours=2))
    store.dispose()
    assert ("notices", "note") in said(tmp_path)
    [late] = [one for one in desk(Settings(home=str(tmp_path))) if one.check == "notices"]
    assert "notify.base" in late.remedy
    [running] = [
        one
        for one in desk(Settings(home=str(tmp_path), notify=NotifySettings(base="https://phr.example.jp")))
        if one.check == "notices"
    ]
    assert "phr engine run" in running.remedy

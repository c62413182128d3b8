"""`phr letters` as an office uses it in a month: make, print, post, take in replies; and its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import letters
from cli.exits import Exit
from engine.letters_sender import FILE
from engine.store import audit
from engine.store.database import read
from tests.flow.commands import refused, told
from tests.flow.test_letters import DECEMBER, edit, home
from tests.homes import HANAKO, TARO

__all__ = ["home"]
pytestmark = pytest.mark.flow


class Frozen(datetime):
    """The clock of the second of December."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return DECEMBER.astimezone(tz)


@pytest.fixture
def office(home: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the office's engine."""
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    monkeypatch.setattr(letters, "datetime", Frozen)
    yield tmp_path
    home.dispose()


def run(*words: str) -> Any:
    return CliRunner().invoke(letters.app, list(words))


def test_a_month_in_the_office(office: Path, home: Engine) -> None:
    out = office / "letters.pdf"
    batch = told(run("make", "--out", str(out), "--by", "佐藤", "--json"))
    assert (batch["letters"], batch["period"], batch["left"]) == (2, "2026-11", {})
    assert batch["envelope_verified"] is False, "nobody has measured the window yet"
    assert out.read_bytes().startswith(b"%PDF")
    assert out.stat().st_mode & 0o077 == 0
    number = str(batch["seq"])
    assert told(run("printed", number, "--json"))["printed"] == 2
    assert told(run("sent", number, "--json"))["sent"] == 2
    rows = told(run("list", "--batch", number, "--json"))["letters"]
    assert [(row["resident"], row["state"]) for row in rows] == [(TARO, "sent"), (HANAKO, "sent")]
    taros, hanakos = (row["code"] for row in rows)
    assert told(run("returned", taros, "--reason", "moved", "--json"))["resident"] == TARO
    done = told(run("reply", hanakos.lower(), "--tick", "call", "--words", "足がいたい", "--json"))
    assert done["request"].startswith("q-")
    listed = told(run("list", "--json"))
    assert listed["batches"][0]["states"] == {"replied": 1, "returned": 1}
    assert listed["channels"] == {"letter": 2}
    assert [row["reason"] for row in told(run("list", "--returned", "--json"))["letters"]] == ["moved"]
    again = office / "again.pdf"
    # Who did not get it may have moved: nothing is written to that address once more.
    assert told(run("again", number, "--out", str(again), "--json"))["left"] == {TARO: "came-back"}
    with read(home) as connection:
        actions = [one.action for one in audit.entries(connection, subject=HANAKO)]
    assert [one for one in actions if one.startswith("letter-")] == [
        "letter-make", "letter-printed", "letter-sent", "letter-replied"
    ]  # fmt: skip


def test_what_cannot_be_is_refused_with_its_reason_and_nothing_is_made(office: Path, home: Engine) -> None:
    out = str(office / "letters.pdf")
    assert refused(run("make", "--out", str(office))) == (Exit.USAGE, "not-written")
    assert refused(run("make", "--out", out, "--month", "November")) == (Exit.USAGE, "unreadable-month")
    assert refused(run("make", "--out", out, "--month", "2026-13")) == (Exit.USAGE, "unreadable-month")
    assert refused(run("make", "--out", out, "--month", "2026-12")) == (Exit.USAGE, "month-not-over")
    assert refused(run("make", "--out", out, "--to", "酒田市")) == (Exit.USAGE, "one-resident")
    assert refused(run("make", "--out", out, "--sort", "referral")) == (Exit.ALREADY, "nothing-new")
    (office / FILE).write_text("[envelope]\nwindow_width = 70.0\n", encoding="utf-8")
    assert refused(run("make", "--out", out)) == (Exit.CONFIGURATION, "too-small-window")
    (office / FILE).unlink()
    assert refused(run("printed", "7")) == (Exit.NOT_FOUND, "unknown-batch")
    assert refused(run("again", "7", "--out", out)) == (Exit.NOT_FOUND, "unknown-batch")
    assert refused(run("returned", "AAAA-AAAB")) == (Exit.USAGE, "bad-code")
    assert refused(run("reply", "AAAA-AAAA", "--tick", "fine")) == (Exit.NOT_FOUND, "unknown-code")
    assert told(run("list", "--json"))["batches"] == []
    for name in (HANAKO, TARO):
        edit(home, name, channel="page")
    assert refused(run("make", "--out", out)) == (Exit.ALREADY, "nothing-new")


def test_a_reply_that_says_two_things_is_not_taken_in(office: Path) -> None:
    batch = told(run("make", "--out", str(office / "x.pdf"), "--resident", HANAKO, "--json"))
    [row] = told(run("list", "--resident", HANAKO, "--json"))["letters"]
    assert row["batch"] == batch["seq"]
    code = row["code"]
    assert refused(run("reply", code, "--tick", "fine", "--tick", "call")) == (Exit.USAGE, "two-answers")
    assert refused(run("reply", code, "--tick", "seen")) == (Exit.USAGE, "not-asked")
    assert refused(run("reply", code, "--tick", "weiß")) == (Exit.USAGE, "not-asked")
    assert refused(run("reply", code)) == (Exit.USAGE, "nothing-said")
    assert refused(run("reply", code, "--tick", "fine", "--seen-on", "x")) == (Exit.USAGE, "unreadable-date")
    assert run("reply", code, "--tick", "fine").exit_code == 0
    assert refused(run("reply", code, "--tick", "fine")) == (Exit.ALREADY, "replied")
    assert refused(run("returned", code)) == (Exit.ALREADY, "replied")

"""`phr import` and `phr add` in a real terminal: a bar while a file is read, questions one after the other."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from engine.store.database import read
from tests.flow.furnished import engine
from tests.flow.import_files import apple_zip
from tests.homes import HANAKO

__all__ = ["engine"]
pytestmark = pytest.mark.flow
ROOT = Path(__file__).parents[2]
IMPORT = "from cli.imports import app; app()"
ADD = "import typer; from cli.add import add; app = typer.Typer(); app.command()(add); app()"


def in_terminal(program: str, *arguments: str, typed: bytes = b"") -> tuple[str, str]:
    """What the program wrote on stdout (a pipe) and on the terminal, which is its stdin and stderr."""
    keyboard, screen = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", program, *arguments], cwd=ROOT, stdin=screen, stdout=subprocess.PIPE, stderr=screen
        ) as process:
            os.write(keyboard, typed)
            out, _ = process.communicate(timeout=60)
            assert process.returncode == 0
        return out.decode(), os.read(keyboard, 1 << 16).decode()
    finally:
        os.close(keyboard)
        os.close(screen)


def test_a_bar_is_drawn_on_the_terminal_and_never_in_the_result(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(apple_zip())
    out, screen = in_terminal(IMPORT, "apple-health", str(tmp_path / "e.zip"), "--resident", HANAKO)
    assert "読んでいます" in screen
    assert "%" in screen
    assert out.startswith("新しい記録 11 件")
    assert "\x1b" not in out


def test_questions_are_asked_on_the_terminal_and_answers_kept(engine: Engine) -> None:
    out, screen = in_terminal(ADD, "--resident", HANAKO, typed=b"62.3\n128/76\n\n\n\n")
    assert "体重 (kg)" in screen
    assert out.startswith("記録しました: 体重 62.3 kg, 収縮期血圧 128 mmHg")
    with read(engine) as connection:
        found = connection.exec_driver_sql("SELECT kind FROM measurement ORDER BY kind").scalars().all()
    assert found == ["body-weight", "diastolic", "systolic"]

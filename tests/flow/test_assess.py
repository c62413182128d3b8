"""`phr assess` as a machine uses it: a process of its own, JSON lines in, JSON lines out, in the same order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.written_cases import differences, lines_of

pytestmark = pytest.mark.flow


def assess(text: bytes, home: Path) -> list[dict[str, Any]]:
    """The answers of one run; it must end well and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--home", str(home), "assess", "--json"],
        input=text, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_golden_cases_pass_through_the_real_command_in_their_order(tmp_path: Path) -> None:
    lines = lines_of("advice_cases.jsonl")
    text = "# a comment\n\n" + "\n  \n# another\n".join(lines) + "\n"
    answers = assess(text.encode(), tmp_path)
    assert [one["id"] for one in answers] == [json.loads(line)["id"] for line in lines]
    table = [row for line, one in zip(lines, answers, strict=True) for row in differences(line, one["got"])]
    assert not table, "\n" + "\n".join(table)
    assert list(tmp_path.iterdir()) == [], "nothing is written, no store is made"


def test_what_cannot_be_read_is_answered_in_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = '{"id": "good", "profile": {"sex": "male", "age": 50}}'
    lines = [
        good.encode(), b"{", b'{"id": "x", "labs": {"fpg": NaN}}', b"\xff\xfe", b'{"id": "tall", "profile": {"height_cm": -1}}',
        rb'{"id": "\ud800"}', b'{"id": "' + b"n" * 500 + b'", "profile": 1}', good.replace("good", "last").encode(),
    ]  # fmt: skip
    answers = assess(b"\r\n".join(lines), tmp_path)
    assert [one.get("error", {}).get("code") for one in answers] == [
        None, "bad-json", "bad-json", "bad-json", "out-of-range", "bad-json", "bad-case", None,
    ]  # fmt: skip
    assert [one["id"] for one in answers] == ["good", None, None, None, "tall", None, "n" * 80, "last"]
    assert all(one["error"]["message"] for one in answers if "error" in one)


def test_no_line_no_answer(tmp_path: Path) -> None:
    assert assess(b"# only a comment\n", tmp_path) == []

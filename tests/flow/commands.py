"""What a command that was run in this process answered: its JSON, or with what it was refused."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import Result

from cli.output import Fail


def told(done: Result, code: int = 0) -> Any:
    """The JSON a command printed."""
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.stdout)


def refused(done: Result) -> tuple[int, str]:
    """The exit code and the reason of a refusal."""
    assert isinstance(done.exception, Fail), done.output
    return done.exception.exit_code, done.exception.code

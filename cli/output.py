"""The one place that prints: results on stdout, talk on stderr, and failures as values with a reason code."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

from cli.exits import Exit


class Fail(Exception):  # noqa: N818 - it reads as a verb at the call: raise Fail(...)
    """A command that cannot go on: exit code, stable reason code and a sentence for people."""

    def __init__(self, exit_code: Exit, code: str, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code
        self.message = message


def result(text: str = "") -> None:
    """Print one line of the command's result."""
    print(text, flush=True)


def emit(value: Any) -> None:
    """Print one JSON object on one line; text is kept readable (no escapes for Japanese)."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def say(text: str = "") -> None:
    """Talk to the person: progress and explanations, never part of the result."""
    print(text, file=sys.stderr, flush=True)


def spin(text: str) -> None:
    """Put `text` in the place of the line that turns while something is awaited; "" clears it. Terminals only."""
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def fail(exit_code: Exit, code: str, message: str) -> NoReturn:
    """Stop the command with a reason."""
    raise Fail(exit_code, code, message)


def report(failure: Fail) -> None:
    """Print a failure: a sentence with its code, or one JSON object when the command was asked for JSON."""
    if "--json" in sys.argv:
        emit({"error": {"code": failure.code, "message": failure.message}})
    say(f"phr: {failure.message} [{failure.code}]")

"""`phr assess`: what the rules say of written cases, one JSON line in, one out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import emit

if TYPE_CHECKING:
    from engine.refusal import Refusal

_SHOWN = 80


def assess(
    json: Annotated[bool, typer.Option("--json", help="JSON lines; this is always so.")] = True,  # noqa: ARG001
) -> None:
    """Answer each case on stdin with {"id":…,"got":{…}}, or {"id":…,"error":{…}} where it cannot be read."""
    from cli.rules import shipped

    rules = shipped()
    for line in sys.stdin.buffer:
        text = line.decode("utf-8", errors="replace").strip()
        if text and not text.startswith("#"):
            emit(_answer(text, rules))


def _answer(text: str, rules: Any) -> dict[str, Any]:
    from engine.casework_answers import assess_case, decode_case
    from engine.refusal import Refusal

    raw = decode_case(text)
    if isinstance(raw, Refusal):
        return _error(None, raw)
    name = raw.get("id")
    found = assess_case(raw, rules)
    return _error(name, found) if isinstance(found, Refusal) else {"id": name, "got": found}


def _error(name: Any, refusal: Refusal) -> dict[str, Any]:
    shown = name[:_SHOWN] if isinstance(name, str) else None
    return {"id": shown, "error": {"code": refusal.code, "message": refusal.message[:300]}}

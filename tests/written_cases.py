"""The written cases in tests/golden/cases, and how what is said of one is compared with what it expects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.casework_answers import assess_case, decode_case
from engine.refusal import Refusal
from engine.rules import load_catalogue
from tests.conftest import GOLDEN

FILES: Final = ("advice_cases.jsonl", "own_cases.jsonl")
# Codes of which more may be said than a case lists.
_SETS: Final = frozenset({"red_flags", "must_not", "must", "missing"})
_TOLERANCE: Final = {
    "deficit_kcal_day_180d": 3, "eer_kcal": 5, "exercise_kcal_gross": 0.6, "exercise_kcal_net": 0.6,
    "exercise_mets_h": 0.01,
}  # fmt: skip


def lines_of(file: str) -> list[str]:
    """The lines of a file of cases, comments left out."""
    text = (GOLDEN / "cases" / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def said_of(line: str) -> dict[str, Any]:
    """What the shipped rules say of the case in one line; fails for one that cannot be read."""
    raw = decode_case(line)
    assert not isinstance(raw, Refusal), raw
    found = assess_case(raw, load_catalogue())
    assert not isinstance(found, Refusal), found
    return found


def differences(line: str, said: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Where what is said is not what the case expects, as rows of a table."""
    case = json.loads(line)
    got = said_of(line) if said is None else said
    for key, wanted in case["expected"].items():
        base = key.removesuffix("_absent").removesuffix("_any_of")
        if not _agrees(key, base, wanted, got[base]):
            yield f"{case['id']:5} | {case['note']:60} | {key:22} | wanted {wanted} | said {got[base]}"


def _agrees(key: str, base: str, wanted: Any, got: Any) -> bool:
    if key.endswith("_absent"):
        return not set(wanted) & set(got)
    if key.endswith("_any_of"):
        return got in wanted
    if base in _SETS:
        return set(wanted) <= set(got)
    if base in _TOLERANCE and wanted is not None:
        return got is not None and abs(got - wanted) <= _TOLERANCE[base]
    return bool(got == wanted)

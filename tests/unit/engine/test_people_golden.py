"""The golden table of what people type: every expected value was written by hand, none by the program."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.dates import age_on, parse_birth_date
from engine.names import search_key, split_kana, split_name
from engine.people import parse_height
from engine.refusal import Refusal

TABLE = Path(__file__).parents[2] / "golden" / "people" / "cases.jsonl"
TODAY = date(2026, 11, 21)
CASES = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def _age(text: str) -> str:
    birth, day = (date.fromisoformat(part) for part in text.split())
    return str(age_on(birth, day))


def _words(value: Any) -> Any:
    return "/".join(value) if isinstance(value, tuple) else value if isinstance(value, Refusal) else str(value)


READERS: dict[str, Callable[[str], Any]] = {
    "birth": lambda text: _words(parse_birth_date(text, TODAY)),
    "name": lambda text: _words(split_name(text)),
    "kana": lambda text: _words(split_kana(text)),
    "key": search_key,
    "height": lambda text: _words(parse_height(text)),
    "age": _age,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['op']} {case['in']!a}")
def test_what_people_type_is_read_as_the_table_says(case: dict[str, str]) -> None:
    found = READERS[case["op"]](case["in"])
    if "refused" in case:
        assert isinstance(found, Refusal)
        assert found.code == case["refused"]
        assert found.message
    else:
        assert found == case["out"]


def test_the_table_has_a_hundred_different_cases_of_every_sort() -> None:
    assert len({(case["op"], case["in"]) for case in CASES}) == len(CASES) >= 100
    assert set(Counter(case["op"] for case in CASES)) == set(READERS)
    assert sum("refused" in case for case in CASES) >= 30

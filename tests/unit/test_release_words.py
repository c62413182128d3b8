"""A release in a terminal: every table whole, in two languages, and one word for what is not published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import pytest

from cli.release_words import lines
from engine.store.repo_statistics import Kept
from fhir_bridge.open_data_words import SUPPRESSED
from fhir_bridge.privacy_release import released
from simulators.attack.world import FIRST, UNIT
from simulators.city.rows import rows
from tests.privacy_city import drawn_of

BUDGET = {"spent": "2", "left": "2", "cap": "4"}
CITY = rows(1_200, 4)


def _shown(turn: int, lang: Literal["ja", "en"]) -> tuple[str, int, int]:
    """The text of a release, how many cells it has, and how many of them are not published."""
    period = (FIRST, FIRST.next, FIRST.next.next)[turn]
    made = drawn_of(CITY, period, 3)
    kept = Kept(
        id="x", unit=UNIT, period=str(period), content=made.content, sha256=made.sha256, by="test",
        prepared_at=datetime(2026, 10, 5, tzinfo=UTC),
    )  # fmt: skip
    cells = [cell for table in released(made.drawn).tables for cell in table.cells]
    text = "\n".join(lines(released(made.drawn), kept, BUDGET, lang)) + "\n"
    return text, len(cells), sum(cell.count is None for cell in cells)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_release_is_read_in_two_languages(lang: Literal["ja", "en"], golden: Callable[[str, str], None]) -> None:
    golden(f"cli/release_{lang}.txt", _shown(0, lang)[0] + "\n" + _shown(2, lang)[0])


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_no_cell_is_missing_and_every_cell_not_published_says_so_in_the_same_word(turn: int) -> None:
    text, cells, hidden = _shown(turn, "en")
    assert text.count(SUPPRESSED["en"]) == hidden > 0
    body = text.split("\n\n", 1)[1]
    counts = [word for line in body.splitlines() for word in line.split("  ") if word.strip().isdigit()]
    assert len(counts) + hidden == cells

"""Ways by which a word for one edition could open another that nobody spoke about with the person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.disclosure import sighted_entries
from tests.unit.engine.test_disclosure_entries import DAY, NOW, POLICY, entry

RELEASED = {"e-1": NOW - 18 * DAY}


@pytest.mark.parametrize("sort", ["report", "document", "condition", "allergy"])
def test_a_new_finding_under_the_same_name_waits_for_a_new_word(sort: str) -> None:
    before = entry(1, "胸部CT", sort=sort, detail="異常影は認めない")
    after = entry(2, "胸部CT", sort=sort, detail="右上葉に結節影")
    seen = sighted_entries([before, after], POLICY, RELEASED, NOW)
    assert ([one.detail for one in seen.shown], seen.waiting) == (["異常影は認めない"], 1)
    both = sighted_entries([before, after], POLICY, {**RELEASED, "e-2": NOW - timedelta(hours=1)}, NOW)
    assert ([one.detail for one in both.shown], both.waiting) == (["右上葉に結節影"], 0)


def test_what_is_taken_back_does_not_tell_the_name_it_had_while_nobody_saw_it() -> None:
    seen_once = entry(1, "胃炎", sort="condition")
    hidden = entry(2, "胃癌", sort="condition", detail="告知未")
    wrong = entry(3, "胃癌", sort="condition", detail="告知未", status="wrong")
    [gone] = sighted_entries([seen_once, hidden, wrong], POLICY, RELEASED, NOW).gone
    assert (gone.id, gone.name, gone.detail, gone.status) == ("e-3", "胃炎", "", "wrong")

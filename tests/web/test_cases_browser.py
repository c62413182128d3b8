"""A morning in a real Chromium: the longest overdue first, a call noted, a goal refused, nobody left without a day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from engine.cases_list import calls
from engine.store import repo_cases
from engine.store.database import read
from tests.web import town
from tests.web.browsing import sideways, town_site
from tests.web.followed import IGARASHI, TODAY, follow

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]


def test_a_morning_of_calls_leaves_everybody_with_a_day(tmp_path: Path, chromium: Browser) -> None:
    with town_site(tmp_path) as made:
        case = follow(made.engine)
        page = made.enter_as(chromium, town.NURSE)
        page.goto("/cases")
        names = [cell.split()[0] for cell in page.locator("#due tbody th").all_inner_texts()]
        assert names == ["斎藤", "五十嵐", "佐藤"]
        for name in names:
            page.goto("/cases")
            page.locator("#due").get_by_role("link", name=name).click()
            page.select_option("#outcome", "reached")
            page.fill("#minutes", "10")
            page.fill("#next_on", f"{TODAY + timedelta(days=21)}")
            page.get_by_role("button", name="連絡を書いて次の日を決める").click()
            page.wait_for_load_state()
        page.goto("/cases")
        # Igarashi's evaluation has come: a day for a call does not make anybody forget it.
        assert [cell.split()[0] for cell in page.locator("#due tbody th").all_inner_texts()] == ["五十嵐"]
        page.goto(f"/cases/{case}")
        page.locator("#goal summary").click()
        page.select_option("#kind", "weight")
        page.fill("#amount", "2")
        page.get_by_role("button", name="目標を記録する").click()
        page.locator("#wrong-goal").wait_for()
        assert page.input_value("#amount") == "2"
        page.fill("#kg_before", "90.5")
        page.fill("#cm_before", "98")
        page.fill("#cm_now", "95.8")
        page.locator("#evaluation label.tick").first.click()
        page.get_by_role("button", name="評価を記録する").click()
        page.wait_for_load_state()
        # 88.0 kg of home: 2.5 kg and 2.2 cm, but nobody asked what could forbid a loss; eating 20 p with it.
        assert "体重 −2.5 kg、腹囲 −2.2 cm" in page.inner_text("#history")
        page.set_viewport_size({"width": 320, "height": 800})
        assert sideways(page) == 0
        page.goto("/cases")
        assert page.locator("#due tbody tr").count() == 0
    with read(made.engine) as connection:
        found = calls(connection, ["062049"], made.clock[0])
        assert [one.next_on for one in repo_cases.open_of(connection, IGARASHI)] == [TODAY + timedelta(days=21)]
    assert (found.due, len(found.later)) == ([], 4)

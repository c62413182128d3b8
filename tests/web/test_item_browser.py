"""The script of the item page in a real Chromium: typing claims, saving goes through, nothing is lost; axe and widths."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.store import repo_advice
from engine.store.database import read
from tests.web.browsing import SECOND, Site, site
from tests.web.desks import NOW, item, put

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]
ONE = "/advice/a-oneaaaaaaaaaa"


def write(page: Page, words: str) -> None:
    page.goto(ONE)
    page.locator("summary#edit").click()
    page.locator("#text-ja").fill(words)


def stored(made: Site) -> tuple[str, str, str | None]:
    with read(made.engine) as connection:
        found = repo_advice.get(connection, "a-oneaaaaaaaaaa")
    assert found is not None
    return found.state, found.text_ja, found.decided_by


def test_whoever_types_has_the_item_and_whoever_comes_too_late_keeps_the_words(
    tmp_path: Path, chromium: Browser
) -> None:
    with site(tmp_path, NOW) as made:
        put(made.engine, item("one", evidence=item("x").evidence | {"ask": []}))
        first = made.enter(chromium, "nurse")
        second = made.enter(chromium, "nurse", by=SECOND, name="田中 保健師")
        second.goto(ONE)
        with first.expect_response("**/claim") as claimed:
            write(first, "朝に 話しましょう。")
        assert claimed.value.json()["version"] == 2
        assert first.locator("#preview").inner_text() == "朝に 話しましょう。", (
            "the words as the resident will read them"
        )
        expect(first.locator("#text-ja")).to_be_focused()
        assert stored(made)[0] == "claimed"

        # The second never saw the claim: the words typed on the old page are answered with both texts.
        second.locator("summary#edit").click()
        with second.expect_response("**/claim"):
            second.locator("#text-ja").fill("夜に 話しましょう。")
        expect(second.locator("#news")).to_be_visible()
        second.locator("button[data-do=approve-edited]").click()
        assert "夜に 話しましょう。" in second.locator("#mine + *, main").first.inner_text()

        first.locator("button[data-do=approve-edited]").click()
        first.wait_for_url("**/advice/**")
        assert stored(made)[:2] == ("approved", "朝に 話しましょう。")


def test_long_lines_are_told_while_they_are_typed(tmp_path: Path, chromium: Browser) -> None:
    with site(tmp_path, NOW) as made:
        put(made.engine, item("one"))
        page = made.enter(chromium, "nurse")
        with page.expect_response("**/claim"):
            write(page, "長" * 41)
        expect(page.locator(".long")).to_be_visible()
        page.locator("#text-ja").fill("短い 文。")
        expect(page.locator(".long")).to_have_count(0)

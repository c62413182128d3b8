"""The emergency page on a crew's phone: works without scripts, reads well, nothing sticks out; and the paper's pages."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from engine.emergency import mint
from engine.store import repo_emergency, repo_entries
from engine.store.database import write
from engine.store.filing import By
from engine.store.repo_facts import By as FactBy
from tests.homes import HANAKO
from tests.summary_people import ENTRIES, FACTS
from tests.web.browsing import Site, axe_source, sideways, site, violations
from tests.web.desks import NOW
from tests.web.records_home import record

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def scanned(made: Site) -> str:
    """The address in the code of a card of somebody of whom much is known."""
    record(made.engine, *FACTS)
    with write(made.engine) as connection:
        repo_entries.append(connection, ENTRIES, FactBy("t", "t"), NOW, Random(2))
        card = mint(HANAKO, "wallet", HANAKO, NOW, Random(1))
        repo_emergency.issue(connection, card, By(HANAKO, "test"))
    return f"/e/{card.secret}"


def tell(page: Page, path: str) -> None:
    page.goto(path)
    page.fill("#name", "佐藤 救急救命士")
    page.fill("#place", "酒田消防")
    page.fill("#reason", "意識がなく搬送中")
    page.click("main form button")
    page.wait_for_selector(".record")


def test_a_phone_without_scripts_asks_opens_and_closes(chromium: Browser, tmp_path: Path) -> None:
    with site(tmp_path, NOW) as made:
        path = scanned(made)
        page = made.visit(chromium, java_script_enabled=False, **PHONE)
        tell(page, path)
        assert "セフェム系抗菌薬" in page.inner_text(".allergies")
        page.click("form.open button")
        assert "閉じました" in page.inner_text("h1")
        page.goto(path)
        assert page.locator(".record").count() == 0


def test_axe_finds_nothing_and_nothing_sticks_out(chromium: Browser, tmp_path: Path) -> None:
    with site(tmp_path, NOW) as made:
        path = scanned(made)
        crew = made.visit(chromium, **PHONE)
        crew.context.add_init_script(axe_source())
        wrong = []
        crew.goto(path)
        wrong += violations(crew, "")
        tell(crew, path)
        wrong += violations(crew, "")
        for width in (1280, 360, 320):
            crew.set_viewport_size({"width": width, "height": 800})
            wrong += [f"{width}: sticks out"] if sideways(crew) > 0 else []
        crew.goto("/e/none")
        wrong += violations(crew, "")
        assert wrong == []

"""The scan of a signed form in a real browser: its hash goes into the form, the file goes nowhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.homes import HANAKO
from tests.web import town
from tests.web.browsing import town_site

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]


def test_the_scan_stays_on_the_computer_of_the_desk_and_only_its_hash_is_sent(
    tmp_path: Path, chromium: Browser
) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"%PDF-1.7 \xff\x00 signed by hand")
    with town_site(tmp_path) as made:
        page = made.enter_as(chromium, town.NURSE)
        page.goto(f"/residents/{HANAKO}/consents")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.post_data or ''}"))
        page.set_input_files("#file", scan)
        page.wait_for_function("document.getElementById('scan').value.length === 64")
        assert page.locator("#scan").input_value() == hashlib.sha256(scan.read_bytes()).hexdigest()
        assert asked == []
        assert page.locator("#file").get_attribute("name") is None, "a field without a name is never sent"

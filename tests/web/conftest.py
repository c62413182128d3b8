"""Debian's Chromium for the tests that look: one browser a worker, out of the way of the tests that run a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.needs import found


@pytest.fixture(scope="session")
def _driven() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    path = found("chromium")
    assert path is not None, "marked needs_chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(path), args=["--no-sandbox", "--disable-gpu"])
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture
def chromium(_driven: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """The browser, with nothing left open after the test.

    Playwright's loop goes on in a greenlet of this very thread and calls itself the running one. While no test drives
    the browser it does not, or no other test of this worker could run a loop of its own.
    """
    browser, loop = _driven
    asyncio._set_running_loop(loop)
    try:
        yield browser
        for context in browser.contexts:
            context.close()
    finally:
        asyncio._set_running_loop(None)

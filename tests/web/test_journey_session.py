"""A session that ends while somebody types, in a real Chromium: the words are there again, for whoever typed them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.store import repo_advice
from engine.store.database import read
from tests.web import town
from tests.web.accounts import PASSWORD, light, totp
from tests.web.browsing import Site, enrolled, town_site

__all__ = ["light"]
pytestmark = [
    pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium"), pytest.mark.usefixtures("light"),
]  # fmt: skip
WORDS = "主治医の 指示を 優先します。"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Site]:
    with town_site(tmp_path) as found:
        enrolled(found, tmp_path, town.NURSE, town.SECOND)
        yield found


def sign_in(made: Site, page: Page, name: str) -> None:
    """Fills in the staff form that is shown."""
    page.locator("#login").fill(name[2:8])
    page.locator("#password").fill(PASSWORD)
    page.locator("#totp").fill(totp(made.clock[0]))
    page.locator(".way-staff button").click()


def written(made: Site, page: Page) -> str:
    """Signed in, with a reason typed that was not sent yet."""
    with read(made.engine) as connection:
        [one, *_] = [one for one in repo_advice.listed(connection, states=("open",), limit=200) if not one.ask]
    page.goto(f"/advice/{one.id}")
    sign_in(made, page, town.NURSE)
    page.wait_for_url(f"**/advice/{one.id}")
    page.locator("details:has(form[action$='/reject']) > summary").click()
    page.locator("#reason").fill(WORDS)
    return one.id


def send(page: Page) -> None:
    page.locator("form[action$='/reject'] button").click()


def state(made: Site, name: str) -> tuple[str, str | None]:
    with read(made.engine) as connection:
        found = repo_advice.get(connection, name)
    assert found is not None
    return found.state, found.reason


def test_a_screen_that_locked_itself_gives_the_words_back_after_the_password(made: Site, chromium: Browser) -> None:
    page = made.visit(chromium)
    name = written(made, page)
    made.clock[0] += timedelta(minutes=16)
    send(page)
    assert page.locator("h1").count() == 1
    assert WORDS not in page.content(), "whoever sits there now cannot read it"
    page.locator("#password").fill(PASSWORD)
    page.locator("form[action='/unlock'] button").click()
    expect(page.get_by_text(WORDS)).to_be_visible()
    assert state(made, name)[0] == "open", "nothing happens before they send it on"
    send(page)
    assert state(made, name)[0] == "rejected"
    assert WORDS in str(state(made, name)[1])


def test_after_a_night_the_same_person_finds_the_words_and_nobody_else_does(made: Site, chromium: Browser) -> None:
    page, other = made.visit(chromium), made.visit(chromium)
    name = written(made, page)
    # A code of the authenticator is good once.
    made.clock[0] += timedelta(seconds=30)
    written(made, other)
    made.clock[0] += timedelta(hours=9)
    for tab in (page, other):
        send(tab)
        assert WORDS not in tab.content()
    sign_in(made, other, town.SECOND)
    assert WORDS not in other.content()
    assert state(made, name)[0] == "open"

    made.clock[0] += timedelta(seconds=30)
    sign_in(made, page, town.NURSE)
    expect(page.get_by_text(WORDS)).to_be_visible()
    send(page)
    assert state(made, name)[0] == "rejected"

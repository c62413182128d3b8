"""The city's ID in a real Chromium, us at localhost and a real provider at 127.0.0.1: cookies, redirects and policies as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.homes import HANAKO
from tests.web.accounts import hand_over
from tests.web.browsing import axe_source, sideways, violations
from tests.web.one_id_site import CARD, City, city

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]
PHONE: ViewportSize = {"width": 360, "height": 740}


def at_the_provider(page: Page, login: str, *, card: bool = False) -> None:
    """Say who one is where the provider asks."""
    page.get_by_label("Name").fill(login)
    if card:
        page.get_by_label("Card").check()
    page.get_by_role("button", name="Sign in").click()


def sound(page: Page, source: str) -> None:
    assert violations(page, source) == [], page.url
    assert sideways(page) == 0, page.url


def visitor(town: City, browser: Browser, faults: list[str]) -> Page:
    page = browser.new_context(base_url=town.base, locale="ja-JP", viewport=PHONE).new_page()
    page.on(
        "console",
        lambda said: faults.append(said.text) if said.type == "error" and "Failed to load" not in said.text else None,
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with city(tmp_path_factory.mktemp("one-id"), card=CARD) as made:
        yield made


def test_a_resident_links_an_id_once_and_comes_back_by_it_alone(town: City, chromium: Browser) -> None:
    faults: list[str] = []
    source = axe_source()
    code = hand_over(town.site.engine, HANAKO, town.now()).secret
    page = visitor(town, chromium, faults)
    page.goto("/me/advice")
    sound(page, source)
    page.get_by_role("button", name="市の IDで 入る").click()
    page.wait_for_url(f"{town.provider.issuer}/**")
    at_the_provider(page, "hanako")
    expect(page.get_by_role("heading", level=1)).to_have_text("この IDは まだ つながっていません")
    sound(page, source)
    page.get_by_label("8文字の コード").fill(code)
    page.get_by_label("月").fill("5")
    page.get_by_label("日").fill("5")
    page.get_by_role("button", name="つなぐ").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("つながりました")
    sound(page, source)
    page.get_by_role("link", name="次へ").click()
    page.wait_for_url("**/me/advice")
    page.goto("/account/one-id")
    sound(page, source)
    town.now()

    again = visitor(town, chromium, faults)
    again.goto("/signin")
    again.get_by_role("button", name="市の IDで 入る").click()
    at_the_provider(again, "hanako")
    # The strict cookie comes along only because a page of ours leads on.
    again.wait_for_url(f"{town.base}/me")
    expect(again.get_by_text("山田 花子")).to_be_visible()

    again.goto("/one-id/card?next=/me/consents")
    sound(again, source)
    town.now()
    again.get_by_role("button", name="カードで 確かめる").click()
    at_the_provider(again, "hanako", card=True)
    again.wait_for_url(f"{town.base}/me/consents")

    again.goto("/me")
    again.get_by_role("button", name="終わる").or_(again.locator("footer form button")).first.click()
    leave = again.get_by_role("link", name="市の IDからも 出る")
    sound(again, source)
    leave.click()
    again.wait_for_url(f"{town.provider.issuer}/session/end**")
    assert faults == []


def test_who_gives_up_reads_what_to_do(town: City, chromium: Browser) -> None:
    faults: list[str] = []
    page = visitor(town, chromium, faults)
    page.goto("/signin")
    page.get_by_role("button", name="市の IDで 入る").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("さいごまで 終わっていません")
    source = axe_source()
    sound(page, source)
    page.get_by_role("link", name="入るページへ").click()
    page.wait_for_url(f"{town.base}/signin")
    # The desk's pages, on a small screen too.
    town.now()
    desk = town.site.enter(chromium, "helpdesk", viewport=PHONE)
    for path in (f"/residents/{HANAKO}/one-id", "/enrolment"):
        desk.goto(path)
        sound(desk, source)
    for name, typed in (("name", "山田 花子"), ("kana", "ヤマダ ハナコ"), ("birth", "昭和26年5月5日")):
        desk.fill(f"#{name}", typed)
    desk.select_option("#sex", "female")
    desk.click("main form button")
    expect(desk.get_by_text("同じ方かもしれない登録があります")).to_be_visible()
    sound(desk, source)
    desk.get_by_label("別の方だと確かめました").check()
    desk.click("main form button")
    expect(desk.get_by_role("heading", level=1)).to_have_text("はじめて 入るための コード")
    sound(desk, source)
    assert faults == []

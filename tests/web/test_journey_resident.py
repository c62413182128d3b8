"""A resident of 75 with a telephone, her son, and a nurse who must look: in a real Chromium."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from engine.store import repo_requests
from engine.store.database import read
from tests.homes import HANAKO
from tests.web import town
from tests.web.accounts import hand_over
from tests.web.browsing import Site, sideways, town_site

pytestmark = [pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium")]
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 412, "height": 915}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2
}  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Site]:
    with town_site(tmp_path) as found:
        yield found


def tap(button: Locator) -> None:
    """A finger on a button that leads to another page."""
    with button.page.expect_navigation():
        button.tap()


def signed_in(made: Site, page: Page) -> None:
    """With the letter from the town and the birthday."""
    code = hand_over(made.engine, HANAKO, made.clock[0]).secret
    page.goto("/signin")
    page.locator("#code").fill(code)
    page.locator("#month").fill("5")
    page.locator("#day").fill("5")
    tap(page.locator(".way-code button"))
    page.wait_for_url("**/me")


def enters_a_weight(page: Page) -> None:
    page.goto("/me/entry")
    page.locator("#weight").fill("59.8")
    page.locator("form[action='/me/entry'] button.wide").click()
    assert "59.8" in page.locator("main").inner_text()


def reads_and_answers(page: Page) -> None:
    page.goto("/me/advice")
    page.locator("ul.letters a").first.click()
    assert "鈴木 春子" in page.locator(".signature").inner_text(), "who approved it is said"
    page.locator("form[action$='/useful'] button").click()
    expect(page.locator(".saved")).to_be_visible()


def test_she_signs_in_reads_answers_weighs_herself_and_asks_for_a_call(made: Site, chromium: Browser) -> None:
    page = made.visit(chromium, **PHONE)
    signed_in(made, page)
    reads_and_answers(page)
    enters_a_weight(page)

    page.goto("/me/contact")
    page.locator("input[name=kind][value=call]").check()
    page.locator("#text").fill("薬の ことを 聞きたいです。")
    tap(page.locator("form[action='/me/contact'] button"))
    with read(made.engine) as connection:
        asked = repo_requests.of(connection, HANAKO)[0]
    assert asked.text == "薬の ことを 聞きたいです。"
    due = page.locator(f"[id='{asked.id}'] .due").inner_text()
    assert "11月26日" in due, "by when somebody answers"

    page.goto("/me")
    assert page.locator("ruby").count() == 0
    page.locator("form[action='/me/look'] button").first.tap()
    expect(page.locator("main ruby").first).to_be_visible()
    page.goto("/me/settings")
    before = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    page.locator("input[name=size]").last.check()
    tap(page.locator("form.panel[action='/me/look'] button"))
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") > before
    for path in ("/me", "/me/trends", "/me/records", "/me/advice", "/me/consents"):
        page.goto(path)
        assert sideways(page) <= 0, path


def test_what_she_takes_back_her_son_sees_no_more(made: Site, chromium: Browser) -> None:
    page = made.at_home(chromium, **PHONE)
    son = town.family(made.engine)
    his = made.at_home(chromium, son, "山田 次郎", **PHONE)
    his.goto(f"/family/{HANAKO}")
    shown = his.locator("main").inner_text()
    assert all(word in shown for word in ("花子", "kg")), shown
    page.goto("/me/consents")
    tap(page.locator(f"article[id='{son}'] form[action='/me/consents/family/end'] button"))
    assert page.locator(f"article[id='{son}']").count() == 0
    his.goto(f"/family/{HANAKO}")
    left = his.locator("main").inner_text()
    assert not any(word in left for word in ("花子", "kg", "mmHg")), left


def test_without_scripts_she_can_do_the_same(made: Site, chromium: Browser) -> None:
    page = made.at_home(chromium, java_script_enabled=False, **PHONE)
    reads_and_answers(page)
    page.locator("form[action$='/take-back'] button").click()
    assert page.locator("form[action$='/useful'] button").count() == 1
    enters_a_weight(page)


def test_who_looked_without_consent_stands_in_her_own_list_with_the_reason(made: Site, chromium: Browser) -> None:
    nurse = made.enter_as(chromium, town.NURSE)
    answer = nurse.goto(f"/residents/{town.CLOSED}")
    assert answer is not None
    assert answer.status == 403
    nurse.goto(f"/residents/{town.CLOSED}/glass")
    nurse.locator("#reason").fill("救急隊から 連絡があり、持病を 確かめます。")
    nurse.locator("form[action$='/glass'] button").click()
    nurse.goto(f"/residents/{town.CLOSED}")
    assert "池田 進" in nurse.locator("h1").inner_text()

    page = made.at_home(chromium, town.CLOSED, "池田 進", **PHONE)
    page.goto("/me/seen")
    told = page.locator("section[aria-labelledby=glass]").inner_text()
    assert "鈴木 春子" in told
    assert "救急隊から 連絡があり、持病を 確かめます。" in told


def kept(page: Page, name: str, folder: Path) -> Path:
    """What the button for that export saves."""
    page.goto("/me/export")
    with page.expect_download() as loading:
        page.locator(f"form[action='/me/export/{name}'] button").click()
    place = folder / loading.value.suggested_filename
    loading.value.save_as(place)
    return place


def test_she_takes_her_data_with_her(made: Site, chromium: Browser, tmp_path: Path) -> None:
    page = made.at_home(chromium)
    report = kept(page, "report", tmp_path)
    assert report.suffix == ".html"
    text = report.read_text(encoding="utf-8")
    assert "山田" in text
    assert "<svg" in text
    alone = made.visit(chromium)
    alone.set_content(text)
    assert alone.locator("h1").count() == 1
    assert sideways(alone) <= 0
    with zipfile.ZipFile(kept(page, "tables", tmp_path)) as found:
        assert len(found.namelist()) > 3
    lines = kept(page, "fhir", tmp_path).read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["resourceType"] for line in lines} >= {"Observation"}


@pytest.mark.needs_pango
def test_her_report_comes_as_paper_too(made: Site, chromium: Browser, tmp_path: Path) -> None:
    paper = kept(made.at_home(chromium), "paper", tmp_path)
    assert paper.read_bytes()[:5] == b"%PDF-"

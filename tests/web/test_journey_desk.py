"""A nurse's morning in a real Chromium: with the keyboard alone, without scripts, with a colleague, in one go, live."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from engine.review import Item
from engine.store import repo_advice, repo_notes
from engine.store.database import read
from tests.web import town
from tests.web.accounts import PASSWORD, light, totp
from tests.web.browsing import Site, enrolled, town_site
from tests.web.desks import item, put

__all__ = ["light"]
pytestmark = [
    pytest.mark.flow, pytest.mark.needs_chromium, pytest.mark.xdist_group("chromium"), pytest.mark.usefixtures("light"),
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Site]:
    """The town with nurses who have passwords."""
    with town_site(tmp_path) as found:
        enrolled(found, tmp_path, town.NURSE, town.SECOND)
        yield found


def get(made: Site, name: str) -> Item:
    with read(made.engine) as connection:
        found = repo_advice.get(connection, name)
    assert found is not None
    return found


def waiting(made: Site, wanted: Callable[[Item], bool] = lambda _: True) -> list[Item]:
    """What is open and has no questions to put first."""
    with read(made.engine) as connection:
        items = repo_advice.listed(connection, states=("open",), limit=200)
    return [one for one in items if not one.ask and one.rule_id != "heat-cool" and one.id != town.RED and wanted(one)]


def tab_to(page: Page, selector: str, most: int = 90) -> Locator:
    """Tab, as often as it takes."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return page.locator(":focus")
    raise AssertionError(f"Tab never comes to {selector}")


def press_to(page: Page, key: str, selector: str, most: int = 60) -> None:
    """The same key until the focus is there."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{key} never comes to {selector}")


def act(page: Page, key: str) -> None:
    """A key that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press(key)


def here(page: Page) -> str:
    """The item that is shown."""
    found = re.search(r"/advice/(a-[a-z2-7]{13})", page.url)
    assert found, page.url
    return found[1]


def composing(page: Page, key: str) -> None:
    """A key as the browser tells of it while an input method composes with it."""
    wire = page.context.new_cdp_session(page)
    wire.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": key, "windowsVirtualKeyCode": 229})
    wire.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "windowsVirtualKeyCode": 229})


def test_a_morning_without_a_mouse(made: Site, chromium: Browser) -> None:
    page = made.visit(chromium, viewport={"width": 1400, "height": 900})
    page.goto("/signin")
    tab_to(page, "#login")
    page.keyboard.type(town.NURSE[2:8])
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    page.keyboard.type(totp(made.clock[0]))
    act(page, "Enter")
    assert page.url.endswith("/queue")

    first, second, third = [one.id for one in waiting(made)][:3]
    press_to(page, "j", f"a.open[href*='{first}']")
    composing(page, "o")
    assert page.url.endswith("/queue"), "what is being composed is no key of the desk"
    act(page, "o")
    assert here(page) == first
    act(page, "a")
    assert get(made, first).state == "approved"
    assert here(page) != first, "the next item is open"
    act(page, "u")
    assert (here(page), get(made, first).state) == (first, "open")

    page.goto(f"/advice/{second}")
    page.keyboard.press("r")
    expect(page.locator("input[name=why]").first).to_be_focused()
    page.keyboard.press("Space")
    tab_to(page, "#reason")
    page.keyboard.type("aaa の 値は 主治医が 見ています。")
    tab_to(page, "form[action$=reject] button")
    act(page, "Enter")
    told = get(made, second)
    assert (told.state, (told.reason or "")[:12]) == ("rejected", "not-for-pers"), "letters in a field are letters"

    page.goto(f"/advice/{third}")
    page.keyboard.press("s")
    tab_to(page, "form[action$=snooze] button")
    act(page, "Enter")
    assert get(made, third).state == "snoozed"

    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("g")
    act(page, "q")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("ミヨ")
    act(page, "Enter")
    names = page.locator(".item .name").all_inner_texts()
    assert set(names) == {"佐藤 ミヨ"}, names


def test_whoever_switched_single_keys_off_has_none(made: Site, chromium: Browser) -> None:
    page = made.enter_as(chromium, town.NURSE)
    page.goto("/account")
    tab_to(page, "input[name=single_keys]")
    page.keyboard.press("Space")
    tab_to(page, "form[action='/account'] button")
    act(page, "Enter")
    [name, *_] = [one.id for one in waiting(made)]
    page.goto(f"/advice/{name}")
    for key in "aruso?":
        page.keyboard.press(key)
    assert (here(page), get(made, name).state, page.locator("kbd, details[open]").count()) == (name, "open", 0)


def test_everything_goes_without_scripts(made: Site, chromium: Browser) -> None:
    page = made.enter_as(chromium, town.NURSE, java_script_enabled=False)
    first, second, third = [one.id for one in waiting(made)][:3]
    page.goto(f"/advice/{first}")
    page.locator("form[action$='/approve'] button").click()
    assert get(made, first).state == "approved"

    page.goto(f"/advice/{second}")
    page.locator("summary#edit").click()
    page.locator("#text-ja").fill("朝に もう一度 はかりましょう。")
    page.locator("#text-en").fill("Please measure again in the morning.")
    page.locator("button[value=approve]").click()
    told = get(made, second)
    assert (told.state, told.text_ja) == ("approved", "朝に もう一度 はかりましょう。")

    page.goto(f"/advice/{third}")
    page.locator("section[aria-labelledby=notes] summary").click()
    page.locator("#note").fill("家族に 電話した。")
    page.locator("form[action$='/note'] button").click()
    with read(made.engine) as connection:
        assert [one.text for one in repo_notes.of_advice(connection, third)] == ["家族に 電話した。"]
    assert "家族に 電話した。" in page.locator("ol.said .kept").all_inner_texts()
    page.locator("details:has(form[action$='/reject']) > summary").click()
    page.locator("input[name=why][value=in-treatment]").check()
    page.locator("form[action$='/reject'] button").click()
    assert get(made, third).reason == "in-treatment"

    together(made, page)


def together(made: Site, page: Page) -> None:
    """Approve five in one go, and take all of it back."""
    for name in town.BATCH[:2]:
        page.goto(f"/advice/{name}")
    page.goto("/queue")
    for name in town.BATCH:
        page.locator(f"input[name=item][value={name}]").check()
    page.locator("p.together button").click()
    assert page.locator("ol.texts blockquote").count() == len(town.BATCH)
    page.locator("form[action='/queue/batch'] button").click()
    assert {get(made, name).state for name in town.BATCH} == {"approved"}
    assert page.locator("table tbody tr").count() == len(town.BATCH)
    page.locator("form[action='/queue/batch/undo'] button").click()
    assert {get(made, name).state for name in town.BATCH} == {"open"}
    assert page.locator("form[action='/queue/batch/undo']").count() == 0


def test_five_at_once_by_key_and_all_of_it_undone(made: Site, chromium: Browser) -> None:
    page = made.enter_as(chromium, town.NURSE)
    for name in town.BATCH[:2]:
        page.goto(f"/advice/{name}")
    page.goto("/queue")
    for name in town.BATCH:
        press_to(page, "j", f"a.open[href*='{name}']")
        page.keyboard.press("x")
        expect(page.locator(f"input[value={name}]")).to_be_checked()
        page.locator("h1").click()
        page.evaluate("document.activeElement.blur()")
    tab_to(page, "p.together button")
    act(page, "Enter")
    tab_to(page, "form[action='/queue/batch'] button")
    act(page, "Enter")
    assert {get(made, name).state for name in town.BATCH} == {"approved"}
    tab_to(page, "form[action='/queue/batch/undo'] button")
    act(page, "Enter")
    assert {get(made, name).state for name in town.BATCH} == {"open"}


def test_two_nurses_who_meet_in_one_item_lose_nothing(made: Site, chromium: Browser) -> None:
    [name, *_] = [one.id for one in waiting(made)]
    mine, hers = "朝に もう一度 はかりましょう。", "夜に もう一度 はかりましょう。"
    first = made.enter_as(chromium, town.NURSE)
    second = made.enter_as(chromium, town.SECOND)
    first.goto(f"/advice/{name}")
    first.locator("summary#edit").click()
    with first.expect_response("**/claim"):
        first.locator("#text-ja").fill(mine)

    second.goto(f"/advice/{name}")
    assert "鈴木 春子" in second.locator(".status").first.inner_text(), "who works on it is said"
    second.locator("form[action$='/take-over'] button").click()
    second.locator("summary#edit").click()
    second.locator("#text-ja").fill(hers)
    second.locator("form.edit button.quiet").click()
    expect(second.locator("#preview")).to_have_text(hers)

    first.locator("form.edit button.quiet").click()
    assert "先に変更されています" in first.locator("h1").inner_text()
    shown = first.locator("main").inner_text() + first.locator("main").evaluate(
        "one => [...one.querySelectorAll('textarea, input')].map(field => field.value).join(' ')"
    )
    assert mine in shown
    assert hers in shown
    first.locator("form[action$='/take-over'] button").click()
    first.wait_for_load_state()
    if not first.locator("#text-ja").is_visible():
        first.locator("summary#edit").click()
    assert first.locator("#text-ja").input_value() == mine
    first.locator("form.edit button.quiet").click()
    expect(first.locator("#preview")).to_have_text(mine)
    assert (get(made, name).text_ja, get(made, name).decided_by) == (mine, town.NURSE)


def test_what_is_urgent_is_told_where_it_disturbs_nobody_and_leaves_the_top_once_they_were_reached(
    made: Site, chromium: Browser
) -> None:
    page = made.enter_as(chromium, town.NURSE)
    with page.expect_response("**/live"):
        page.goto("/queue")
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = page.locator(":focus").get_attribute("href")
    page.evaluate("window.sameWindow = true")
    evidence = get(made, town.RED).evidence
    put(made.engine, item("new", "emergency", resident_id=town.PEOPLE[4][0], topic="heart", evidence=evidence,
                          created_at=made.clock[0], updated_at=made.clock[0]))  # fmt: skip
    expect(page.locator("#live [data-kind=urgent]")).to_be_visible()
    assert page.locator(":focus").get_attribute("href") == focused
    assert page.evaluate("window.sameWindow") is True, "nothing was loaded anew"

    page.locator("#live a").first.click()
    top = page.locator("ol.waiting .item").first
    assert "阿部 トシ" in top.inner_text()
    expect(top.locator(".chip.call")).to_have_count(1)
    top.locator("a.open").click()
    page.locator("form[action$='/approve'] button").click()
    assert get(made, "a-newaaaaaaaaaa").state == "approved"
    page.goto("/queue")
    assert "阿部 トシ" in top.inner_text(), "a decision is not enough: nobody has spoken with them"

    top.locator("a.open").click()
    page.locator("#how").select_option("phone")
    page.locator("#outcome").select_option("reached")
    page.locator("form[action$='/contact'] button").click()
    page.goto("/queue")
    assert "佐藤 ミヨ" in top.inner_text()
    assert page.locator("ol.waiting a[href*='a-newaaaaaaaaaa']").count() == 0

"""Programs on the resident's own page: made with a token shown once, told in plain words, ended by one press."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx
import pytest
from playwright.sync_api import Browser

from engine.grants import GROUPS, MOST, Grant, draft, groups_of
from engine.locale import LANGUAGES, has_text
from engine.store import audit, repo_grants
from engine.store.database import read, write
from engine.store.filing import By
from engine.web.sessions import Session
from tests.web.browsing import axe_source, sideways, site, violations
from tests.web.desks import HANAKO, NOW, TARO, Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow


def sit(desk: Desk, who: str = HANAKO) -> Session:
    return desk.enter_as("resident", by=who, name="山田 花子", towns=())


def held(desk: Desk, who: str = HANAKO) -> list[Grant]:
    with read(desk.engine) as connection:
        return repo_grants.of(connection, who)


async def make(desk: Desk, session: Session, *see: str, name: str = "血圧手帳", days: str = "30") -> httpx.Response:
    form = {"csrf": session.csrf, "name": name, "see": list(see), "days": days}
    return await desk.browser.post("/me/apps", data=form)


async def test_a_program_is_made_with_a_token_that_is_shown_once_and_kept_as_a_hash(desk: Desk) -> None:
    shown = (await make(desk, sit(desk), "body", "person")).text
    [token] = re.findall(r"minato_[\w-]{43}", shown)
    assert "data:image/svg+xml" in shown
    assert re.search(r">http://127.0.0.1(:\d+)?/fhir<", shown)
    [one] = held(desk)
    assert (one.name, one.until, groups_of(one)) == ("血圧手帳", NOW + timedelta(days=30), ("person", "body"))
    assert one.issued_by == HANAKO
    with read(desk.engine) as connection:
        assert repo_grants.by_token(connection, token) == one
        [link] = [link for link in audit.entries(connection, limit=999) if link.action == "api-grant"]
    assert (link.actor, link.subject) == (HANAKO, HANAKO)
    again = (await desk.browser.get("/me/apps")).text
    assert token not in again
    assert "血圧手帳" in again
    assert "体の値（体重・血圧・歩数など）と 機器" in again
    assert "まだ 読んでいません。" in again
    assert "It has not read yet." in (await desk.browser.get("/me/apps?lang=en")).text


async def test_everything_stands_for_itself_and_the_page_tells_when_it_was_read(desk: Desk) -> None:
    session = sit(desk)
    await make(desk, session, "all", "body")
    [one] = held(desk)
    assert one.scopes == ("patient/*.rs",)
    with write(desk.engine) as connection:
        repo_grants.touch(connection, one, NOW - timedelta(hours=1), "t", [])
    shown = (await desk.browser.get("/me/apps")).text
    assert "さいごに 読んだのは 2026年11月21日 17時30分です。" in shown
    seen = (await desk.browser.get("/me/seen")).text
    assert '<strong translate="no">血圧手帳</strong> <span class="faint">アプリ</span>' in seen
    assert "記録を もちだしました。" in seen


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"see": []}, "読ませるものを えらんでください。"), ({"see": ["nothing"]}, "読ませるものを えらんでください。"),
     ({"name": " "}, "アプリの 名前を 書いてください。"), ({"name": "あ" * 61}, "名前は 60文字までに してください。"),
     ({"name": "\u202eあ"}, "ほかの 文字で 書いてください。")],
)  # fmt: skip
async def test_what_cannot_be_made_is_said_and_what_was_typed_stays(
    desk: Desk, fields: dict[str, str | list[str]], said: str
) -> None:
    session = sit(desk)
    form = {"csrf": session.csrf, "name": "血圧手帳", "see": ["body"], "days": "365"} | fields
    answer = await desk.browser.post("/me/apps", data=form)
    assert answer.status_code == 422
    assert said in answer.text
    assert '<option value="365" selected>' in answer.text
    assert held(desk) == []


async def test_nobody_has_more_programs_than_they_can_watch(desk: Desk) -> None:
    session = sit(desk)
    for number in range(MOST):
        assert (await make(desk, session, "body", name=f"アプリ{number}")).status_code == 200
    answer = await make(desk, session, "body", name="もう一つ")
    assert answer.status_code == 422
    assert "先に、どれか 1つの アプリを" in answer.text


async def test_one_press_ends_it_and_nobody_elses_can_be_ended(desk: Desk) -> None:
    await make(desk, sit(desk, TARO), "body", name="太郎のアプリ")
    session = sit(desk)
    await make(desk, session, "body")
    [mine], [his] = held(desk), held(desk, TARO)
    for name, status in ((his.id, 404), ("x-" + "z" * 13, 404), ("", 404), (mine.id, 303), (mine.id, 303)):
        answer = await desk.browser.post("/me/apps/revoke", data={"csrf": session.csrf, "grant": name})
        assert answer.status_code == status
    assert [one.revoked_at for one in (*held(desk), *held(desk, TARO))] == [NOW, None]
    shown = (await desk.browser.get("/me/apps")).text
    assert "いま 読める アプリは ありません。" in shown
    assert "太郎のアプリ" not in shown
    assert (await desk.browser.post("/me/apps", data={"name": "x", "see": "body"})).status_code == 403


async def test_what_was_given_at_the_desk_in_finer_words_is_told_too(desk: Desk) -> None:
    session = sit(desk)
    await make(desk, session, "body")
    with write(desk.engine) as connection:
        made = draft("研究", ["patient/Goal.r"], 5, NOW, resident=HANAKO, issued_by="木村")
        assert isinstance(made, Grant)
        repo_grants.issue(connection, made, By("木村", "t"), Random(1))
    shown = (await desk.browser.get("/me/apps")).text
    assert "窓口で きめたもの" in shown
    seen = (await desk.browser.get("/me/seen")).text
    assert "木村" in seen


def test_every_group_has_its_words_in_both_languages() -> None:
    wanted = [f"me.apps.group.{one}" for one in (*GROUPS, "other")]
    assert [(lang, key) for lang in LANGUAGES for key in wanted if not has_text(lang, "resident", key)] == []


@pytest.mark.needs_chromium
def test_the_page_and_the_token_are_read_by_everybody_on_a_narrow_screen(tmp_path: Path, chromium: Browser) -> None:
    source = axe_source()
    with site(tmp_path, NOW) as made:
        page = made.at_home(chromium, viewport={"width": 320, "height": 640})
        page.goto("/me/apps")
        assert violations(page, source) == []
        assert sideways(page) == 0
        page.get_by_label("アプリの 名前").fill("血圧手帳")
        page.get_by_label("名前・生まれた日・性別").check()
        page.get_by_role("button", name="読ませる", exact=True).click()
        assert page.get_by_role("img").count() == 1
        assert violations(page, source) == []
        assert sideways(page) == 0
        page.get_by_role("link", name="アプリの ページへ").click()
        page.get_by_role("button", name="読むのを とめる").click()
        assert page.get_by_text("いま 読める アプリは ありません。").is_visible()

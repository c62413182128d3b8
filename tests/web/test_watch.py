"""民生委員 and 地域包括: only who named them, nothing of anybody's health, and notes that nurses read too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.store import repo_notes
from engine.store.database import read
from engine.web.desk.watch import area_of
from tests.web.care import STRANGER, WATCHER, stranger, told, watched_by, weighed, withdraw
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, item, put, rename

__all__ = ["desk"]


async def test_a_watcher_sees_who_named_them_by_name_and_part_of_town_and_nothing_else(desk: Desk) -> None:
    rename(desk.engine, HANAKO, address="酒田市中町2丁目3-4")
    watched_by(desk.engine, HANAKO, WATCHER, NOW)
    watched_by(desk.engine, TARO, "s-someoneelseaa", NOW)
    weighed(desk.engine, HANAKO, NOW, ["62.3"])
    told(desk.engine, HANAKO, NOW - timedelta(days=9), ("lab.hba1c", "6.4", "%"))
    put(desk.engine, item("one", resident_id=HANAKO))
    desk.enter_as("watcher", by=WATCHER, name="民生委員 高橋")
    page = (await desk.browser.get("/watch")).text
    assert "山田 花子" in page
    assert "酒田市中町" in page
    assert "太郎" not in page
    one = (await desk.browser.get(f"/watch/{HANAKO}")).text
    for secret in ("2丁目", "62.3", "6.4", "9876", "/residents/", "/advice/", "75"):
        assert secret not in page + one
    for closed in (f"/residents/{HANAKO}", "/caseload", "/residents?q=やまだ", "/requests", "/devices", "/workload"):
        assert (await desk.browser.get(closed)).status_code == 403


async def test_who_did_not_name_this_very_person_does_not_exist_for_them(desk: Desk) -> None:
    stranger(desk.engine, NOW)
    watched_by(desk.engine, TARO, "s-someoneelseaa", NOW)
    watched_by(desk.engine, STRANGER, WATCHER, NOW)
    session = desk.enter_as("watcher", by=WATCHER)
    for name in (TARO, STRANGER, "r-nobodynobody2"):
        assert (await desk.browser.get(f"/watch/{name}")).status_code == 404
        sent = await desk.browser.post(f"/watch/{name}/note", data={"csrf": session.csrf, "text": "見た"})
        assert sent.status_code == 404


async def test_who_was_sent_away_comes_back_only_when_named_again(desk: Desk) -> None:
    watched_by(desk.engine, TARO, WATCHER, NOW - timedelta(days=3))
    desk.enter_as("watcher", by=WATCHER)
    assert (await desk.browser.get(f"/watch/{TARO}")).status_code == 200
    watched_by(desk.engine, TARO, WATCHER, NOW - timedelta(days=2), granted=False)
    assert (await desk.browser.get(f"/watch/{TARO}")).status_code == 404
    assert "太郎" not in (await desk.browser.get("/watch")).text
    watched_by(desk.engine, TARO, WATCHER, NOW - timedelta(days=1))
    assert (await desk.browser.get(f"/watch/{TARO}")).status_code == 200


async def test_who_died_is_on_no_watchers_list_of_whom_to_look_after(desk: Desk) -> None:
    watched_by(desk.engine, HANAKO, WATCHER, NOW)
    desk.enter_as("watcher", by=WATCHER)
    assert "山田 花子" in (await desk.browser.get("/watch")).text
    rename(desk.engine, HANAKO, status="deceased")
    assert "山田 花子" not in (await desk.browser.get("/watch")).text


async def test_a_note_is_read_by_the_nurse_if_the_resident_agreed_to_nurses(desk: Desk) -> None:
    watched_by(desk.engine, TARO, WATCHER, NOW)
    desk.enter_as("watcher", by=WATCHER)
    form = Page((await desk.browser.get(f"/watch/{TARO}")).text).forms[f"/watch/{TARO}/note"]
    empty = await desk.browser.post(f"/watch/{TARO}/note", data=form | {"text": " "})
    assert empty.status_code == 422
    sent = await desk.browser.post(f"/watch/{TARO}/note", data=form | {"text": "郵便が たまっていた"})
    assert sent.status_code == 303
    with read(desk.engine) as connection:
        [note] = repo_notes.of_resident(connection, TARO, ("watch",))
    assert (note.author, note.kind) == (WATCHER, "watch")
    desk.enter_as("nurse")
    for page in ("/watch", f"/watch/{TARO}", f"/residents/{TARO}"):
        assert "郵便が たまっていた" in (await desk.browser.get(page)).text
    withdraw(desk.engine, TARO, "nurse-review", NOW)
    assert "郵便" not in (await desk.browser.get("/watch")).text
    assert (await desk.browser.get(f"/watch/{TARO}")).status_code == 403


@pytest.mark.parametrize(
    ("address", "area"),
    [
        ("酒田市中町2丁目3-4", "酒田市中町"),
        ("酒田市本町一丁目2番45号", "酒田市本町"),
        ("遊佐町遊佐字舞鶴２０２", "遊佐町遊佐字舞鶴"),
        ("山形県酒田市", "山形県酒田市"),
        ("", ""),
        (None, ""),
    ],
)
def test_where_about_somebody_lives_names_no_house(address: str | None, area: str) -> None:
    assert area_of(address) == area

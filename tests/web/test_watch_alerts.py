"""Deciding about an alert at the desk, what watchers and family read of it, and what the resident sees of both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.store import repo_watch_alerts
from engine.store.database import read, write
from engine.store.repo_watch_alerts import Raised
from engine.watching_round import look
from engine.watching_telling import tell
from tests.homes import HANAKO
from tests.watched_home import BY, CUFF, HOUR, NURSE, WATCHER, hears, listens, watched_home
from tests.web.care import STRANGER, stranger, watched_by, withdraw
from tests.web.desks import NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
DIFFERENT, BACK, LIMITS = "いつもと様子が違うようです", "また連絡が取れています", "24時間の見守りではありません"


def raised(desk: Desk) -> tuple[str, Raised]:
    """The daughter's id, and the alert about a mother who was not heard for sixty hours."""
    daughter = watched_home(desk.engine, NOW)
    look(desk.engine, NOW)
    with read(desk.engine) as connection:
        [alert] = repo_watch_alerts.standing(connection)[HANAKO]
    return daughter, alert


def told(desk: Desk, alert: Raised, *recipients: str) -> None:
    with write(desk.engine) as connection:
        assert hasattr(tell(connection, alert.seq, recipients, BY, NOW), "recipients")


def nurse(desk: Desk) -> str:
    return desk.enter_as("nurse", by=NURSE).csrf


def plain(text: str) -> str:
    return text.replace(" ", "")


async def test_a_nurse_finds_who_is_unlike_themself_and_tells_whom_they_chose(desk: Desk) -> None:
    daughter, alert = raised(desk)
    nurse(desk)
    page = (await desk.browser.get("/watch")).text
    assert "本人の記録が途絶えた" in page
    one = f"/watch/alert/{alert.seq}"
    assert one in page
    shown = (await desk.browser.get(one)).text
    assert "山田 夏子" in shown
    assert "本間 民子" in shown
    form = Page(shown).forms[f"{one}/tell"]
    sent = await desk.browser.post(f"{one}/tell", data=form | {"to": [WATCHER, daughter]})
    assert sent.status_code == 303
    after = (await desk.browser.get(one)).text
    assert "ほかにいません" in after
    again = await desk.browser.post(f"{one}/tell", data=form | {"to": [daughter]})
    assert again.status_code == 422
    assert "もう知らせました" in again.text
    nobody = await desk.browser.post(f"{one}/tell", data=form)
    assert nobody.status_code == 422


async def test_the_page_of_a_nurses_morning_shows_who_is_unlike_themself_and_the_call_nobody_answered(
    desk: Desk,
) -> None:
    _, alert = raised(desk)
    csrf, one = nurse(desk), f"/watch/alert/{alert.seq}"
    morning = (await desk.browser.get("/cases")).text
    assert one in morning
    assert "本人の記録が途絶えた" in morning
    before = (await desk.browser.get(one)).text
    sent = await desk.browser.post(f"{one}/call", data={"csrf": csrf, "outcome": "absent", "text": "夕方にもう一度"})
    assert sent.status_code == 303
    after = (await desk.browser.get(one)).text
    assert "夕方にもう一度" in after
    assert "夕方にもう一度" not in before
    desk.enter_as("dietitian", by="s-dietdietdietd")
    assert one not in (await desk.browser.get("/cases")).text


async def test_the_one_who_watches_reads_that_something_is_different_and_no_value(desk: Desk) -> None:
    daughter, alert = raised(desk)
    told(desk, alert, WATCHER, daughter)
    desk.enter_as("watcher", by=WATCHER, name="民生委員 本間")
    page = (await desk.browser.get("/watch")).text
    assert DIFFERENT in page
    assert LIMITS in page
    for secret in ("128", "4000", "反応", "機器", f"/watch/alert/{alert.seq}"):
        assert secret not in page
    assert (await desk.browser.get(f"/watch/alert/{alert.seq}")).status_code == 403
    assert (await desk.browser.get("/devices/quiet")).status_code == 403
    hears(desk.engine, CUFF, "systolic", [(NOW - HOUR, "128")])
    look(desk.engine, NOW)
    assert BACK in (await desk.browser.get("/watch")).text
    watched_by(desk.engine, HANAKO, WATCHER, NOW, granted=False)
    gone = (await desk.browser.get("/watch")).text
    assert BACK not in gone
    assert DIFFERENT not in gone


async def test_the_daughter_reads_it_on_her_page_though_she_may_see_nothing_else(desk: Desk) -> None:
    daughter, alert = raised(desk)
    desk.enter_as("family", by=daughter, name="山田 夏子", towns=())
    assert DIFFERENT not in plain((await desk.browser.get("/family")).text)
    told(desk, alert, daughter)
    page = plain((await desk.browser.get("/family")).text)
    assert DIFFERENT in page
    assert "声をかけてみてください" in page
    assert "128" not in page
    assert (await desk.browser.get(f"/family/{HANAKO}")).status_code == 404
    watched_by(desk.engine, HANAKO, daughter, NOW, granted=False)
    assert DIFFERENT not in plain((await desk.browser.get("/family")).text)


async def test_the_resident_sees_who_watches_whom_it_was_told_and_says_that_all_is_well(desk: Desk) -> None:
    daughter, alert = raised(desk)
    told(desk, alert, daughter)
    session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    page = (await desk.browser.get("/me/watching")).text
    for words in ("本間 民子", "山田 夏子", "知らせました"):
        assert words in page
    sent = await desk.browser.post("/me/watching/fine", data={"csrf": session.csrf})
    assert sent.status_code == 303
    assert "元気だと 書きとめました" in (await desk.browser.get(sent.headers["location"])).text
    seen = plain((await desk.browser.get("/me/seen")).text)
    assert "見守る人に知らせました" in seen
    with read(desk.engine) as connection:
        assert repo_watch_alerts.standing(connection) == {}
    desk.enter_as("family", by=daughter, name="山田 夏子", towns=())
    assert BACK in plain((await desk.browser.get("/family")).text)
    desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    other = (await desk.browser.get("/me/watching")).text
    assert "夏子" not in other
    assert "/me/watching/fine" not in other


async def test_an_alert_of_another_town_or_without_a_yes_to_nurses_does_not_exist(desk: Desk) -> None:
    _, alert = raised(desk)
    stranger(desk.engine, NOW)
    one = f"/watch/alert/{alert.seq}"
    desk.enter_as("nurse", by="s-yuzanurseyuza", towns=("064611",))
    assert (await desk.browser.get(one)).status_code == 404
    assert "花子" not in (await desk.browser.get("/watch")).text
    csrf = nurse(desk)
    for name in ("999999", "x", "-1", STRANGER, "9" * 30):
        assert (await desk.browser.get(f"/watch/alert/{name}")).status_code == 404
        sent = await desk.browser.post(f"/watch/alert/{name}/tell", data={"csrf": csrf, "to": WATCHER})
        assert sent.status_code == 404
    withdraw(desk.engine, HANAKO, "nurse-review", NOW)
    assert (await desk.browser.get(one)).status_code == 403
    assert one not in (await desk.browser.get("/watch")).text


async def test_a_nurse_calls_puts_aside_and_closes_with_a_reason(desk: Desk) -> None:
    _, alert = raised(desk)
    csrf, one = nurse(desk), f"/watch/alert/{alert.seq}"
    absent = await desk.browser.post(f"{one}/call", data={"csrf": csrf, "outcome": "absent"})
    assert absent.status_code == 303
    assert (await desk.browser.post(f"{one}/call", data={"csrf": csrf, "outcome": "gone"})).status_code == 422
    assert (await desk.browser.post(f"{one}/aside", data={"csrf": csrf, "act": "dismiss"})).status_code == 422
    aside = {"csrf": csrf, "act": "dismiss", "reason": "known-away", "text": "娘の家にいる"}
    assert (await desk.browser.post(f"{one}/aside", data=aside)).status_code == 303
    page = (await desk.browser.get(one)).text
    assert "known-away" not in page
    assert "娘の家にいる" in page
    assert f"{one}/tell" not in page
    assert one not in (await desk.browser.get("/watch")).text
    late = await desk.browser.post(f"{one}/tell", data={"csrf": csrf, "to": WATCHER})
    assert late.status_code == 422


async def test_what_nobody_decided_in_time_stands_at_the_top_and_says_so(desk: Desk) -> None:
    _, alert = raised(desk)
    desk.wait(timedelta(days=5))
    nurse(desk)
    page = (await desk.browser.get("/watch")).text
    assert f"/watch/alert/{alert.seq}" in page
    assert 'class="badge urgent"' in page


async def test_silent_devices_stand_on_the_help_desks_list_without_names(desk: Desk) -> None:
    watched_home(desk.engine, NOW, quiet=100 * HOUR, lies=False)
    hears(desk.engine, CUFF, "systolic", [(NOW - hours * HOUR, "128") for hours in (75, 51, 27, 3)])
    listens(desk.engine, NOW, days=1)
    look(desk.engine, NOW)
    desk.enter_as("helpdesk", by="s-helpdeskhelpd", name="窓口")
    page = (await desk.browser.get("/devices/quiet")).text
    assert "この機器だけ来ない" in page
    assert "花子" not in page
    assert "ヤマダ" in page
    nurse(desk)
    assert "この機器だけ来ない" in (await desk.browser.get("/watch")).text

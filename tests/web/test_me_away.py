"""Being away as the resident says it: one form, and a button for being back."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from engine.situation import LifeEvent
from engine.store import audit, repo_life
from engine.store.database import read
from engine.web.sessions import Session
from tests.homes import HANAKO
from tests.web.desks import Desk, desk
from tests.web.test_acting import let
from tests.web.test_acting import sit as act

__all__ = ["desk"]
pytestmark = pytest.mark.flow
PAGE = "/me/away"


def sit(desk: Desk) -> Session:
    return desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())


def trips(desk: Desk) -> list[LifeEvent]:
    with read(desk.engine) as connection:
        return list(repo_life.situation(connection, HANAKO).standing)


async def send(desk: Desk, session: Session, **data: str) -> httpx.Response:
    return await desk.browser.post(PAGE, data={"csrf": session.csrf, **data})


async def test_a_trip_is_said_in_one_form_changed_and_over_by_one_button(desk: Desk) -> None:
    session = sit(desk)
    assert "いつ 帰りますか" in (await desk.browser.get(PAGE)).text
    done = await send(desk, session, do="leave", since="2026-11-21", until="2026-11-28")
    assert done.status_code == 303
    shown = (await desk.browser.get(PAGE)).text
    assert "いまは るすに なっています。" in shown
    assert "2026年11月28日に 帰る よていです。" in shown
    assert (await send(desk, session, do="change", until="2026-12-03")).status_code == 303
    assert "2026年12月3日に 帰る よていです。" in (await desk.browser.get(PAGE)).text
    desk.wait(timedelta(days=1))
    session = sit(desk)
    assert (await send(desk, session, do="back")).status_code == 303
    [trip] = trips(desk)
    assert trip.until == desk.clock[0]
    assert trip.by == HANAKO
    assert "いつ 帰りますか" in (await desk.browser.get(PAGE)).text
    # Pressed twice nothing else happens, and nobody is away by it.
    assert (await send(desk, session, do="back")).status_code == 422
    assert len(trips(desk)) == 1
    with read(desk.engine) as connection:
        acts = {entry.action for entry in audit.entries(connection, subject=HANAKO)}
    assert {"away-view", "life-record", "life-end"} <= acts


async def test_a_trip_to_come_is_called_off_and_leaves_no_trace_in_what_applies(desk: Desk) -> None:
    session = sit(desk)
    await send(desk, session, do="leave", since="2026-11-25", until="2026-11-28")
    assert "2026年11月25日から るすに なります。" in (await desk.browser.get(PAGE)).text
    assert (await send(desk, session, do="back")).status_code == 303
    assert trips(desk) == []


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("2026-11-20", "2026-11-28", "きょうか、これからの 日を えらんでください。"),
        ("2026-11-25", "2026-11-25", "帰る 日は、出かける 日より あとに してください。"),
        ("2026-11-25", "", "帰る 日を えらんでください。"),
        ("2026-11-25", "2027-07-25", "るすは 一度に 半年までです。"),
        ("あした", "2026-11-28", "日を えらんでください。"),
    ],
)
async def test_a_day_that_cannot_be_is_said_in_plain_words_and_kept_in_the_box(
    desk: Desk, since: str, until: str, words: str
) -> None:
    answer = await send(desk, sit(desk), do="leave", since=since, until=until)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{until}"' in answer.text
    assert trips(desk) == []


async def test_who_acts_for_them_says_it_and_the_trail_tells_who(desk: Desk) -> None:
    one = let(desk, "guardian", ("see", "requests"))
    browser = act(desk, one)
    page = await browser.get(f"/family/{HANAKO}/away")
    assert "代わりに 見ています" in page.text
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    sent = {"csrf": csrf, "do": "leave", "since": "2026-11-25", "until": "2026-11-28"}
    assert (await browser.post(f"/family/{HANAKO}/away", data=sent)).status_code == 303
    [trip] = trips(desk)
    assert trip.by == one.actor
    with read(desk.engine) as connection:
        actions = {(entry.actor, entry.action) for entry in audit.entries(connection, subject=one.id)}
    assert (one.actor, "acting-away") in actions
    await browser.aclose()

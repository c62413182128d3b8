"""Before and after a class at the desk: begun and ended by a nurse, read by the resident, closed to everybody else."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from engine.store import repo_before_after, repo_consents
from engine.store.database import read, write
from engine.web.sessions import Session
from tests.flow.test_evaluate import hear, pressure
from tests.homes import HANAKO, TARO, consent
from tests.web.desks import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
MINUTE = timedelta(minutes=1)


def nurse(desk: Desk, town: str = "062049") -> Session:
    return desk.enter_as("nurse", by="s-nursenursenur", name="鈴木", towns=(town,))


async def send(desk: Desk, session: Session, path: str, **data: str) -> httpx.Response:
    return await desk.browser.post(path, data={"csrf": session.csrf, **data})


async def booked(desk: Desk, session: Session, clock: str, *names: str) -> str:
    """A class of 90 minutes on the 25th with these people."""
    fields = {"title": "運動教室", "day": "2026-11-25", "clock": clock, "minutes": "90", "place": "体育館",
              "staff": "", "capacity": "5", "town": "062049"}  # fmt: skip
    path = (await send(desk, session, "/appointments/class", **fields)).headers["location"]
    for name in names:
        assert (await send(desk, session, f"{path}/join", resident=name)).status_code == 303
    return path


async def a_class(desk: Desk) -> str:
    """A class of the 25th at 13:30 with both of them booked, half an hour before it begins."""
    session = nurse(desk)
    path = await booked(desk, session, "13:30", HANAKO, TARO)
    early = await send(desk, session, f"{path}/sessions/begin", resident=HANAKO)
    assert early.status_code == 422
    assert "当日の開始2時間前から" in early.text
    desk.wait(timedelta(days=3, hours=18, minutes=30))
    return f"{path}/sessions"


async def test_a_nurse_begins_and_ends_with_one_press_each_and_the_resident_reads_the_difference(desk: Desk) -> None:
    path = await a_class(desk)
    now = desk.clock[0]
    hear(desk.engine, [pressure(now - 5 * MINUTE, 131, 80)], now)
    session = nurse(desk)
    page = (await desk.browser.get(path)).text
    assert "花子" in page
    assert "131" not in page, "no value is shown here"
    assert (await send(desk, session, f"{path}/begin", resident=HANAKO)).status_code == 303
    again = await send(desk, session, f"{path}/begin", resident=HANAKO)
    assert "もう始まっています。" in again.text
    assert "13:00 から" in again.text
    desk.wait(40 * MINUTE)
    session = nurse(desk)
    assert (await send(desk, session, f"{path}/end", resident=HANAKO)).status_code == 303
    assert "13:40 に終了" in (await desk.browser.get(path)).text
    assert (await send(desk, session, f"{path}/end", resident=HANAKO)).status_code == 422
    desk.wait(20 * MINUTE)
    hear(desk.engine, [pressure(desk.clock[0] - 5 * MINUTE, 118, 74)], desk.clock[0])
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    mine = (await desk.browser.get("/me/sessions")).text
    assert "体育館" in mine
    assert "まえ 131 → あと 118 mmHg" in mine
    with read(desk.engine) as connection:
        assert [one.by for one in repo_before_after.of(connection, HANAKO)] == ["s-nursenursenur"]


async def test_with_a_pressure_that_high_nobody_is_begun_with(desk: Desk) -> None:
    path = await a_class(desk)
    hear(desk.engine, [pressure(desk.clock[0] - 5 * MINUTE, 182, 100)], desk.clock[0])
    refused = await send(desk, nurse(desk), f"{path}/begin", resident=HANAKO)
    assert refused.status_code == 422
    assert "いま測った血圧では始めません。" in refused.text
    with read(desk.engine) as connection:
        assert repo_before_after.of(connection, HANAKO) == []


async def test_a_bath_at_home_is_neither_seen_nor_ended_by_the_class(desk: Desk) -> None:
    path = await a_class(desk)
    session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    assert (await send(desk, session, "/me/sessions", sort="bath", place="湯田川温泉")).status_code == 303
    session = nurse(desk)
    page = (await desk.browser.get(path)).text
    assert "湯田川温泉" not in page
    assert (await send(desk, session, f"{path}/end", resident=HANAKO)).status_code == 422
    with read(desk.engine) as connection:
        assert repo_before_after.of(connection, HANAKO)[0].ended_at is None


async def test_what_begins_at_the_evenings_class_is_not_ended_by_the_afternoons(desk: Desk) -> None:
    path = await a_class(desk)
    evening = await booked(desk, nurse(desk), "18:00", HANAKO) + "/sessions"
    desk.wait(timedelta(hours=4, minutes=30))
    session = nurse(desk)
    assert (await send(desk, session, f"{evening}/begin", resident=HANAKO)).status_code == 303
    desk.wait(40 * MINUTE)
    session = nurse(desk)
    assert (await send(desk, session, f"{path}/end", resident=HANAKO)).status_code == 422
    assert (await send(desk, session, f"{evening}/end", resident=HANAKO)).status_code == 303


async def test_who_did_not_agree_is_a_number_and_who_is_not_booked_or_not_ours_is_not_there(desk: Desk) -> None:
    path = await a_class(desk)
    with write(desk.engine) as connection:
        no = consent(TARO, "nurse-review", granted=False, at=desk.clock[0] - MINUTE)
        repo_consents.append(connection, no, os_user="test")
    session = nurse(desk)
    page = (await desk.browser.get(path)).text
    assert "太郎" not in page
    assert "ほかに1人が予約していますが" in page
    assert (await send(desk, session, f"{path}/begin", resident=TARO)).status_code == 403
    assert (await send(desk, session, f"{path}/begin", resident="r-nobodynobody2")).status_code == 404
    session = nurse(desk, "064611")
    assert (await desk.browser.get(path)).status_code == 404
    assert (await send(desk, session, f"{path}/begin", resident=HANAKO)).status_code == 404

"""Advice that rested on somebody else's measurement: its reader is told, once, and what was urgent still stands."""

from __future__ import annotations

import pytest

from engine.store import filing, repo_notices
from engine.store.database import read, write
from tests.homes import HANAKO, TARO
from tests.web.desks import NOW, Desk, desk
from tests.web.resident_home import delivered, hear, reading
from tests.web.test_me_today import shown, texts

__all__ = ["desk"]
pytestmark = pytest.mark.flow
WHO = filing.By("nurse", "test")
TAKEN_BACK = "次の助言は 取り消しました。"
DOUBTED = "もとにした 数字に、ほかの方のものが ありました。"


async def test_who_got_advice_on_anothers_measurement_is_told_and_need_not_follow_it(desk: Desk) -> None:
    measured = reading(1, 1.0, systolic="171", diastolic="101")
    hear(desk.engine, measured)
    evidence = {"signals": {"bp": {"inputs": [measured.id]}}}
    routine = delivered(desk.engine, "話", evidence=evidence)
    urgent = delivered(desk.engine, "急ぎ", "prompt", evidence=evidence)
    other = delivered(desk.engine, "別の話")
    desk.enter_as("resident", by=HANAKO)
    before = texts(await shown(desk, "/me/advice"))
    assert TAKEN_BACK not in before
    assert DOUBTED not in before
    with write(desk.engine) as connection:
        filing.assign(connection, measured.id, TARO, NOW, WHO)
    with read(desk.engine) as connection:
        notices = [(one.kind, one.about) for one in repo_notices.of(connection, HANAKO) if one.kind == "correction"]
    assert sorted(notices) == sorted([("correction", routine.id), ("correction", urgent.id)])
    page = texts(await shown(desk, "/me/advice"))
    assert TAKEN_BACK in page
    # The referral is never taken back by silence, but its doubt is said; what rests on other values stays as it is.
    assert page.count(DOUBTED) == 1
    assert "「お医者さんに 行ってください」は 取り消していません。" in page
    assert "別の" in page
    assert DOUBTED in texts(await shown(desk, f"/me/advice/{urgent.id}"))
    assert DOUBTED not in texts(await shown(desk, f"/me/advice/{other.id}"))
    assert "This advice was taken back" not in page
    english = texts(await shown(desk, "/me/advice?lang=en"))
    assert "It rested on somebody else's measurement." in english


async def test_a_measurement_that_comes_back_makes_the_advice_hold_again(desk: Desk) -> None:
    measured = reading(1, 1.0, systolic="171", diastolic="101")
    hear(desk.engine, measured)
    delivered(desk.engine, "話", evidence={"signals": {"bp": {"inputs": [measured.id]}}})
    desk.enter_as("resident", by=HANAKO)
    with write(desk.engine) as connection:
        filing.assign(connection, measured.id, TARO, NOW, WHO)
        filing.assign(connection, measured.id, HANAKO, NOW, WHO)
    page = texts(await shown(desk, "/me/advice"))
    assert TAKEN_BACK not in page
    assert "家の 血圧の 話です。" in page

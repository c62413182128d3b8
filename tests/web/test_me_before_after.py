"""Baths and classes on my own page: begun, ended, felt, deleted; what was measured side by side, and no reason why."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pypdfium2  # type: ignore[import-untyped]
import pytest

from engine.before_after_store import tend
from engine.store import audit, repo_before_after
from engine.store.database import read
from engine.web.sessions import Session
from tests.flow.test_evaluate import hear, pressure
from tests.homes import HANAKO, TARO
from tests.web.desks import NOW, Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
PAGE, MINUTE = "/me/sessions", timedelta(minutes=1)


def sit(desk: Desk, name: str = HANAKO) -> Session:
    return desk.enter_as("resident", by=name, name="山田 花子", towns=())


async def send(desk: Desk, session: Session, path: str = "", **data: str) -> httpx.Response:
    return await desk.browser.post(f"{PAGE}{path}", data={"csrf": session.csrf, **data})


async def shown(desk: Desk) -> str:
    return (await desk.browser.get(PAGE)).text


def numbers(desk: Desk) -> list[int]:
    with read(desk.engine) as connection:
        return [one.number for one in repo_before_after.of(connection, HANAKO)]


async def test_a_bath_from_its_beginning_to_what_a_nurse_hears_of_it(desk: Desk) -> None:
    hear(desk.engine, [pressure(NOW - 5 * MINUTE, 128, 80)], NOW)
    session = sit(desk)
    assert "お湯は 41度まで" in await shown(desk)
    assert (await send(desk, session, sort="bath", place="湯田川温泉", fatigue="6")).status_code == 303
    page = await shown(desk)
    assert "はじまりました。" in page
    assert "湯田川温泉" in page
    desk.wait(20 * MINUTE)
    assert (await send(desk, session, "/end")).status_code == 303
    [number] = numbers(desk)
    assert "まえと あとの 値が そろっていません。" in await shown(desk)
    desk.wait(20 * MINUTE)
    hear(desk.engine, [pressure(NOW + 35 * MINUTE, 88, 60)], desk.clock[0])
    assert tend(desk.engine, desk.clock[0]) == 1
    session = sit(desk)
    assert (await send(desk, session, "/felt", number=f"{number}", fatigue="3")).status_code == 303
    page = await shown(desk)
    for words in (
        "まえ 128 → あと 88 mmHg", "違い −40", "ふだんの ゆれより 下がりました。", "まえ 6 → あと 3",
        "おわった あとの 血圧が 低めです。", "すわるか 横に なって 休んでください。", "保健師が 電話で ようすを 聞きます。",
        "5回に なると まとめます（いま 1回）。",
    ):  # fmt: skip
        assert words in page, words
    for word in ("効", "おかげ", "治"):
        assert word not in page.split("<main")[1].split("</main>")[0]
    desk.wait(timedelta(hours=4))
    sit(desk)
    assert "すわるか 横に なって" not in await shown(desk), "that was then"
    with read(desk.engine) as connection:
        acts = {entry.action for entry in audit.entries(connection, subject=HANAKO)}
        assert audit.verify(connection) is None
    assert {"before-after-start", "before-after-end", "before-after-felt", "before-after-view"} <= acts


async def test_the_sheet_has_the_numbers_of_the_page_and_no_reason_for_them(desk: Desk) -> None:
    at = NOW
    for before, after in ((128, 118), (131, 97)):
        hear(desk.engine, [pressure(at - 5 * MINUTE, before, 80)], at)
        session = sit(desk)
        assert (await send(desk, session, sort="bath", place="湯田川温泉")).status_code == 303
        desk.wait(20 * MINUTE)
        assert (await send(desk, session, "/end")).status_code == 303
        desk.wait(20 * MINUTE)
        hear(desk.engine, [pressure(desk.clock[0] - 5 * MINUTE, after, 70)], desk.clock[0])
        desk.wait(timedelta(hours=20))
        at = desk.clock[0]
    session = sit(desk)
    made = await send(desk, session, "/sheet")
    assert made.headers["content-disposition"] == 'attachment; filename="minato-before-after-2026-11-23.pdf"'
    text = "".join(one.get_textpage().get_text_bounded() for one in pypdfium2.PdfDocument(made.content))
    for words in ("山田 花子", "湯田川温泉", "128", "118", "−10", "131", "97", "−34", "5回に なると まとめます",
                  "なぜ 変わったかは、ここからは 分かりません。"):  # fmt: skip
        assert words in text, words
    for word in ("効", "おかげ", "治"):
        assert word not in text
    his = sit(desk, TARO)
    theirs = await send(desk, his, "/sheet")
    text = "".join(one.get_textpage().get_text_bounded() for one in pypdfium2.PdfDocument(theirs.content))
    assert "128" not in text


async def test_with_a_pressure_that_high_nothing_begins(desk: Desk) -> None:
    hear(desk.engine, [pressure(NOW - 5 * MINUTE, 160, 80)], NOW)
    session = sit(desk)
    refused = await send(desk, session, sort="bath")
    assert refused.status_code == 422
    assert "いまの 血圧では、はじめないでください。" in refused.text
    assert "119番" in refused.text
    assert numbers(desk) == []
    assert (await send(desk, session, sort="exercise")).status_code == 303


async def test_a_mistake_goes_and_what_is_not_mine_is_not_there(desk: Desk) -> None:
    session = sit(desk)
    assert (await send(desk, session, sort="exercise")).status_code == 303
    assert (await send(desk, session, sort="bath")).status_code == 422
    [number] = numbers(desk)
    his = sit(desk, TARO)
    for path in ("/back", "/felt"):
        assert (await send(desk, his, path, number=f"{number}", pain="2")).status_code == 404
    assert (await send(desk, his, "/end")).status_code == 422
    session = sit(desk)
    assert (await send(desk, session, "/back", number=f"{number}")).status_code == 303
    assert (await send(desk, session, "/back", number=f"{number}")).status_code == 404
    assert numbers(desk) == []


@pytest.mark.parametrize(
    "data", [{}, {"sort": "sauna"}, {"sort": "bath", "pain": "11"}, {"sort": "bath", "pain": "たくさん"}]
)
async def test_what_cannot_be_said_begins_nothing(desk: Desk, data: dict[str, str]) -> None:
    session = sit(desk)
    assert (await send(desk, session, **data)).status_code == 422
    assert numbers(desk) == []


async def test_the_picture_is_mine_alone_and_family_and_nurses_have_no_such_page(desk: Desk) -> None:
    sit(desk)
    picture = await desk.browser.get(f"{PAGE}/picture.svg")
    assert (picture.status_code, picture.headers["content-type"].split(";")[0]) == (200, "image/svg+xml")
    for role in ("family", "nurse", "watcher", "helpdesk", "admin", "auditor"):
        desk.enter_as(role, by="m-familyfamily2" if role == "family" else "s-nursenursenur", name="X")
        assert (await desk.browser.get(PAGE)).status_code in {403, 404}, role

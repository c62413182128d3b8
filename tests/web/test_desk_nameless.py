"""A red flag of nobody stands before everything else at the desk, without a name and without its value."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.contract import topics, wire
from engine.contract.reading import Value
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import filing, repo_consents
from engine.store.database import write
from engine.store.filing import By
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, weighing
from tests.web.desks import Desk, desk, item, put

__all__ = ["desk"]
RED = weighing(
    1, "0", slot=None, values=(Value("systolic", "187", "mm[Hg]"), Value("diastolic", "96", "mm[Hg]")), profile="cuff"
)
SAID = "もう一度測り"


def hear(desk: Desk) -> None:
    with write(desk.engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(GATEWAY, "reading"), wire.encode_reading(RED))], NOW)


async def test_it_comes_first_and_shows_neither_name_nor_value(desk: Desk) -> None:
    put(desk.engine, item("urgent", "urgent"))
    hear(desk)
    await desk.sign_in()
    page = (await desk.browser.get("/queue")).text
    assert page.index(HOUSEHOLD) < page.index("a-urgent")
    assert SAID in page
    assert "187" not in page
    assert "Measure again" in (await desk.browser.get("/queue", params={"lang": "en"})).text


@pytest.mark.parametrize("verb", ["assign", "discard"])
async def test_it_is_gone_once_somebody_said_whose_it_is(desk: Desk, verb: str) -> None:
    hear(desk)
    await desk.sign_in()
    assert SAID in (await desk.browser.get("/queue")).text
    with write(desk.engine) as connection:
        who = By("hanako", "test")
        if verb == "assign":
            assert isinstance(filing.assign(connection, RED.id, HANAKO, NOW, who), filing.Filed)
        else:
            assert isinstance(filing.discard(connection, RED.id, NOW, who), filing.Filed)
    assert SAID not in (await desk.browser.get("/queue")).text


async def test_a_home_where_nobody_agreed_to_nurses_is_not_shown(desk: Desk) -> None:
    hear(desk)
    with write(desk.engine) as connection:
        for name in (HANAKO, TARO):
            no = consent(name, "nurse-review", granted=False, at=NOW - timedelta(days=1))
            repo_consents.append(connection, no, os_user="test")
    await desk.sign_in()
    assert SAID not in (await desk.browser.get("/queue")).text


async def test_an_old_one_is_no_longer_news(desk: Desk) -> None:
    hear(desk)
    desk.wait(timedelta(days=20))
    await desk.sign_in()
    assert SAID not in (await desk.browser.get("/queue")).text

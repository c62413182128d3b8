"""The city's list on the desk: both sides, a word, and nothing of another town or of somebody who hides."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec
import pytest

from engine import protection
from engine.exchange_rows import Said
from engine.protection import Protection
from engine.store import audit, protecting, repo_exchange, repo_life, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from tests.web.care import stranger
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
TOWN, BY = "062049", By("city", "test")
SECRET = "酒田市かくれ町9-9"
LISTED = Said(
    number="1001", family="山田", given="華子", family_kana="ヤマダ", given_kana="ハナコ", birth=date(1951, 5, 5),
    sex="female", state="lives", address=SECRET,
)  # fmt: skip


def proposed(desk: Desk, sort: Any = "link", resident: str = HANAKO, town: str = TOWN, **changes: Any) -> str:
    said = msgspec.structs.replace(LISTED, **changes)
    with write(desk.engine) as connection:
        if sort != "link":
            repo_exchange.link(connection, town, resident, LISTED, BY, NOW)
        repo_exchange.propose(connection, town, resident, said, sort, None if sort == "link" else "readings-since", NOW)
        return str(repo_exchange.proposals(connection, None)[-1].seq)


async def answered(desk: Desk, seq: str, answer: str, **more: str) -> int:
    page = await desk.browser.get(f"/exchange/{seq}")
    form = Page(page.text).forms[f"/exchange/{seq}/decide"]
    done = await desk.browser.post(f"/exchange/{seq}/decide", data=form | {"answer": answer} | more)
    return done.status_code


async def test_both_sides_stand_beside_each_other_and_what_differs_is_said(desk: Desk) -> None:
    seq = proposed(desk)
    desk.enter_as("nurse")
    text = (await desk.browser.get("/exchange")).text
    assert "同じ人か" in text
    assert f"/exchange/{seq}" in text
    page = (await desk.browser.get(f"/exchange/{seq}")).text
    assert "華子" in page[page.index("花子") :]
    assert page.count("ちがう") == 2, "the kanji of the name, and the address"
    with read(desk.engine) as connection:
        acts = [entry.action for entry in audit.entries(connection, subject=HANAKO)]
    assert "exchange-look" in acts


async def test_a_nurse_links_and_of_two_who_decide_the_second_is_told(desk: Desk) -> None:
    seq = proposed(desk)
    desk.enter_as("nurse")
    page = await desk.browser.get(f"/exchange/{seq}")
    form = Page(page.text).forms[f"/exchange/{seq}/decide"]
    assert await answered(desk, seq, "accept") == 303
    late = await desk.browser.post(f"/exchange/{seq}/decide", data=form | {"answer": "unlink"})
    assert late.status_code == 409
    with read(desk.engine) as connection:
        [number] = repo_exchange.numbers(connection, TOWN)
        person = repo_residents.get(connection, HANAKO)
    assert (number.number, number.resident) == ("1001", HANAKO)
    assert person is not None
    assert (person.given_name, person.address) == ("華子", SECRET)
    assert (await desk.browser.get(f"/exchange/{seq}")).status_code == 404


async def test_the_helpdesk_links_but_records_no_death(desk: Desk) -> None:
    seq = proposed(desk, "death", state="dead", on=date(2026, 11, 1))
    desk.enter_as("helpdesk")
    page = await desk.browser.get(f"/exchange/{seq}")
    assert 'value="accept"' not in page.text
    assert "保健師が決めます" in page.text
    assert await answered(desk, seq, "accept") == 403
    with read(desk.engine) as connection:
        assert repo_life.of(connection, HANAKO) == []
    assert await answered(desk, seq, "keep") == 303


async def test_a_move_needs_its_home_and_is_asked_for_again(desk: Desk) -> None:
    seq = proposed(desk, "move", address="酒田市中町2-2")
    desk.enter_as("nurse")
    page = await desk.browser.get(f"/exchange/{seq}")
    form = Page(page.text).forms[f"/exchange/{seq}/decide"]
    refused = await desk.browser.post(f"/exchange/{seq}/decide", data=form | {"answer": "accept"})
    assert refused.status_code == 422
    assert "すまいの機器がどうなるか" in refused.text
    assert await answered(desk, seq, "accept", home="new") == 303
    with read(desk.engine) as connection:
        assert [one.sort for one in repo_life.of(connection, HANAKO)] == ["moved-within"]


async def test_the_place_of_somebody_hidden_is_on_no_page(desk: Desk) -> None:
    seq = proposed(desk)
    with write(desk.engine) as connection:
        made = protection.drafted(id="m-measuremeasu2", resident=HANAKO, seen="市の証明書", until=None, by="n", now=NOW)
        assert isinstance(made, Protection)
        protecting.begin(connection, made, BY, NOW, leave_home=False)
    for role in ("nurse", "helpdesk"):
        desk.enter_as(role)
        assert SECRET not in (await desk.browser.get(f"/exchange/{seq}")).text
    assert await answered(desk, seq, "accept") == 303
    with read(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        assert person.address is None


@pytest.mark.parametrize("seq", ["0", "x", "９", "99999999999999", "-1"])
async def test_what_is_no_proposal_is_not_found(desk: Desk, seq: str) -> None:
    desk.enter_as("nurse")
    assert (await desk.browser.get(f"/exchange/{seq}")).status_code == 404


async def test_another_towns_list_does_not_exist_here(desk: Desk) -> None:
    far = stranger(desk.engine, NOW)
    seq = proposed(desk, resident=far, town="064611")
    mine = proposed(desk, resident=TARO)
    desk.enter_as("nurse", towns=frozenset({TOWN}))
    text = (await desk.browser.get("/exchange")).text
    assert f"/exchange/{mine}" in text
    assert f'/exchange/{seq}"' not in text
    assert (await desk.browser.get(f"/exchange/{seq}")).status_code == 404


async def test_the_other_pairs_of_twins_are_named_beside_the_one_that_is_decided(desk: Desk) -> None:
    one, other, third = proposed(desk), proposed(desk, resident=TARO), proposed(desk, number="1002", resident=TARO)
    desk.enter_as("nurse")
    page = (await desk.browser.get(f"/exchange/{one}")).text
    assert "ほかの組み合わせもあります" in page
    assert f'href="/exchange/{other}"' in page
    assert f'href="/exchange/{third}"' not in page


async def test_those_without_a_double_are_ticked_one_by_one_and_nobody_else_is_linked(desk: Desk) -> None:
    proposed(desk, given="花子")
    proposed(desk, resident=TARO, number="1002", given="太郎")
    desk.enter_as("nurse")
    assert 'href="/exchange/links"' in (await desk.browser.get("/exchange")).text
    page = await desk.browser.get("/exchange/links")
    picks = re.findall(r'name="pick" value="([0-9:]+)"', page.text)
    assert (len(picks), "checked" in page.text) == (2, False)
    form = Page(page.text).forms["/exchange/links"]
    done = await desk.browser.post("/exchange/links", data=form | {"pick": [picks[0], "999:1"]})
    assert done.headers["location"] == "/exchange/links?late=1"
    with read(desk.engine) as connection:
        assert [one.resident for one in repo_exchange.numbers(connection, TOWN)] == [HANAKO]
        assert [one.resident for one in repo_exchange.proposals(connection, None)] == [TARO]


async def test_a_double_another_name_and_somebody_hidden_are_not_among_those_to_tick(desk: Desk) -> None:
    proposed(desk, given="花子")
    proposed(desk, given="花子", number="1002")
    proposed(desk, resident=TARO, number="1003", given="太朗")
    desk.enter_as("nurse")
    assert "続けて確かめる人はいません" in (await desk.browser.get("/exchange/links")).text

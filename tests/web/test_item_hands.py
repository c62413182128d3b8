"""Two people at one item: soft claims, taking over, and a save that comes too late loses no word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.review import CLAIM
from engine.store import audit, repo_advice
from engine.store.database import read
from tests.web.desks import NOW, Desk, Page, desk, heading, item, put
from tests.web.test_item import ALL, GOOD, NURSE, ONE, OTHER, PLAIN, forms, hire, history, stored

__all__ = ["desk"]
MINE = {"text_ja": "わたしの 文です。", "text_en": "My own words."}


async def two(desk: Desk) -> httpx.AsyncClient:
    """Two nurses of one town; the second sits at the browser that is given back."""
    hire(desk.engine, NURSE, "鈴木 保健師", "nurse")
    hire(desk.engine, OTHER, "田中 保健師", "nurse")
    desk.enter_as("nurse", by=NURSE)
    second = desk.another()
    desk.enter_as("nurse", by=OTHER, name="田中 保健師", browser=second)
    return second


async def send(browser: httpx.AsyncClient, verb: str, **fields: Any) -> httpx.Response:
    page = await browser.get(f"/advice/{ONE}")
    return await browser.post(f"/advice/{ONE}/{verb}", data=Page(page.text).forms[f"/advice/{ONE}/{verb}"] | fields)


async def test_a_claim_is_shown_keeps_others_out_and_runs_out(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    async with await two(desk) as second:
        assert (await send(second, "claim")).status_code == 303
        page = (await desk.browser.get(f"/advice/{ONE}")).text
        assert "田中 保健師 さんが編集中です" in page
        assert forms(page) == {"take-over", "forward", "note", "contact"}
        desk.wait(CLAIM)
        page = (await desk.browser.get(f"/advice/{ONE}")).text
        assert "approve" in forms(page)
        assert "さんが編集中です" not in page


async def test_a_claim_is_kept_alive_by_typing_without_a_new_version(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    async with await two(desk) as second:
        form = Page((await second.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/edit"]
        as_json = {"Accept": "application/json"}
        told = (await second.post(f"/advice/{ONE}/claim", data=form, headers=as_json)).json()
        assert told == {"version": 2, "state": "claimed", "who": "田中 保健師", "mine": True}
        form |= {"version": "2"}
        for _ in range(3):
            desk.wait(CLAIM - timedelta(minutes=1))
            again = (await second.post(f"/advice/{ONE}/claim", data=form, headers=as_json)).json()
            assert again == told
        assert stored(desk.engine).held_until == desk.clock[0] + CLAIM
        assert [event.command for event in history(desk.engine)] == ["create", "claim"], "typing fills no history"
        desk.enter_as("nurse", by=NURSE)
        mine = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/take-over"]
        other = (await desk.browser.post(f"/advice/{ONE}/claim", data=mine, headers=as_json)).json()
        assert other == told | {"mine": False}
        assert (await desk.browser.get(f"/advice/{ONE}/now")).json() == other
        assert (await second.post(f"/advice/{ONE}/edit", data=form | MINE)).status_code == 303


async def test_taking_over_is_written_down_and_keeps_what_was_typed(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    async with await two(desk) as second:
        await send(second, "claim")
        taken = await send(desk.browser, "take-over", **MINE)
        assert taken.status_code == 200
        assert MINE["text_ja"] in taken.text
        assert stored(desk.engine).decided_by == NURSE
        assert forms((await second.get(f"/advice/{ONE}")).text) == {"take-over", "forward", "note", "contact"}
        await send(desk.browser, "release")
        assert stored(desk.engine).state == "open"
    with read(desk.engine) as connection:
        told = [(one.action, one.actor) for one in audit.entries(connection, limit=999) if one.subject == ONE]
    assert ("advice-take-over", NURSE) in told


async def test_a_stale_save_shows_both_texts_and_a_way_to_go_on(desk: Desk) -> None:
    put(desk.engine, item("one"))
    async with await two(desk) as second:
        stale = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/edit"]
        await send(second, "edit", **GOOD)
        await send(second, "release")
    clash = await desk.browser.post(f"/advice/{ONE}/edit", data=stale | MINE | {"also": "approve", "asked": ALL})
    assert (clash.status_code, heading(clash.text)) == (409, "先に変更されています")
    for words in (*GOOD.values(), *MINE.values(), "田中 保健師"):
        assert words in clash.text, words
    assert stored(desk.engine).text_ja == GOOD["text_ja"]
    fresh = Page(clash.text).forms[f"/advice/{ONE}/edit"]
    assert fresh["version"] != stale["version"]
    on = await desk.browser.post(f"/advice/{ONE}/edit", data=fresh | MINE | {"also": "approve", "asked": ALL})
    assert on.status_code == 303
    assert (stored(desk.engine).state, stored(desk.engine).text_ja) == ("approved", MINE["text_ja"])


@pytest.mark.parametrize(
    ("verb", "fields", "kept"),
    [
        ("reject", {"why": "not-now", "reason": "来月にします"}, ["来月にします", 'value="not-now" checked']),
        ("escalate", {"reason": "薬との関係を聞きたい"}, ["薬との関係を聞きたい"]),
        ("forward", {"to": OTHER, "reason": "よく知っている人へ"}, ["よく知っている人へ", f'value="{OTHER}" selected']),
    ],
)
async def test_no_form_that_comes_too_late_loses_its_words(
    desk: Desk, verb: str, fields: dict[str, str], kept: list[str]
) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    async with await two(desk) as second:
        stale = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/{verb}"]
        await send(second, "claim")
        await send(second, "release")
    clash = await desk.browser.post(f"/advice/{ONE}/{verb}", data=stale | fields)
    assert clash.status_code == 409
    for words in kept:
        assert words in clash.text, words
    again = Page(clash.text).forms[f"/advice/{ONE}/{verb}"]
    assert (await desk.browser.post(f"/advice/{ONE}/{verb}", data=again | fields)).status_code == 303


async def test_words_saved_against_a_claimed_item_can_be_taken_over_with(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    async with await two(desk) as second:
        stale = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/edit"]
        await send(second, "claim")
        clash = await desk.browser.post(f"/advice/{ONE}/edit", data=stale | MINE)
        assert clash.status_code == 409
        form = Page(clash.text).forms[f"/advice/{ONE}/take-over"]
        assert form["text_ja"] == MINE["text_ja"]
        page = await desk.browser.post(f"/advice/{ONE}/take-over", data=form)
        saved = Page(page.text).forms[f"/advice/{ONE}/edit"] | MINE
        assert (await desk.browser.post(f"/advice/{ONE}/edit", data=saved)).status_code == 303
    assert stored(desk.engine).text_ja == MINE["text_ja"]


async def test_of_two_approvals_at_once_one_wins_and_the_audit_holds(desk: Desk) -> None:
    put(desk.engine, item("one", evidence=PLAIN))
    async with await two(desk) as second:
        one = Page((await desk.browser.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/approve"]
        other = Page((await second.get(f"/advice/{ONE}")).text).forms[f"/advice/{ONE}/reject"]
        answers = [
            await second.post(f"/advice/{ONE}/reject", data=other | {"why": "not-now"}),
            await desk.browser.post(f"/advice/{ONE}/approve", data=one),
        ]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "いまは時期でない" in answers[1].text
    with read(desk.engine) as connection:
        assert audit.verify(connection) is None
        assert len(repo_advice.events(connection, ONE)) == 2
    assert stored(desk.engine).updated_at == NOW

"""Approving together: what may be in it, that each stands for itself, and that all of it can be taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from engine.batching import MOST, READ, batch_of
from engine.refusal import Refusal
from engine.review import HOLD, Item
from engine.store import audit, repo_advice
from engine.store.database import read, write
from engine.store.tables import ADVICE, ADVICE_EVENT
from tests.web.desks import EVIDENCE, HANAKO, NOW, TARO, Desk, Page, desk, heading, item, put

__all__ = ["desk"]
SIMPLE: dict[str, Any] = EVIDENCE | {
    "rule": EVIDENCE["rule"] | {"id": "heat-cool", "review": "batchable"}, "ask": [], "first": False
}  # fmt: skip
NAMES = [f"a-{letter * 13}" for letter in "bcdef"]


def simple(name: str, **more: Any) -> Item:
    return item(name, **{"rule_id": "heat-cool", "evidence": SIMPLE, "topic": "activity"} | more)


def told_before(desk: Desk) -> None:
    """Both residents got advice of the rule before."""
    put(desk.engine, simple("old1x", state="delivered"), simple("old2x", state="delivered", resident_id=HANAKO))


async def opened(desk: Desk, *names: str) -> None:
    for name in names:
        assert (await desk.browser.get(f"/advice/{name}")).status_code == 200


async def confirm(desk: Desk, *names: str) -> httpx.Response:
    return await desk.browser.get("/queue/batch", params={"item": list(names)})


async def sign(desk: Desk, page: httpx.Response, *names: str) -> httpx.Response:
    form = Page(page.text).forms["/queue/batch"]
    return await desk.browser.post("/queue/batch", data=form | {"item": [f"{name}.1" for name in names]})


def states(desk: Desk) -> dict[str, str]:
    with read(desk.engine) as connection:
        return {row.id: row.state for row in connection.execute(select(ADVICE.c.id, ADVICE.c.state))}


@pytest.fixture
async def chosen(desk: Desk) -> list[str]:
    told_before(desk)
    put(desk.engine, *[simple(name[2] * 13, resident_id=(HANAKO, TARO)[n % 2]) for n, name in enumerate(NAMES)])
    desk.enter_as("nurse")
    await opened(desk, *NAMES[:READ])
    return NAMES


async def test_each_is_approved_for_itself_with_a_line_in_the_audit_and_one_batch_id(
    desk: Desk, chosen: list[str]
) -> None:
    page = await confirm(desk, *chosen)
    assert page.text.count("話しましょう") == len(chosen), "every text in full"
    done = await sign(desk, page, *chosen)
    assert done.status_code == 303
    with read(desk.engine) as connection:
        events = list(connection.execute(select(ADVICE_EVENT).where(ADVICE_EVENT.c.command == "approve")))
        lines = [link for link in audit.entries(connection, limit=1000) if link.action == "advice-approve"]
        items = [repo_advice.get(connection, name) for name in chosen]
        assert audit.verify(connection) is None
    assert len({event.batch for event in events}) == 1
    assert sorted(link.subject for link in lines) == sorted(event.advice_id for event in events) == sorted(chosen)
    assert {(one.state, one.decided_by, one.held_until) for one in items if one} == {
        ("approved", "s-nursenursenur", NOW + HOLD)
    }


async def test_undo_takes_all_of_it_back_for_ten_minutes(desk: Desk, chosen: list[str]) -> None:
    where = (await sign(desk, await confirm(desk, *chosen), *chosen)).headers["location"]
    page = (await desk.browser.get(where)).text
    form = Page(page).forms["/queue/batch/undo"]
    desk.wait(HOLD - timedelta(seconds=1))
    back = await desk.browser.post("/queue/batch/undo", data=form | {"item": chosen})
    assert back.status_code == 303
    assert {states(desk)[name] for name in chosen} == {"open"}
    assert "/queue/batch/undo" not in Page((await desk.browser.get(back.headers["location"])).text).forms


async def test_after_ten_minutes_nothing_of_a_batch_comes_back(desk: Desk, chosen: list[str]) -> None:
    where = (await sign(desk, await confirm(desk, *chosen), *chosen)).headers["location"]
    form = Page((await desk.browser.get(where)).text).forms["/queue/batch/undo"]
    desk.wait(HOLD)
    await desk.browser.post("/queue/batch/undo", data=form | {"item": chosen})
    assert {states(desk)[name] for name in chosen} == {"approved"}


async def test_nobody_undoes_a_colleagues_batch(desk: Desk, chosen: list[str]) -> None:
    where = (await sign(desk, await confirm(desk, *chosen), *chosen)).headers["location"]
    form = Page((await desk.browser.get(where)).text).forms["/queue/batch/undo"]
    other = desk.enter_as("nurse", by="s-othersothersot")
    assert "/queue/batch/undo" not in Page((await desk.browser.get(where)).text).forms
    await desk.browser.post("/queue/batch/undo", data=form | {"item": chosen, "csrf": other.csrf})
    assert {states(desk)[name] for name in chosen} == {"approved"}


async def test_what_changed_meanwhile_is_left_alone_and_told_by_name(desk: Desk, chosen: list[str]) -> None:
    page = await confirm(desk, *chosen)
    async with desk.another() as second:
        desk.enter_as("nurse", by="s-othersothersot", browser=second)
        form = Page((await second.get(f"/advice/{chosen[3]}")).text).forms[f"/advice/{chosen[3]}/reject"]
        rejected = await second.post(f"/advice/{chosen[3]}/reject", data=form | {"reason": "not-now"})
        assert rejected.status_code == 303
    done = await sign(desk, page, *chosen)
    after = states(desk)
    assert [after[name] for name in chosen] == ["approved", "approved", "approved", "rejected", "approved"]
    told = (await desk.browser.get(done.headers["location"])).text
    assert told.count("承認していません") == 1
    assert "山田 太郎" in told.split("承認していません")[0].rsplit("<tr>", 1)[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evidence": SIMPLE | {"ask": ["pregnancy"]}}, "先に たずねる"),
        ({"evidence": SIMPLE | {"rule": EVIDENCE["rule"]}}, "1件ずつ見る"),
        ({"rule_id": "another-rule"}, "ちがうルール"),
        ({"state": "escalated", "escalated_by": "s-someonesomeon"}, "もう 開いていません"),
    ],
)
async def test_what_needs_a_look_of_its_own_keeps_the_whole_batch_from_being_signed(
    desk: Desk, chosen: list[str], change: dict[str, Any], words: str
) -> None:
    put(desk.engine, simple("g" * 13, **change))
    page = await confirm(desk, *chosen, f"a-{'g' * 13}")
    assert (page.status_code, words in page.text, "/queue/batch" in Page(page.text).forms) == (422, True, False)
    forged = {
        "csrf": Page(page.text).forms["/signout"]["csrf"],
        "item": [f"{name}.1" for name in (*chosen, f"a-{'g' * 13}")],
    }
    assert (await desk.browser.post("/queue/batch", data=forged)).status_code == 422
    assert {states(desk)[name] for name in chosen} == {"open"}


async def test_the_first_of_a_rule_for_a_person_is_never_in_a_batch(desk: Desk) -> None:
    put(desk.engine, simple("b" * 13), simple("c" * 13))
    desk.enter_as("nurse")
    await opened(desk, *NAMES[:2])
    page = await confirm(desk, *NAMES[:2])
    assert (page.status_code, "初めて" in page.text) == (422, True)


async def test_two_must_have_been_read_in_this_version(desk: Desk, chosen: list[str]) -> None:
    with write(desk.engine) as connection:
        connection.execute(update(ADVICE).where(ADVICE.c.id == chosen[0]).values(version=2))
    page = await confirm(desk, *chosen)
    assert (page.status_code, "2件以上を開いて" in page.text) == (422, True)


async def test_a_dietitian_approves_what_is_mild_and_a_watcher_nothing(desk: Desk, chosen: list[str]) -> None:
    desk.enter_as("watcher", by="s-watcherwatche")
    assert (await confirm(desk, *chosen)).status_code == 403
    session = desk.enter_as("nurse", towns=("064611",))
    assert (await confirm(desk, *chosen)).status_code == 404
    forged = {"csrf": session.csrf, "item": [f"{name}.1" for name in chosen]}
    assert (await desk.browser.post("/queue/batch", data=forged)).status_code == 404
    assert {states(desk)[name] for name in chosen} == {"open"}


async def test_the_checkboxes_of_the_queue_lead_to_the_confirmation(desk: Desk, chosen: list[str]) -> None:
    put(desk.engine, item("each"))
    page = (await desk.browser.get("/queue")).text
    boxes = [held["value"] for tag, held in Page(page).tags if tag == "input" and held.get("name") == "item"]
    assert sorted(str(box) for box in boxes) == chosen, "an item whose rule asks for a look at each has none"
    assert heading((await confirm(desk, *chosen)).text).startswith("まとめて承認")


drafts = st.lists(
    st.builds(
        lambda n, review, asks, state, rule, who: item(
            f"{chr(97 + n)}", rule_id=rule, state=state, resident_id=who,
            evidence={"rule": {"review": review}, "ask": ["q"] * asks},
        ),
        st.integers(0, 25), st.sampled_from(["batchable", "batchable", "batchable", "each"]), st.sampled_from([0, 0, 0, 1]),
        st.sampled_from(["open", "open", "claimed", "approved"]), st.sampled_from(["one", "one", "one", "two"]),
        st.sampled_from([HANAKO, TARO]),
    ),
    max_size=30, unique_by=lambda one: one.id,
)  # fmt: skip


@given(drafts, st.sets(st.sampled_from([HANAKO, TARO])), st.data())
def test_whatever_is_chosen_only_simple_things_of_one_rule_pass(
    items: list[Item], before: set[str], data: st.DataObject
) -> None:
    seen = {one.id: data.draw(st.sampled_from([1, 1, 2])) for one in items if data.draw(st.booleans())}
    found = batch_of(items, before, seen)
    if isinstance(found, Refusal):
        assert found.code.startswith("batch-")
        return
    assert 0 < len(found) <= MOST
    assert len({one.rule_id for one in found}) == 1
    assert all(one.evidence["rule"]["review"] == "batchable" and not one.ask for one in found)
    assert {one.resident_id for one in found} <= before
    assert all(one.state in {"open", "claimed"} for one in found)
    assert sum(seen.get(one.id) == one.version for one in found) >= min(READ, len(found))

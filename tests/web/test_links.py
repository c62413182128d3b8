"""Doubts about who is which patient: both sides shown, decided with a reason, and nobody from another town."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from engine.care_links import Found, Link
from engine.clinical import Fact
from engine.store import audit, repo_entries, repo_facts, repo_links
from engine.store.database import read, write
from tests.linked_home import BY, NET, SYSTEM, known
from tests.web.care import STRANGER, stranger
from tests.web.desks import HANAKO, TARO, Desk, Page, desk

__all__ = ["desk"]
AT = datetime(2026, 11, 20, tzinfo=UTC)
OTHER = Found(remote_id="p1", kana=("ヤマダ ハナエ",), names=("山田 花江",), birth="1951-05-05", sex="female")


def held(desk: Desk, resident: str = HANAKO, reason: str = "differs", **changes: Any) -> Link:
    draft = Link(
        resident=resident, network=NET, system=SYSTEM, value="1001", state="held", reason=reason, found=(OTHER,),
        by="s-nursenursenur", at=AT,
    )  # fmt: skip
    with write(desk.engine) as connection:
        stored = repo_links.put(connection, msgspec.structs.replace(draft, **changes), "hold", BY, AT)
    assert isinstance(stored, Link)
    return stored


def now_is(desk: Desk, resident: str = HANAKO) -> Link:
    with read(desk.engine) as connection:
        found = repo_links.get(connection, resident, NET)
    assert found is not None
    return found


async def form_of(desk: Desk, verb: str, resident: str = HANAKO) -> dict[str, str]:
    page = await desk.browser.get(f"/links/{resident}")
    assert page.status_code == 200
    return Page(page.text).forms[f"/links/{resident}/{verb}"]


async def test_the_list_shows_what_has_to_be_decided_in_words(desk: Desk) -> None:
    held(desk)
    held(desk, TARO, state="proposed", reason="no-hit", found=())
    desk.enter_as("nurse")
    text = (await desk.browser.get("/links")).text
    assert text.index(HANAKO) < text.index(TARO)
    assert "記録がちがいます" in text
    assert "この番号の登録がありません" in text
    with read(desk.engine) as connection:
        assert any(entry.action == "links-view" for entry in audit.entries(connection, limit=1000))


async def test_both_sides_stand_beside_each_other_and_what_differs_is_said(desk: Desk) -> None:
    held(desk)
    desk.enter_as("nurse")
    text = (await desk.browser.get(f"/links/{HANAKO}")).text
    assert "ヤマダ ハナコ" in text
    reading = text[text.index("ヤマダ ハナエ") :]
    assert reading.index("ちがう") < reading.index("</td>")
    assert text.count("ちがう") == 1
    assert "ちょうかいネット との照合" in text
    with read(desk.engine) as connection:
        acts = [entry.action for entry in audit.entries(connection, subject=HANAKO)]
    assert acts[-1] == "link-view"


async def test_a_nurse_links_with_a_reason_and_is_named_for_it(desk: Desk) -> None:
    held(desk)
    desk.enter_as("nurse")
    form = await form_of(desk, "accept")
    for wrong in ({"reason": " ", "patient": "p1"}, {"reason": "本人に確認", "patient": "p2"}):
        again = await desk.browser.post(f"/links/{HANAKO}/accept", data=form | wrong)
        assert again.status_code == 422
        assert now_is(desk).state == "held"
    done = await desk.browser.post(f"/links/{HANAKO}/accept", data=form | {"reason": "本人に確認", "patient": "p1"})
    assert done.status_code == 303
    link = now_is(desk)
    assert (link.state, link.remote_id, link.by, link.note) == ("linked", "p1", "s-nursenursenur", "本人に確認")
    late = await desk.browser.post(f"/links/{HANAKO}/accept", data=form | {"reason": "もう一度", "patient": "p1"})
    assert late.status_code == 409


async def test_a_nurse_refuses_and_the_page_offers_nothing_more(desk: Desk) -> None:
    held(desk)
    desk.enter_as("nurse")
    form = await form_of(desk, "refuse")
    done = await desk.browser.post(f"/links/{HANAKO}/refuse", data=form | {"reason": "別人でした"})
    assert (done.status_code, now_is(desk).state) == (303, "refused")
    assert "<form" not in (await desk.browser.get(f"/links/{HANAKO}")).text.split("<main")[1].split("</main>")[0]


async def test_a_patient_of_another_resident_cannot_be_chosen(desk: Desk) -> None:
    held(desk, reason="taken")
    desk.enter_as("nurse")
    page = Page((await desk.browser.get(f"/links/{HANAKO}")).text)
    assert f"/links/{HANAKO}/accept" not in page.forms
    form = page.forms[f"/links/{HANAKO}/refuse"] | {"reason": "確認", "patient": "p1"}
    assert (await desk.browser.post(f"/links/{HANAKO}/accept", data=form)).status_code == 422
    assert now_is(desk).state == "held"


@pytest.mark.parametrize(("why", "stands"), [("ended", True), ("wrong-person", False)])
async def test_the_end_of_a_link_keeps_the_record_unless_it_was_a_strangers(desk: Desk, why: str, stands: bool) -> None:
    held(desk, state="linked", reason="agreed", remote_id="p1")
    told = Fact(
        resident=HANAKO, code="lab.hba1c", value="7.1", unit="%", at=AT, source="lab", recorded_at=AT,
        channel=f"bridge.{NET}",
    )  # fmt: skip
    with write(desk.engine) as connection:
        [fact] = repo_facts.append(connection, [told], BY, AT, Random(1)).stored
        repo_entries.tie(connection, [fact.id], NET, "Observation/o1", "1")
    desk.enter_as("nurse")
    form = await form_of(desk, "end")
    again = await desk.browser.post(f"/links/{HANAKO}/end", data=form | {"why": "because"})
    assert again.status_code == 422
    done = await desk.browser.post(f"/links/{HANAKO}/end", data=form | {"why": why})
    assert done.status_code == 303
    assert (now_is(desk).state, now_is(desk).reason) == ("ended", why)
    assert known(desk.engine) == ({"lab.hba1c": ["7.1"]} if stands else {})


async def test_links_of_another_town_are_not_there_and_other_roles_see_none(desk: Desk) -> None:
    held(desk, stranger(desk.engine, desk.clock[0]))
    held(desk)
    desk.wait(timedelta(minutes=1))
    desk.enter_as("nurse")
    assert STRANGER not in (await desk.browser.get("/links")).text
    assert (await desk.browser.get(f"/links/{STRANGER}")).status_code == 404
    form = await form_of(desk, "refuse")
    moved = await desk.browser.post(f"/links/{STRANGER}/refuse", data=form | {"reason": "確認"})
    assert (moved.status_code, now_is(desk, STRANGER).state) == (404, "held")
    assert (await desk.browser.get(f"/links/{TARO}")).status_code == 404
    for role in ("helpdesk", "watcher", "auditor", "dietitian"):
        desk.enter_as(role)
        assert (await desk.browser.get("/links")).status_code == 403, role

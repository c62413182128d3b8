"""Consents on the resident's own page: a yes and a no take the same steps, say whom they are for, and hold at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest

from engine.charts_kinds import title_of
from engine.consent import Event, permits
from engine.store import audit, repo_consents, repo_family
from engine.store.database import read, write
from engine.web.sessions import Session
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
LATER = NOW + timedelta(seconds=1)


def sit(desk: Desk, who: str = HANAKO, name: str = "山田 花子") -> Session:
    return desk.enter_as("resident", by=who, name=name, towns=())


def said(desk: Desk, who: str = HANAKO) -> list[Event]:
    with read(desk.engine) as connection:
        return repo_consents.history(connection, who)


async def send(
    desk: Desk, session: Session, path: str = "", data: Mapping[str, str | list[str]] | None = None
) -> httpx.Response:
    return await desk.browser.post(f"/me/consents{path}", data={"csrf": session.csrf, **(data or {})})


async def add(desk: Desk, session: Session, name: str = "山田 一郎", see: str | list[str] = "all", **more: str) -> str:
    form = {"name": name, "relation": "child", "see": see, "days": "0"} | more
    answer = await send(desk, session, "/family", form)
    assert answer.status_code == 303, answer.text
    with read(desk.engine) as connection:
        return next(one.id for one in repo_family.named_by(connection, session.by) if one.name == name)


def steps(shown: str, purpose: str) -> list[tuple[str, str | None]]:
    """The controls a person meets in the panel of one purpose until a word is said: buttons that say yes or no."""
    panel = shown.split(f'id="{purpose}"')[1].split("</section>", maxsplit=1)[0].split("<details", maxsplit=1)[0]
    return [(tag, held.get("value")) for tag, held in Page(panel).tags if tag == "button"]


async def test_a_yes_and_a_no_stand_on_the_same_page_one_press_away(desk: Desk) -> None:
    session = sit(desk)
    page = (await desk.browser.get("/me/consents")).text
    assert steps(page, "advice") == [("button", "no")]
    assert steps(page, "learning") == [("button", "yes")]
    assert (
        (await send(desk, session, data={"purpose": "advice", "granted": "no"})).headers["location"].endswith("#advice")
    )
    await send(desk, session, data={"purpose": "learning", "granted": "yes"})
    page = (await desk.browser.get("/me/consents")).text
    assert (steps(page, "advice"), steps(page, "learning")) == ([("button", "yes")], [("button", "no")])


async def test_a_no_holds_from_its_own_instant_and_is_kept_with_the_words_that_were_shown(desk: Desk) -> None:
    session = sit(desk)
    await send(desk, session, data={"purpose": "nurse-review", "granted": "no"})
    last = said(desk)[-1]
    assert (last.actor, last.channel, last.granted, last.at) == (HANAKO, "page", False, NOW)
    assert len(last.text_hash) == 64
    assert not permits(said(desk), "nurse-review", None, None, NOW).granted
    desk.enter_as("nurse")
    assert (await desk.browser.get(f"/residents/{HANAKO}")).status_code == 403
    with read(desk.engine) as connection:
        assert audit.verify(connection) is None


async def test_what_cannot_be_meant_is_refused_and_nothing_is_written(desk: Desk) -> None:
    session = sit(desk)
    before = said(desk)
    for form in (
        {"purpose": "everything"},
        {"purpose": "care-share"},
        {"purpose": "watch-over", "recipient": "s-strangerstran"},
        {"purpose": "family-view"},
        {"purpose": "family-view", "recipient": "m-strangerstran"},
        {"purpose": "advice", "kind": "no such/topic"},
        {"purpose": "record", "recipient": "x" * 5_000},
    ):
        answer = await send(desk, session, data={"granted": "yes", **form})
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), form
        assert said(desk) == before


async def test_without_the_word_yes_a_form_is_a_no_and_without_its_token_nothing(desk: Desk) -> None:
    session = sit(desk)
    await send(desk, session, data={"purpose": "open-statistics"})
    assert said(desk)[-1].granted is False
    before = said(desk)
    answer = await desk.browser.post("/me/consents", data={"purpose": "learning", "granted": "yes", "csrf": "made-up"})
    assert answer.status_code == 403
    assert said(desk) == before


async def test_a_provider_is_chosen_by_name_until_a_day_and_stopped_by_one_press(desk: Desk) -> None:
    session = sit(desk)
    form = {"purpose": "care-share", "granted": "yes", "recipient": "日本海総合病院", "days": "31"}
    await send(desk, session, data=form)
    assert permits(said(desk), "care-share", "日本海総合病院", "body-weight", LATER).granted
    assert not permits(said(desk), "care-share", "ほかの病院", "body-weight", LATER).granted
    assert not permits(said(desk), "care-share", "日本海総合病院", "body-weight", NOW + timedelta(days=32)).granted
    page = (await desk.browser.get("/me/consents")).text
    assert steps(page, "care-share") == [("button", "no")]
    desk.wait(timedelta(hours=1))
    await send(desk, session, data={"purpose": "care-share", "granted": "no", "recipient": "日本海総合病院"})
    assert not permits(said(desk), "care-share", "日本海総合病院", "body-weight", desk.clock[0]).granted


async def test_only_the_chosen_part_is_stopped(desk: Desk) -> None:
    session = sit(desk)
    await send(desk, session, data={"purpose": "record", "granted": "no", "kind": "body-fat"})
    events = said(desk)
    assert permits(events, "record", None, "body-weight", LATER).granted
    assert not permits(events, "record", None, "body-fat", LATER).granted
    page = (await desk.browser.get("/me/consents")).text
    assert "一部だけ はい です。" in page
    assert title_of("body-fat", "ja") in page


async def test_family_sees_what_was_ticked_and_what_is_ticked_later_replaces_it(desk: Desk) -> None:
    session = sit(desk)
    member = await add(desk, session, see=["weight", "pressure"], days="183")
    events = said(desk)
    assert {event.kind for event in events if event.recipient == member} == {"body-weight", "systolic", "diastolic"}
    assert not permits(events, "family-view", member, None, LATER).granted
    desk.wait(timedelta(minutes=1))
    await send(desk, session, "/family/scope", {"member": member, "see": "steps", "days": "0"})
    now = desk.clock[0]
    held = [kind for kind in ("body-weight", "systolic", "steps-day") if _may(desk, member, kind)]
    assert held == ["steps-day"]
    assert permits(said(desk), "family-view", member, "steps-day", now + timedelta(days=4_000)).granted


def _may(desk: Desk, member: str, kind: str | None) -> bool:
    with read(desk.engine) as connection:
        return repo_family.may_look(connection, member, HANAKO, kind, desk.clock[0])


async def test_a_code_is_shown_once_signs_family_in_and_an_end_ends_it_at_once(desk: Desk) -> None:
    session = sit(desk)
    member = await add(desk, session)
    shown = (await send(desk, session, "/family/code", {"member": member})).text
    assert "この番号は いまだけ 見えます。" in shown
    with read(desk.engine) as connection:
        actions = {one.action for one in audit.entries(connection, subject=member)}
    assert actions >= {"family-add", "sign-in-code-issue"}
    family = desk.another()
    desk.enter_as("family", by=member, name="山田 一郎", towns=(), browser=family)
    assert (await family.get(f"/family/{HANAKO}")).status_code == 200
    await send(desk, session, "/family/end", {"member": member})
    assert not _may(desk, member, None)
    ended = await family.get(f"/family/{HANAKO}", follow_redirects=False)
    assert ended.status_code in {303, 403, 404}
    assert "花子" not in ended.text
    await family.aclose()


async def test_nobody_changes_what_another_resident_lets_their_family_see(desk: Desk) -> None:
    member = await add(desk, sit(desk))
    taro = sit(desk, TARO, "山田 太郎")
    for path, more in (("/family/scope", {"see": "all"}), ("/family/code", {}), ("/family/end", {})):
        assert (await send(desk, taro, path, {"member": member, **more})).status_code == 404, path
    refused = await send(desk, taro, data={"purpose": "family-view", "granted": "yes", "recipient": member})
    assert refused.status_code == 422
    assert _may(desk, member, None)
    assert "一郎" not in (await desk.browser.get("/me/consents")).text


async def test_family_without_a_name_or_anything_to_see_is_asked_again_with_what_was_typed(desk: Desk) -> None:
    session = sit(desk)
    forms = [
        {"name": "", "see": "all"}, {"name": "山田 一郎", "see": ""}, {"name": "山田", "relation": "boss", "see": "all"},
    ]  # fmt: skip
    for form in forms:
        answer = await send(desk, session, "/family", {"relation": "child", "days": "31"} | form)
        assert (answer.status_code, f'value="{form["name"]}"' in answer.text) == (422, True), form
    with read(desk.engine) as connection:
        assert repo_family.named_by(connection, HANAKO) == []


async def test_whom_everybody_may_see_is_never_said_on_the_page_nor_counted_for_family(desk: Desk) -> None:
    session = sit(desk)
    member = await add(desk, session, see="weight")
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "family-view", at=NOW), os_user="test")
        repo_consents.append(connection, consent(TARO, "family-view", at=NOW), os_user="test")
    family = desk.another()
    desk.enter_as("family", by=member, name="山田 一郎", towns=(), browser=family)
    assert (await family.get(f"/family/{TARO}")).status_code == 404
    mine = (await family.get(f"/family/{HANAKO}")).text
    assert "とどいた助言" not in mine
    await family.aclose()

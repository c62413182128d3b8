"""Leaving by one's own page and at the desk: said twice, everybody signed out, and two weeks to come back."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import httpx
import pytest
from fastapi.routing import APIRoute

from engine.closing import Closing
from engine.store import audit, repo_closing, repo_consents, repo_notices
from engine.store.database import read
from engine.takeout_opening import Opened
from engine.takeout_opening import opened as opened_takeout
from engine.web.desk import closing as at_the_desk
from engine.web.door import right_of
from engine.web.me import closing as mine
from fhir_bridge.takeout import bundle_of
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
PAGE = "/me/closing"


@pytest.fixture(autouse=True)
def _doors(desk: Desk) -> None:
    """The doors of this part, where the application has not opened them."""
    known = {getattr(route, "path", "") for route in desk.app.router.routes}
    for door in (mine.door, at_the_desk.door):
        if not {getattr(route, "path", "") for route in door.router.routes} <= known:
            desk.app.include_router(door.router)


def _me(desk: Desk, who: str = HANAKO) -> str:
    return desk.enter_as("resident", by=who, name="山田 花子", towns=()).csrf


def _closing(desk: Desk) -> Closing | None:
    with read(desk.engine) as connection:
        return repo_closing.get(connection, HANAKO)


async def _leave(desk: Desk) -> httpx.Response:
    """Every step as a person goes, by the forms of each page."""
    _me(desk)
    first = await desk.browser.get(PAGE)
    assert first.status_code == 200, first.text
    second = await desk.browser.post(PAGE, data=Page(first.text).forms[PAGE])
    assert _closing(desk) is None, "the first button asks again"
    return await desk.browser.post(f"{PAGE}/yes", data=Page(second.text).forms[f"{PAGE}/yes"])


async def test_nobody_says_yes_while_an_account_is_being_closed_and_everybody_may_after_taking_it_back(
    desk: Desk,
) -> None:
    await _leave(desk)
    _me(desk)
    page = Page((await desk.browser.get("/me/consents")).text)
    yes = {"csrf": page.forms["/me/consents"]["csrf"], "purpose": "open-statistics", "granted": "yes"}
    refused = await desk.browser.post("/me/consents", data=yes)
    assert refused.status_code == 422
    assert "終える とちゅうなので" in refused.text
    with read(desk.engine) as connection:
        assert not [one for one in repo_consents.history(connection, HANAKO) if one.granted and one.at >= NOW]
    no = await desk.browser.post("/me/consents", data=yes | {"granted": "no"})
    assert no.status_code == 303, "a no is taken at any time"
    back = Page((await desk.browser.get(PAGE)).text)
    await desk.browser.post(f"{PAGE}/back", data=back.forms[f"{PAGE}/back"])
    assert (await desk.browser.post("/me/consents", data=yes)).status_code == 303


async def test_leaving_is_asked_twice_ends_every_consent_and_signs_everybody_out(desk: Desk) -> None:
    other = desk.another()
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=(), browser=other)
    done = await _leave(desk)
    assert "やめる 手つづきを 受けつけました" in done.text
    assert "2026年12月5日" in done.text
    closing = _closing(desk)
    assert closing is not None
    assert (closing.state, closing.due_at) == ("asked", NOW + timedelta(days=14))
    with read(desk.engine) as connection:
        assert {event.purpose for event in repo_consents.history(connection, HANAKO) if not event.granted} == {
            "record", "advice", "nurse-review"}  # fmt: skip
    for browser in (desk.browser, other):
        assert (await browser.get("/me")).status_code != 200
    await other.aclose()


async def test_one_last_notice_tells_the_person_that_somebody_asked_to_close(desk: Desk) -> None:
    await _leave(desk)
    with read(desk.engine) as connection:
        waiting = [one.kind for one in repo_notices.of(connection, HANAKO) if one.state == repo_notices.WAITING]
    assert waiting == ["closing"]


async def test_without_the_second_yes_nothing_happens(desk: Desk) -> None:
    csrf = _me(desk)
    answer = await desk.browser.post(f"{PAGE}/yes", data={"csrf": csrf})
    assert "ほんとうに やめますか" in answer.text
    assert _closing(desk) is None


async def test_whoever_signs_in_again_in_time_can_take_it_back_with_one_button(desk: Desk) -> None:
    await _leave(desk)
    desk.wait(timedelta(days=13))
    _me(desk)
    page = await desk.browser.get(PAGE)
    back = await desk.browser.post(f"{PAGE}/back", data=Page(page.text).forms[f"{PAGE}/back"])
    assert back.status_code == 303
    assert "取り消しました" in (await desk.browser.get(back.headers["location"])).text
    closing = _closing(desk)
    assert closing is not None
    assert closing.state == "taken-back"


async def test_too_late_is_said_and_changes_nothing(desk: Desk) -> None:
    await _leave(desk)
    desk.wait(timedelta(days=15))
    csrf = _me(desk)
    answer = await desk.browser.post(f"{PAGE}/back", data={"csrf": csrf})
    assert answer.status_code == 409
    assert "今は できません" in answer.text


async def test_the_page_says_what_goes_and_what_stays_and_offers_the_record_first(desk: Desk) -> None:
    _me(desk)
    page = await desk.browser.get(PAGE)
    for words in (
        "消えるもの",
        "のこるもの",
        "公表した 人数の 表は のこります",
        "病院に 送った ものは",
        "14日の あいだは",
    ):
        assert words in page.text
    assert "/me/export/takeout" in Page(page.text).forms


async def test_the_record_taken_out_by_the_page_can_be_brought_in(desk: Desk) -> None:
    desk.app.state.desk = replace(desk.app.state.desk, bundle=bundle_of)
    csrf = _me(desk)
    answer = await desk.browser.post("/me/export/takeout", data={"csrf": csrf})
    assert answer.headers["content-type"] == "application/zip"
    found = opened_takeout(BytesIO(answer.content))
    assert isinstance(found, Opened)
    assert found.manifest.resident == HANAKO
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert TARO.encode() not in whole
    assert b'"resourceType":"Bundle"' in whole
    with read(desk.engine) as connection:
        [entry] = [
            one for one in audit.entries(connection, limit=999, subject=HANAKO) if one.action == "export-takeout"
        ]
    assert entry.actor == HANAKO


async def test_the_desk_notes_it_only_after_making_sure_who_it_is_and_takes_it_back(desk: Desk) -> None:
    page = f"/residents/{HANAKO}/closing"
    csrf = desk.enter_as("nurse").csrf
    assert (await desk.browser.get(page)).status_code == 200
    unsure = await desk.browser.post(f"{page}/ask", data={"csrf": csrf})
    assert (unsure.status_code, _closing(desk)) == (422, None)
    assert (await desk.browser.post(f"{page}/ask", data={"csrf": csrf, "checked": "yes"})).status_code == 303
    assert (await desk.browser.post(f"{page}/ask", data={"csrf": csrf, "checked": "yes"})).status_code == 409
    closing = _closing(desk)
    assert closing is not None
    assert (closing.asked_by, closing.channel) == ("s-nursenursenur", "desk")
    assert "2026年12月5日" in (await desk.browser.get(page)).text
    back = await desk.browser.post(f"{page}/back", data={"csrf": csrf})
    assert back.status_code == 303
    assert "申し出を取り消しました" in (await desk.browser.get(back.headers["location"])).text
    assert "申し出を取り消しました" not in (await desk.browser.get(page)).text
    assert (await desk.browser.post(f"{page}/back", data={"csrf": csrf})).status_code == 409


@pytest.mark.parametrize("role", ["dietitian", "physician", "helpdesk", "admin", "auditor", "watcher"])
async def test_nobody_but_a_nurse_of_the_town_opens_it(desk: Desk, role: str) -> None:
    page = f"/residents/{HANAKO}/closing"
    desk.enter_as(role)  # type: ignore[arg-type]
    assert (await desk.browser.get(page)).status_code == 403
    desk.enter_as("nurse", towns=("064262",))
    assert (await desk.browser.get(page)).status_code == 404


def test_the_doors_of_this_part_are_only_for_those_rights() -> None:
    routes = [route for door in (mine.door, at_the_desk.door) for route in door.router.routes]
    assert {right_of(route) for route in routes if isinstance(route, APIRoute)} == {
        "mine.see", "mine.say", "account.close"}  # fmt: skip

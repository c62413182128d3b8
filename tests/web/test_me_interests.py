"""What I like, on my own page: offered with one yes, kept in my order, gone with one no, and never beside my name."""

from __future__ import annotations

import httpx
import pytest

from engine.consent import permits
from engine.interests import MOST, OWN, codes, labels
from engine.sealing import seal_of
from engine.store import audit, repo_consents, repo_interests
from engine.store.database import read, write
from engine.web.sessions import Session
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
PAGE = "/me/interests"
LIKED = [codes()[5], codes()[1], codes()[8]]


def sit(desk: Desk) -> Session:
    return desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())


def held(desk: Desk) -> tuple[str, ...]:
    with read(desk.engine) as connection:
        return repo_interests.of(connection, repo_interests.pseudonym(seal_of(None), HANAKO))


def linked(desk: Desk) -> bool:
    with read(desk.engine) as connection:
        said = repo_consents.history(connection, HANAKO)
    return permits(said, "interest-link", OWN, None, desk.clock[0]).granted


async def send(desk: Desk, session: Session, path: str = "", **data: str | list[str]) -> httpx.Response:
    return await desk.browser.post(f"{PAGE}{path}", data={"csrf": session.csrf, **data})


async def test_before_a_yes_there_is_nothing_to_choose_and_one_press_says_it_for_this_page_alone(desk: Desk) -> None:
    session = sit(desk)
    shown = Page((await desk.browser.get(PAGE)).text)
    assert [tag for tag, _ in shown.tags if tag == "select"] == []
    assert [one.get("value") for tag, one in shown.tags if tag == "button" and one.get("name") == "granted"] == ["yes"]
    refused = await send(desk, session, interest=LIKED)
    assert (refused.status_code, held(desk)) == (422, ())
    assert (await send(desk, session, "/link", granted="yes")).status_code == 303
    assert linked(desk)
    with read(desk.engine) as connection:
        said = repo_consents.history(connection, HANAKO)
    assert not permits(said, "interest-link", "library", None, NOW).granted
    assert (said[-1].channel, said[-1].actor) == ("page", HANAKO)


async def test_what_is_chosen_is_kept_in_its_order_and_shown_again_chosen(desk: Desk) -> None:
    session = sit(desk)
    await send(desk, session, "/link", granted="yes")
    shown = (await desk.browser.get(PAGE)).text
    assert sum(tag == "select" for tag, _ in Page(shown).tags) == MOST
    assert all(label in shown for label in labels("ja").values())
    assert "統計の 同意も「はい」のときだけ 数えます。" in shown
    answer = await send(desk, session, interest=LIKED)
    assert (answer.status_code, held(desk)) == (303, tuple(LIKED))
    shown = (await desk.browser.get(answer.headers["location"])).text
    assert "えらんだものを しまいました。" in shown
    assert [one["value"] for tag, one in Page(shown).tags if tag == "option" and "selected" in one] == LIKED
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "open-statistics", at=NOW), os_user="test")
    assert "つぎの 統計で 数えます。" in (await desk.browser.get(PAGE)).text
    await send(desk, session, interest=["", LIKED[2], ""])
    assert held(desk) == (LIKED[2],)
    assert (await send(desk, session, interest=["chess"])).status_code == 422
    assert held(desk) == (LIKED[2],)


@pytest.mark.parametrize("path", [f"{PAGE}/link", "/me/consents"])
async def test_one_no_on_either_page_deletes_what_was_chosen(desk: Desk, path: str) -> None:
    session = sit(desk)
    await send(desk, session, "/link", granted="yes")
    await send(desk, session, interest=LIKED)
    form = {"csrf": session.csrf, "granted": "no", "purpose": "interest-link"}
    assert (await desk.browser.post(path, data=form)).status_code == 303
    assert (linked(desk), held(desk)) == (False, ())
    await send(desk, session, "/link", granted="yes")
    shown = Page((await desk.browser.get(PAGE)).text)
    assert [one for tag, one in shown.tags if tag == "option" and "selected" in one] == []


async def test_the_audit_says_that_something_was_chosen_and_the_same_whatever_it_was(desk: Desk) -> None:
    session = sit(desk)
    await send(desk, session, "/link", granted="yes")
    for picked in (LIKED, LIKED[:1], [""]):
        await send(desk, session, interest=picked)
    with read(desk.engine) as connection:
        told = [one for one in audit.entries(connection, subject=HANAKO) if one.action == "interests-choose"]
    assert len(told) == 3
    assert {one.detail_hash for one in told} == {""}


async def test_the_page_of_consents_leads_here_and_calls_the_link_by_its_name(desk: Desk) -> None:
    session = sit(desk)
    assert 'href="/me/interests"' in (await desk.browser.get("/me/consents")).text
    await send(desk, session, "/link", granted="yes")
    shown = (await desk.browser.get("/me/consents")).text
    assert "ここで えらんだ 好きなこと" in shown
    assert f">{OWN}<" not in shown

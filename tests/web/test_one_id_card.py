"""A stolen session opens nothing more: whoever is linked holds the card to show, and to be rid of the link."""

from __future__ import annotations

import pytest

from engine.store import repo_family, repo_grants, repo_notices, repo_one_id
from engine.store.database import read
from tests.hostile_provider import signed
from tests.web.accounts import hand_over
from tests.web.desks import HANAKO, NOW, TARO, Page, desk
from tests.web.test_me_consents import add
from tests.web.test_one_id_hostile import Door, _served, door, liar

__all__ = ["_served", "desk", "door", "liar"]
pytestmark = pytest.mark.flow


async def test_a_stolen_session_lets_no_family_and_no_program_in(door: Door) -> None:
    session = door.desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    known = await add(door.desk, session)
    door.link()
    browser, csrf = door.desk.browser, {"csrf": session.csrf}
    kin = {"name": "山田 次郎", "relation": "child", "see": "all", "days": "0"}
    for path, form, back in (
        ("/me/consents/family", kin, "/me/consents"),
        ("/me/consents/family/scope", {"member": known, "see": "all", "days": "0"}, "/me/consents"),
        ("/me/consents/family/code", {"member": known}, "/me/consents"),
        ("/me/apps", {"name": "App", "see": "all", "days": "30"}, "/me/apps"),
    ):
        asked = await browser.post(path, data=csrf | form)
        assert (asked.status_code, asked.headers.get("location")) == (303, f"/one-id/card?next={back}"), path
    with read(door.desk.engine) as connection:
        assert [one.id for one in repo_family.named_by(connection, HANAKO)] == [known]
        assert repo_grants.of(connection, HANAKO) == []
    # To end it nobody needs a card, and who is not linked loses no right.
    ended = await browser.post("/me/consents/family/end", data=csrf | {"member": known})
    assert ended.headers["location"] == "/me/consents#family"
    other = door.desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    assert (
        (await browser.post("/me/consents/family", data={"csrf": other.csrf} | kin))
        .headers["location"]
        .endswith("#family")
    )


async def test_nobody_is_rid_of_the_card_by_unlinking_first(door: Door) -> None:
    door.link()
    door.desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    form = Page((await door.desk.browser.get("/account/one-id")).text).forms["/account/one-id/unlink"]
    asked = await door.desk.browser.post("/account/one-id/unlink", data=form)
    assert (asked.status_code, asked.headers.get("location")) == (303, "/one-id/card?next=/account/one-id")
    with read(door.desk.engine) as connection:
        assert len(repo_one_id.living(connection)) == 1


async def test_whoever_is_linked_hears_of_it_for_a_code_may_have_lain_on_a_table(door: Door) -> None:
    code = hand_over(door.desk.engine, HANAKO, NOW).secret
    asked = await door.start(purpose="link")
    door.liar.token = signed(door.liar.claims(NOW, asked["nonce"], sub="sub-9"))
    form = Page((await door.back(asked)).text).forms["/one-id/link"]
    sent = await door.desk.browser.post("/one-id/link", data=form | {"code": code, "month": "5", "day": "5"})
    assert sent.status_code == 200
    with read(door.desk.engine) as connection:
        [link] = repo_one_id.living(connection)
        told = [(one.kind, one.about) for one in repo_notices.of(connection, HANAKO)]
    assert (link.holder, told) == (HANAKO, [("one-id", str(link.seq))])

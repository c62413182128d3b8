"""Acting for another: entered at the desk by a paper, within its scope and no further, and read of by the resident."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from engine.access import Role
from engine.acting import Acting, Draft
from engine.refusal import Refusal
from engine.store import audit, repo_acting, repo_consents, repo_family, repo_requests, repo_residents
from engine.store.acting_entry import Wanted, enter
from engine.store.database import read, write
from engine.store.filing import By
from tests.homes import HANAKO, TARO
from tests.web.desks import NOW, Desk, Page, desk, rename
from tests.web.resident_home import hear, reading
from tests.web.test_me_consents import add, send
from tests.web.test_me_consents import sit as resident_sits

__all__ = ["desk"]
pytestmark = pytest.mark.flow
BY = By("s-nursenursenur", "test")
ALL = ("see", "enter", "consents", "requests")


def child(desk: Desk, birth: date = date(2016, 5, 5)) -> None:
    """HANAKO is a child from now on."""
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        young = msgspec.structs.replace(person, birth_date=birth, version=person.version + 1)
        repo_residents.edit(connection, young, NOW, actor="test", os_user="test")


def let(desk: Desk, basis: str = "guardian", scope: tuple[str, ...] = ALL, actor: str = "", **more: Any) -> Acting:
    wanted = Wanted(
        draft=Draft(basis=basis, scope=scope, seen="登記事項証明書 第1号", **more), actor=actor,
        name="" if actor else "佐藤 和子",
    )  # fmt: skip
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        made = enter(connection, person, wanted, NOW, BY, Random(len(scope) + len(basis)))
    assert isinstance(made, Acting), made
    return made


def sit(desk: Desk, one: Acting) -> httpx.AsyncClient:
    browser = desk.another()
    role: Role = "family" if one.actor.startswith("m-") else "resident"
    desk.enter_as(role, by=one.actor, name="佐藤 和子", towns=(), browser=browser)
    return browser


def actions(desk: Desk, one: Acting) -> list[tuple[str, str]]:
    with read(desk.engine) as connection:
        assert audit.verify(connection) is None
        return [(entry.actor, entry.action) for entry in audit.entries(connection, subject=one.id, limit=100)]


CARE = {"until": date(2027, 3, 31), "agreed_by": "resident"}
PAGES = {"entry": "enter", "consents": "consents", "contact": "requests", "away": "requests"}


@pytest.mark.parametrize(
    ("basis", "scope", "more"),
    [
        ("guardian", ALL, {}),
        ("curator", ("see", "requests"), {}),
        ("assistant", ("see-weight", "enter"), {}),
        ("agent", ("see", "enter"), {"agreed_by": "resident"}),
        ("care-manager", ("see", "requests"), CARE),
    ],
)
async def test_each_page_opens_to_who_has_it_in_scope_and_answers_everybody_else_like_nobody(
    desk: Desk, basis: str, scope: tuple[str, ...], more: dict[str, Any]
) -> None:
    hear(desk.engine, *(reading(1, ago, body_weight="61.2", pulse_rate="66") for ago in (0.2, 1.2)))
    one = let(desk, basis, scope, **more)
    browser = sit(desk, one)
    shown = (await browser.get(f"/family/{HANAKO}")).text
    assert "山田 花子さんの 代わりに 見ています。" in shown
    for page, needed in PAGES.items():
        status = (await browser.get(f"/family/{HANAKO}/{page}")).status_code
        assert status == (200 if needed in scope else 404), page
        linked = f"/family/{HANAKO}/{page}" in shown
        assert linked is (needed in scope), page
    whole = "see" in scope
    assert ("とどいた助言" in shown) is whole
    pulse = (await browser.get(f"/family/{HANAKO}/trends/pulse")).status_code
    assert pulse == (200 if whole else 404)
    weight = await browser.get(f"/family/{HANAKO}/trends/weight")
    assert weight.status_code == 200
    assert "代わりに 見ています" in weight.text
    assert (await browser.get(f"/family/{TARO}")).status_code == 404
    assert {action for _, action in actions(desk, one)} >= {"acting-grant", "acting-view"}
    assert {actor for actor, action in actions(desk, one) if action == "acting-view"} == {one.actor}
    await browser.aclose()


async def test_a_parent_who_is_a_resident_sees_the_child_from_their_own_account_and_no_more_at_18(desk: Desk) -> None:
    child(desk, date(2008, 11, 23))
    one = let(desk, "parent", ("see", "enter"), actor=TARO)
    browser = desk.another()
    desk.enter_as("resident", by=TARO, name="山田 太郎", towns=(), browser=browser)
    assert "山田 花子" in (await browser.get("/family")).text
    assert (await browser.get(f"/family/{HANAKO}")).status_code == 200
    # 18:30 in Japan on the 21st; the birthday begins in 29 hours and a half.
    desk.wait(timedelta(hours=29, minutes=29))
    assert (await browser.get(f"/family/{HANAKO}")).status_code == 200
    desk.wait(timedelta(minutes=1))
    assert (await browser.get(f"/family/{HANAKO}")).status_code == 404
    assert "花子" not in (await browser.get("/family")).text
    assert one.basis == "parent"
    await browser.aclose()


async def test_a_value_typed_in_by_a_guardian_is_the_resident_s_and_the_trail_says_who_typed_it(desk: Desk) -> None:
    one = let(desk)
    browser = sit(desk, one)
    page = await browser.get(f"/family/{HANAKO}/entry")
    form = Page(page.text).forms[f"/family/{HANAKO}/entry"]
    done = await browser.post(f"/family/{HANAKO}/entry", data=form | {"weight": "61.5"})
    assert done.status_code == 200
    assert "61.5" in done.text
    assert "/me/" not in done.text.split("<main")[1].split("</main>")[0]
    assert (one.actor, "acting-entry") in actions(desk, one)
    with read(desk.engine) as connection:
        added = [entry for entry in audit.entries(connection, limit=1000) if entry.action == "reading-add"]
    assert [entry.actor for entry in added] == [one.actor]
    assert "61.5" in (await browser.get(f"/family/{HANAKO}/trends/weight")).text
    await browser.aclose()


async def test_a_guardian_says_yes_to_care_and_no_to_anything_and_never_yes_to_learning(desk: Desk) -> None:
    one = let(desk)
    browser = sit(desk, one)
    page = f"/family/{HANAKO}/consents"
    shown = await browser.get(page)
    csrf = Page(shown.text).forms[page]["csrf"]
    for purpose, granted, status in (
        ("advice", "no", 303), ("advice", "yes", 303), ("learning", "yes", 422), ("learning", "no", 303),
        ("open-statistics", "yes", 422), ("mirror-display", "yes", 422), ("care-share", "yes", 422),
    ):  # fmt: skip
        sent = {"csrf": csrf, "purpose": purpose, "granted": granted}
        assert (await browser.post(page, data=sent)).status_code == status, purpose
    with read(desk.engine) as connection:
        said = repo_consents.history(connection, HANAKO)
    ours = [(event.purpose, event.granted) for event in said if event.actor == one.actor]
    assert ours == [("advice", False), ("advice", True), ("learning", False)]
    assert {event.channel for event in said if event.actor == one.actor} == {"acting"}
    named = {"csrf": csrf, "purpose": "care-share", "granted": "yes", "recipient": "日本海総合病院"}
    assert (await browser.post(page, data=named)).status_code == 303
    await browser.aclose()


async def test_from_fifteen_on_no_parent_opens_the_consents_of_a_child(desk: Desk) -> None:
    child(desk, date(2011, 11, 23))
    browser = sit(desk, let(desk, "parent"))
    assert (await browser.get(f"/family/{HANAKO}/consents")).status_code == 200
    desk.wait(timedelta(days=2))
    assert (await browser.get(f"/family/{HANAKO}/consents")).status_code == 404
    assert (await browser.get(f"/family/{HANAKO}")).status_code == 200
    await browser.aclose()


async def test_a_word_to_the_desk_says_from_whom_it_comes(desk: Desk) -> None:
    one = let(desk)
    browser = sit(desk, one)
    page = f"/family/{HANAKO}/contact"
    form = Page((await browser.get(page)).text).forms[page]
    assert (await browser.post(page, data=form | {"kind": "ask", "text": ""})).status_code == 422
    sent = await browser.post(page, data=form | {"kind": "ask", "text": "薬の時間を知りたいです。"})
    assert sent.status_code == 303
    with read(desk.engine) as connection:
        [asked] = repo_requests.of(connection, HANAKO)
    assert asked.text == "[佐藤 和子（成年後見人）] 薬の時間を知りたいです。"
    await browser.aclose()


@pytest.mark.parametrize("way", ["desk", "resident", "account", "death", "actor-died"])
async def test_whatever_ends_it_ends_it_at_the_next_request(desk: Desk, way: str) -> None:
    died = way == "actor-died"
    one = let(desk, "agent", ("see",), actor=TARO if died else "", agreed_by="resident")
    browser = sit(desk, one)
    assert (await browser.get(f"/family/{HANAKO}")).status_code == 200
    if way == "resident":
        session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
        gone = await desk.browser.post("/me/acting/end", data={"csrf": session.csrf, "acting": one.id})
        assert gone.status_code == 303
    with write(desk.engine) as connection:
        if way == "desk":
            assert isinstance(repo_acting.end(connection, one.id, BY, "over", NOW), Acting)
        if way == "account":
            repo_family.end(connection, one.actor, NOW)
    if way == "death":
        rename(desk.engine, HANAKO, status="deceased")
    if died:
        rename(desk.engine, TARO, status="deceased")
    assert (await browser.get(f"/family/{HANAKO}")).status_code in (
        {403, 303, 404} if way == "account" or died else {404}
    )
    with read(desk.engine) as connection:
        assert repo_acting.may_act(connection, one.actor, HANAKO, "see", NOW) is None
    await browser.aclose()


async def test_the_resident_ends_nothing_the_law_made_and_nothing_of_somebody_else(desk: Desk) -> None:
    one = let(desk)
    for who, status in ((HANAKO, 409), (TARO, 404)):
        session = desk.enter_as("resident", by=who, name="山田", towns=())
        answer = await desk.browser.post("/me/acting/end", data={"csrf": session.csrf, "acting": one.id})
        assert answer.status_code == status
    with read(desk.engine) as connection:
        assert repo_acting.may_act(connection, one.actor, HANAKO, "see", NOW) is not None


async def test_the_desk_enters_prints_a_code_and_ends_with_a_reason(desk: Desk) -> None:
    desk.enter_as("nurse")
    page = f"/residents/{HANAKO}/acting"
    form = Page((await desk.browser.get(page)).text).forms[page]
    wish = {"basis": "care-manager", "seen": "同意書 第7号", "name": "高橋 恵", "relation": "other", "scope": ["see"]}
    again = await desk.browser.post(page, data=form | wish)
    assert again.status_code == 422
    assert "本人か成年後見人の同意が要ります。" in again.text
    assert "同意書 第7号" in again.text
    wish |= {"agreed_by": "resident"}
    late = await desk.browser.post(page, data=form | wish | {"until": "2030-01-01"})
    assert "1年以内にしてください。" in late.text
    assert (await desk.browser.post(page, data=form | wish | {"until": "2027-03-31"})).status_code == 303
    with read(desk.engine) as connection:
        [made] = repo_acting.of_resident(connection, HANAKO)
    assert (made.basis, made.seen, made.by, made.agreed_by) == (
        "care-manager",
        "同意書 第7号",
        "s-nursenursenur",
        HANAKO,
    )
    assert "高橋 恵 (ケアマネジャー)" in (await desk.browser.get(f"/residents/{HANAKO}")).text
    shown = (await desk.browser.get(page)).text
    assert "高橋 恵" in shown
    assert "2027年3月31日" in shown or "2027年4月1日" in shown
    csrf = form["csrf"]
    handout = await desk.browser.post(f"{page}/code", data={"csrf": csrf, "acting": made.id})
    assert handout.status_code == 200
    assert "高橋 恵" in handout.text
    assert (await desk.browser.post(f"{page}/end", data={"csrf": csrf, "acting": made.id})).status_code == 422
    over = await desk.browser.post(f"{page}/end", data={"csrf": csrf, "acting": made.id, "why": "over"})
    assert over.status_code == 303
    refused = await desk.browser.post(f"{page}/code", data={"csrf": csrf, "acting": made.id})
    assert refused.status_code == 403


async def test_a_refused_entry_leaves_no_account_behind(desk: Desk) -> None:
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        for wanted, code in (
            (Wanted(draft=Draft(basis="parent", scope=ALL, seen="戸籍"), name="山田 父"), "not-a-minor"),
            (Wanted(draft=Draft(basis="guardian", scope=ALL, seen="x"), actor="m-nobodynobodyn"), "no-such-account"),
            (Wanted(draft=Draft(basis="guardian", scope=ALL, seen="x")), "no-account"),
            (
                Wanted(draft=Draft(basis="agent", scope=("see",), seen="x", agreed_by="j-nobodynobodyn"), name="甲"),
                "not-agreed",
            ),
        ):
            found = enter(connection, person, wanted, NOW, BY, Random(1))
            assert isinstance(found, Refusal)
            assert found.code == code
        assert repo_acting.of_resident(connection, HANAKO) == []
        assert repo_family.get(connection, "m-nobodynobodyn") is None
        names = repo_acting.names_of(connection, [HANAKO])
    assert names == {HANAKO: "山田 花子"}


async def test_a_guardian_can_say_the_yes_a_care_manager_needs_and_one_who_is_over_cannot(desk: Desk) -> None:
    guardian = let(desk)
    manager = let(desk, "care-manager", ("see",), until=date(2027, 1, 31), agreed_by="guardian")
    assert manager.agreed_by == guardian.id
    with write(desk.engine) as connection:
        repo_acting.end(connection, guardian.id, BY, "over", NOW)
        assert not repo_acting.agreement(connection, HANAKO, guardian.id, NOW)
        assert not repo_acting.agreement(connection, TARO, guardian.id, NOW - timedelta(seconds=1))


async def test_to_end_the_family_view_of_a_guardian_ends_that_view_and_not_the_guardian(desk: Desk) -> None:
    session = resident_sits(desk)
    member = await add(desk, session)
    let(desk, actor=member)
    assert (await send(desk, session, "/family/end", {"member": member})).status_code == 303
    with read(desk.engine) as connection:
        assert not repo_family.may_look(connection, member, HANAKO, None, NOW)
        assert repo_acting.may_act(connection, member, HANAKO, "see", NOW) is not None


async def test_the_resident_reads_who_acts_and_what_they_did(desk: Desk) -> None:
    one = let(desk)
    browser = sit(desk, one)
    await browser.get(f"/family/{HANAKO}")
    await browser.aclose()
    resident_sits(desk)
    assert "佐藤 和子（成年後見人）" in (await desk.browser.get("/me/seen")).text
    shown = (await desk.browser.get("/me/consents")).text
    assert "あなたの 代わりをする人" in shown
    assert "やめるときは 窓口に 話してください。" in shown

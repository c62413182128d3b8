"""The advice somebody received: who approved it, on what it rests, and what its reader says of it."""

from __future__ import annotations

from datetime import timedelta

from engine.contract.ids import is_id
from engine.standing import Approval, Population
from engine.store import audit, repo_responses, repo_seen, repo_staff, repo_standing, repo_urgent_text
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_staff import Member
from engine.urgent_text import SignedText
from tests.homes import HANAKO, TARO
from tests.web.desks import NOW, Desk, Page, desk
from tests.web.resident_home import DAY, delivered, push
from tests.web.test_me_today import shown, texts

__all__ = ["desk"]
NURSE, DOCTOR = "s-nursenursenur", "s-doctordoctord"
WHO = By("test", "test")


def hire(desk: Desk) -> None:
    """A nurse and a physician with accounts."""
    people = [
        Member(id=NURSE, login="suzuki", name="鈴木 一子", roles=frozenset({"nurse"}), created_at=NOW,
               municipalities=frozenset({"062049"})),
        Member(id=DOCTOR, login="sato", name="佐藤 二郎", roles=frozenset({"physician"}), created_at=NOW,
               municipalities=frozenset({"062049"})),
    ]  # fmt: skip
    with write(desk.engine) as connection:
        for one in people:
            assert isinstance(repo_staff.add(connection, one, WHO), Member)


async def test_advice_is_new_until_it_is_opened(desk: Desk) -> None:
    item = delivered(desk.engine, "one")
    desk.enter_as("resident", by=HANAKO)
    assert "まだ 読んでいません" in await shown(desk, "/me/advice")
    await shown(desk, f"/me/advice/{item.id}")
    assert "まだ 読んでいません" not in await shown(desk, "/me/advice")
    with read(desk.engine) as connection:
        assert repo_seen.at(connection, [item.id], HANAKO) == {item.id: NOW}
        actions = [(one.action, one.subject) for one in audit.entries(connection, limit=1000) if one.actor == HANAKO]
    assert actions == [
        ("me-advice-list", HANAKO), ("me-advice-view", item.id), ("me-advice-list", HANAKO)
    ]  # fmt: skip


async def test_the_reader_sees_who_approved_it_in_what_role_and_on_what_it_rests(desk: Desk) -> None:
    hire(desk)
    mine, local = delivered(desk.engine, "mine"), delivered(desk.engine, "local", by="高橋 保健師")
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk, f"/me/advice/{mine.id}"))
    assert "この 人が 読んで 確かめました。 保健師 鈴木 一子 さん 2026年11月20日" in page
    assert "食事摂取基準 2024" in page
    assert "この 人が 読んで 確かめました。 高橋 保健師 2026年11月20日" in texts(
        await shown(desk, f"/me/advice/{local.id}")
    )
    english = texts(await shown(desk, f"/me/advice/{mine.id}?lang=en"))
    assert "Public-health nurse 鈴木 一子 20 November 2026" in english
    assert "This is mine." in english


async def test_an_account_that_is_gone_is_not_shown_as_a_number(desk: Desk) -> None:
    item = delivered(desk.engine, "one")
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk, f"/me/advice/{item.id}"))
    assert "確かめた 人の 名前が わかりません。" in page
    assert NURSE not in page


async def test_what_was_approved_beforehand_says_so_and_by_whom(desk: Desk) -> None:
    hire(desk)
    standing, urgent = "p-standingstand", "u-urgenturgentu"
    assert is_id(standing, "p")
    assert is_id(urgent, "u")
    approval = Approval(
        id=standing, municipality_code="062049", rule_id="salt", rule_version=1, text_version=1, digest="d" * 64,
        population=Population(), signed_by=NURSE, signed_at=NOW - 9 * DAY, until=NOW + 9 * DAY, daily_cap=10,
    )  # fmt: skip
    words = SignedText(
        id=urgent, municipality_code="062049", rule_id="home-bp-high", rule_version=1, text_version=1, digest="d" * 64,
        signed_by=DOCTOR, signed_at=NOW - 9 * DAY,
    )  # fmt: skip
    with write(desk.engine) as connection:
        repo_standing.add(connection, approval, os_user="test")
        repo_urgent_text.sign(connection, words, os_user="test")
    calm = delivered(desk.engine, "calm", by=standing)
    red = delivered(desk.engine, "red", "urgent", by=urgent)
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk, f"/me/advice/{calm.id}"))
    assert "包括承認" in page
    assert "保健師 鈴木 一子 さん" in page
    page = texts(await shown(desk, f"/me/advice/{red.id}"))
    assert "いそぎの 文として 前もって 認められています。" in page
    assert "医師 佐藤 二郎 さん" in page
    assert "119" in page


async def test_useful_or_not_for_me_is_kept_changed_and_taken_back(desk: Desk) -> None:
    item = delivered(desk.engine, "one")
    desk.enter_as("resident", by=HANAKO)
    page = f"/me/advice/{item.id}"

    async def said(verb: str) -> str | None:
        sent = await push(desk, page, f"{page}/{verb}")
        assert (sent.status_code, sent.headers["location"]) == (303, f"{page}#answer")
        with read(desk.engine) as connection:
            return repo_responses.of(connection, [item.id]).get(item.id)

    assert await said("useful") == "useful"
    assert set(Page(await shown(desk, page)).forms) >= {f"{page}/take-back"}
    assert "役に 立った" in texts(await shown(desk, "/me/advice"))
    assert await said("take-back") is None
    assert await said("not-for-me") == "not-for-me"
    with read(desk.engine) as connection:
        answers = [one for one in audit.entries(connection, limit=1000) if one.action == "me-advice-answer"]
    assert [one.subject for one in answers] == [item.id] * 3


async def test_the_last_word_holds_when_two_pages_were_open(desk: Desk) -> None:
    item = delivered(desk.engine, "one")
    session = desk.enter_as("resident", by=HANAKO)
    for verb in ("useful", "not-for-me"):
        await desk.browser.post(f"/me/advice/{item.id}/{verb}", data={"csrf": session.csrf})
    with read(desk.engine) as connection:
        assert repo_responses.of(connection, [item.id]) == {item.id: "not-for-me"}


async def test_advice_of_somebody_else_does_not_exist(desk: Desk) -> None:
    theirs = delivered(desk.engine, "theirs", resident_id=TARO)
    session = desk.enter_as("resident", by=HANAKO)
    for name in (theirs.id, "a-nobodynobodyn", "../staff", "x"):
        assert (await desk.browser.get(f"/me/advice/{name}")).status_code in {404, 405}
    for verb in ("useful", "not-for-me", "take-back"):
        sent = await desk.browser.post(f"/me/advice/{theirs.id}/{verb}", data={"csrf": session.csrf})
        assert sent.status_code == 404
    with read(desk.engine) as connection:
        assert repo_responses.of(connection, [theirs.id]) == {}
        assert repo_seen.readers(connection, theirs.id) == {}


async def test_a_question_about_it_is_one_step_away(desk: Desk) -> None:
    item = delivered(desk.engine, "one")
    desk.enter_as("resident", by=HANAKO)
    desk.wait(timedelta(minutes=1))
    links = [held.get("href") for tag, held in Page(await shown(desk, f"/me/advice/{item.id}")).tags if tag == "a"]
    assert f"/me/contact?about={item.id}" in links


async def test_nothing_is_answered_without_the_forms_own_mark(desk: Desk) -> None:
    item = delivered(desk.engine, "one")
    desk.enter_as("resident", by=HANAKO)
    sent = await desk.browser.post(f"/me/advice/{item.id}/useful", data={"csrf": "guessed"})
    assert sent.status_code == 403
    with read(desk.engine) as connection:
        assert repo_responses.of(connection, [item.id]) == {}

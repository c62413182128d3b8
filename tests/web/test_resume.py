"""A session that ends while somebody types loses nothing they typed, and gives nothing of it to anybody else."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from engine.review import Item
from engine.store import repo_advice
from engine.store.database import read
from tests.web.accounts import PASSWORD, employ, entry, hand_over, light
from tests.web.desks import HANAKO, NOW, Desk, Page, desk, item, put

__all__ = ["desk", "light"]
pytestmark = pytest.mark.usefixtures("light")
ONE = "a-oneaaaaaaaaaa"
WORDS = "主治医の指示を優先します。<b>改行も\n残ります</b>"
HOURS = timedelta(hours=9)


async def typed(desk: Desk) -> dict[str, str]:
    """A rejection written by a nurse who is signed in, not sent yet."""
    put(desk.engine, item("one"))
    page = await desk.browser.get(f"/advice/{ONE}")
    return Page(page.text).forms[f"/advice/{ONE}/reject"] | {"reason": WORDS}


def state(desk: Desk) -> str:
    with read(desk.engine) as connection:
        found = repo_advice.get(connection, ONE)
    assert isinstance(found, Item)
    return found.state


async def test_after_eight_hours_the_same_person_signs_in_and_sends_what_they_typed(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk)
    desk.wait(HOURS)
    asked = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    assert asked.status_code == 403
    assert "主治医" not in asked.text, "whoever sits there now cannot read it"
    carried = Page(asked.text).forms["/signin"]["kept"]

    wrong = await desk.browser.post("/signin", data=entry(desk.clock[0], kept=carried, password="wrong password 1"))
    assert Page(wrong.text).forms["/signin"]["kept"] == carried, "a mistyped password loses nothing either"
    shown = await desk.browser.post("/signin", data=entry(desk.clock[0], kept=carried))
    assert shown.status_code == 200
    assert "主治医の指示を優先します。&lt;b&gt;" in shown.text
    again = Page(shown.text).forms[f"/advice/{ONE}/reject"]
    assert {**again, "csrf": ""} == {**form, "csrf": ""}
    assert again["csrf"] != form["csrf"]
    assert state(desk) in {"open", "claimed"}, "nothing happens before they send it on"
    assert (await desk.browser.post(f"/advice/{ONE}/reject", data=again)).status_code == 303
    assert state(desk) == "rejected"


async def test_another_person_gets_nothing_of_it(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    employ(desk.engine, NOW, "nurse", login="sato", name="佐藤 保健師")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk)
    desk.wait(HOURS)
    asked = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    carried = Page(asked.text).forms["/signin"]["kept"]
    other = await desk.browser.post("/signin", data=entry(desk.clock[0], "sato", kept=carried))
    assert (other.status_code, other.text) == (303, "")


async def test_a_locked_screen_keeps_it_too(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk)
    desk.wait(timedelta(minutes=20))
    asked = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    assert (asked.status_code, "主治医" in asked.text) == (403, False)
    lock = Page(asked.text).forms["/unlock"]
    shown = await desk.browser.post("/unlock", data=lock | {"password": PASSWORD})
    assert "主治医の指示を優先します。" in shown.text
    sent = await desk.browser.post(f"/advice/{ONE}/reject", data=Page(shown.text).forms[f"/advice/{ONE}/reject"])
    assert (sent.status_code, state(desk)) == (303, "rejected")


async def test_who_entered_by_a_link_comes_back_by_a_link_under_the_same_name(desk: Desk) -> None:
    await desk.sign_in("鈴木")
    form = await typed(desk)
    desk.wait(HOURS)
    asked = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    back = Page(asked.text).forms["/signin"] | {"way": "link", "token": desk.links.issue(desk.clock[0])}
    assert "主治医" in (await desk.browser.post("/signin", data=back | {"name": "鈴木"})).text


async def test_a_form_of_a_tab_left_open_while_signing_in_anew_elsewhere_asks_once_more(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk)
    desk.wait(timedelta(minutes=1))
    await desk.browser.post("/signin", data=entry(desk.clock[0]))
    shown = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    assert shown.status_code == 200
    assert "主治医の指示を優先します。" in shown.text
    assert state(desk) in {"open", "claimed"}


async def test_a_form_made_elsewhere_is_not_carried_and_neither_is_one_after_a_day(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk)
    desk.wait(HOURS)
    forged = await desk.browser.post(f"/advice/{ONE}/reject", data=form | {"csrf": "x" * 43})
    assert "kept" not in Page(forged.text).forms["/signin"]
    desk.wait(timedelta(days=2))
    late = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    assert "kept" not in Page(late.text).forms["/signin"]


async def test_the_sealed_text_cannot_be_bent(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk)
    desk.wait(HOURS)
    asked = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    carried = Page(asked.text).forms["/signin"]["kept"]
    bent = carried[:40] + ("A" if carried[40] != "A" else "B") + carried[41:]
    for kept in (bent, carried[:-8], "", "é", "A" * 64):
        desk.wait(timedelta(seconds=30))
        entered = await desk.browser.post("/signin", data=entry(desk.clock[0], kept=kept))
        assert (entered.status_code, entered.text) == (303, "")


async def test_a_long_text_survives_as_well(desk: Desk) -> None:
    employ(desk.engine, NOW, "nurse")
    await desk.browser.post("/signin", data=entry(NOW))
    form = await typed(desk) | {"reason": "".join(chr(0x4E00 + (at * 7919) % 20_000) for at in range(6_000))}
    desk.wait(HOURS)
    asked = await desk.browser.post(f"/advice/{ONE}/reject", data=form)
    carried = Page(asked.text).forms["/signin"]["kept"]
    shown = await desk.browser.post("/signin", data=entry(desk.clock[0], kept=carried))
    assert Page(shown.text).forms[f"/advice/{ONE}/reject"]["reason"] == form["reason"]


async def test_a_resident_comes_back_to_their_words_in_plain_japanese(desk: Desk) -> None:
    code = hand_over(desk.engine, HANAKO, NOW).secret
    birth = {"way": "code", "month": "5", "day": "5"}
    await desk.browser.post("/signin", data=birth | {"code": code})
    page: httpx.Response = await desk.browser.get("/account")
    form = Page(page.text).forms["/account/others"] | {"text": "電話をください"}
    desk.wait(timedelta(days=90, minutes=1))
    asked = await desk.browser.post("/account/others", data=form)
    carried = Page(asked.text).forms["/signin"]["kept"]
    assert re.search(r"<section class=\"panel way-code\"", asked.text)
    fresh = hand_over(desk.engine, HANAKO, desk.clock[0], seed=2).secret
    shown = await desk.browser.post("/signin", data=birth | {"code": fresh, "kept": carried})
    assert "書いたものが" in shown.text
    assert "電話をください" in shown.text

"""What pages say to people is true and whole: dates of promises, when advice came, units, the way out, a kept search."""

from __future__ import annotations

import re

import pytest

from tests.web.desks import HANAKO, Desk, desk
from tests.web.resident_home import delivered, hear, reading
from tests.web.test_me_consents import add, sit

__all__ = ["desk"]
pytestmark = pytest.mark.flow


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


async def test_every_promise_of_an_answer_names_the_day(desk: Desk) -> None:
    # Saturday evening before Labour Thanksgiving Day: the office opens on Tuesday.
    sit(desk)
    said = plain((await desk.browser.get("/me/contact")).text)
    assert "2026年11月24日までに 電話します。" in said
    assert "2026年11月25日までに 答えます。" in said
    assert "2026年11月26日までに 答えます。" in said


async def test_things_are_counted_as_people_count_them(desk: Desk) -> None:
    # Above nine, "つ" is no Japanese.
    sit(desk)
    said = plain((await desk.browser.get("/me/questions")).text)
    [left] = re.findall(r"質問は あと (\d+)こです。", said.partition("ほかの 質問")[0])
    assert int(left) > 9
    assert not re.search(r"\d{2}つ", said)


async def test_a_referral_of_last_week_says_that_it_is_of_last_week(desk: Desk) -> None:
    delivered(desk.engine, "血圧", "prompt")
    sit(desk)
    assert "2026年11月21日に とどきました。" in plain((await desk.browser.get("/me")).text)


async def test_family_reads_numbers_with_their_units(desk: Desk) -> None:
    hear(desk.engine, *[reading(1, ago + 0.1, body_weight="61.2") for ago in range(9)])
    member = await add(desk, sit(desk))
    async with desk.another() as family:
        desk.enter_as("family", by=member, name="山田 一郎", towns=(), browser=family)
        assert re.search(r"体重 61\.20? kg", plain((await family.get(f"/family/{HANAKO}")).text))
        assert "体重 (kg)" in plain((await family.get(f"/family/{HANAKO}/trends/weight")).text)


async def test_a_resident_who_leaves_is_told_so_in_plain_words(desk: Desk) -> None:
    session = sit(desk)
    left = plain((await desk.browser.post("/signout", data={"csrf": session.csrf})).text)
    assert "おわりました" in left
    assert "サインアウト" not in left


async def test_the_other_language_keeps_the_search(desk: Desk) -> None:
    desk.enter_as("nurse")
    page = (await desk.browser.get("/queue", params={"q": "花子", "topic": "weight"})).text
    [way] = re.findall(r'class="tongue" href="([^"]+)"', page)
    there = (await desk.browser.get(way.replace("&amp;", "&"))).text
    assert 'lang="en"' in there[:200]
    assert 'value="花子"' in there


async def test_a_refusal_shows_a_resident_no_code(desk: Desk) -> None:
    sit(desk)
    shown = await desk.browser.get("/me/advice/a-bbbbbbbbbbbbb")
    assert shown.status_code == 404
    assert "not-found" not in plain(shown.text)

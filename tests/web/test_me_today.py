"""The resident's first page: one sentence, one number, one step; only their own, in the look they chose."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from random import Random

import msgspec
import pytest

from engine.requests import Request
from engine.store import audit, inbox, repo_glass, repo_requests, repo_residents, repo_seen
from engine.store.database import read, write
from engine.telling import today_of
from tests.homes import HANAKO, TARO
from tests.web.desks import NOW, Desk, Page, desk, heading, rename
from tests.web.resident_home import DAY, answer, delivered, doubt, hear, push, reading

__all__ = ["desk"]


def texts(page: str) -> str:
    """What a page shows, without tags and runs of blanks."""
    bare = re.sub(r"<(style|script|head).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", bare)).split())


async def shown(desk: Desk, path: str = "/me") -> str:
    answered = await desk.browser.get(path)
    assert answered.status_code == 200, answered.text
    return answered.text


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_the_page_says_what_the_terminal_says(desk: Desk, language: str) -> None:
    hear(desk.engine, *[reading(1, ago, body_weight="61.20") for ago in range(10)])
    desk.enter_as("resident", by=HANAKO, name="山田 花子")
    for name, severity in (("", ""), ("calm", "routine"), ("soon", "soon")):
        item = delivered(desk.engine, name, severity) if name else None
        page = texts(await shown(desk, f"/me?lang={language}"))
        with read(desk.engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            told = today_of(connection, person, NOW, "ja" if language == "ja" else "en").told
        assert told.advice == (item.id if item else None)
        for words in (*told.text, told.number, told.next) if told.whole else (told.sentence, told.number, told.next):
            assert " ".join(words.split()) in page


async def test_what_is_urgent_stands_on_top_with_the_numbers_that_answer_now(desk: Desk) -> None:
    calm, red = delivered(desk.engine, "calm"), delivered(desk.engine, "red", "urgent")
    desk.enter_as("resident", by=HANAKO)
    page = await shown(desk)
    assert page.index("red") < page.index("calm")
    assert "tel:119" in page[page.index("red") : page.index("calm")]
    # 18:30 on a Saturday: the advice line of the evening answers, the clinic of the day does not.
    assert "tel:%237119" in page
    assert "tel:0234215225" not in page
    with read(desk.engine) as connection:
        seen = repo_seen.versions(connection, [calm.id, red.id], HANAKO)
    assert seen == {red.id: red.version}, "what was there from the first word to the last is read, a title is not"


async def test_what_was_urgent_long_ago_heads_no_day_but_stays_among_the_advice(desk: Desk) -> None:
    red = delivered(desk.engine, "red", "urgent", updated_at=NOW - 15 * DAY, created_at=NOW - 16 * DAY)
    desk.enter_as("resident", by=HANAKO)
    page = await shown(desk)
    assert "きょうの お知らせは ありません。" in page
    assert "tel:%237119" not in page
    assert f"/me/advice/{red.id}" in page, "it is there to be read"
    assert "いそぎ" in await shown(desk, "/me/advice")
    delivered(desk.engine, "calm")
    assert "calm" in texts(await shown(desk))


async def test_nobody_elses_advice_number_or_reading_is_on_the_page(desk: Desk) -> None:
    delivered(desk.engine, "theirs", resident_id=TARO)
    hear(desk.engine, *[reading(2, ago, body_weight="91.70") for ago in range(10)])
    desk.enter_as("resident", by=HANAKO)
    for path in ("/me", "/me/advice", "/me/trends", "/me/trends/weight"):
        page = await shown(desk, path)
        assert "theirs" not in page
        assert "91.7" not in page


async def test_what_nobody_delivered_is_not_told(desk: Desk) -> None:
    states = ("open", "approved", "rejected", "superseded")
    items = [delivered(desk.engine, f"draft-{state}", state=state) for state in states]
    desk.enter_as("resident", by=HANAKO)
    assert "draft" not in await shown(desk)
    for item in items:
        assert (await desk.browser.get(f"/me/advice/{item.id}")).status_code == 404, item.state


async def test_who_works_here_or_is_family_has_no_such_page(desk: Desk) -> None:
    for role, by in (("nurse", "s-nursenursenur"), ("family", "m-familyfamily2"), ("admin", "s-adminadminadm")):
        desk.enter_as(role, by=by)  # type: ignore[arg-type]
        for path in ("/me", "/me/trends", "/me/advice", "/me/settings", "/me/more"):
            assert (await desk.browser.get(path)).status_code == 403, (role, path)


async def test_a_look_is_kept_in_the_audit_without_what_was_seen(desk: Desk) -> None:
    red = delivered(desk.engine, "red", "urgent")
    desk.enter_as("resident", by=HANAKO)
    await shown(desk)
    with read(desk.engine) as connection:
        [look] = [one for one in audit.entries(connection, limit=1000) if one.action == "me-today-view"]
    assert (look.actor, look.subject) == (HANAKO, HANAKO)
    assert look.detail_hash
    assert red.text_ja not in repr(look)


async def test_a_value_that_is_only_probably_mine_is_asked_about_and_my_word_counts(desk: Desk) -> None:
    one, two = reading(1, 1, body_weight="61.40"), reading(1, 2, body_weight="71.40")
    hear(desk.engine, one, two)
    doubt(desk.engine, one)
    doubt(desk.engine, two)
    desk.enter_as("resident", by=HANAKO)
    assert "61.40 kg" in texts(await shown(desk))
    assert (await push(desk, "/me", f"/me/readings/{one.id}/mine")).status_code == 303
    assert "71.40 kg" in texts(await shown(desk))
    assert (await push(desk, "/me", f"/me/readings/{two.id}/not-mine")).status_code == 303
    assert "71.40" not in texts(await shown(desk))
    with read(desk.engine) as connection:
        waiting = inbox.waiting(connection)
        assert [(left.id, left.resident) for left in waiting] == [(two.id, None)]


async def test_nobody_speaks_for_another_persons_value_or_for_a_red_flag(desk: Desk) -> None:
    theirs, red = reading(2, 1, body_weight="81.40"), reading(1, 1, systolic="190", diastolic="95")
    hear(desk.engine, theirs, red)
    doubt(desk.engine, theirs)
    doubt(desk.engine, red)
    session = desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk))
    assert "もう一度 はかってください" in page
    assert "190" not in page, "a frightening number that may be another's frightens nobody"
    for one in (theirs, red):
        for verb in ("mine", "not-mine"):
            sent = await desk.browser.post(f"/me/readings/{one.id}/{verb}", data={"csrf": session.csrf})
            assert sent.status_code == 404
    with read(desk.engine) as connection:
        assert {left.id for left in inbox.waiting(connection)} == {theirs.id, red.id}


async def test_who_must_not_be_shown_their_weight_is_not_shown_it(desk: Desk) -> None:
    hear(desk.engine, *[reading(1, ago, body_weight="61.23") for ago in range(10)])
    desk.enter_as("resident", by=HANAKO)
    assert "61.2" in await shown(desk)
    answer(desk.engine, HANAKO, NOW - DAY, **{"has_eating-disorder": "1"})
    for path in ("/me", "/me/trends"):
        assert "61.2" not in await shown(desk, path)
    assert (await desk.browser.get("/me/trends/weight")).status_code == 404
    assert (await desk.browser.get("/me/trends/weight/chart.svg")).status_code == 404


async def test_an_answer_and_a_look_behind_broken_glass_are_told_for_two_weeks(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO)
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        asked = repo_requests.add(connection, person, "ask", "塩は?", None, NOW, Random(1))
        assert isinstance(asked, Request)
        done = msgspec.structs.replace(
            asked, state="answered", answer="保健師と 話しましょう。", closed_at=NOW, closed_by="s-nursenursenur",
        )  # fmt: skip
    page = texts(await shown(desk))
    assert "返事が とどきました" not in page
    assert "あなたの 記録が 見られました" not in page
    with write(desk.engine) as connection:
        assert isinstance(repo_requests.change(connection, done), Request)
        repo_glass.smash(connection, "s-nursenursenur", HANAKO, "倒れたと 電話", NOW, Random(1), "test")
        repo_glass.smash(connection, "s-nursenursenur", TARO, "べつの人", NOW, Random(2), "test")
    page = await shown(desk)
    assert f"/me/contact#{asked.id}" in page
    assert "あなたの 記録が 見られました" in texts(page)
    desk.wait(timedelta(days=15))
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk))
    assert "返事が とどきました" not in page
    assert "あなたの 記録が 見られました" not in page


async def test_readings_over_kanji_are_switched_on_and_off_and_change_no_word(desk: Desk) -> None:
    delivered(desk.engine, "furi", "soon")
    desk.enter_as("resident", by=HANAKO, name="山田 花子")
    plain = await shown(desk)
    back = await push(desk, "/me", "/me/look", back="/me/advice?lang=ja")
    assert (back.status_code, back.headers["location"]) == (303, "/me/advice")
    page = await shown(desk)
    assert "<ruby>血圧<rp>(</rp><rt>けつあつ</rt><rp>)</rp></ruby>" in page
    assert "<rt>ヤマダ ハナコ</rt>" in page, "a name is read as the register says"
    bare = re.sub(r"<rp>[()]</rp>|<rt>[^<]*</rt>|</?ruby>", "", page)
    first, second = texts(bare.replace("けす", "つける")), texts(plain)
    assert first.replace("山田 花子 さん", "") == second.replace("山田 花子 さん", "")
    await push(desk, "/me", "/me/look")
    assert "<ruby>" not in await shown(desk)


async def test_a_name_without_kana_has_no_reading_made_up(desk: Desk) -> None:
    rename(desk.engine, HANAKO, family_kana="", given_kana="")
    desk.enter_as("resident", by=HANAKO, name="﨑山 凜")
    await push(desk, "/me", "/me/look", furigana="on")
    page = await shown(desk)
    assert '<span translate="no">﨑山 凜</span>' in page
    assert "<ruby>﨑" not in page


async def test_the_size_of_the_letters_and_the_language_are_kept(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO)
    sent = await push(desk, "/me/settings", "/me/look", size="largest", furigana="off", lang="en")
    assert sent.headers["location"] == "/me/settings?lang=en"
    await desk.browser.get(sent.headers["location"])
    page = await shown(desk)
    assert '<html lang="en" class="size-largest">' in page
    assert heading(page).startswith("Today")
    cookie = sent.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    settings = Page(await shown(desk, "/me/settings"))
    chosen = [held["value"] for tag, held in settings.tags if tag == "input" and "checked" in held]
    assert chosen == ["largest", "off", "en"]


async def test_the_switch_leads_to_no_other_place(desk: Desk) -> None:
    session = desk.enter_as("resident", by=HANAKO)
    places = (
        "//evil.example/me", "https://evil.example/me", "/staff", "/me/../staff", "/\\evil", "/me\r\nX: y", "", "x/me",
        "/meadow", "/me//evil",
    )  # fmt: skip
    for back in places:
        sent = await desk.browser.post("/me/look", data={"csrf": session.csrf, "furigana": "on", "back": back})
        assert (sent.status_code, sent.headers["location"]) == (303, "/me"), back
    kept = {"csrf": session.csrf, "back": "/me/trends/weight?days=90&lang=ja&x=<b>"}
    assert (await desk.browser.post("/me/look", data=kept)).headers["location"] == "/me/trends/weight?days=90"


async def test_a_spoilt_cookie_of_the_look_is_the_plain_look(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO)
    for spoilt in ("on.enormous", '"><script>', "x" * 4000, "."):
        desk.browser.cookies.set("phr_look", spoilt.replace('"', ""))
        assert 'class="size-normal"' in await shown(desk)


async def test_every_page_says_that_nobody_watches_and_names_the_ambulance(desk: Desk) -> None:
    hear(desk.engine, reading(1, 1, body_weight="61.20"))
    item = delivered(desk.engine, "one")
    desk.enter_as("resident", by=HANAKO)
    desk.wait(timedelta(minutes=1))
    for path in (
        "/me",
        "/me/trends",
        "/me/trends/weight",
        "/me/advice",
        f"/me/advice/{item.id}",
        "/me/more",
        "/me/settings",
    ):
        page = await shown(desk, path)
        assert "24時間見守りではありません" in page
        assert "tel:119" in page
        assert heading(page)

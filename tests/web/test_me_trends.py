"""The resident's charts: one sentence, the picture, the same numbers as a table; their own, and no more than is sure."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from engine.store import repo_consents
from engine.store.database import write
from tests.homes import HANAKO, consent
from tests.web.desks import NOW, Desk, Page, desk
from tests.web.resident_home import DAY, doubt, hear, reading
from tests.web.test_me_today import shown, texts

__all__ = ["desk"]


async def test_each_kind_is_told_in_a_sentence_with_its_newest_value(desk: Desk) -> None:
    hear(
        desk.engine,
        *[reading(1, ago, body_weight=f"{60 + ago * 0.04:.2f}") for ago in range(30)],
        *[reading(1, ago, systolic="131", diastolic="82") for ago in range(1, 4)],
        *[reading(1, ago, steps_day="4000") for ago in range(1, 4)],
        reading(1, 200, pulse_rate="66"),
    )
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk, "/me/trends"))
    for words in (
        "60.00 kg", "この30日で およそ 0.9kg へりました。", "131 / 82 mmHg", "この30日の 平均は 上が 131、下が 82です。",
        "この30日の 平均は 1日 4,000歩です。", "66 回/分", "まだ 記録が 少ないです。",
    ):  # fmt: skip
        assert words in page, words
    links = [held.get("href") or "" for tag, held in Page(await shown(desk, "/me/trends")).tags if tag == "a"]
    kinds = [link.removeprefix("/me/trends/") for link in links if link.startswith("/me/trends/")]
    assert kinds == ["weight", "steps", "pressure", "pulse"], "nothing that was never measured"


async def test_a_page_shows_the_sentence_the_chart_and_the_same_numbers_as_a_table(desk: Desk) -> None:
    hear(desk.engine, *[reading(1, ago, body_weight=f"{60 + ago * 0.04:.2f}") for ago in range(40)])
    desk.enter_as("resident", by=HANAKO)
    for span, count in ((30, 30), (90, 40)):
        page = await shown(desk, f"/me/trends/weight?days={span}")
        assert page.count('<th scope="row">') == count
        [image] = [held for tag, held in Page(page).tags if tag == "img"]
        assert f"{count}回 はかりました。" in (image["alt"] or "")
        picture = await desk.browser.get(image["src"] or "")
        assert picture.headers["content-type"] == "image/svg+xml"
        ET.fromstring(picture.text)
        chosen = [held for tag, held in Page(page).tags if tag == "a" and held.get("aria-current") == "true"]
        assert [one["href"] for one in chosen] == [f"/me/trends/weight?days={span}"]
    narrow = (await desk.browser.get("/me/trends/weight/chart.svg?days=30&narrow=1")).text
    assert 'width="360"' in narrow


async def test_a_year_of_rows_does_not_make_a_heavy_page(desk: Desk) -> None:
    hear(desk.engine, *[reading(1, ago, body_weight="60.00") for ago in range(200)])
    desk.enter_as("resident", by=HANAKO)
    page = await shown(desk, "/me/trends/weight?days=365")
    assert page.count('<th scope="row">') == 120
    assert "ほかに 80件 あります。" in page
    assert len(page.encode()) < 60_000


async def test_a_doubtful_value_is_marked_in_words_and_claims_nothing(desk: Desk) -> None:
    values = [reading(1, ago, body_weight=f"{60 + ago * 0.04:.2f}") for ago in range(30)]
    hear(desk.engine, *values)
    for one in values:
        doubt(desk.engine, one)
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk, "/me/trends/weight"))
    assert "へりました" not in page
    assert page.count("まだ わからない") >= 30


async def test_what_is_no_longer_recorded_is_shown_but_not_spoken_of(desk: Desk) -> None:
    hear(desk.engine, *[reading(1, ago, body_weight=f"{60 + ago * 0.04:.2f}") for ago in range(30)])
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=NOW - DAY / 24), os_user="test")
    desk.enter_as("resident", by=HANAKO)
    page = texts(await shown(desk, "/me/trends/weight"))
    assert "いま この 値は 記録していません。" in page
    assert "へりました" not in page
    assert "60.00" in page, "what was recorded is still its person's"


async def test_a_kind_or_a_span_that_does_not_exist(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO)
    for name in ("mood", "body-weight", "%2e%2e", "chart.svg"):
        assert (await desk.browser.get(f"/me/trends/{name}")).status_code == 404
    assert "まだ 記録が ありません。" in await shown(desk, "/me/trends/weight?days=7")
    assert (await desk.browser.get("/me/trends/weight?days=many")).status_code == 400
    assert "まだ 記録が ありません。" in await shown(desk, "/me/trends")


async def test_english_is_complete(desk: Desk) -> None:
    hear(desk.engine, *[reading(1, ago, body_weight=f"{60 + ago * 0.04:.2f}") for ago in range(30)])
    desk.enter_as("resident", by=HANAKO)
    page = await shown(desk, "/me/trends/weight?lang=en")
    main = page[page.index("<main") : page.index("</main")]
    assert "Down about 0.9 kg in 30 days." in main
    assert not re.search("[぀-ヿ一-鿿]", main)

"""A resident's own records: by year, in plain words, as far as the policy shows them, and nothing of anybody else."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import msgspec
import pytest

from engine.clinical import Fact
from engine.disclosure import Term
from engine.records import documents_of, records_of, values_of
from engine.refusal import Refusal
from engine.store import audit, repo_disclosure, repo_facts, repo_releases
from engine.store.database import read, write
from engine.store.repo_facts import By
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, heading
from tests.web.records_home import DAY, fact, record, years

__all__ = ["desk"]
pytestmark = pytest.mark.flow
NURSE = By("s-nursenursenur", "test")


def sit(desk: Desk) -> None:
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())


async def page(desk: Desk, path: str = "/me/records") -> str:
    answer = await desk.browser.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_results_of_three_years_stand_side_by_side_the_newest_first(desk: Desk) -> None:
    years(desk.engine, NOW)
    sit(desk)
    shown = await page(desk)
    assert heading(shown) == "わたしの記録"
    row = shown.split('href="/me/records/lab.hba1c"')[1].split("</tr>")[0]
    assert [row.index(value) for value in ("5.4", "5.6", "5.5")] == sorted(row.index(v) for v in ("5.4", "5.6", "5.5"))
    assert shown.index("2026年") < shown.index("2025年") < shown.index("2024年")


async def test_every_item_says_what_it_is_who_published_its_mark_and_to_ask_a_doctor(desk: Desk) -> None:
    years(desk.engine, NOW)
    sit(desk)
    shown = await page(desk, "/me/records/lab.hba1c")
    assert "この1〜2か月の 血糖の ようすです。" in shown
    assert "厚生労働省" in shown
    assert "医師に 聞いてください" in shown
    assert "正常" not in shown
    assert [shown.count(f"<strong>{value} ") for value in ("5.4", "5.6", "5.5")] == [1, 1, 1]


async def test_what_may_not_be_seen_yet_is_announced_without_its_name_and_appears_in_its_time(desk: Desk) -> None:
    record(desk.engine, fact("lab.hba1c", "6.9", NOW - 2 * DAY, "lab"), fact("has.ckd", "1", NOW - 2 * DAY, "hospital"))
    sit(desk)
    shown = await page(desk)
    assert "2026年11月26日から 見られます(1つ)" in shown
    assert "医師の話の あとに 見られます(1つ)" in shown
    for hidden in ("6.9", "lab.hba1c", "has.ckd", "じん臓の はたらきが 弱い"):
        assert hidden not in shown
    assert "6.9" not in await page(desk, "/me/records/lab.hba1c")
    desk.wait(5 * DAY)
    later = await page(desk)
    assert "6.9" in later
    assert "has.ckd" not in later


async def test_a_release_by_a_doctor_or_nurse_shows_a_finding_at_once(desk: Desk) -> None:
    [finding] = record(desk.engine, fact("has.ckd", "1", NOW - 2 * DAY, "hospital"))
    sit(desk)
    assert "has.ckd" not in await page(desk)
    with write(desk.engine) as connection:
        assert repo_releases.release(connection, finding.id, NURSE, NOW)
    shown = await page(desk)
    assert "has.ckd" in shown
    assert "医師の話の あと" not in shown


async def test_a_municipality_may_say_otherwise_and_only_for_itself(desk: Desk) -> None:
    record(desk.engine, fact("lab.hba1c", "6.9", NOW - 2 * DAY, "lab"))
    sit(desk)
    for town, seen in (("064611", False), ("062049", True)):
        with write(desk.engine) as connection:
            repo_disclosure.set_policy(connection, town, "lab", Term("at-once"), NURSE, NOW)
        assert ("6.9" in await page(desk)) is seen, town
    with read(desk.engine) as connection:
        actions = [one.action for one in audit.entries(connection, limit=500)]
        assert actions.count("disclosure-set") == 2
        assert audit.verify(connection) is None


async def test_nothing_of_the_neighbour_is_shown_and_every_look_is_on_record(desk: Desk) -> None:
    record(desk.engine, fact("lab.hba1c", "9.9", NOW - 30 * DAY, who=TARO))
    sit(desk)
    assert "9.9" not in await page(desk)
    assert "9.9" not in await page(desk, "/me/records/lab.hba1c")
    with read(desk.engine) as connection:
        mine = [one for one in audit.entries(connection, limit=500, subject=HANAKO) if one.action == "records-view"]
    assert [one.actor for one in mine] == [HANAKO, HANAKO]


async def test_what_was_taken_back_is_gone_from_every_part(desk: Desk) -> None:
    [wrong] = record(desk.engine, fact("checkup.weight", "161.2", NOW - 30 * DAY))
    with write(desk.engine) as connection:
        back = repo_facts.retract(connection, wrong.id, NURSE, "desk", NOW, Random(3))
        assert not isinstance(back, Refusal)
    sit(desk)
    shown = await page(desk)
    assert "161.2" not in shown
    assert "いま 見られる 健診の結果は ありません。" in shown
    assert "いま 見られる 書類は ありません。" in shown


async def test_an_item_that_there_is_not_and_a_page_in_english(desk: Desk) -> None:
    years(desk.engine, NOW)
    sit(desk)
    assert (await desk.browser.get("/me/records/lab.wisdom")).status_code == 404
    shown = (await desk.browser.get("/me/records?lang=en")).text
    assert "Check-ups and tests" in shown
    assert "Your check-ups and records are here." in shown


async def test_the_page_reads_without_a_picture_every_table_named_every_anchor_there(desk: Desk) -> None:
    years(desk.engine, NOW)
    sit(desk)
    shown = await page(desk)
    tags = Page(shown).tags
    ids = [held["id"] for _, held in tags if held.get("id")]
    assert len(ids) == len(set(ids))
    anchors = [held["href"] or "" for tag, held in tags if tag == "a" and (held.get("href") or "").startswith("#")]
    assert {one[1:] for one in anchors} <= set(ids)
    assert shown.count("<table") == shown.count("<caption") > 0
    assert 'style="' not in shown


def test_the_records_of_nobody_are_empty_and_of_the_same_year_two_values_stay_two() -> None:
    assert records_of([], NOW, "ja").tables == ()
    rows = [fact("checkup.weight", "60.0", NOW - 200 * DAY), fact("checkup.weight", "61.0", NOW - 20 * DAY)]
    rows = [_named(base, number) for number, base in enumerate(rows)]
    [table] = records_of(rows, NOW, "en").tables
    assert [[value.text for value in cell] for cell in table.lines[0].cells] == [["61.0", "60.0"]]
    assert [value.text for value in values_of(rows, "checkup.weight", NOW, "en")] == ["61.0", "60.0"]


def test_only_what_came_from_outside_is_a_document_by_the_day_it_came() -> None:
    came = NOW - timedelta(days=3)
    rows = [
        _named(fact("lab.hb", "13.1", NOW - 400 * DAY, recorded=came), 1),
        _named(fact("lab.ast", "20", NOW - 30 * DAY, recorded=came), 2),
        _named(fact("answer.smoker", "0", NOW - 1 * DAY, "resident"), 3),
    ]
    [one] = documents_of(rows, NOW)
    assert (one.source, one.count, one.recorded.day, one.first < one.last) == ("checkup", 2, 18, True)


def _named(base: Fact, number: int) -> Fact:
    return msgspec.structs.replace(base, id=f"f-{number}")

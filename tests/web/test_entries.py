"""What other houses told of a person: all of it at the desk, and on their own pages what a doctor or nurse released."""

from __future__ import annotations

import csv
import io
import zipfile
from random import Random

import pytest

from engine.care_entries import Entry
from engine.store import audit, repo_entries, repo_releases
from engine.store.database import read, write
from tests.web.brought import BY, DAY, SYSTEM, things, told
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow


def store(desk: Desk, *entries: Entry) -> dict[str, str]:
    """The entries in the store; their ids by name."""
    with write(desk.engine) as connection:
        return {
            one.name: one.id
            for one in repo_entries.append(connection, entries, BY, NOW - 2 * DAY, Random(repr(entries)))
        }


def at_home(desk: Desk, who: str = HANAKO) -> None:
    desk.enter_as("resident", by=who, name="山田 花子", towns=())


async def page(desk: Desk, path: str = "/me/records") -> str:
    answer = await desk.browser.get(path)
    assert answer.status_code == 200
    return answer.text


async def release(desk: Desk, entry: str) -> int:
    desk.enter_as("nurse")
    path = f"/residents/{HANAKO}/entries/{entry}/release"
    form = Page(await page(desk, f"/residents/{HANAKO}")).forms[path]
    return (await desk.browser.post(path, data=form)).status_code


async def test_what_waits_for_a_word_is_counted_without_its_name(desk: Desk) -> None:
    store(desk, *things(NOW))
    at_home(desk)
    shown = await page(desk)
    assert "医師の話の あとに 見られます(6つ)" in shown
    for hidden in ("アムロジピン", "高血圧症", "えび", "超音波", "診療情報"):
        assert hidden not in shown
    # A check-up's own document was sent to the person on paper already.
    assert "健診結果報告書" in shown


async def test_a_nurse_sees_everything_and_lets_the_resident_see_one_of_it(desk: Desk) -> None:
    ids = store(desk, *things(NOW))
    desk.enter_as("nurse")
    record = await page(desk, f"/residents/{HANAKO}")
    for said in (
        "アムロジピン錠5mg",
        "2171022F2 アムロジピン",
        "本態性高血圧症",
        "ちょうかいネット",
        "腹部超音波検査",
        "説明待ち",
    ):
        assert said in record, said
    assert await release(desk, ids["アムロジピン錠5mg"]) == 303
    at_home(desk)
    shown = await page(desk)
    medicine = shown.split('id="medicine"')[1].split("</section>")[0]
    for said in ("アムロジピン錠5mg", "1回1錠 朝食後", "2026年8月23日から", "病院", "ちょうかいネット", "2026年11月19日に 病院",
                 "医師に 聞いて"):  # fmt: skip
        assert said in medicine, said
    assert "医師の話の あとに 見られます(5つ)" in shown
    assert "ロキソプロフェン" not in shown
    with read(desk.engine) as connection:
        [link] = [one for one in audit.entries(connection, limit=500) if one.action == "entry-release"]
        assert (link.subject, link.actor) == (ids["アムロジピン錠5mg"], "s-nursenursenur")


async def test_what_has_ended_stands_apart_and_the_newest_edition_only(desk: Desk) -> None:
    [first] = store(desk, told(NOW, "MedicationRequest/1", "アムロジピン錠5mg", detail="朝")).values()
    store(desk, told(NOW, "MedicationRequest/1", "アムロジピン錠5mg", detail="朝と夕", version="2", status="past",
                     recorded_at=NOW - DAY))  # fmt: skip
    with write(desk.engine) as connection:
        assert repo_releases.release(connection, first, BY, NOW - DAY)
    at_home(desk)
    shown = await page(desk)
    assert shown.count("アムロジピン錠5mg") == 1
    assert "朝と夕" in shown
    assert "終わった ものを 見る(1こ)" in shown


async def test_who_may_not_release_has_no_button_and_no_way(desk: Desk) -> None:
    ids = store(desk, *things(NOW))
    path = f"/residents/{HANAKO}/entries/{ids['えび']}/release"
    csrf = desk.enter_as("dietitian").csrf
    assert path not in Page(await page(desk, f"/residents/{HANAKO}")).forms
    assert (await desk.browser.post(path, data={"csrf": csrf})).status_code == 403
    csrf = desk.enter_as("nurse").csrf
    for wrong in (
        f"/residents/{TARO}/entries/{ids['えび']}/release",
        f"/residents/{HANAKO}/entries/e-aaaaaaaaaaaaa/release",
    ):
        assert (await desk.browser.post(wrong, data={"csrf": csrf})).status_code == 404
    with read(desk.engine) as connection:
        assert repo_releases.released_to(connection, HANAKO) == {}


async def test_a_name_from_outside_is_text_and_never_markup(desk: Desk) -> None:
    hostile = "<script>alert(1)</script>"
    ids = store(desk, told(NOW, "Condition/1", hostile, "condition", detail="<b>x</b>"))
    assert await release(desk, ids[hostile]) == 303
    for who, path in (("nurse", f"/residents/{HANAKO}"), ("resident", "/me/records")):
        desk.enter_as("nurse") if who == "nurse" else at_home(desk)
        shown = await page(desk, path)
        assert hostile not in shown
        assert "&lt;script&gt;" in shown


async def test_the_neighbour_sees_nothing_of_it(desk: Desk) -> None:
    store(desk, told(NOW, "document/2", "健診結果報告書", "document", source="checkup"))
    at_home(desk, TARO)
    assert "健診結果報告書" not in await page(desk)


async def test_the_archive_holds_what_the_page_shows_and_no_more(desk: Desk) -> None:
    ids = store(desk, *things(NOW))
    assert await release(desk, ids["アムロジピン錠5mg"]) == 303
    at_home(desk)
    form = Page(await page(desk, "/me/export")).forms["/me/export/tables"]
    answer = await desk.browser.post("/me/export/tables", data=form)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("told.csv"), encoding="utf-8-sig")))
    assert {row["name"] for row in rows} == {"アムロジピン錠5mg", "健診結果報告書"}
    [medicine] = [row for row in rows if row["sort"] == "medication"]
    assert (medicine["codes"], medicine["ended"], medicine["day"], medicine["origin"]) == (
        f"{SYSTEM}|2171022F2", "0", "2026-08-23", "choukai-net",
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/me/records?lang=en", "/me/records?lang=ja"])
async def test_every_sort_is_explained_in_the_language_of_the_reader(desk: Desk, path: str) -> None:
    ids = store(desk, *things(NOW))
    with write(desk.engine) as connection:
        for one in ids.values():
            repo_releases.release(connection, one, BY, NOW)
    at_home(desk)
    shown = await page(desk, path)
    heads = (
        ("As hospitals and pharmacies wrote it", "Allergies as hospitals wrote them", "Reports of tests", "Choukai-net")
        if path.endswith("en") else ("病院や 薬局が 書いたもの", "病院が 書いた アレルギー", "検査の 報告書", "ちょうかいネット")
    )  # fmt: skip
    for head in heads:
        assert head in shown

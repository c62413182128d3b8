"""Letters at the desk: a reply typed in from its code in two steps, what came back, and nobody from another town."""

from __future__ import annotations

from datetime import date
from random import Random

import msgspec
import pytest

from engine.letters_batch import gather
from engine.letters_store import Wish
from engine.store import audit, repo_consents, repo_letters, repo_places, repo_requests, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_letters import Batch, Letter
from tests.homes import consent, resident
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
MONTH = date(2026, 10, 1)
FAR = "r-farfarfarfar2"


@pytest.fixture
def written(desk: Desk) -> dict[str, Letter]:
    """A letter to Hanako and Taro, and one to somebody of another town."""
    with write(desk.engine) as connection:
        repo_places.add_household(
            connection, repo_places.Household(id="h-farfarfarfar2", municipality_code="064262"), NOW
        )
        person = msgspec.structs.replace(
            resident(FAR, "遠子", date(1950, 5, 5)), household_id="h-farfarfarfar2", municipality_code="064262"
        )
        repo_residents.add(connection, person, NOW, actor="test", os_user="test")
        for purpose in ("record", "advice"):
            repo_consents.append(connection, consent(FAR, purpose), os_user="test")
        for name in (HANAKO, TARO, FAR):
            found = repo_residents.get(connection, name)
            assert found is not None
            changed = msgspec.structs.replace(
                found, channel="letter", address="〒998-0842 酒田市1", version=found.version + 1
            )
            repo_residents.edit(connection, changed, NOW, actor="test", os_user="test")
    with write(desk.engine) as connection:
        for seed, (town, names) in enumerate({"062049": (HANAKO, TARO), "064262": (FAR,)}.items()):
            wish = Wish(town=town, sort="month", month=MONTH)
            letters, left = gather(connection, wish, NOW, None, Random(seed))
            assert left == {}
            assert {one.resident for one in letters} == set(names)
            batch = Batch(
                seq=0, municipality_code=town, sort="month", period="2026-10", letters=len(letters), pages=0, sha256="",
                by="s-nursenursenur", at=NOW,
            )  # fmt: skip
            assert repo_letters.keep(connection, letters, batch, By("s-nursenursenur", "test")) is not None
    with read(desk.engine) as connection:
        return {name: repo_letters.of_resident(connection, name)[0] for name in (HANAKO, TARO, FAR)}


async def test_a_reply_form_is_typed_in_by_its_code_and_becomes_a_request(
    desk: Desk, written: dict[str, Letter]
) -> None:
    code = written[HANAKO].code
    desk.enter_as("nurse")
    text = (await desk.browser.get("/letters")).text
    assert "2026年10月" in text
    went = await desk.browser.get("/letters", params={"code": f"{code[:4].lower()}-{code[4:]}"})
    assert (went.status_code, went.headers["location"]) == (303, f"/letters/{code}")
    page = await desk.browser.get(f"/letters/{code}")
    assert "花子" in page.text
    form = Page(page.text).forms[f"/letters/{code}/reply"] | {"tick": "call", "words": "足がいたい"}
    done = await desk.browser.post(f"/letters/{code}/reply", data=form)
    assert (done.status_code, done.headers["location"]) == (303, f"/letters?saved={code}")
    assert f"{code[:4]}-{code[4:]}" in (await desk.browser.get(f"/letters?saved={code}")).text
    with read(desk.engine) as connection:
        [asked] = repo_requests.of(connection, HANAKO)
        assert (asked.kind, asked.text.splitlines()[-1]) == ("call", "足がいたい")
        actions = {one.action for one in audit.entries(connection, subject=HANAKO)}
        assert {"letter-view", "letter-replied", "contact-add"} <= actions
    again = await desk.browser.post(f"/letters/{code}/reply", data=form)
    assert again.status_code == 422
    assert f'action="/letters/{code}/reply"' not in (await desk.browser.get(f"/letters/{code}")).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "何も選ばれていません"),
        ({"tick": ["fine", "call"]}, "両立しない"),
        ({"tick": "seen"}, "この用紙にない"),
        ({"tick": "fine", "seen_on": "x"}, "日付は"),
        ({"words": "x" * 501}, "文が長すぎます"),
        ({"words": "a\u200b"}, "表示できない文字"),
    ],
)
async def test_a_form_that_cannot_be_taken_in_says_why_and_keeps_what_was_typed(
    desk: Desk, written: dict[str, Letter], fields: dict[str, str], words: str
) -> None:
    code = written[HANAKO].code
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"/letters/{code}")).text).forms[f"/letters/{code}/reply"]
    page = await desk.browser.post(f"/letters/{code}/reply", data=form | fields)
    assert page.status_code == 422
    assert words in page.text
    with read(desk.engine) as connection:
        assert repo_letters.of_resident(connection, HANAKO)[0].state == "made"
        assert repo_requests.of(connection, HANAKO) == []


async def test_what_came_back_is_listed_until_they_are_reached_again(desk: Desk, written: dict[str, Letter]) -> None:
    code = written[TARO].code
    desk.enter_as("nurse")
    form = Page((await desk.browser.get(f"/letters/{code}")).text).forms[f"/letters/{code}/returned"]
    done = await desk.browser.post(f"/letters/{code}/returned", data=form | {"reason": "moved"})
    assert done.status_code == 303
    page = await desk.browser.get("/letters")
    assert "転居" in page.text
    assert f'href="/residents/{TARO}"' in page.text
    twice = await desk.browser.post(f"/letters/{code}/returned", data=form | {"reason": "moved"})
    assert twice.status_code == 409
    wrong = await desk.browser.post(f"/letters/{code}/returned", data=form | {"reason": "bad"})
    assert wrong.status_code == 400


async def test_a_letter_to_another_town_does_not_exist_here(desk: Desk, written: dict[str, Letter]) -> None:
    code = written[FAR].code
    desk.enter_as("nurse")
    typed = await desk.browser.get("/letters", params={"code": code})
    assert typed.status_code == 422
    assert "この番号の手紙はありません" in typed.text
    assert (await desk.browser.get(f"/letters/{code}")).status_code == 404
    assert (await desk.browser.get("/letters/AAAAAAAA")).status_code == 404
    assert "三川" not in (await desk.browser.get("/letters")).text


async def test_typing_errors_lead_nowhere(desk: Desk, written: dict[str, Letter]) -> None:
    desk.enter_as("nurse")
    code = written[HANAKO].code
    other = "B" if code[0] != "B" else "C"
    page = await desk.browser.get("/letters", params={"code": other + code[1:]})
    assert page.status_code == 422
    assert "8文字" in page.text
    desk.enter_as("watcher")
    assert (await desk.browser.get("/letters")).status_code == 403

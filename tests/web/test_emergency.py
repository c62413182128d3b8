"""The page behind an emergency card: nobody looks without saying who and why, everybody concerned hears of it."""

from __future__ import annotations

import re
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from engine.access import Role
from engine.carrying_store import tables_of
from engine.emergency import MOST_A_DAY, MOST_REFUSED, Issued, Sort, mint
from engine.notify.sending import reach_of
from engine.people import Resident
from engine.report_looks import looks_of
from engine.sealing import seal_of
from engine.store import audit, repo_emergency, repo_entries, repo_family, repo_notices, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_facts import By as FactBy
from tests.summary_people import entry
from tests.web.accounts import employ
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, rename
from tests.web.records_home import DAY, fact, record
from tests.web.test_me_consents import add, sit

__all__ = ["desk"]
pytestmark = pytest.mark.flow
WHO = {"name": "佐藤 救急救命士", "place": "酒田消防", "reason": "意識がなく搬送中"}
HIDDEN = "セフェム系抗菌薬"


def card(desk: Desk, sort: Sort = "wallet", who: str = HANAKO, seed: int = 1) -> Issued:
    """A card of a resident who has an allergy that no doctor has released to her yet, and a pacemaker."""
    with write(desk.engine) as connection:
        made = mint(who, sort, who, desk.clock[0], Random(seed))
        repo_emergency.issue(connection, made, By(who, "test"))
        if seed == 1:
            repo_entries.append(connection, [entry("allergy", HIDDEN)], FactBy("t", "t"), NOW, Random(2))
    if seed == 1:
        record(desk.engine, fact("has.implant", "1", NOW - DAY, "nurse"))
    return made


async def look(desk: Desk, made: Issued, browser: httpx.AsyncClient | None = None, **said: Any) -> httpx.Response:
    """Scan the card, fill in what is asked and follow."""
    visitor, at = browser or desk.browser, f"/e/{made.secret}"
    shown = await visitor.get(at)
    form = Page(shown.text).forms[at]
    return await visitor.post(at, data=form | WHO | said, follow_redirects=True)


def acts(desk: Desk, who: str = HANAKO) -> list[str]:
    with read(desk.engine) as connection:
        return [one.action for one in audit.entries(connection, subject=who, limit=999)]


async def test_first_come_the_questions_and_not_a_word_of_anybody(desk: Desk) -> None:
    made = card(desk)
    asked = await desk.browser.get(f"/e/{made.secret}")
    assert asked.status_code == 200
    assert asked.headers["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert asked.headers["cache-control"] == "no-store"
    assert asked.headers["referrer-policy"] == "no-referrer"
    assert not {word for word in ("山田", "花子", "ヤマダ", HIDDEN, "ペースメーカー", HANAKO) if word in asked.text}
    assert "<script" not in asked.text
    assert "emergency-view" not in acts(desk)


async def test_with_name_place_and_reason_the_whole_record_opens_for_an_hour_in_that_browser(desk: Desk) -> None:
    made = card(desk)
    shown = await look(desk, made)
    assert shown.status_code == 200
    assert all(word in shown.text for word in ("山田 花子", HIDDEN, "ペースメーカー", WHO["name"]))
    assert shown.headers["x-robots-tag"].startswith("noindex")
    async with desk.another() as other:
        assert "花子" not in (await other.get(f"/e/{made.secret}")).text
    desk.wait(timedelta(minutes=59))
    assert HIDDEN in (await desk.browser.get(f"/e/{made.secret}")).text
    desk.wait(timedelta(minutes=2))
    assert "花子" not in (await desk.browser.get(f"/e/{made.secret}")).text
    assert acts(desk).count("emergency-read") == 1
    assert acts(desk).count("emergency-view") == 2
    with read(desk.engine) as connection:
        assert audit.verify(connection) is None


async def test_it_speaks_both_languages(desk: Desk) -> None:
    made = card(desk)
    asked = await desk.browser.get(f"/e/{made.secret}?lang=en")
    assert "Say first who you are" in asked.text
    shown = await look(desk, made, lang="en")
    assert "Before anything is done" in shown.text
    assert "pacemaker or other implant" in shown.text


@pytest.mark.parametrize("left_out", ["name", "place", "reason"])
async def test_without_saying_who_where_and_why_nothing_opens(desk: Desk, left_out: str) -> None:
    made, said = card(desk), dict[str, Any]({left_out: ""})
    shown = await look(desk, made, **said)
    assert shown.status_code == 422
    assert "3つともすべて" in shown.text
    assert "花子" not in shown.text
    assert all(value in shown.text for key, value in WHO.items() if key != left_out), "what was typed is still there"
    with read(desk.engine) as connection:
        assert repo_emergency.looks(connection, HANAKO) == []


async def test_expired_revoked_replaced_unknown_and_left_are_one_answer(desk: Desk) -> None:
    first = card(desk)
    second = card(desk, seed=3)
    sheet = card(desk, "sheet", seed=4)
    with write(desk.engine) as connection:
        repo_emergency.revoke(connection, sheet.card.id, HANAKO, By(HANAKO, "test"), NOW)
        gone = repo_residents.get(connection, TARO)
        assert isinstance(gone, Resident)
    moved = card(desk, who=TARO, seed=5)
    rename(desk.engine, TARO, status="moved")
    answers = set()
    for secret in (first.secret, sheet.secret, moved.secret, "a" * 26, "x", "%E3%81%82", "a" * 300):
        for method in ("GET", "POST"):
            got = await desk.browser.request(method, f"/e/{secret}", data=WHO if method == "POST" else None)
            answers.add((got.status_code, re.sub(r"/e/[a-z2-7]+", "", got.text)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert (await desk.browser.get(f"/e/{second.secret}")).status_code == 200
    desk.wait(timedelta(days=366))
    late = await desk.browser.get(f"/e/{second.secret}")
    assert {(late.status_code, re.sub(r"/e/[a-z2-7]+", "", late.text))} == answers


async def test_the_person_the_family_and_the_desk_are_told_at_once(desk: Desk) -> None:
    member = await add(desk, sit(desk))
    made = card(desk)
    async with desk.another() as crew:
        await look(desk, made, crew)
    with read(desk.engine) as connection:
        [seen] = repo_emergency.looks(connection, HANAKO)
        told = {
            one.recipient: one for one in (*repo_notices.of(connection, HANAKO), *repo_notices.of(connection, member))
        }
    assert [(told[who].kind, told[who].about, told[who].urgent) for who in (HANAKO, member)] == [
        ("emergency", seen.id, True), ("family-emergency", seen.id, True),
    ]  # fmt: skip
    for role, path in (("nurse", "/queue"), ("auditor", "/log")):
        words: Role = "nurse" if role == "nurse" else "auditor"
        desk.enter_as(words)
        assert WHO["name"] in (await desk.browser.get(path)).text, path
        desk.enter_as(words, towns=("064262",))
        assert WHO["name"] not in (await desk.browser.get(path)).text, path
    sit(desk)
    mine = (await desk.browser.get("/me/seen")).text
    assert all(word in mine for word in (*WHO.values(), "救急の カードで 見た人が います"))
    assert mine.index("救急の カードで 見た人が います") < mine.index('id="list"')
    assert "救急の カードで 見た人が います" in (await desk.browser.get("/me")).text
    desk.enter_as("family", by=member, name="山田 一郎", towns=())
    assert "救急の カードが 使われました" in (await desk.browser.get(f"/family/{HANAKO}")).text


async def test_family_who_may_look_no_more_is_not_told(desk: Desk) -> None:
    member = await add(desk, sit(desk))
    made = card(desk)
    async with desk.another() as crew:
        await look(desk, made, crew)
    with write(desk.engine) as connection:
        [notice] = repo_notices.of(connection, member)
        assert reach_of(connection, seal_of(None), notice, NOW).needless is None
        repo_family.end(connection, member, NOW)
        assert reach_of(connection, seal_of(None), notice, NOW).needless == "no-consent"


async def test_a_card_revoked_while_somebody_looks_closes_the_page(desk: Desk) -> None:
    made = card(desk)
    async with desk.another() as crew:
        assert HIDDEN in (await look(desk, made, crew)).text
        sit(desk)
        mine = await desk.browser.get("/me/cards")
        form = Page(mine.text).forms["/me/cards/revoke"]
        assert (await desk.browser.post("/me/cards/revoke", data=form)).status_code == 303
        assert (await crew.get(f"/e/{made.secret}")).status_code == 404


async def test_a_look_by_one_card_opens_no_other(desk: Desk) -> None:
    made, other = card(desk), card(desk, who=TARO, seed=6)
    await look(desk, made)
    name = "phr_emergency"
    assert name in desk.browser.cookies
    assert (await desk.browser.get(f"/e/{other.secret}")).text.count("<form") == 1
    desk.browser.cookies.set(name, "forged", path="/e")
    assert HIDDEN not in (await desk.browser.get(f"/e/{made.secret}")).text


async def test_closing_forgets_it_in_that_browser(desk: Desk) -> None:
    made = card(desk)
    shown = await look(desk, made)
    form = next(path for path in Page(shown.text).forms if "close" in path)
    assert (await desk.browser.post(form)).status_code == 200
    assert HIDDEN not in (await desk.browser.get(f"/e/{made.secret}")).text


async def test_too_many_looks_by_one_card_are_slowed_down_and_another_day_is_another_day(desk: Desk) -> None:
    made = card(desk)
    for _ in range(MOST_A_DAY):
        async with desk.another() as crew:
            assert (await look(desk, made, crew)).status_code == 200
    async with desk.another() as crew:
        assert (await look(desk, made, crew)).status_code == 429
    desk.wait(timedelta(days=1, minutes=1))
    async with desk.another() as crew:
        assert (await look(desk, made, crew)).status_code == 200


async def test_guessing_writes_no_end_of_entries_and_never_shuts_out_who_has_a_card(desk: Desk) -> None:
    made = card(desk)
    for number in range(MOST_REFUSED + 5):
        got = await desk.browser.get(f"/e/{number % 10}{'a' * 25}")
        assert got.status_code == (404 if number < MOST_REFUSED else 429)
    with read(desk.engine) as connection:
        written = [one for one in audit.entries(connection, limit=999) if one.action == repo_emergency.REFUSED]
    assert len(written) == MOST_REFUSED
    assert HIDDEN in (await look(desk, made)).text
    desk.wait(timedelta(minutes=2))
    assert (await desk.browser.get(f"/e/{'a' * 26}")).status_code == 404


async def test_who_calls_themselves_like_staff_is_no_staff(desk: Desk) -> None:
    member = employ(desk.engine, NOW, "nurse")
    made = card(desk)
    async with desk.another() as crew:
        await look(desk, made, crew, name=member.id)
    sit(desk)
    mine = (await desk.browser.get("/me/seen")).text
    assert member.id in mine
    assert member.name not in mine


async def make(desk: Desk, path: str, **fields: Any) -> httpx.Response:
    shown = await desk.browser.get(path)
    assert shown.status_code == 200, shown.text
    return await desk.browser.post(f"{path}/make", data=Page(shown.text).forms[f"{path}/make"] | fields)


async def test_i_print_a_card_with_what_i_may_see_and_the_old_one_ends(desk: Desk) -> None:
    old = card(desk)
    sit(desk)
    assert "まだ のせられない 記録が 1件" in (await desk.browser.get("/me/cards")).text
    made = await make(desk, "/me/cards", sort="wallet", form="html")
    assert made.headers["content-disposition"].startswith('attachment; filename="minato-wallet-y-')
    assert "ペースメーカー" in made.text
    assert HIDDEN not in made.text, "what no doctor has released is not printed"
    assert "この紙にない記録: 1件" in made.text
    assert (await desk.browser.get(f"/e/{old.secret}")).status_code == 404
    with read(desk.engine) as connection:
        good = [one for one in repo_emergency.of(connection, HANAKO) if one.good(NOW)]
    assert [(one.sort, one.issued_by) for one in good] == [("wallet", HANAKO)]
    assert "export-card" in acts(desk)


async def test_the_desk_prints_only_for_who_asked_and_they_hear_of_it(desk: Desk) -> None:
    card(desk)
    desk.enter_as("nurse")
    path = f"/residents/{HANAKO}/cards"
    assert (await make(desk, path, sort="sheet", form="html")).status_code == 422
    made = await make(desk, path, sort="sheet", form="html", asked="yes")
    assert made.status_code == 200
    assert HIDDEN not in made.text
    with read(desk.engine) as connection:
        assert [one.kind for one in repo_notices.of(connection, HANAKO)] == ["card"]
    for role in ("dietitian", "helpdesk", "auditor"):
        desk.enter_as(role)
        assert (await desk.browser.get(path)).status_code == 403
    desk.enter_as("nurse", towns=("064262",))
    assert (await desk.browser.get(path)).status_code == 404


async def test_without_the_token_of_the_form_no_card_is_made_or_ended(desk: Desk) -> None:
    sit(desk)
    for path, fields in (("/me/cards/make", {"sort": "wallet", "form": "html"}), ("/me/cards/revoke", {"card": "x"})):
        assert (await desk.browser.post(path, data=fields | {"csrf": "made-up"})).status_code == 403
    with read(desk.engine) as connection:
        assert repo_emergency.of(connection, HANAKO) == []


async def test_nobody_ends_the_card_of_somebody_else(desk: Desk) -> None:
    made = card(desk)
    session = desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    await desk.browser.post("/me/cards/revoke", data={"csrf": session.csrf, "card": made.card.id})
    assert (await desk.browser.get(f"/e/{made.secret}")).status_code == 200


async def test_the_page_for_a_doctor_is_mine_as_far_as_disclosed_and_whole_from_the_desk(desk: Desk) -> None:
    card(desk)
    sit(desk)
    shown = await desk.browser.get("/me/cards")
    form = Page(shown.text).forms["/me/cards/summary"]
    mine = await desk.browser.post("/me/cards/summary", data=form | {"form": "html"})
    assert "ペースメーカー" in mine.text
    assert HIDDEN not in mine.text
    assert "この版にない記録が1件" in mine.text
    session = desk.enter_as("physician")
    path = f"/residents/{HANAKO}/summary"
    whole = await desk.browser.post(path, data={"csrf": session.csrf, "form": "html"})
    assert HIDDEN in whole.text
    assert acts(desk).count("export-summary") == 2
    for role in ("helpdesk", "auditor"):
        session = desk.enter_as(role)
        assert (await desk.browser.post(path, data={"csrf": session.csrf, "form": "html"})).status_code == 403


async def test_who_looked_by_a_card_is_named_wherever_the_chain_is_read(desk: Desk) -> None:
    made = card(desk)
    async with desk.another() as crew:
        await look(desk, made, crew)
    with read(desk.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert isinstance(person, Resident)
        paper = looks_of(connection, person, NOW.date(), NOW.date(), "ja")
        tables = {name: [list(row) for row in rows] for name, _, rows in tables_of(connection, person, NOW, "ja")}
    who = f"{WHO['name']} ({WHO['place']})"
    assert who in {one.who for one in paper}
    assert who in {row[1] for row in tables["seen"]}
    assert [row[1:] for row in tables["exceptional"]] == [[who, WHO["reason"]]]
    desk.enter_as("auditor")
    assert who in (await desk.browser.get(f"/log?subject={HANAKO}")).text

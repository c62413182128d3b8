"""The queue as pages: in order, within towns and consent, by searches that are addresses, with views that are kept."""

from __future__ import annotations

import re
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Engine, update

from engine.access import Identity
from engine.officehours import due_at
from engine.queue_search import Search
from engine.ranking import rank as placed
from engine.review import HOLD, Item
from engine.store import repo_consents, repo_glass, repo_queue
from engine.store.database import read, write
from engine.store.tables import ADVICE, RESIDENT
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, item, put

__all__ = ["desk"]
SAKATA, YUZA = "062049", "064611"
NURSE = Identity(id="s-nursenursenur", name="鈴木", roles=frozenset({"nurse"}), municipalities=frozenset({SAKATA}))


def ids(text: str) -> list[str]:
    """The items of a page in their order."""
    links = [held["href"] or "" for tag, held in Page(text).tags if tag == "a" and held.get("class") == "open"]
    return [link[len("/advice/") :].partition("?")[0] for link in links]


def many(number: int, rng: Random | None = None) -> list[Item]:
    """Open items of both residents, of every severity and age."""
    rng = rng or Random(1)
    return [
        item(
            f"{chr(97 + n // 26)}{chr(97 + n % 26)}", rng.choice(("routine", "soon", "prompt", "urgent")),
            resident_id=rng.choice((HANAKO, TARO)), created_at=NOW - timedelta(minutes=rng.randrange(20_000)),
            rule_id=rng.choice(("bmi-above-target", "steps-few")), topic=rng.choice(("weight", "activity")),
        )
        for n in range(number)
    ]  # fmt: skip


def in_order(items: list[Item]) -> list[str]:
    return [one.id for one in sorted(items, key=lambda one: (*placed(one, NOW).key, one.id))]


async def test_pages_of_fifty_hold_everything_once_in_the_order_of_the_ranking(desk: Desk) -> None:
    items = many(130)
    put(desk.engine, *items)
    desk.enter_as("nurse")
    found: list[str] = []
    text, pages = (await desk.browser.get("/queue")).text, 0
    while True:
        found += ids(text)
        pages += 1
        onward = [held["href"] for tag, held in Page(text).tags if tag == "a" and held.get("rel") == "next"]
        if not onward:
            break
        text = (await desk.browser.get(onward[0] or "")).text
        assert len(text.encode()) < 100_000
    assert (found, pages) == (in_order(items), 3)
    [back] = [held["href"] for tag, held in Page(text).tags if tag == "a" and held.get("rel") == "prev"]
    assert ids((await desk.browser.get(back or "")).text) == in_order(items)[50:100]
    assert ids((await desk.browser.get("/queue?after=a-neverneverneve")).text) == in_order(items)[:50]


async def test_an_urgent_item_heads_the_queue_until_somebody_was_reached(desk: Desk) -> None:
    put(
        desk.engine,
        item("red", "urgent", created_at=NOW - timedelta(minutes=5)),
        item("late", created_at=NOW - timedelta(days=60)),
    )
    desk.enter_as("nurse")
    with write(desk.engine) as connection:
        connection.execute(update(ADVICE).where(ADVICE.c.id == "a-redaaaaaaaaaa").values(state="delivered"))
    page = (await desk.browser.get("/queue")).text
    assert ids(page) == ["a-redaaaaaaaaaa", "a-lateaaaaaaaaa"]
    assert "連絡が まだ" in page
    with write(desk.engine) as connection:
        assert repo_queue.contacted(connection, "a-redaaaaaaaaaa", NOW)
        assert not repo_queue.contacted(connection, "a-redaaaaaaaaaa", NOW), "only once"
    assert ids((await desk.browser.get("/queue")).text) == ["a-lateaaaaaaaaa"]


async def test_a_rejected_urgent_item_waits_for_nobody_and_an_approved_one_still_does(desk: Desk) -> None:
    put(desk.engine, item("one", "urgent", evidence=item("x").evidence | {"ask": []}), item("two", "urgent"))
    desk.enter_as("nurse")
    await desk.send("a-oneaaaaaaaaaa", "approve")
    await desk.send("a-twoaaaaaaaaaa", "reject", reason="doubtful-data")
    with read(desk.engine) as connection:
        lines = [repo_queue.line(connection, name) for name in ("a-oneaaaaaaaaaa", "a-twoaaaaaaaaaa")]
    assert [(one.state, one.shelf) for one in lines if one] == [("approved", "open"), ("rejected", "done")]


async def test_nobody_sees_another_towns_items_however_they_ask(desk: Desk) -> None:
    put(desk.engine, item("one"), item("two", resident_id=HANAKO))
    desk.enter_as("nurse", towns=(YUZA,))
    for query in (
        "",
        "?q=山田",
        "?shelf=done",
        "?assigned=nobody",
        "?after=a-oneaaaaaaaaaa",
        "?before=a-twoaaaaaaaaaa",
    ):
        page = (await desk.browser.get(f"/queue{query}")).text
        assert not ids(page)
        assert "太郎" not in page
        assert "ほかに" not in page, "not even that somebody was left out"
    desk.enter_as("nurse", towns=(SAKATA, YUZA))
    assert len(ids((await desk.browser.get("/queue")).text)) == 2


async def test_two_towns_are_one_queue(desk: Desk) -> None:
    with write(desk.engine) as connection:
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == HANAKO).values(municipality_code=YUZA))
    items = many(70)
    put(desk.engine, *items)
    desk.enter_as("nurse", towns=(SAKATA, YUZA))
    first = (await desk.browser.get("/queue")).text
    assert ids(first) == in_order(items)[:50]
    after = (await desk.browser.get(f"/queue?after={ids(first)[-1]}")).text
    assert ids(after) == in_order(items)[50:]
    assert ids((await desk.browser.get(f"/queue?before={ids(after)[0]}")).text) == in_order(items)[:50]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("q=タロウ", {"a-taroaaaaaaaaa"}), ("q=やまだ", None), ("q=山田　花子", {"a-hanaaaaaaaaaa", "a-redaaaaaaaaaa"}), ("q=%25", set()),
        ("rule=steps-few", {"a-redaaaaaaaaaa"}), ("topic=activity", {"a-redaaaaaaaaaa"}),
        ("severity=urgent", {"a-redaaaaaaaaaa"}), ("state=open", None), ("state=claimed", set()),
        ("since=2026-11-20", {"a-taroaaaaaaaaa", "a-redaaaaaaaaaa"}), ("until=2026-11-19", {"a-hanaaaaaaaaaa"}),
        ("due=over", {"a-hanaaaaaaaaaa"}), ("due=today", {"a-hanaaaaaaaaaa", "a-redaaaaaaaaaa"}), ("first=1", {"a-redaaaaaaaaaa"}), ("assigned=nobody", {"a-hanaaaaaaaaaa", "a-redaaaaaaaaaa"}),
        ("assigned=me", {"a-taroaaaaaaaaa"}), ("assigned=team", set()), ("severity=urgent&q=タロウ", set()),
    ],
)  # fmt: skip
async def test_a_search_is_an_address(desk: Desk, query: str, wanted: set[str] | None) -> None:
    again = item("x").evidence | {"first": False}
    put(
        desk.engine, item("taro", evidence=again), item("hana", resident_id=HANAKO, created_at=NOW - timedelta(days=30), evidence=again),
        item("red", "urgent", resident_id=HANAKO, rule_id="steps-few", topic="activity", created_at=NOW - timedelta(hours=1)),
    )  # fmt: skip
    with write(desk.engine) as connection:
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == TARO).values(search_key="ヤマダタロウ"))
        repo_queue.assign(connection, "a-taroaaaaaaaaa", NURSE.id)
    desk.enter_as("nurse")
    response = await desk.browser.get(f"/queue?{query}")
    assert response.status_code == 200
    assert set(ids(response.text)) == (
        {"a-taroaaaaaaaaa", "a-hanaaaaaaaaaa", "a-redaaaaaaaaaa"} if wanted is None else wanted
    )


async def test_what_a_search_cannot_read_is_said_and_narrows_nothing(desk: Desk) -> None:
    put(desk.engine, item("one"))
    desk.enter_as("nurse")
    for query in ("since=soon", "severity=odd", "shelf=attic", "q=" + "a" * 201, "since=2026-11-30&until=2026-11-01"):
        page = await desk.browser.get(f"/queue?{query}")
        assert (page.status_code, ids(page.text)) == (422, ["a-oneaaaaaaaaaa"])
        assert 'role="alert"' in page.text


async def test_a_search_can_be_kept_renamed_and_forgotten_by_whoever_kept_it(desk: Desk) -> None:
    put(desk.engine, item("one"), item("red", "urgent"))
    desk.enter_as("nurse")
    page = (await desk.browser.get("/queue?severity=urgent")).text
    kept = await desk.browser.post("/queue/views", data=Page(page).forms["/queue/views"] | {"name": "  至急 だけ "})
    assert (kept.status_code, kept.headers["location"]) == (303, "/queue?severity=urgent")
    page = (await desk.browser.get("/queue")).text
    assert '<a href="/queue?severity=urgent">至急 だけ</a>' in page
    form = Page(page).forms["/queue/views/rename"]
    assert (await desk.browser.post("/queue/views/rename", data=form | {"new": "あか"})).status_code == 303
    page = (await desk.browser.get("/queue")).text
    assert (">あか</a>" in page, "至急 だけ" in page) == (True, False)
    refused = await desk.browser.post(
        "/queue/views/rename", data=Page(page).forms["/queue/views/rename"] | {"new": "長" * 31}
    )
    assert (refused.status_code, "長" * 31 in refused.text) == (422, True)
    async with desk.another() as other:
        desk.enter_as("nurse", by="s-othersothersot", browser=other)
        assert "あか" not in (await other.get("/queue")).text
    gone = await desk.browser.post("/queue/views/delete", data=Page(page).forms["/queue/views/rename"])
    assert gone.status_code == 303
    assert "あか" not in (await desk.browser.get("/queue")).text


async def test_how_many_are_left_out_follows_what_residents_say(desk: Desk) -> None:
    put(desk.engine, item("one"), item("two"), item("three", resident_id=HANAKO))
    desk.enter_as("nurse")

    async def barred() -> str:
        found = re.search(r"ほかに (\d+) 件", (await desk.browser.get("/queue")).text)
        return found[1] if found else ""

    assert await barred() == ""
    for granted, wanted in ((False, "2"), (True, "")):
        desk.wait(timedelta(seconds=1))
        with write(desk.engine) as connection:
            repo_consents.append(
                connection, consent(TARO, "nurse-review", granted=granted, at=desk.clock[0]), os_user="t"
            )
        assert await barred() == wanted


async def test_a_broken_glass_is_told_to_the_nurses_of_the_town_alone(desk: Desk) -> None:
    with write(desk.engine) as connection:
        repo_glass.smash(connection, "s-someonesomeon", TARO, "救急搬送の問い合わせ", NOW, Random(1), "test")
    desk.enter_as("nurse")
    assert f"/residents/{TARO}" in (await desk.browser.get("/queue")).text
    desk.enter_as("nurse", towns=(YUZA,))
    assert TARO not in (await desk.browser.get("/queue")).text
    desk.enter_as("nurse")
    desk.wait(timedelta(hours=25))
    desk.enter_as("nurse")
    assert TARO not in (await desk.browser.get("/queue")).text


def test_the_next_item_is_that_of_the_same_search_and_never_a_colleagues(desk: Desk) -> None:
    put(
        desk.engine, item("aa", "prompt"), item("bb", "soon", state="claimed", decided_by="s-someonesomeon", held_until=NOW + HOLD),
        item("cc", "soon"), item("dd", topic="activity"), item("ee", "urgent", state="approved", held_until=NOW + HOLD),
    )  # fmt: skip
    with read(desk.engine) as connection:

        def after(name: str, within: str = "") -> str | None:
            return repo_queue.next_after(connection, NURSE, f"a-{name:a<13}", NOW, within)

        assert after("aa") == f"a-{'cc':a<13}"
        assert after("cc") == f"a-{'dd':a<13}"
        assert after("dd") == f"a-{'aa':a<13}", "from the top again"
        assert after("aa", "topic=activity") == f"a-{'dd':a<13}"
        assert after("dd", "topic=activity") is None
    put(desk.engine, item("ff", "prompt", state="escalated", escalated_by=NURSE.id, resident_id=HANAKO))
    doctor = Identity(
        id="s-doctordoctord", name="医師", roles=frozenset({"physician"}), municipalities=frozenset({SAKATA})
    )
    with read(desk.engine) as connection:
        assert after("aa") == f"a-{'cc':a<13}", "a physician was asked about the next"
        assert repo_queue.next_after(connection, doctor, f"a-{'aa':a<13}", NOW) == f"a-{'ff':a<13}"


def test_due_times_are_those_of_office_hours(desk: Desk) -> None:
    friday = NOW - timedelta(days=1)
    put(desk.engine, item("one", "prompt", created_at=friday))
    with read(desk.engine) as connection:
        line = repo_queue.line(connection, "a-oneaaaaaaaaaa")
    assert line is not None
    assert line.due_at == due_at(friday, "prompt", SAKATA)
    assert line.due_at - friday > timedelta(days=2), "a weekend lies between"


async def test_the_rail_shows_where_one_is_and_both_ways_on(desk: Desk) -> None:
    from engine.web.desk.queue_rail import queue_rail

    items = many(20)
    put(desk.engine, *items)
    session, order = desk.enter_as("nurse"), in_order(items)
    with read(desk.engine) as connection:
        rail = queue_rail(connection, session, NOW, around=order[10])
        first = queue_rail(connection, session, NOW, around=order[0], within="severity=urgent")
    assert [row.id for row in rail.rows] == order[7:19]
    assert (rail.previous, rail.next) == (f"/advice/{order[9]}", f"/advice/{order[11]}")
    assert first.previous == ""
    assert first.next.endswith("?in=severity%3Durgent")


def seen_by(engine: Engine, who: Identity, search: Search = Search()) -> list[str]:  # noqa: B008 - a frozen value
    with read(engine) as connection:
        return [one.id for one in repo_queue.walk(connection, who, search, NOW, start=None)]


def test_whoever_did_not_agree_is_passed_over_over_whole_pages(desk: Desk) -> None:
    """More barred items than a page holds must not end the list early."""
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW), os_user="test")
    barred = [item(f"{chr(97 + n // 26)}{chr(97 + n % 26)}", "prompt") for n in range(120)]
    put(desk.engine, *barred, item("zz", resident_id=HANAKO))
    assert seen_by(desk.engine, NURSE) == [f"a-{'zz':a<13}"]


async def test_the_rail_passes_over_whoever_did_not_agree(desk: Desk) -> None:
    from engine.web.desk.queue_rail import queue_rail

    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW), os_user="test")
    barred = [item(f"{chr(97 + n // 26)}{chr(97 + n % 26)}", "soon") for n in range(60)]
    put(desk.engine, item("first", "prompt", resident_id=HANAKO), *barred, item("last", resident_id=HANAKO))
    session = desk.enter_as("nurse")
    with read(desk.engine) as connection:
        rail = queue_rail(connection, session, NOW, around=f"a-{'first':a<13}")
        back = queue_rail(connection, session, NOW, around=f"a-{'last':a<13}")
    assert (rail.previous, rail.next) == ("", f"/advice/a-{'last':a<13}")
    assert (back.previous, back.next) == (f"/advice/a-{'first':a<13}", "")

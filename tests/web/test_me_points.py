"""My points on my own page: a statement without reasons, vouchers without names, teams without shares."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from engine.points import Entry
from engine.points_pot import Pot
from engine.store import audit, repo_point_teams, repo_points, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.web.sessions import Session
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk

__all__ = ["desk"]
pytestmark = pytest.mark.flow
PAGE, WHO = "/me/points", By("s-nursenursenur", "test")


def sit(desk: Desk, name: str = HANAKO) -> Session:
    return desk.enter_as("resident", by=name, name="山田 花子", towns=())


def give(desk: Desk, *given: tuple[str, str, str, int], name: str = HANAKO) -> None:
    rows = [
        Entry(rule=rule, version=1, sort=sort, about=about, turn=0, on=date.fromisoformat(about), points=points)
        for rule, sort, about, points in given
    ]
    with write(desk.engine) as connection:
        repo_points.add(connection, name, rows, NOW)


async def send(desk: Desk, session: Session, path: str, **data: str) -> httpx.Response:
    return await desk.browser.post(f"{PAGE}/{path}", data={"csrf": session.csrf, **data})


def team(desk: Desk, name: str = "みなと町内会", sort: str = "neighbourhood", town: str = "062049") -> int:
    with write(desk.engine) as connection:
        made = repo_point_teams.add(connection, town, sort, name, WHO, NOW)
    assert isinstance(made, repo_point_teams.Team)
    return made.number


MEASURED = ("measured", "measuring", "2026-11-03", 200)
WALKED = ("walked", "moving", "2026-11-03", 3)


async def test_a_page_without_moving_says_no_more_than_a_zero_and_the_same_words(desk: Desk) -> None:
    """Hanako may not move, Taro did: their pages differ in the row of moving and in sums of it, and nowhere else."""
    give(desk, MEASURED)
    give(desk, MEASURED, WALKED, name=TARO)
    sit(desk)
    vetoed = (await desk.browser.get(PAGE)).text
    sit(desk, TARO)
    other = (await desk.browser.get(PAGE)).text
    assert "<li>6,000歩 歩いた日　1回" in other
    without = re.sub(r"<li>6,000歩 歩いた日　1回.*?</li>", "", other)
    without = without.replace("いま 203ポイント", "いま 200ポイント")
    without = without.replace('うごく</th><td class="number">3<', 'うごく</th><td class="number">0<')
    blank = re.compile(r'value="[^"]{20,}"|\s+')
    assert blank.sub(" ", without) == blank.sub(" ", vetoed)


async def test_a_voucher_is_made_once_there_are_points_and_its_code_names_nobody(desk: Desk) -> None:
    give(desk, MEASURED)
    session = sit(desk)
    assert (await send(desk, session, "voucher", points="300")).status_code == 422
    assert (await send(desk, session, "voucher", points="150")).status_code == 422
    assert (await send(desk, session, "voucher", points="200")).status_code == 303
    refused = await send(desk, session, "voucher", points="100")
    assert "ポイントが 足りません" in refused.text
    shown = (await desk.browser.get(PAGE)).text
    with read(desk.engine) as connection:
        [one] = repo_points.issued(connection, None, date(2026, 11, 1), date(2026, 11, 30))
        acts = [entry.action for entry in audit.entries(connection, subject=HANAKO)]
    assert one.points == 200
    assert one.code in shown
    assert "points-redeem" in acts
    assert "points-view" in acts


async def test_the_page_tells_two_months_before_that_points_end_and_afterwards_that_they_did(desk: Desk) -> None:
    give(desk, MEASURED, ("read", "learning", "2027-04-05", 5))
    desk.clock[0] = datetime(2028, 1, 30, 3, tzinfo=UTC)
    sit(desk)
    assert 'id="soon"' not in (await desk.browser.get(PAGE)).text
    desk.clock[0] = datetime(2028, 1, 31, 3, tzinfo=UTC)
    sit(desk)
    assert "200ポイントは 2028年3月31日までに お使いください。" in (await desk.browser.get(PAGE)).text
    desk.clock[0] = datetime(2028, 4, 1, 3, tzinfo=UTC)
    session = sit(desk)
    shown = (await desk.browser.get(PAGE)).text
    assert "いま 5ポイントです。" in shown
    assert "2026年度の 200ポイントは 終わりました。" in shown
    assert (await send(desk, session, "voucher", points="100")).status_code == 422


async def test_somebody_joins_one_team_of_their_town_sees_its_pots_and_leaves(desk: Desk) -> None:
    number, other, elsewhere = team(desk), team(desk, "はま町内会"), team(desk, "ゆざ町内会", town="064611")
    session = sit(desk)
    assert "ゆざ町内会" not in (await desk.browser.get(PAGE)).text
    assert (await send(desk, session, "join", group=f"{elsewhere}")).status_code == 422
    assert (await send(desk, session, "join", group=f"{number}")).status_code == 303
    assert (await send(desk, session, "join", group=f"{other}")).status_code == 422
    with write(desk.engine) as connection:
        repo_point_teams.tell(connection, number, Pot(month="2026-10", points=840), NOW)
        repo_point_teams.tell(connection, number, Pot(month="2026-09", points=None), NOW)
    shown = (await desk.browser.get(PAGE)).text
    assert "2026年10月　およそ 840ポイント" in shown
    assert "2026年9月　人数が 少ないので 出しません。" in shown
    assert (await send(desk, session, "leave", group=f"{number}")).status_code == 303
    assert "840" not in (await desk.browser.get(PAGE)).text
    assert (await send(desk, session, "leave", group=f"{number}")).status_code == 422


async def test_a_team_of_a_number_no_store_can_hold_is_no_team(desk: Desk) -> None:
    session = desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    for verb in ("join", "leave"):
        for number in ("9" * 25, "-1", "0", f"{2**63}"):
            sent = await desk.browser.post(f"/me/points/{verb}", data={"csrf": session.csrf, "group": number})
            assert 400 <= sent.status_code < 500, (verb, number)


async def test_family_and_nurses_have_no_page_of_anybodys_points(desk: Desk) -> None:
    give(desk, MEASURED)
    for role in ("family", "nurse", "watcher", "helpdesk", "admin", "auditor"):
        desk.enter_as(role, by="m-familyfamily2" if role == "family" else "s-nursenursenur", name="X")
        assert (await desk.browser.get(PAGE)).status_code in {403, 404}, role


async def test_a_nurse_makes_a_team_of_her_own_town_and_sees_what_was_told_and_nobody(desk: Desk) -> None:
    session = desk.enter_as("nurse", by="s-nursenursenur", name="鈴木", towns=("062049",))

    async def make(**data: str) -> int:
        return (await desk.browser.post("/points/teams", data={"csrf": session.csrf, **data})).status_code

    assert await make(name="みなと町内会", sort="neighbourhood", town="062049") == 303
    assert await make(name="みなと町内会", sort="neighbourhood", town="062049") == 422
    assert await make(name="よその会", sort="neighbourhood", town="064611") == 404
    assert await make(name="へんな会", sort="club", town="062049") == 422
    give(desk, MEASURED)
    with write(desk.engine) as connection:
        [made] = repo_point_teams.listed(connection, ["062049"])
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        repo_point_teams.join(connection, person, made.number, NOW.date() - timedelta(days=60), WHO, NOW)
        repo_point_teams.tell(connection, made.number, Pot(month="2026-10", points=1240), NOW)
    shown = (await desk.browser.get("/points/teams")).text
    assert "2026-10: およそ 1,240" in shown
    assert "花子" not in Page(shown).forms
    assert "花子" not in shown

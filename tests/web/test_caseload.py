"""The caseload: who was looked at when, who improved, who looks after whom, and how much work that is."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from engine.caseload import Slope, pressure_better, weight_better
from engine.store import audit, repo_contacts, repo_teams
from engine.store.database import read, write
from tests.web.care import BY, NURSE, OTHER, STRANGER, YUZA, staff, stranger, weighed, withdraw
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, item, put

__all__ = ["desk"]
FALLING = [f"{86 - ago * 0.1:.1f}" for ago in range(28)]


def rows(text: str) -> dict[str, str]:
    """The text of each row of the caseload by the id it links to, or by its name."""
    found = {}
    for part in re.findall(r"<tr>(.*?)</tr>", text[text.index("<tbody>") :], re.DOTALL):
        link = re.search(r"/residents/(r-[a-z2-7]{13})", part)
        plain = " ".join(re.sub(r"<[^>]+>", " ", part).split())
        found[link[1] if link else plain] = plain
    return found


async def test_a_page_says_when_each_was_looked_at_and_names_no_date_of_who_did_not_agree(desk: Desk) -> None:
    weighed(desk.engine, TARO, NOW, ["84.0"])
    weighed(desk.engine, HANAKO, NOW, ["62.0"])
    withdraw(desk.engine, HANAKO, "nurse-review", NOW)
    desk.enter_as("nurse")
    await desk.browser.get(f"/residents/{TARO}")
    desk.wait(timedelta(minutes=5))
    found = rows((await desk.browser.get("/caseload")).text)
    assert "5 分前" in found[TARO]
    assert "1 日前" in found[TARO]
    [barred] = [words for words in found.values() if "花子" in words]
    assert "同意していません" in barred
    assert "日前" not in barred


async def test_who_was_not_looked_at_for_long_leaves_the_list_once_reached(desk: Desk) -> None:
    desk.enter_as("nurse")
    before = rows((await desk.browser.get("/caseload?view=unseen&days=90")).text)
    assert set(before) == {TARO, HANAKO}
    await desk.browser.post(
        f"/residents/{HANAKO}/contact",
        data=Page((await desk.browser.get(f"/residents/{HANAKO}")).text).forms[f"/residents/{HANAKO}/contact"]
        | {"how": "phone", "outcome": "reached"},
    )
    assert set(rows((await desk.browser.get("/caseload?view=unseen&days=90")).text)) == {TARO}
    with read(desk.engine) as connection:
        assert [one.outcome for one in repo_contacts.of_resident(connection, HANAKO)] == ["reached"]
    desk.wait(timedelta(days=91))
    desk.enter_as("nurse")
    assert set(rows((await desk.browser.get("/caseload?view=unseen&days=90")).text)) == {TARO, HANAKO}


async def test_only_a_sure_change_towards_the_goal_is_called_better_and_never_of_who_did_not_agree(desk: Desk) -> None:
    weighed(desk.engine, TARO, NOW, FALLING)
    weighed(desk.engine, HANAKO, NOW, ["62.0", "61.2"] * 14)
    desk.enter_as("nurse")
    found = rows((await desk.browser.get("/caseload?view=improved")).text)
    assert set(found) == {TARO}
    assert re.search(r"週-0\.70kg \(-0\.7\d～-0\.[67]\d\)", found[TARO])
    withdraw(desk.engine, TARO, "nurse-review", NOW)
    assert "週-0" not in (await desk.browser.get("/caseload?view=improved")).text


@pytest.mark.parametrize(
    ("before", "now", "low", "high", "age", "better"),
    [
        (90.0, 88.0, -0.8, -0.2, 50, "weight-down"),
        (90.0, 88.0, -0.8, 0.1, 50, None),  # the interval covers 0
        (90.0, 88.0, -0.8, -0.2, 80, None),  # a loss in old age is asked about
        (60.0, 58.0, -0.8, -0.2, 50, None),  # within the range before
        (80.0, 50.0, -9.0, -7.0, 50, None),  # past the range
        (50.0, 52.0, 0.2, 0.8, 50, "weight-up"),
        (50.0, 49.0, -0.8, -0.2, 50, None),
    ],
)
def test_a_weight_is_better_only_when_it_surely_moves_into_its_range(
    before: float, now: float, low: float, high: float, age: int, better: str | None
) -> None:
    slope = Slope(per_week=(low + high) / 2, low=low, high=high, before=before, now=now, days=20)
    assert weight_better(slope, 170.0, (18.5, 24.9), age) == better
    assert weight_better(slope, None, (18.5, 24.9), age) is None


def test_a_pressure_is_better_only_when_it_was_high_and_surely_falls() -> None:
    falls = Slope(per_week=-2.0, low=-3.0, high=-1.0, before=148.0, now=139.0, days=20)
    assert pressure_better(falls) == "pressure-down"
    assert pressure_better(Slope(per_week=-2.0, low=-3.0, high=0.5, before=148.0, now=139.0, days=20)) is None
    assert pressure_better(Slope(per_week=-2.0, low=-3.0, high=-1.0, before=120.0, now=111.0, days=20)) is None


async def test_devices_that_fell_silent_are_found(desk: Desk) -> None:
    desk.enter_as("nurse")
    assert "あてはまる人はいません" in (await desk.browser.get("/caseload?view=silent")).text
    desk.wait(timedelta(days=20))
    desk.enter_as("nurse")
    found = rows((await desk.browser.get("/caseload?view=silent")).text)
    assert set(found) == {TARO, HANAKO}
    assert "1台 通信なし" in found[TARO]


async def test_people_are_found_by_kana_however_it_is_typed_but_only_in_my_towns(desk: Desk) -> None:
    stranger(desk.engine, NOW)
    desk.enter_as("nurse")
    for typed in ("やまだ", "ﾔﾏﾀﾞ", "山田"):
        assert {TARO, HANAKO} == set(rows((await desk.browser.get("/residents", params={"q": typed})).text))
    assert "よその" not in (await desk.browser.get("/residents", params={"q": "よその"})).text.replace(
        'value="よその"', ""
    )
    assert "よその" not in (await desk.browser.get("/caseload")).text


async def test_a_team_is_made_renamed_and_given_residents_one_by_one_or_a_whole_view(desk: Desk) -> None:
    staff(desk.engine, NOW)
    session = desk.enter_as("nurse")
    csrf = {"csrf": session.csrf}
    assert (await desk.browser.post("/teams", data=csrf | {"name": "北", "town": "062049"})).status_code == 303
    twice = await desk.browser.post("/teams", data=csrf | {"name": "北", "town": "062049"})
    assert twice.status_code == 422
    assert (await desk.browser.post("/teams", data=csrf | {"name": "南", "town": YUZA})).status_code == 404
    with read(desk.engine) as connection:
        [team] = repo_teams.listed(connection, {"062049"})
    renamed = await desk.browser.post(f"/teams/{team.id}/rename", data=csrf | {"name": "北チーム"})
    assert renamed.status_code == 303
    one = await desk.browser.post(f"/residents/{TARO}/assign", data=csrf | {"team": team.id, "staff": OTHER})
    assert one.status_code == 303
    assert "北チーム 佐藤 夏" in rows((await desk.browser.get("/caseload")).text)[TARO]
    asked = await desk.browser.get("/caseload/assign?view=unkept")
    form = Page(asked.text).forms["/caseload/assign"]
    assert form["count"] == "1"
    assert "酒田市、「担当が未定の人」の1人" in asked.text
    moved = await desk.browser.post("/caseload/assign", data=form | {"to_team": team.id, "to_staff": ""})
    assert moved.status_code == 303
    with read(desk.engine) as connection:
        kept = repo_teams.keepers(connection, [TARO, HANAKO])
        assert {name: (one.team, one.staff) for name, one in kept.items()} == {
            TARO: (team.id, OTHER), HANAKO: (team.id, None)}  # fmt: skip
        assert audit.verify(connection) is None
    assert set(rows((await desk.browser.get(f"/caseload?team={team.id}")).text)) == {TARO, HANAKO}
    assert "あてはまる人はいません" in (await desk.browser.get("/caseload?view=unkept")).text


async def test_nobody_is_assigned_when_the_view_changed_meanwhile_or_to_who_works_elsewhere(desk: Desk) -> None:
    staff(desk.engine, NOW)
    stranger(desk.engine, NOW)
    session = desk.enter_as("nurse")
    csrf = {"csrf": session.csrf}
    form = Page((await desk.browser.get("/caseload/assign?view=unkept")).text).forms["/caseload/assign"]
    with write(desk.engine) as connection:
        repo_teams.assign(connection, [TARO], None, NURSE, BY, NOW)
    changed = await desk.browser.post("/caseload/assign", data=form | {"to_staff": OTHER})
    assert changed.status_code == 409
    assert "人数が変わりました" in changed.text
    away = await desk.browser.post(f"/residents/{HANAKO}/assign", data=csrf | {"staff": "s-yuzanurseyuza"})
    assert away.status_code == 404
    assert (await desk.browser.post(f"/residents/{STRANGER}/assign", data=csrf | {"staff": OTHER})).status_code == 404
    with read(desk.engine) as connection:
        assert set(repo_teams.keepers(connection, [TARO, HANAKO, STRANGER])) == {TARO}


async def test_the_workload_counts_what_waits_and_what_was_decided_and_names_no_resident(desk: Desk) -> None:
    staff(desk.engine, NOW)
    put(desk.engine, item("one"), item("two", "soon", resident_id=HANAKO, topic="activity", rule_id="steps-below"))
    with write(desk.engine) as connection:
        repo_teams.assign(connection, [TARO], None, OTHER, BY, NOW)
    desk.enter_as("nurse")
    sent = await desk.send(f"a-{'two':a<13}", "reject", reason="not-for-person")
    assert sent.status_code == 303, sent.text
    text = (await desk.browser.get("/workload")).text
    plain = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "佐藤 夏 1 0 約6分" in plain  # three minutes and two questions of one and a half
    assert "全体 1 0" in plain
    assert re.search(r"鈴木 春( ·){13} 1", plain)
    assert "山田" not in text
    assert "太郎" not in text

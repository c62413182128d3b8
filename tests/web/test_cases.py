"""Following residents at the desk: the morning's list, one case, what is refused, and what the resident reads of it."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import httpx
import pytest

from engine.cases import Case
from engine.cases_store import Opening, open_case
from engine.protection import Protection
from engine.store import audit, protecting, repo_cases, repo_consents, repo_contacts, repo_residents
from engine.store.database import read, write
from engine.store.filing import By as FiledBy
from engine.store.repo_facts import By
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, Page, desk, rename

__all__ = ["desk"]
pytestmark = pytest.mark.flow
WHO, DAY, TODAY = By("s-nursenursenur", "test"), timedelta(days=1), date(2026, 11, 21)


def follow(desk: Desk, name: str = TARO, programme: Any = "active", ago: int = 12, **more: Any) -> str:
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        wish = Opening(programme=programme, basis="nurse", **more)
        made = open_case(connection, person, wish, NOW - ago * DAY, WHO, Random(f"{name}{programme}"))
    assert isinstance(made, Case), made
    return made.id


def case_of(desk: Desk, name: str) -> Case:
    with read(desk.engine) as connection:
        found = repo_cases.get(connection, name)
    assert found is not None
    return found


async def send(desk: Desk, case: str, verb: str, **data: Any) -> httpx.Response:
    """One of the forms of a case, as the page offers it."""
    forms = Page((await desk.browser.get(f"/cases/{case}")).text).forms
    hidden = forms.get(f"/cases/{case}/{verb}") or forms[f"/cases/{case}/contact"]
    return await desk.browser.post(f"/cases/{case}/{verb}", data=hidden | data)


async def test_the_morning_begins_with_whoever_waits_longest_and_a_call_leads_to_the_next_day(desk: Desk) -> None:
    rename(desk.engine, TARO, phone="0234-26-1234")
    first, second = follow(desk), follow(desk, HANAKO, "other", 3)
    desk.enter_as("nurse")
    shown = (await desk.browser.get("/cases")).text
    assert shown.index(f"/cases/{first}") < shown.index(f"/cases/{second}")
    assert "12日おくれ" in shown
    assert 'href="tel:0234-26-1234"' in shown
    done = await send(
        desk, first, "contact", how="phone", outcome="reached", minutes="6", text="元気", next_on=f"{TODAY + 14 * DAY}"
    )
    assert done.status_code == 303
    assert case_of(desk, first).next_on == TODAY + 14 * DAY
    again = (await desk.browser.get("/cases")).text
    assert "12日おくれ" not in again
    assert "元気" in (await desk.browser.get(f"/cases/{first}")).text
    with read(desk.engine) as connection:
        assert [one.how for one in repo_contacts.of_resident(connection, TARO)] == ["phone"]
        acts = {entry.action for entry in audit.entries(connection, subject=TARO)}
    assert {"case-view", "case-contact", "case-plan", "contact-add"} <= acts


async def test_a_form_with_a_fault_keeps_what_was_typed_and_changes_nothing(desk: Desk) -> None:
    case = follow(desk)
    desk.enter_as("nurse")
    for data, word in (
        ({"how": "phone", "outcome": ""}, "方法と結果を選んでください"),
        ({"how": "phone", "outcome": "absent", "minutes": "x"}, "時間は分の数字で"),
        ({"how": "phone", "outcome": "absent", "next_on": "2020-01-01"}, "これからの日を"),
        ({"how": "phone", "outcome": "absent", "next_on": "2028-01-01"}, "100日以内"),
        ({"how": "phone", "outcome": "absent", "next_on": "あした"}, "2026-11-21のように"),
    ):
        refused = await send(desk, case, "contact", text="のこる言葉", **data)
        assert refused.status_code == 422
        assert word in refused.text
        assert "のこる言葉" in refused.text
    with read(desk.engine) as connection:
        assert repo_contacts.of_resident(connection, TARO) == []
    for verb, data, word in (
        ("goal", {"kind": "weight", "amount": "2"}, "安全のため、いまこの目標は立てられません"),
        ("goal", {"kind": "habit", "habit": "eating", "words": "夕食を抜きましょう"}, "食事を抜く"),
        ("end", {"reason": "unreachable"}, "別々の3日"),
        ("end", {"reason": ""}, "理由を選んで"),
        ("interview", {"on": "2026-12-30", "how": "visit"}, "まだ来ていない日"),
        ("staff", {"staff": "s-elsewhereelse"}, "この町の職員"),
    ):
        refused = await send(desk, case, verb, **data)
        assert (refused.status_code, word in refused.text) == (422, True), (verb, data)
    assert case_of(desk, case).version == 1


async def test_a_page_that_somebody_else_overtook_says_so(desk: Desk) -> None:
    case = follow(desk)
    desk.enter_as("nurse")
    old = Page((await desk.browser.get(f"/cases/{case}")).text).forms[f"/cases/{case}/contact"]
    assert (await send(desk, case, "plan", next_on=f"{TODAY + DAY}")).status_code == 303
    late = await desk.browser.post(f"/cases/{case}/plan", data=old | {"next_on": f"{TODAY + 5 * DAY}"})
    assert late.status_code == 422
    assert "同時に変えました" in late.text
    assert case_of(desk, case).next_on == TODAY + DAY


async def test_interview_goal_and_evaluation_at_the_desk_and_what_the_resident_reads_of_them(desk: Desk) -> None:
    case = follow(desk, ago=2)
    desk.enter_as("nurse")
    assert (await send(desk, case, "interview", on=f"{TODAY}", how="visit")).status_code == 303
    goal = {"kind": "habit", "habit": "exercise", "words": "毎朝ラジオ体操", "until": "2027-02-28"}
    aimed = await send(desk, case, "goal", **goal)
    assert aimed.status_code == 422, "Taro was never asked what could forbid him to move more"
    goal = {"kind": "habit", "habit": "rest", "words": "10時に寝る", "until": "2027-02-28"}
    assert (await send(desk, case, "goal", **goal)).status_code == 303
    early = await send(desk, case, "evaluate", stage="three", cm_now="90")
    assert "まだ評価の時期ではありません" in early.text
    resident = desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    assert resident.by == TARO
    mine = (await desk.browser.get("/me/goal")).text
    for word in (
        "よく 休んで よく ねむります。",
        "10時に寝る",
        "2027年2月28日までの 目標です。",
        "3か月の ふりかえりは 2027年2月21日からです。",
    ):
        assert word in mine
    assert "ポイント" not in mine
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    other = (await desk.browser.get("/me/goal")).text
    assert "いま 決まった 目標は ありません。" in other
    assert "10時に寝る" not in other
    desk.clock[0] += timedelta(days=92)
    desk.enter_as("nurse")
    done = await send(
        desk,
        case,
        "evaluate",
        stage="three",
        kg_before="90",
        kg_now="８７．９",
        cm_before="95",
        cm_now="93",
        habit=["rest"],
    )
    assert done.status_code == 303
    shown = (await desk.browser.get(f"/cases/{case}")).text
    assert "200 / 180 ポイント" in shown
    assert (await send(desk, case, "end", reason="completed")).status_code == 303
    assert "修了" in (await desk.browser.get("/cases/ended")).text


async def test_who_withdrew_is_a_name_and_who_lives_elsewhere_is_nobody(desk: Desk) -> None:
    case = follow(desk, programme="other")
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW - DAY), os_user="test")
    desk.enter_as("nurse")
    listed, one = (await desk.browser.get("/cases")).text, (await desk.browser.get(f"/cases/{case}")).text
    assert "同意を取り消した人" in listed
    assert "太郎" in one
    assert "50歳" not in one
    assert "経過" not in one
    assert "その他(教室など)" not in one
    assert (await send(desk, case, "end", reason="declined")).status_code == 303
    assert "太郎" not in (await desk.browser.get("/cases/ended")).text
    desk.enter_as("nurse", towns=("064611",))
    assert (await desk.browser.get(f"/cases/{case}")).status_code == 404
    assert (await desk.browser.get("/cases/o-aaaaaaaaaaaaa")).status_code == 404
    for role in ("watcher", "helpdesk", "admin", "auditor"):
        desk.enter_as(role)
        assert (await desk.browser.get("/cases")).status_code == 403


async def test_a_telephone_that_is_hidden_is_shown_to_who_may_decide_about_it_alone(desk: Desk) -> None:
    rename(desk.engine, TARO, phone="0234-26-1234")
    follow(desk)
    with write(desk.engine) as connection:
        measure = Protection(
            id="l-aaaaaaaaaaaaa",
            resident=TARO,
            since=NOW - DAY,
            until=NOW + 300 * DAY,
            seen="notice",
            by="t",
            at=NOW - DAY,
        )
        protecting.begin(connection, measure, FiledBy("s-nursenursenur", "test"), NOW, leave_home=False)
    desk.enter_as("dietitian")
    shown = (await desk.browser.get("/cases")).text
    assert "0234-26-1234" not in shown
    assert "支援措置のため出しません" in shown
    desk.enter_as("nurse")
    assert "0234-26-1234" in (await desk.browser.get("/cases")).text


async def test_somebody_is_enrolled_from_their_record_and_only_by_what_the_check_up_says(desk: Desk) -> None:
    desk.enter_as("nurse")
    page = await desk.browser.get(f"/residents/{TARO}/case")
    form = Page(page.text).forms[f"/residents/{TARO}/case"]
    refused = await desk.browser.post(
        f"/residents/{TARO}/case", data=form | {"programme": "active", "basis": "checkup"}
    )
    assert refused.status_code == 422
    assert "健診の判定がこの支援になっていません" in refused.text
    bad = await desk.browser.post(f"/residents/{TARO}/case", data=form | {"programme": "x", "basis": "nurse"})
    assert bad.status_code == 422
    done = await desk.browser.post(f"/residents/{TARO}/case", data=form | {"programme": "active", "basis": "insurer"})
    assert done.status_code == 303
    assert (await desk.browser.get(done.headers["location"])).status_code == 200
    assert f"/residents/{TARO}/case" in (await desk.browser.get(f"/residents/{TARO}")).text
    assert (await desk.browser.get("/cases/invited")).status_code == 200

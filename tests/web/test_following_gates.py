"""Following up at the desk of people who withdrew, died or must not do what they chose; and what no store can hold."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import msgspec
import pytest

from engine.cases import Case, Detail
from engine.cases_book import book as programmes
from engine.cases_goal import Typed as TypedGoal
from engine.cases_goal import read_goal
from engine.life_store import record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.refusal import Refusal
from engine.store import repo_cases, repo_consents, repo_residents
from engine.store.database import write
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, Desk, desk
from tests.web.test_appointments import book, nurse
from tests.web.test_cases import DAY, TODAY, WHO, follow

__all__ = ["desk"]
pytestmark = pytest.mark.flow


def happens(desk: Desk, sort: str, since: str) -> None:
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        typed = Typed(sort=sort, since=since, until="", municipality="", household="none")
        ready = read_typed(connection, person, typed, WHO.actor, NOW, Random(1))
        assert not isinstance(ready, Refusal), ready
        assert not isinstance(record(connection, person, ready, WHO, NOW, Random(2)), Refusal)


def withdraws(desk: Desk) -> None:
    with write(desk.engine) as connection:
        no = consent(TARO, "nurse-review", granted=False, at=NOW - DAY)
        repo_consents.append(connection, no, os_user="test")


async def test_of_who_withdrew_nobody_reads_that_they_are_in_hospital(desk: Desk) -> None:
    case = follow(desk)
    happens(desk, "hospital", "2026-11-20")
    desk.enter_as("nurse")
    assert "入院中" in (await desk.browser.get(f"/cases/{case}")).text
    withdraws(desk)
    for page in (f"/cases/{case}", "/cases"):
        assert "入院" not in (await desk.browser.get(page)).text


async def test_of_who_withdrew_and_then_died_the_list_says_the_name_and_that_it_is_to_be_ended(desk: Desk) -> None:
    case = follow(desk)
    withdraws(desk)
    happens(desk, "death", "2026-11-20")
    desk.enter_as("nurse")
    shown = (await desk.browser.get("/cases")).text
    assert f"/cases/{case}" in shown
    assert "太郎" in shown
    for told in ("積極的支援", "50歳", "まだ連絡していません"):
        assert told not in shown


async def test_a_goal_that_must_not_be_any_more_is_not_put_before_the_resident(desk: Desk) -> None:
    case = follow(desk)
    desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    for kind, words, shown in (("habit", "10時に寝る", True), ("weight", "ビールを週1回に", False)):
        typed = TypedGoal(kind=kind, amount="2", habit="rest", words=words)
        goal = read_goal(typed, TODAY, programmes())
        assert not isinstance(goal, Refusal)
        with write(desk.engine) as connection:
            # As it was chosen when nothing forbade it; today nobody knows of Taro what could.
            found = repo_cases.get(connection, case)
            assert found is not None
            after = msgspec.structs.replace(found, goal=goal, version=found.version + 1)
            assert isinstance(repo_cases.change(connection, after, "goal", NOW, WHO, Detail(goal=goal)), Case)
        mine = (await desk.browser.get("/me/goal")).text
        assert (words in mine, "お休みです" in mine, "へらします" in mine) == (shown, not shown, False)


@pytest.mark.parametrize("number", [str(2**63), "9" * 40, "9" * 5000])
async def test_a_number_no_store_can_hold_is_an_appointment_nobody_has(desk: Desk, number: str) -> None:
    desk.enter_as("nurse")
    for page in (f"/appointments/{number}", f"/appointments/class/{number}"):
        assert (await desk.browser.get(page)).status_code == 404
    desk.enter_as("resident", by=TARO, name="山田 太郎", towns=())
    assert (await desk.browser.get(f"/me/appointments/{number}/calendar.ics")).status_code == 404


@pytest.mark.parametrize(("day", "why"), [("9999-12-31", "400日"), ("0001-01-01", "過ぎ")])
async def test_a_day_at_the_end_of_the_calendar_is_refused_like_any_other(desk: Desk, day: str, why: str) -> None:
    refused = await book(desk, day=date.fromisoformat(day), clock="23:59", minutes="30000")
    assert refused.status_code == 422
    assert why in refused.text


async def test_the_calendar_of_a_nurse_says_no_more_of_who_withdrew_than_the_desk_and_nothing_of_other_towns(
    desk: Desk,
) -> None:
    await book(desk, sort="check-up", place="健診センター", staff="s-nursenursenur")
    nurse(desk)
    assert "健診" in (await desk.browser.get("/appointments.ics")).text
    with write(desk.engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "nurse-review", granted=False, at=NOW), os_user="t")
    desk.wait(timedelta(minutes=1))
    nurse(desk)
    feed = (await desk.browser.get("/appointments.ics")).text
    assert (feed.count("BEGIN:VEVENT"), "健診" in feed) == (1, False)
    nurse(desk, towns=("064611",))
    assert "BEGIN:VEVENT" not in (await desk.browser.get("/appointments.ics")).text


async def test_nobody_who_is_due_is_out_of_reach_however_many_there_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = follow(desk), follow(desk, HANAKO, "other", 3)
    monkeypatch.setattr("engine.web.desk.cases.MOST", 1)
    desk.enter_as("nurse")
    shown = (await desk.browser.get("/cases")).text
    assert (f'href="/cases/{first}"' in shown, f'href="/cases/{second}"' in shown) == (True, False)
    assert "ほかの1人を見る" in shown
    rest = (await desk.browser.get("/cases?whose=all&past=1")).text
    assert (f'href="/cases/{first}"' in rest, f'href="/cases/{second}"' in rest) == (False, True)
    for wrong in ("-1", "x", "9" * 4000):
        assert f'href="/cases/{first}"' in (await desk.browser.get("/cases", params={"past": wrong})).text

"""Following a resident in a real store: from the check-up to the last evaluation, and nobody forgotten on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from cli import case as command
from cli.exits import Exit
from engine.appointments import When
from engine.appointments_store import book as book_appointment
from engine.cases import Case, Change, total
from engine.cases_book import book
from engine.cases_goal import Typed as TypedGoal
from engine.cases_goal import read_goal
from engine.cases_list import CallList, calls, invited
from engine.cases_measure import change_of
from engine.cases_store import Opening, attended, end, evaluate, interview, open_case, plan, set_goal
from engine.clinical import Fact
from engine.life_store import record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import audit, repo_cases, repo_consents, repo_contacts, repo_facts, repo_places, repo_residents
from engine.store.database import Connection, read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.repo_facts import By
from engine.store.tables_following import CASE_EVENT, GUIDANCE_CASE
from tests.flow.commands import refused, told
from tests.flow.furnished import alone, engine, store
from tests.homes import HANAKO, TARO, consent
from tests.web.desks import NOW
from tests.web.resident_home import hear, reading

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow
WHO, DAY = By("s-nursenursenur", "test"), timedelta(days=1)
TODAY = date(2026, 11, 21)


def person(connection: Connection, name: str = TARO) -> Any:
    found = repo_residents.get(connection, name)
    assert found is not None
    return found


def opened(store: Engine, name: str = TARO, programme: Any = "active", ago: int = 0, **more: Any) -> Case:
    with write(store) as connection:
        wish = Opening(programme=programme, basis="nurse", **more)
        made = open_case(connection, person(connection, name), wish, NOW - ago * DAY, WHO, Random(f"{name}{programme}"))
    assert isinstance(made, Case), made
    return made


def now_of(store: Engine, case: Case) -> Case:
    with read(store) as connection:
        found = repo_cases.get(connection, case.id)
    assert found is not None
    return found


def listed(store: Engine, now: datetime = NOW, towns: Any = ("062049",)) -> CallList:
    with read(store) as connection:
        return calls(connection, towns, now)


def contact(store: Engine, how: Any, outcome: Any, minutes: int | None, now: datetime, name: str = TARO) -> None:
    with write(store) as connection:
        repo_contacts.add(
            connection, resident=name, by=WHO.actor, how=how, outcome=outcome, text="話した", now=now,
            rng=Random(now.isoformat()), os_user="test", minutes=minutes,
        )  # fmt: skip


def fact(store: Engine, code: str, value: str, ago: float, source: Any = "checkup", name: str = TARO) -> None:
    at = NOW - ago * DAY
    one = Fact(resident=name, code=code, value=value, at=at, recorded_at=at, source=source, actor="t", channel="page")
    with write(store) as connection:
        repo_facts.append(connection, [one], WHO, at, Random(f"{code}{ago}"))


def heavy(store: Engine) -> None:
    """A check-up by which Taro, 50, is a target: large waist, pressure, sugar, lipids; nothing else is unknown."""
    for code, value in {
        "waist": "95", "checkup.weight": "90", "bp.office.systolic": "142", "bp.office.diastolic": "92",
        "lab.tg": "180", "lab.hdl": "38", "lab.fpg": "112", "lab.hba1c": "5.9", "lab.hours-since-meal": "12",
    }.items():  # fmt: skip
        fact(store, code, value, 100)
    for code in ("answer.pregnant", "med.antihypertensive", "med.lipid-lowering", "med.glucose-lowering",
                 "med.insulin", "med.sulfonylurea", "med.glinide", "answer.smoker"):  # fmt: skip
        fact(store, code, "0", 20, "nurse")
    hear(store, *(reading(2, ago, body_weight="90.0") for ago in range(1, 40, 2)))


def test_a_resident_is_followed_from_the_interview_to_the_last_point_on_both_databases(store: Engine) -> None:
    with write(store) as connection:
        for purpose in ("record", "nurse-review"):
            repo_consents.append(connection, consent(TARO, purpose, at=NOW - 200 * DAY), os_user="test")
    fact(store, "checkup.weight", "90.0", 110)
    fact(store, "waist", "95.0", 110)
    case = opened(store, ago=105)
    with write(store) as connection:
        begun = interview(connection, case, TODAY - timedelta(days=104), "visit", NOW - 104 * DAY, WHO)
        assert isinstance(begun, Case)
        goal = read_goal(TypedGoal(kind="habit", habit="eating", words="野菜を先に食べる"), TODAY, book())
        assert not isinstance(goal, Refusal)
        aimed = set_goal(connection, person(connection), begun, goal, NOW - 104 * DAY, WHO)
        assert isinstance(aimed, Case)
    contact(store, "phone", "reached", 6, NOW - 80 * DAY)
    contact(store, "phone", "reached", 4, NOW - 60 * DAY)
    contact(store, "visit", "absent", 15, NOW - 50 * DAY)
    contact(store, "visit", "reached", 15, NOW - 40 * DAY)
    hear(store, *(reading(2, ago, body_weight=kg) for ago, kg in ((1, "88.6"), (2, "88.4"), (4, "88.9"), (5, "71.0"))))
    with write(store) as connection:
        one = now_of(store, case)
        known = change_of(connection, person(connection), one, NOW, book())
        # Somebody light stood on the scale once: a median of four days does not follow.
        assert (known.kg_before, known.kg_now, known.cm_now) == (Decimal("90.0"), Decimal("88.5"), None)
        early = evaluate(connection, person(connection), one, "six", Change(), [], NOW, WHO)
        assert isinstance(early, Refusal)
        assert early.code == "too-early"
        done = evaluate(
            connection, person(connection), one, "three", Change(cm_now=Decimal("93.5")), ["eating"], NOW, WHO
        )
        assert not isinstance(done, Refusal), done
        # Interview six days after the check-up 10, phone 30, visit 70; 1.5 kg and 1.5 cm 20, eating 20: 150 of 180.
        assert (done[1], total(repo_cases.events(connection, case.id))) == (40, 150)
        short = end(connection, done[0], "completed", "", NOW, WHO)
        assert isinstance(short, Refusal)
        assert short.code == "points-missing"
    contact(store, "mail", "reached", None, NOW + DAY)
    with write(store) as connection:
        one = now_of(store, case)
        over = end(connection, one, "completed", "", NOW + DAY, WHO)
        assert isinstance(over, Case), over
        assert repo_cases.open_of(connection, TARO) == []
        again = end(connection, over, "declined", "", NOW + DAY, WHO)
        assert isinstance(again, Refusal)
        acts = [entry.action for entry in audit.entries(connection, subject=TARO)]
    assert {"case-opened", "case-interview", "case-goal", "case-contact", "case-evaluation", "case-ended"} <= set(acts)
    assert listed(store, NOW + DAY).size == 0


def test_who_was_spoken_to_stays_on_the_list_until_a_next_day_is_planned(store: Engine) -> None:
    case = opened(store, ago=3)
    assert [(one.case.id, one.days, one.why) for one in listed(store).due] == [(case.id, 3, ("interview",))]
    contact(store, "phone", "absent", None, NOW - 2 * DAY)
    assert [one.days for one in listed(store).due] == [3]
    contact(store, "phone", "reached", 10, NOW - DAY)
    assert [(one.days, one.why) for one in listed(store).due] == [(1, ("unplanned",))]
    with write(store) as connection:
        far = plan(connection, now_of(store, case), TODAY + timedelta(days=101), NOW, WHO)
        assert isinstance(far, Refusal)
        assert isinstance(plan(connection, now_of(store, case), TODAY + timedelta(days=30), NOW, WHO), Case)
    assert [one.id for one in listed(store).later] == [case.id]
    assert [one.days for one in listed(store, NOW + 25 * DAY).soon] == [-5]
    assert [one.days for one in listed(store, NOW + 31 * DAY).due] == [1]


def test_who_withdraws_stays_a_name_that_can_only_be_ended(alone: Engine) -> None:
    case = opened(alone, ago=3)
    with write(alone) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW - DAY), os_user="test")
    found = listed(alone)
    assert (found.due, [one.id for one in found.withdrawn]) == ([], [case.id])
    with write(alone) as connection:
        goal = read_goal(TypedGoal(kind="steps", amount="6000"), TODAY, book())
        assert not isinstance(goal, Refusal)
        no = set_goal(connection, person(connection), now_of(alone, case), goal, NOW, WHO)
        assert isinstance(no, Refusal)
        assert no.code == "no-consent"
        assert isinstance(end(connection, now_of(alone, case), "declined", "", NOW, WHO), Case)
    assert listed(alone).size == 0


@pytest.mark.parametrize(("sort", "reason"), [("death", "died"), ("moved-out", "moved")])
def test_who_died_or_moved_away_is_listed_to_be_ended_and_not_to_be_called(
    alone: Engine, sort: str, reason: str
) -> None:
    opened(alone, ago=20, next_on=TODAY + timedelta(days=60))
    assert listed(alone).due == []
    with write(alone) as connection:
        typed = Typed(sort=sort, since="2026-11-20", until="", municipality="", household="none")
        event = read_typed(connection, person(connection), typed, WHO.actor, NOW, Random(1))
        assert not isinstance(event, Refusal), event
        assert not isinstance(record(connection, person(connection), event, WHO, NOW, Random(2)), Refusal)
    [line] = listed(alone).due
    assert (line.why, line.ending) == (("life",), reason)


def test_one_guidance_at_a_time_and_a_class_beside_it(store: Engine) -> None:
    first = opened(store)
    with write(store) as connection:
        for programme, code in (("active", "already-open"), ("motivational", "other-guidance")):
            wish = msgspec.convert({"programme": programme, "basis": "nurse"}, Opening)
            made = open_case(connection, person(connection), wish, NOW, WHO, Random(9))
            assert isinstance(made, Refusal)
            assert made.code == code
        by_checkup = open_case(
            connection, person(connection, HANAKO), Opening(programme="active", basis="checkup"), NOW, WHO, Random(3)
        )
        assert isinstance(by_checkup, Refusal)
        assert by_checkup.code == "not-stratified"
    course = opened(store, programme="other")
    with write(store) as connection:
        attended(connection, TARO, course.id, "class", kept=True, at=NOW, by=WHO, now=NOW)
        attended(connection, TARO, None, "interview", kept=False, at=NOW, by=WHO, now=NOW)
        sorts = [[one.sort for one in repo_cases.events(connection, case.id)] for case in (first, course)]
    assert sorts == [["opened", "no-show"], ["opened", "attended", "no-show"]]


def test_an_appointment_to_come_is_the_next_day_of_a_case_that_has_none(alone: Engine) -> None:
    case = opened(alone, ago=3)
    contact(alone, "phone", "reached", 5, NOW - DAY)
    assert [one.why for one in listed(alone).due] == [("unplanned",)]
    with write(alone) as connection:
        begins = NOW + 9 * DAY
        when = When(starts_at=begins, ends_at=begins + timedelta(hours=1), place="保健センター", staff=WHO.actor)
        made = book_appointment(connection, person(connection), "visit", when, WHO, NOW, case=case.id)
        assert not isinstance(made, Refusal), made
    assert [one.id for one in listed(alone).later] == [case.id]
    assert [one.days for one in listed(alone, NOW + 5 * DAY).soon] == [-4]
    # Nobody said whether they came: what is over plans nothing.
    assert [one.why for one in listed(alone, NOW + 11 * DAY).due] == [("unplanned",)]


def test_two_who_change_a_case_at_once_do_not_overwrite_each_other(alone: Engine) -> None:
    case = opened(alone)
    with write(alone) as connection:
        assert isinstance(plan(connection, case, TODAY + timedelta(days=3), NOW, WHO), Case)
        late = plan(connection, case, TODAY + timedelta(days=9), NOW, WHO)
        assert isinstance(late, Refusal)
        assert late.code == "conflict"
    assert now_of(alone, case).next_on == TODAY + timedelta(days=3)


def test_who_a_check_up_makes_a_target_is_proposed_until_they_are_followed(store: Engine) -> None:
    heavy(store)
    with read(store) as connection:
        found, more = invited(connection, ["062049"], NOW)
        elsewhere, _ = invited(connection, ["064611"], NOW)
    assert ([(one.person.id, one.level) for one in found], more, elsewhere) == ([(TARO, "active")], None, [])
    with write(store) as connection:
        wish = Opening(programme="active", basis="checkup")
        assert isinstance(open_case(connection, person(connection), wish, NOW, WHO, Random(4)), Case)
        assert invited(connection, None, NOW) == ([], None)


def test_a_loss_is_no_goal_for_somebody_of_75_and_a_walk_is(alone: Engine) -> None:
    case = opened(alone, HANAKO)
    hear(alone, *(reading(1, ago, body_weight="80.0") for ago in range(1, 15)))
    with write(alone) as connection:
        loss = read_goal(TypedGoal(kind="weight", amount="2"), TODAY, book())
        habit = read_goal(TypedGoal(kind="habit", habit="rest", words="10時に寝る"), TODAY, book())
        assert not isinstance(loss, Refusal)
        assert not isinstance(habit, Refusal)
        no = set_goal(connection, person(connection, HANAKO), case, loss, NOW, WHO)
        assert isinstance(no, Refusal)
        assert no.code == "vetoed"
        yes = set_goal(connection, person(connection, HANAKO), case, habit, NOW, WHO)
        assert isinstance(yes, Case)
        assert yes.goal is not None
        assert yes.goal.loss_barred


def test_an_account_that_closes_takes_its_cases_with_it(alone: Engine) -> None:
    opened(alone)
    opened(alone, HANAKO)
    with write(alone) as connection:
        erase_rows(connection, scope_of(connection, TARO, Seal(b"k" * 32)))
        kept = connection.execute(select(GUIDANCE_CASE.c.resident_id)).scalars().all()
        events = connection.execute(select(CASE_EVENT.c.case_id)).scalars().all()
    assert (list(kept), len(events)) == ([HANAKO], 1)


def test_somebody_who_moves_within_the_region_is_on_the_list_of_their_new_town(alone: Engine) -> None:
    case = opened(alone, ago=3)
    with write(alone) as connection:
        home = repo_places.Household(id="h-farfarfarfar2", municipality_code="064262")
        repo_places.add_household(connection, home, NOW)
        before = person(connection)
        moved = msgspec.structs.replace(
            before, municipality_code="064262", household_id=home.id, version=before.version + 1
        )
        repo_residents.edit(connection, moved, NOW, actor="test", os_user="test")
    assert listed(alone).size == 0
    assert [one.case.id for one in listed(alone, towns=("064262",)).due] == [case.id]


RUN = CliRunner()


def run(*words: str) -> Result:
    return RUN.invoke(command.app, [*words, "--json", "--by", "鈴木"])


def test_the_commands_follow_somebody_from_the_first_call_to_the_end(engine: Engine) -> None:
    case = told(run("open", TARO, "active", "--basis", "nurse"))["case"]
    today = datetime.now(UTC).date()
    listed = told(run("calls"))
    assert [(one["case"], one["days"], one["why"]) for one in listed["due"]] == [(case, 0, ["interview"])]
    assert refused(run("evaluate", case, "three")) == (Exit.REFUSED, "no-interview")
    assert refused(run("interview", case, f"{today + 9 * DAY}")) == (Exit.USAGE, "future")
    local = datetime.now(UTC) + timedelta(hours=9)
    assert told(run("interview", case, f"{local.date()}"))["next_on"] is None
    told(run("goal", case, "habit", "--habit", "eating", "--words", "野菜を先に食べる"))
    assert refused(run("goal", case, "weight", "2")) == (Exit.REFUSED, "vetoed")
    assert (
        refused(run("goal", case, "habit", "--habit", "eating", "--words", "朝ごはんを抜きましょう"))[1]
        == "harmful-words"
    )
    assert refused(run("note", case, "phone", "reached", "--next", "2020-01-01")) == (Exit.USAGE, "past")
    assert refused(run("note", case, "pigeon", "reached")) == (Exit.USAGE, "unknown-how")
    later = f"{local.date() + timedelta(days=14)}"
    assert told(run("note", case, "phone", "reached", "--minutes", "9", "--next", later))["next_on"] == later
    shown = told(run("show", case))
    # On the day of the interview support counts nothing beside it.
    assert [one["sort"] for one in shown["events"]] == ["opened", "interview", "contact", "goal", "contact", "plan"]
    assert (shown["points"], shown["needs"]) == (0, 180)
    assert told(run("calls"))["later"] == [case]
    assert told(run("plan", case, "none"))["next_on"] is None
    assert refused(run("end", case, "unreachable")) == (Exit.REFUSED, "too-few-tries")
    assert refused(run("end", case, "other")) == (Exit.USAGE, "no-words")
    assert told(run("end", case, "declined"))["state"] == "ended"
    assert refused(run("plan", case, later)) == (Exit.REFUSED, "ended")
    assert [one["reason"] for one in told(RUN.invoke(command.app, ["list", "--ended", "--json"]))] == ["declined"]
    assert refused(run("show", "o-aaaaaaaaaaaaa")) == (Exit.NOT_FOUND, "unknown-case")
    plain = RUN.invoke(command.app, ["list"])
    assert plain.exit_code == 0
    with read(engine) as connection:
        assert "case-view" in [entry.action for entry in audit.entries(connection, subject=TARO)]

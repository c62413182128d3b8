"""Cases on unlucky days: two desks at once, a missed hour, a loss that is none to be proud of, slips of the hand."""

from __future__ import annotations

import threading
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import case as command
from cli.appointment import app as appointment
from cli.exits import Exit
from cli.session import app as session
from engine.cases import Case, Change
from engine.cases_book import book
from engine.cases_contact import note_contact
from engine.cases_goal import Typed as TypedGoal
from engine.cases_goal import read_goal
from engine.cases_store import Opening, attended, end, evaluate, interview, open_case, plan, set_goal
from engine.refusal import Refusal
from engine.store import audit, repo_cases, repo_consents
from engine.store.database import read, write
from tests.flow.commands import refused, told
from tests.flow.furnished import alone, engine, store
from tests.flow.test_cases import DAY, TODAY, WHO, fact, listed, now_of, opened, person
from tests.homes import HANAKO, NOW, TARO, consent
from tests.web.resident_home import hear, reading

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow


def enrol(store: Engine, programme: Any, seed: int) -> Case | Refusal:
    with write(store) as connection:
        wish = Opening(programme=programme, basis="nurse")
        return open_case(connection, person(connection), wish, NOW, WHO, Random(seed))


def test_two_desks_that_enrol_at_once_put_nobody_into_both_guidances(store: Engine) -> None:
    made: list[Case | Refusal] = []
    other = threading.Thread(target=lambda: made.append(enrol(store, "motivational", 2)))
    with write(store) as connection:
        wish = Opening(programme="active", basis="nurse")
        made.append(open_case(connection, person(connection), wish, NOW, WHO, Random(1)))
        other.start()
        # Long enough for the other desk to have read, were it not made to wait for its turn.
        other.join(0.5)
    other.join()
    assert [one.code if isinstance(one, Refusal) else one.programme for one in made] == ["active", "other-guidance"]


def test_a_call_and_a_plan_at_the_same_moment_wait_for_each_other_and_not_for_ever(store: Engine) -> None:
    case, done = opened(store), list[Case | Refusal]()

    def plans() -> None:
        with write(store) as connection:
            done.append(plan(connection, case, TODAY + 9 * DAY, NOW, WHO))

    other = threading.Thread(target=plans)
    with write(store) as connection:
        # As an attendance sheet does: the turn first, then the case.
        audit.take_turn(connection)
        other.start()
        other.join(0.5)
        spoken = note_contact(connection, case, "phone", "reached", "", 5, TODAY + 3 * DAY, NOW, WHO, Random(1))
        assert isinstance(spoken, Case)
    other.join()
    assert [one.code for one in done if isinstance(one, Refusal)] == ["conflict"]
    assert now_of(store, case).next_on == TODAY + 3 * DAY


def test_who_missed_an_appointment_is_on_the_list_though_a_later_day_was_planned(alone: Engine) -> None:
    case = opened(alone, ago=20, next_on=TODAY + 70 * DAY)
    assert listed(alone).due == []
    with write(alone) as connection:
        attended(connection, TARO, case.id, "visit", kept=False, at=NOW - 2 * DAY, by=WHO, now=NOW)
    assert [(one.case.id, one.why, one.days) for one in listed(alone).due] == [(case.id, ("unplanned",), 2)]


def test_who_came_is_not_called_for_the_day_that_was_planned_before(alone: Engine) -> None:
    case = opened(alone, ago=20, next_on=TODAY - 3 * DAY)
    with write(alone) as connection:
        attended(connection, TARO, case.id, "visit", kept=True, at=NOW - DAY, by=WHO, now=NOW)
    assert [(one.why, one.days) for one in listed(alone).due] == [(("unplanned",), 1)]
    with write(alone) as connection:
        assert isinstance(plan(connection, now_of(alone, case), TODAY + 5 * DAY, NOW, WHO), Case)
        attended(connection, TARO, case.id, "visit", kept=True, at=NOW, by=WHO, now=NOW)
    assert now_of(alone, case).next_on == TODAY + 5 * DAY


def test_a_loss_is_no_success_for_somebody_who_must_not_lose_any_more(alone: Engine) -> None:
    with write(alone) as connection:
        for purpose in ("record", "nurse-review"):
            repo_consents.append(connection, consent(TARO, purpose, at=NOW - 200 * DAY), os_user="test")
    fact(alone, "checkup.weight", "90.0", 110)
    fact(alone, "waist", "95.0", 110)
    case = opened(alone, ago=105)
    hear(alone, *(reading(2, ago, body_weight="87.0") for ago in range(1, 10)))
    with write(alone) as connection:
        begun = interview(connection, case, TODAY - 104 * DAY, "visit", NOW - 104 * DAY, WHO)
        goal = read_goal(TypedGoal(kind="habit", habit="rest", words="10時に寝る"), TODAY, book())
        assert isinstance(begun, Case)
        assert not isinstance(goal, Refusal)
        aimed = set_goal(connection, person(connection), begun, goal, NOW - 104 * DAY, WHO)
        assert isinstance(aimed, Case)
        assert aimed.goal is not None
        assert not aimed.goal.loss_barred
    fact(alone, "has.cancer-active", "1", 5, "nurse")
    with write(alone) as connection:
        typed = Change(cm_now=Decimal("92.0"))
        done = evaluate(connection, person(connection), now_of(alone, case), "three", typed, [], NOW, WHO)
    assert not isinstance(done, Refusal), done
    assert done[1] == 0


def test_an_amount_that_no_arithmetic_holds_is_refused_like_any_other(engine: Engine) -> None:
    run = CliRunner()
    case = told(run.invoke(command.app, ["open", TARO, "active", "--basis", "nurse", "--json"]))["case"]
    for amount in ("1e40", "1e999999", "9" * 60):
        assert refused(run.invoke(command.app, ["goal", case, "weight", amount, "--json"])) == (Exit.USAGE, "too-much")


@pytest.mark.parametrize(
    ("app", "words"),
    [(appointment, ["kept"]), (appointment, ["class", "cancel"]), (session, ["end"]), (session, ["take-back"])],
)
def test_a_number_no_store_can_hold_is_refused_and_no_bug(engine: Engine, app: Any, words: list[str]) -> None:
    for number in (2**63, 10**40):
        done = CliRunner().invoke(app, [*words, f"{number}"])
        assert done.exit_code in {Exit.USAGE, Exit.NOT_FOUND}, done.output
        assert isinstance(done.exception, SystemExit)


def test_nobody_is_given_to_staff_there_are_not(engine: Engine) -> None:
    wrong = ["open", TARO, "active", "--basis", "nurse", "--staff", "s-nobodynobodyn", "--json"]
    assert refused(CliRunner().invoke(command.app, wrong)) == (Exit.NOT_FOUND, "unknown-staff")
    assert told(CliRunner().invoke(command.app, ["calls", "--json"]))["due"] == []


def test_among_the_newest_that_ended_is_who_was_followed_longest(alone: Engine) -> None:
    long, short = opened(alone, ago=80), opened(alone, HANAKO, ago=20)
    for case, ago in ((short, 10), (long, 1)):
        with write(alone) as connection:
            assert isinstance(end(connection, now_of(alone, case), "declined", "", NOW - ago * DAY, WHO), Case)
    with read(alone) as connection:
        assert [one.id for one in repo_cases.listed(connection, None, "ended", limit=1)] == [long.id]

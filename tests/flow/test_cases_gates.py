"""Cases on unlucky days: two desks at once, a missed hour, a death after a withdrawal, a goal that must not be any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import case as command
from cli.exits import Exit
from engine.cases import Case, Change
from engine.cases_book import book
from engine.cases_goal import Typed as TypedGoal
from engine.cases_goal import read_goal
from engine.cases_store import Opening, attended, evaluate, interview, open_case, plan, set_goal
from engine.refusal import Refusal
from engine.store import repo_consents
from engine.store.database import write
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.flow.test_cases import DAY, NOW, TODAY, WHO, fact, listed, now_of, opened, person
from tests.homes import TARO, consent
from tests.stores import furnished_file
from tests.web.resident_home import hear, reading

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Engine]:
    """A furnished store on SQLite, where the other database would do the same."""
    made = furnished_file(tmp_path / "engine.sqlite")
    yield made
    made.dispose()


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

"""The learner in a house: in shadow nothing changes, on it only holds back, without a yes it does not even look."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, update
from typer.testing import CliRunner

from cli.learn import app
from engine import trying
from engine.evaluate import evaluate
from engine.learning import SILENT
from engine.learning_days import EVERY, Choice, actions_of, decide
from engine.rules import load_catalogue
from engine.standing import Automatic, Learning
from engine.store import audit, repo_advice, repo_consents, repo_learning, repo_residents, repo_responses, tallies
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.store.tables import ADVICE, ADVICE_EVENT
from engine.store.tables_points import LEARNING_CHOICE
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.flow.test_evaluate import hear, reading
from tests.flow.test_standing import answer, heavy
from tests.homes import HANAKO, NOW, TARO, consent, resident

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
DAY = timedelta(days=1)
OTHERS = ("r-jirojirojiro4", "r-saburosaburo5", "r-shiroshirosh6")
# What is allowed, and the two goals of it that the house says by itself.
ALLOWED = {"activity", "meals", "weight"}
SAID = {"activity", "weight"}
run = CliRunner().invoke


def ready(store: Engine) -> None:
    """A heavy person of few steps whom nothing forbids anything."""
    heavy(store)
    walk(store, range(1, 8), 4000)


def walk(store: Engine, ago: range, steps: int) -> None:
    """Steps on these days before (negative: after) today."""
    days = [reading(NOW - day * DAY, 2, steps_day=(str(steps), "{steps}")) for day in ago]
    hear(store, days, max(NOW, NOW - min(ago) * DAY))


def agree(store: Engine, *, granted: bool = True) -> None:
    with write(store) as connection:
        said = consent(TARO, "learning", granted=granted, at=NOW - DAY)
        repo_consents.append(connection, said, os_user="test")


def look(store: Engine, mode: Learning, now: Any = NOW) -> None:
    with write(store) as connection:
        evaluate(connection, TARO, now, rng=Random(now.timestamp()), automatic=Automatic(learning=mode))


def choices(store: Engine) -> list[Choice]:
    with read(store) as connection:
        return repo_learning.of(connection, TARO)


def kept(store: Engine) -> list[Any]:
    """Every byte of advice and of its history."""
    with read(store) as connection:
        found = [tuple(row) for row in connection.execute(select(ADVICE).order_by(ADVICE.c.id))]
        # The number of a row counts on when others were taken out.
        events = connection.execute(select(ADVICE_EVENT).order_by(ADVICE_EVENT.c.seq))
        return found + [tuple(row)[1:] for row in events]


def goals(store: Engine) -> set[str]:
    """The topics of goals that wait."""
    with read(store) as connection:
        return {one.topic for one in repo_advice.listed(connection, resident=TARO)} & ALLOWED


def clear(store: Engine) -> None:
    """As if nobody had ever been advised or looked at."""
    with write(store) as connection:
        for table in (ADVICE_EVENT, ADVICE, LEARNING_CHOICE):
            connection.execute(table.delete())


def test_in_shadow_a_proposal_is_logged_and_not_a_byte_of_advice_is_another(store: Engine) -> None:
    ready(store)
    agree(store)
    look(store, "off")
    before = kept(store)
    assert goals(store) == SAID
    assert choices(store) == []
    clear(store)
    look(store, "shadow")
    assert kept(store) == before
    [made] = choices(store)
    assert made.shadow
    assert set(made.proposal.actions) == ALLOWED
    assert made.proposal.chosen in ALLOWED | {SILENT}
    assert abs(sum(made.proposal.probabilities) - 1) < 1e-9
    look(store, "shadow", NOW + 8 * DAY)
    assert len(choices(store)) == 1, "while a goal waits for a nurse nothing else is thought of"


@pytest.mark.parametrize("chosen", ["activity", "meals", "weight", SILENT])
def test_switched_on_it_only_holds_goals_back_for_a_week(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    ready(engine)
    agree(engine)
    monkeypatch.setattr(trying, "decide", lambda *given: msgspec.structs.replace(decide(*given), chosen=chosen))
    look(engine, "on")
    assert goals(engine) == {chosen} & ALLOWED
    look(engine, "on", NOW + timedelta(hours=1))
    assert goals(engine) == {chosen} & ALLOWED, "the choice stands when somebody looks again"
    assert len(choices(engine)) == 1
    with write(engine) as connection:
        evaluate(connection, TARO, NOW + 10 * DAY, rng=Random(9))
    assert goals(engine) == {chosen} & ALLOWED, "a page that does not know the switch undoes nothing"
    look(engine, "off", NOW + timedelta(hours=2))
    assert goals(engine) >= SAID, "switched off, the house is as it always was"


def test_a_silence_ends_after_two_weeks_at_most_where_nobody_decides_anew(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(engine)
    agree(engine)
    monkeypatch.setattr(trying, "decide", lambda *given: msgspec.structs.replace(decide(*given), chosen=SILENT))
    look(engine, "on")
    for days, said in ((13, False), (14, True)):
        with write(engine) as connection:
            evaluate(connection, TARO, NOW + days * DAY, rng=Random(days))
        assert bool(goals(engine)) == said
    assert len(choices(engine)) == 1


def test_without_the_residents_yes_nothing_is_logged_and_nothing_held_back(engine: Engine) -> None:
    ready(engine)
    look(engine, "on")
    assert goals(engine) == SAID
    clear(engine)
    agree(engine)
    agree(engine, granted=False)
    look(engine, "on")
    assert (goals(engine), choices(engine)) == (SAID, [])


def test_what_is_barred_or_chosen_by_the_resident_is_no_choice_of_the_learner(engine: Engine) -> None:
    ready(engine)
    agree(engine)
    minute = timedelta(minutes=1)
    answer(engine, NOW + minute, wish__goal="歩く")
    look(engine, "on", NOW + minute)
    assert all("activity" not in one.proposal.actions for one in choices(engine))
    assert "activity" in goals(engine), "what somebody chose for themselves is never held back"
    clear(engine)
    answer(engine, NOW + 2 * minute, has__eating_disorder="yes", wish__goal="減塩")
    look(engine, "on", NOW + 3 * minute)
    offered = {name for one in choices(engine) for name in one.proposal.actions}
    with read(engine) as connection:
        drafted = {one.topic for one in repo_advice.listed(connection, resident=TARO)}
    clear(engine)
    look(engine, "off", NOW + 3 * minute)
    with read(engine) as connection:
        unlearned = {one.topic for one in repo_advice.listed(connection, resident=TARO)}
    assert drafted <= unlearned
    assert "weight" not in offered


def test_a_fault_of_the_learner_is_counted_and_keeps_no_advice_from_anybody(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(engine)
    agree(engine)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trying, "decide", fail)
    look(engine, "on")
    assert goals(engine) == SAID
    with read(engine) as connection:
        assert tallies.counts(connection)["learning", "failed"] == 1


def delivered(store: Engine) -> str:
    """The goal on activity reaches the resident on the second day, and they find it useful."""
    with write(store) as connection:
        [name] = connection.execute(select(ADVICE.c.id).where(ADVICE.c.topic == "activity")).scalars()
        change = {"state": "delivered", "decided_by": "s-nursenursenur", "updated_at": to_micros(NOW + DAY)}
        connection.execute(update(ADVICE).where(ADVICE.c.id == name).values(change))
        repo_responses.say(connection, name, TARO, "useful", NOW + 2 * DAY)
        return str(name)


def test_a_week_later_the_delivery_and_what_came_of_it_are_filled_in_once(engine: Engine) -> None:
    ready(engine)
    agree(engine)
    look(engine, "shadow")
    name = delivered(engine)
    walk(engine, range(-7, 0), 7000)
    assert trying.settle(engine, NOW + EVERY - timedelta(seconds=1)) == 0
    assert trying.settle(engine, NOW + 8 * DAY) == 1
    assert trying.settle(engine, NOW + 9 * DAY) == 0
    [one] = choices(engine)
    assert (one.advice, one.delivered_at, one.rewarded_at) == (name, NOW + DAY, NOW + 8 * DAY)
    # 3,000 steps more, a luck of 1,500, and a tap.
    assert one.reward == 3000 / 1500 + 0.5
    assert trying.train(engine, NOW + 8 * DAY) is None, "what a shadow chose was done by nobody: nothing to learn"


def test_of_whoever_takes_their_yes_back_nothing_is_looked_for_and_nothing_learned(engine: Engine) -> None:
    ready(engine)
    agree(engine)
    look(engine, "on")
    with write(engine) as connection:
        said = consent(TARO, "learning", granted=False, at=NOW + DAY)
        repo_consents.append(connection, said, os_user="test")
    walk(engine, range(-7, 0), 7000)
    assert trying.settle(engine, NOW + 8 * DAY) == 1
    assert [one.reward for one in choices(engine)] == [None]
    with read(engine) as connection:
        assert trying.lessons(connection, NOW + 8 * DAY) == []


def test_what_was_left_to_chance_is_learned_of_everybody_with_an_entry(engine: Engine) -> None:
    ready(engine)
    agree(engine)
    look(engine, "on")
    walk(engine, range(-7, 0), 7000)
    trying.settle(engine, NOW + 8 * DAY)
    found = trying.train(engine, NOW + 8 * DAY)
    assert found is not None
    assert (found.people, found.choices) == (1, 1)
    assert found.actions == actions_of(load_catalogue())
    with read(engine) as connection:
        assert repo_learning.believed(connection) == found
        assert "learn" in [link.action for link in audit.entries(connection)]
    look(engine, "on", NOW + 30 * DAY)


def lived(engine: Engine, people: int) -> None:
    """Weeks of made-up residents, left to chance, with rewards: what a town has after a while."""
    rng = Random(5)
    with write(engine) as connection:
        for name in OTHERS:
            one = resident(name, "次郎", date(1970, 1, 1))
            repo_residents.add(connection, one, NOW, actor="test", os_user="test")
        for person in (HANAKO, TARO, *OTHERS)[:people]:
            repo_consents.append(connection, consent(person, "learning"), os_user="test")
            for week in range(12):
                given = ("activity", "meals")
                chosen = rng.choice([*given, SILENT])
                connection.execute(LEARNING_CHOICE.insert().values(
                    resident_id=person, at=to_micros(NOW - (week + 2) * EVERY), actions=json.dumps(given),
                    probabilities="[0.33,0.33,0.34]", chosen=chosen, features="[1.0,0.1,0.0,0.0]", shadow=False,
                    reward_due=to_micros(NOW - (week + 1) * EVERY), reward=repr(rng.gauss(chosen == "activity", 1)),
                    rewarded_at=to_micros(NOW),
                ))  # fmt: skip


def test_the_command_says_how_it_stands_and_refuses_estimates_of_too_few_people(engine: Engine) -> None:
    lived(engine, 2)
    said = told(run(app, ["status", "--json"]))
    assert (said["mode"], said["choices"], said["shadow"], said["rewarded"], said["model"]) == ("off", 24, 0, 24, None)
    assert sum(said["chosen"].values()) == 24
    assert "24 choices" in run(app, ["status"]).stdout
    assert refused(run(app, ["evaluate"])) == (5, "too-few")
    assert told(run(app, ["train", "--json"])) == {"looked_at": 0, "learned_from": 24, "people": 2}
    assert told(run(app, ["status", "--json"]))["model"]["choices"] == 24


def test_an_export_names_nobody_and_is_written_once(engine: Engine, tmp_path: Path) -> None:
    lived(engine, 1)
    out = tmp_path / "choices.jsonl"
    assert run(app, ["export", str(out), "--by", "suzuki"]).exit_code == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 12
    assert {one["resident"] for one in lines} == {1}
    assert TARO not in out.read_text(encoding="utf-8")
    assert HANAKO not in out.read_text(encoding="utf-8")
    assert out.stat().st_mode & 0o077 == 0
    assert refused(run(app, ["export", str(out)])) == (2, "exists")
    with read(engine) as connection:
        assert [link.actor for link in audit.entries(connection) if link.action == "learning-export"] == ["suzuki"]


def test_estimates_come_with_their_intervals_and_leave_out_what_was_shadow(engine: Engine) -> None:
    lived(engine, 5)
    found = told(run(app, ["evaluate", "--json"]))
    against = found["anything against silence"]
    assert (against["people"], against["decisions"]) == (5, 60)
    assert all(one["low"] < one["value"] < one["high"] for one in found.values())
    assert "not clear" in run(app, ["evaluate"]).stdout
    with write(engine) as connection:
        connection.execute(update(LEARNING_CHOICE).values(shadow=True))
    assert refused(run(app, ["evaluate"])) == (5, "too-few")

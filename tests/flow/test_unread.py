"""What nobody came to read: set aside after the days the operator named, never what is serious, and not lost for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from engine.evaluate import evaluate, look_after
from engine.merging import NOT_READ
from engine.officehours import ZONE
from engine.review import ENGINE, Item
from engine.standing import Automatic
from engine.store import repo_advice
from engine.store.database import read, write
from tests.flow.furnished import engine, store
from tests.flow.test_evaluate import hear, reading
from tests.flow.test_standing import RULE, heavy
from tests.homes import NOW, TARO
from tests.web.desks import item, put

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
DAY = timedelta(days=1)
TEN = Automatic(aside_days=10)
# NOW is a Saturday: ten office days from the Monday after it, with Labour Thanksgiving Day among them.
OVER = datetime(2026, 12, 8, 0, 1, tzinfo=ZONE)


def looked(store: Engine, now: datetime) -> None:
    with write(store) as connection:
        evaluate(connection, TARO, now, rng=Random(now.timestamp()), automatic=TEN)


def drafts(store: Engine) -> list[Item]:
    with read(store) as connection:
        return [one for one in repo_advice.listed(connection, resident=TARO, states=None) if one.rule_id == RULE]


def test_only_what_is_routine_and_untouched_is_set_aside_and_only_if_the_operator_says_so(store: Engine) -> None:
    many = (
        ("routine", "open"), ("soon", "open"), ("routine", "claimed"), ("routine", "snoozed"), ("routine", "escalated"),
    )  # fmt: skip
    for number, (severity, state) in enumerate(many):
        topic = f"t{number}"
        put(store, item(topic, severity=severity, state=state, topic=topic, created_at=NOW, updated_at=NOW))
    look_after(store, OVER + 100 * DAY)
    look_after(store, OVER + 100 * DAY, Automatic(standing=True))
    look_after(store, OVER - timedelta(minutes=2), TEN)
    assert sorted((one.severity, one.state) for one in _all(store)) == sorted(many)
    look_after(store, OVER, TEN)
    with read(store) as connection:
        gone = [one for one in repo_advice.listed(connection, states=None) if one.state == "expired"]
        assert [one.severity for one in gone] == ["routine"]
        last = repo_advice.events(connection, gone[0].id)[-1]
    assert (last.command, last.actor, last.reason, last.from_state) == ("expire", ENGINE, NOT_READ, "open")
    look_after(store, OVER, TEN)
    assert len([one for one in _all(store) if one.state == "expired"]) == 1


def _all(store: Engine) -> list[Item]:
    with read(store) as connection:
        return repo_advice.listed(connection, states=None)


def test_what_was_set_aside_rests_as_long_as_its_rule_does_and_comes_again(engine: Engine) -> None:
    heavy(engine)
    looked(engine, NOW)
    [first] = drafts(engine)
    look_after(engine, OVER, TEN)
    looked(engine, OVER + timedelta(minutes=1))
    assert [one.state for one in drafts(engine)] == ["expired"]
    again = OVER + timedelta(days=int(first.evidence["cooldown_days"]))
    hear(engine, [reading(again - ago * DAY, 2, body_weight=("84.00", "kg")) for ago in range(2, 29)], again)
    looked(engine, again - DAY)
    assert len(drafts(engine)) == 1
    looked(engine, again + timedelta(minutes=1))
    assert [one.state for one in drafts(engine)] == ["expired", "open"]

"""What an answer, a correction or an old database does to advice that waits or is signed for: nothing barred goes out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from alembic import command
from sqlalchemy import Engine, insert, inspect, select, text

from engine import decisions
from engine.clinical import Fact
from engine.contract.reading import Reading
from engine.evaluate import evaluate, evaluate_next, settle, still_said
from engine.picture import history_of
from engine.review import HOLD, LOCAL, Decision, Item, decide, rank
from engine.review import Command as Wish
from engine.seasons import AROUND, YEAR
from engine.store import (
    database,
    repo_advice,
    repo_consents,
    repo_facts,
    repo_outbox,
    repo_places,
    repo_residents,
    tallies,
)
from engine.store.database import check, migrate, open_engine, read, write
from engine.store.repo_facts import By
from engine.store.rows import Row
from engine.vocabulary import ANSWERS
from tests.flow.test_evaluate import hear, pressure, queue, reading, sign
from tests.flow.test_evaluate import judge as look
from tests.homes import HANAKO, NOW, TARO, consent, furnish
from tests.servers import database as server
from tests.stores import furnished_file, migrated_file

pytestmark = pytest.mark.flow
DAY, WHO = timedelta(days=1), By("suzuki", "tester")


@pytest.fixture
def home(tmp_path: Path) -> Engine:
    return furnished_file(tmp_path / "engine.sqlite")


def tell(home: Engine, answers: dict[str, str], at: datetime = NOW, resident: str = TARO) -> tuple[Fact, ...]:
    facts = [
        Fact(resident=resident, code=code, value=value, at=at, recorded_at=at, source="nurse", actor="suzuki", channel="cli")
        for code, value in answers.items()
    ]  # fmt: skip
    with write(home) as connection:
        return repo_facts.append(connection, facts, WHO, at, Random(str(at))).stored


def weighed(days: int = 20) -> list[Reading]:
    return [reading(NOW - ago * DAY - timedelta(hours=2), 2, body_weight=("86.00", "kg")) for ago in range(days)]


def goals(home: Engine) -> dict[str, Item]:
    """A man of 50 with a BMI of 29 who answered every question with no: what he is to be told, by topic."""
    tell(home, dict.fromkeys(sorted(ANSWERS), "0"), NOW - DAY)
    hear(home, weighed())
    look(home, TARO)
    found = {item.topic: item for item in queue(home, TARO)}
    assert found.keys() == {"weight", "activity"}
    assert not any(item.ask for item in found.values())
    return found


def state(home: Engine, item: Item) -> tuple[str, str | None]:
    with read(home) as connection:
        found = repo_advice.get(connection, item.id)
    assert found is not None
    return found.state, found.reason


def ended(home: Engine) -> None:
    with write(home) as connection:
        settle(connection, NOW + HOLD)


def test_a_no_that_is_taken_back_stops_what_was_signed_for_and_asks_again(home: Engine) -> None:
    said = {fact.code: fact for fact in tell(home, dict.fromkeys(sorted(ANSWERS), "0"), NOW - DAY)}
    weight = goals(home)["weight"]
    sign(home, weight, NOW)
    with write(home) as connection:
        repo_facts.retract(connection, said["has.eating-disorder"].id, WHO, "cli", NOW, Random(1))
    ended(home)
    assert state(home, weight) == ("superseded", "evidence-changed")
    new = next(item for item in queue(home, TARO, NOW + HOLD) if item.topic == "weight")
    assert (new.ask, new.supersedes) == (("eating-disorder",), weight.id)
    assert "kg" not in new.text_ja


def test_what_was_signed_for_goes_out_when_nothing_that_matters_was_said_since(home: Engine) -> None:
    weight = goals(home)["weight"]
    sign(home, weight, NOW)
    tell(home, {"lab.fpg": "90"})
    ended(home)
    assert state(home, weight) == ("delivered", None)


@pytest.mark.parametrize("topic", ["weight", "activity"])
@pytest.mark.parametrize("answer", ["has.eating-disorder", "answer.pregnant", "symptom.red-flag"])
def test_a_yes_during_the_hold_takes_back_what_it_forbids(home: Engine, topic: str, answer: str) -> None:
    item = goals(home)[topic]
    sign(home, item, NOW)
    tell(home, {answer: "1"})
    ended(home)
    reached, reason = state(home, item)
    assert reached == "superseded"
    assert reason is not None
    assert reason.startswith("vetoed ")


def test_a_warning_that_is_due_now_is_not_left_out_of_what_waits_or_is_held(home: Engine) -> None:
    exercise = goals(home)["activity"]
    assert "食事の あと" not in exercise.text_ja
    sign(home, exercise, NOW)
    tell(home, {"has.heart-failure": "1"})
    ended(home)
    assert state(home, exercise)[0] == "superseded"
    [new] = [item for item in queue(home, TARO, NOW + HOLD) if item.topic == "activity"]
    assert "食事の あと" in new.text_ja


def test_a_goal_that_was_delivered_is_not_said_any_more_once_a_veto_is_known(home: Engine) -> None:
    told = list(goals(home).values())
    for item in told:
        sign(home, item, NOW)
    ended(home)
    tell(home, {"has.eating-disorder": "1"})
    with read(home) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        items = repo_advice.listed(connection, resident=TARO, states=None)
        before = still_said(connection, person, items, NOW - timedelta(hours=1))
        after = still_said(connection, person, items, NOW + HOLD)
        referral = [msgspec.structs.replace(item, severity="soon") for item in items]
        assert still_said(connection, person, referral, NOW + HOLD) == referral
    assert {item.id for item in before} == {item.id for item in told}
    assert after == []


def rewrite(home: Engine, item: Item, **fields: Any) -> None:
    """The item as an older program left it."""
    old = msgspec.structs.replace(item, version=item.version + 1, **fields)
    decision = decide(item, Wish(verb="claim", by="suzuki", version=item.version, rights=LOCAL), NOW)
    assert isinstance(decision, Decision)
    with write(home) as connection:
        event = decision.event
        repo_advice.decide(connection, Decision(old, event), rank(old, NOW), os_user="tester")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rule_id": "walk-more"}, "rule-gone"),
        ({"rule_id": "walk-more", "topic": "legs"}, "rule-gone"),
        ({"rule_id": "indoor-steps", "rule_version": 0}, "no-longer-applies"),
        ({"rule_id": "steps-below-target", "rule_version": 1}, "rule-changed"),
        ({"rule_version": 0}, "evidence-changed"),
        ({"evidence": {}}, "evidence-changed"),
    ],
)
def test_no_text_outlives_its_rule(home: Engine, fields: dict[str, Any], reason: str) -> None:
    old = goals(home)["activity"]
    rewrite(home, old, **fields)
    found = look(home, TARO)
    assert old.id in found.superseded
    assert state(home, old) == ("superseded", reason)
    assert sorted(item.topic for item in queue(home, TARO)) == ["activity", "weight"]
    again = look(home, TARO)
    assert (again.created, again.superseded) == ((), ())


def red(home: Engine, systolic: int, minutes: int) -> list[Item]:
    now = NOW + timedelta(minutes=minutes)
    hear(home, [pressure(now, systolic, 95)], now)
    look(home, HANAKO, now)
    return [item for item in queue(home, HANAKO, now) if item.severity == "urgent"]


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_worse_red_flag_never_waits_for_the_cooldown_of_the_last(home: Engine, verb: Any) -> None:
    [first] = red(home, 182, 0)
    wish = Wish(verb=verb, by="suzuki", version=first.version, rights=LOCAL, reason="x", asked=first.ask)
    with write(home) as connection:
        assert isinstance(decisions.carry_out(connection, first, wish, NOW, os_user="tester"), Item)
        settle(connection, NOW + HOLD)
    assert red(home, 182, 60) == [], "the same again was decided an hour ago"
    [second] = red(home, 205, 120)
    assert "205" in second.text_ja
    assert second.id != first.id


def test_an_emergency_stays_before_the_nurse_until_somebody_says_it_is_over_and_hides_no_red_flag(home: Engine) -> None:
    def top(now: datetime) -> tuple[str, str]:
        look(home, HANAKO, now)
        first = queue(home, HANAKO, now)[0]
        return first.severity, first.topic

    tell(home, {"symptom.red-flag": "1"}, NOW - timedelta(minutes=1), HANAKO)
    hear(home, [pressure(NOW - timedelta(hours=1), 190, 95)])
    assert top(NOW) == ("emergency", "symptoms")
    sign(home, queue(home, HANAKO)[0], NOW)
    ended(home)
    assert top(NOW + timedelta(hours=1)) == ("emergency", "symptoms")
    tell(home, {"symptom.red-flag": "0"}, NOW + timedelta(hours=2), HANAKO)
    assert top(NOW + timedelta(hours=2)) == ("urgent", "blood-pressure")


def test_two_urgent_reasons_of_one_topic_do_not_silence_each_other(home: Engine) -> None:
    """A gain of weight with a failing heart, decided an hour ago, does not hide a heart rate of 130."""
    tell(home, {"has.heart-failure": "1"}, NOW - DAY)
    heavy = [reading(NOW - ago * DAY, 2, body_weight=("89.50" if ago < 2 else "86.00", "kg")) for ago in range(14)]
    hear(home, heavy)
    look(home, TARO)
    [gain] = [item for item in queue(home, TARO) if item.topic == "heart"]
    assert gain.rule_id == "heart-failure-gain"
    sign(home, gain, NOW)
    with write(home) as connection:
        settle(connection, NOW + HOLD)
    now = NOW + timedelta(hours=1)
    hear(home, [reading(now, 2, resting_heart_rate=("130", "/min"))], now)
    look(home, TARO, now)
    assert [item.rule_id for item in queue(home, TARO, now) if item.topic == "heart"] == ["heart-rate"]


def owed(home: Engine) -> list[str]:
    with read(home) as connection:
        return [debt.key for debt in repo_outbox.take(connection, "evaluate", 9)]


def test_who_withdraws_leaves_or_is_born_otherwise_is_judged_anew_without_a_new_reading(home: Engine) -> None:
    weight = goals(home)["weight"]
    while evaluate_next(home, NOW):
        pass
    with write(home) as connection:
        repo_consents.append(connection, consent(TARO, "advice", granted=False, at=NOW), os_user="tester")
        repo_consents.append(connection, consent(HANAKO, "learning", at=NOW), os_user="tester")
    assert owed(home) == [TARO]
    evaluate_next(home, NOW)
    assert state(home, weight) == ("superseded", "no-consent")
    with write(home) as connection:
        hanako = repo_residents.get(connection, HANAKO)
        assert hanako is not None
        older = msgspec.structs.replace(hanako, birth_date=date(1940, 1, 1), version=hanako.version + 1)
        repo_residents.edit(connection, older, NOW, actor="desk", os_user="tester")
    assert owed(home) == [HANAKO]


def test_a_red_flag_heard_before_the_consent_becomes_urgent_with_the_consent(home: Engine) -> None:
    with write(home) as connection:
        repo_consents.append(connection, consent(HANAKO, "advice", granted=False, at=NOW - DAY), os_user="tester")
    hear(home, [pressure(NOW - timedelta(hours=1), 190, 95)])
    while evaluate_next(home, NOW):
        pass
    assert queue(home) == []
    with write(home) as connection:
        repo_consents.append(connection, consent(HANAKO, "advice", at=NOW), os_user="tester")
    assert evaluate_next(home, NOW) == HANAKO
    assert [item.severity for item in queue(home)][:1] == ["urgent"]


def test_a_referral_that_cannot_be_written_anew_leaves_the_one_that_waits(
    home: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = red(home, 182, 0)

    def fail(*_: object) -> None:
        raise KeyError("value")

    monkeypatch.setattr("engine.advice.flag_figures", fail)
    assert red(home, 205, 60) == [first]
    with read(home) as connection:
        assert tallies.counts(connection)["draft-failed", "home-bp-high"] == 1


def test_a_goal_that_cannot_be_computed_hides_no_red_flag(home: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = goals(home)["weight"]
    sign(home, weight, NOW)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("engine.choosing.goal_of", fail)
    hear(home, [pressure(NOW + timedelta(minutes=5), 190, 95, slot=2)], NOW + timedelta(minutes=5))
    while evaluate_next(home, NOW + HOLD):
        pass
    with read(home) as connection:
        assert tallies.counts(connection)["evaluation", "failed"] >= 1
    assert queue(home, TARO, NOW + HOLD)[0].severity == "urgent"
    assert state(home, weight)[0] == "superseded"


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgresql)])
def test_a_database_of_the_last_release_is_migrated_with_its_queue(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    today = migrated_file(tmp_path / "today.sqlite")
    old, gone = _waiting_items(today)
    if kind == "sqlite":
        _migrated(today, f"sqlite:///{tmp_path / 'old.sqlite'}", old, gone)
    else:
        with server(request.getfixturevalue("postgres")) as url:
            _migrated(today, url, old, gone)
    today.dispose()


def _waiting_items(engine: Engine) -> tuple[Item, Item]:
    """Readings, a signed item and one of a rule that is gone, as today's program stores them."""
    furnish(engine)
    hear(engine, [*weighed(), pressure(NOW - timedelta(hours=1), 190, 95)])
    old = _old_item("a-aaaaaaaaaaaaa", TARO, "weight", "bmi-above-target")
    gone = _old_item("a-bbbbbbbbbbbbb", HANAKO, "activity", "walk-more")
    with write(engine) as connection:
        for item in (old, gone):
            repo_advice.add(connection, item, rank(item, NOW), actor="engine", os_user="engine")
    sign(engine, old, NOW)
    return old, gone


def _migrated(today: Engine, url: str, old: Item, gone: Item) -> None:
    engine = open_engine(url)
    with write(engine) as connection:
        command.upgrade(database._config(connection), "0005")
        repo_places.seed_municipalities(connection)
    _carry_back(today, engine)
    migrate(engine)
    assert check(engine) == []
    with write(engine) as connection:
        assert settle(connection, NOW + HOLD) == ()
        evaluate(connection, HANAKO, NOW + HOLD)
    assert state(engine, old)[0] == "superseded", "nobody was asked the questions of today"
    assert state(engine, gone) == ("superseded", "rule-gone")
    (first, *_) = queue(engine, HANAKO, NOW + HOLD)
    assert first.severity == "urgent"
    engine.dispose()


def _carry_back(today: Engine, old: Engine) -> None:
    """What is stored, in the tables and columns the last release had."""
    known = inspect(old)
    columns = {name: [one["name"] for one in known.get_columns(name)] for name in known.get_table_names()}
    assert "staff" not in columns
    with read(today) as source, write(old) as target:
        for table in (one for one in Row.metadata.sorted_tables if one.name in columns):
            chosen = select(*(table.c[name] for name in columns[table.name]))
            rows = [dict(row) for row in source.execute(chosen).mappings()]
            if table.name == "municipality" or not rows:
                continue
            target.execute(insert(table), rows)
            if "seq" in rows[0] and target.dialect.name == "postgresql":
                last = max(row["seq"] for row in rows)
                target.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'seq'), {last})"))


def _old_item(name: str, resident: str, topic: str, rule: str) -> Item:
    """An item as version 1 of the engine froze it."""
    evidence = {
        "as_of": (NOW - DAY).isoformat(), "rule": {"id": rule, "version": 1, "text_version": 1, "case": "high"},
        "signals": {"bmi": {"value": "29.1", "low": None, "high": None, "unit": "kg/m2", "inputs": []}},
        "ask": [], "sources": [], "reasons": ["bmi > 24.9"], "note": {"ja": "", "en": ""}, "cooldown_days": 28,
        "plan": {}, "first": True, "message": f"{rule}.goal",
    }  # fmt: skip
    return Item(
        id=name, resident_id=resident, topic=topic, rule_id=rule, rule_version=1, text_version=1, state="open", version=1,
        severity="routine", text_ja="まず 体重を 2.6kg 減らしましょう。", text_en="Lose 2.6 kg first.", evidence=evidence,
        snapshot_hash="", created_at=NOW - DAY, updated_at=NOW - DAY,
    )  # fmt: skip


def test_of_last_year_every_day_that_the_season_compares_with_is_read_and_little_else(home: Engine) -> None:
    noons = [NOW.replace(hour=3) - ago * DAY for ago in range(330, 400)]
    hear(home, [reading(at, 2, steps_total=(str(9000 - number), "{steps}")) for number, at in enumerate(noons)])
    with read(home) as connection:
        found = {point.at.date() for point in history_of(connection, TARO, NOW)["steps-total"]}
    wanted = {NOW.date() - ago * DAY for ago in range(YEAR - AROUND, YEAR + AROUND + 1)}
    assert found >= {*wanted, min(wanted) - DAY}, "a running total needs the one before"
    assert len(found) < 40

"""The queue, the outbox, the counters, the history and the audit chain in the store, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, text

from engine.review import LOCAL, Command, Decision, Item, decide, rank
from engine.store import audit, repo_advice, repo_outbox, tallies
from engine.store.database import Connection, check, read, write
from engine.store.instants import to_micros
from engine.store.repo_history import history
from engine.store.repo_residents import Conflict
from engine.store.tables import MEASUREMENT, READING
from tests.flow.store_rows import ITEM
from tests.flow.stores import HANAKO, LATER, NOW, TARO, home, store

__all__ = ["home", "store"]
pytestmark = pytest.mark.flow


def _queued(connection: Connection) -> None:
    repo_advice.add(connection, ITEM, rank(ITEM, NOW), actor="engine", os_user="tester")


def _decided(item: Item, verb: str = "approve", by: str = "nurse-1") -> Decision:
    wish = Command(verb=verb, by=by, version=item.version, rights=LOCAL, reason="because")  # type: ignore[arg-type]
    made = decide(item, wish, LATER)
    assert isinstance(made, Decision), made
    return made


def test_advice_comes_back_exactly_as_queued(home: Engine) -> None:
    with write(home) as connection:
        _queued(connection)
    with read(home) as connection:
        assert repo_advice.get(connection, ITEM.id) == ITEM
        assert repo_advice.listed(connection) == [ITEM]
        assert repo_advice.listed(connection, resident=TARO.id) == []
        assert repo_advice.listed(connection, states=["delivered"]) == []


def test_of_two_deciders_exactly_one_wins_and_only_that_one_is_written_down(home: Engine) -> None:
    with write(home) as connection:
        _queued(connection)
    approved, rejected = _decided(ITEM), _decided(ITEM, "reject", "nurse-2")
    outcomes: list[Item | Conflict] = []

    def run(decision: Decision) -> None:
        with write(home) as connection:
            outcomes.append(repo_advice.decide(connection, decision, rank(decision.item, LATER), os_user="tester"))

    threads = [threading.Thread(target=run, args=(decision,)) for decision in (approved, rejected)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = next(outcome for outcome in outcomes if isinstance(outcome, Item))
    assert [outcome for outcome in outcomes if isinstance(outcome, Conflict)] == [Conflict(ITEM.id, 1, 2)]
    with read(home) as connection:
        assert repo_advice.get(connection, ITEM.id) == won
        events = repo_advice.events(connection, ITEM.id)
        links = audit.entries(connection, subject=ITEM.id)
        assert audit.verify(connection) is None
    assert [event.to_state for event in events] == ["open", won.state]
    assert [link.action for link in links] == ["advice-create", f"advice-{events[1].command}"]
    assert events[1].actor == won.decided_by


def test_a_decision_that_fails_halfway_leaves_no_trace(home: Engine) -> None:
    with write(home) as connection:
        _queued(connection)

    def half() -> None:
        with write(home) as connection:
            repo_advice.decide(connection, _decided(ITEM), rank(ITEM, LATER), os_user="tester")
            raise KeyError("the rest")

    with pytest.raises(KeyError):
        half()
    with read(home) as connection:
        assert repo_advice.get(connection, ITEM.id) == ITEM
        assert len(repo_advice.events(connection, ITEM.id)) == len(audit.entries(connection, subject=ITEM.id)) == 1


def test_holds_that_have_ended_are_found(home: Engine) -> None:
    with write(home) as connection:
        _queued(connection)
        held = repo_advice.decide(connection, _decided(ITEM), rank(ITEM, LATER), os_user="tester")
        assert isinstance(held, Item)
        assert held.held_until is not None
        before = repo_advice.held_until(connection, "approved", held.held_until - timedelta(microseconds=1))
        assert before == []
        assert repo_advice.held_until(connection, "approved", held.held_until) == [held]


def test_a_debt_is_owed_once_and_forgotten_when_paid(store: Engine) -> None:
    with write(store) as connection:
        repo_outbox.put(connection, "evaluate", ["b", "a", "a"], NOW)
        repo_outbox.put(connection, "evaluate", ["b"], NOW)
        repo_outbox.put(connection, "send", ["a"], NOW)
        debts = repo_outbox.take(connection, "evaluate", 10)
        assert sorted(debt.key for debt in debts) == ["a", "b"]
        assert repo_outbox.done(connection, debts) == 2
        assert repo_outbox.take(connection, "evaluate") == []
        assert len(repo_outbox.take(connection, "send")) == 1


def test_a_debt_owed_anew_while_it_is_paid_stays(store: Engine) -> None:
    with write(store) as connection:
        repo_outbox.put(connection, "evaluate", ["a"], NOW)
        paid = repo_outbox.take(connection, "evaluate")
    with write(store) as connection:
        repo_outbox.put(connection, "evaluate", ["a"], NOW)
    with write(store) as connection:
        assert repo_outbox.done(connection, paid) == 0
        assert len(repo_outbox.take(connection, "evaluate")) == 1


def test_counters_add_up(store: Engine) -> None:
    with write(store) as connection:
        tallies.add(connection, {("accepted", ""): 3, ("refused", "no-consent"): 1})
        tallies.add(connection, {("accepted", ""): 2})
        tallies.add(connection, {})
    with read(store) as connection:
        assert tallies.counts(connection) == {("accepted", ""): 5, ("refused", "no-consent"): 1}


def _measured(connection: Connection, name: str, kind: str, value: str, days: int, **more: Any) -> None:
    at = to_micros(NOW + timedelta(days=days))
    reading = {
        "id": name, "household_id": HANAKO.household_id, "gateway_id": "g-aaaaaaaaaaaaa", "device_id": "d-aaaaaaaaaaaaa",
        "resident_id": HANAKO.id, "certainty": "sure", "outcome": "accepted", "profile": "p", "source": "ble",
        "provenance": "bonded", "measured_at": at, "time_quality": "device", "received_at": at, "stored_at": at,
        "digest": "", "experimental": False,
    }  # fmt: skip
    shared = {key: reading[key] for key in ("household_id", "device_id", "resident_id", "measured_at")} | {"kind": kind}
    values = {"reading_id": name, "value": value, "unit": "kg", "device_value": value, "device_unit": "kg"}
    changed = {key: value for key, value in more.items() if key in ("resident_id", "measured_at")}
    connection.execute(insert(READING), reading | more)
    connection.execute(insert(MEASUREMENT), shared | values | changed)


def test_a_history_holds_the_persons_points_in_order_and_digits(store: Engine) -> None:
    with write(store) as connection:
        _measured(connection, "b", "body-weight", "62.30", 2)
        _measured(connection, "a", "body-weight", "62.50", 1, certainty="assumed", experimental=True, quality=0.5)
        _measured(connection, "c", "heart-rate", "70", 1)
        _measured(connection, "d", "body-weight", "80", 1, resident_id=TARO.id)
        _measured(connection, "e", "body-weight", "61", 3)
        _measured(connection, "f", "systolic", "120", 2)
        since, until = to_micros(NOW), to_micros(NOW + timedelta(days=3))
        found = history(connection, HANAKO.id, ["body-weight", "heart-rate", "spo2"], since, until)
    assert {kind: [(p.reading_id, str(p.value)) for p in points] for kind, points in found.items()} == {
        "body-weight": [("a", "62.50"), ("b", "62.30")],
        "heart-rate": [("c", "70")],
        "spo2": [],
    }
    first = found["body-weight"][0]
    assert (first.at, first.certainty, first.experimental, first.preliminary) == (
        NOW + timedelta(days=1),
        "assumed",
        True,
        True,
    )
    assert found["body-weight"][1].value == Decimal("62.30")


def _chain(store: Engine, length: int = 6) -> None:
    with write(store) as connection:
        for number in range(length):
            entry = audit.Entry(at=number, actor="a", os_user="o", action="x", subject=f"r-{number}", detail_hash="d")
            audit.append(connection, entry)


def _unlock(connection: Connection) -> None:
    """Takes the guards off, as somebody with the database's password could."""
    for verb in ("update", "delete"):
        table = " ON audit" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER audit_{verb}_refused{table}"))


@pytest.mark.parametrize(
    ("forgery", "first"),
    [
        ("UPDATE audit SET actor = 'somebody' WHERE seq = 3", 3),
        ("UPDATE audit SET subject = 'r-9' WHERE seq = 1", 1),
        ("UPDATE audit SET at = 77 WHERE seq = 6", 6),
        ("UPDATE audit SET detail_hash = 'e' WHERE seq = 2", 2),
        ("UPDATE audit SET hash = prev WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 1", 2),
        ("DELETE FROM audit WHERE seq = 4", 5),
    ],
)
def test_whatever_is_forged_in_the_chain_is_found_at_its_place(store: Engine, forgery: str, first: int) -> None:
    _chain(store)
    with read(store) as connection:
        assert audit.verify(connection) is None
    with write(store) as connection:
        _unlock(connection)
        connection.execute(text(forgery))
    with read(store) as connection:
        assert audit.verify(connection) == first
    assert "audit" in [problem.code for problem in check(store)]


def test_a_chain_cut_off_at_its_end_shows_in_the_head_kept_elsewhere(store: Engine) -> None:
    with read(store) as connection:
        assert audit.head(connection) == audit.GENESIS
    _chain(store)
    with write(store) as connection:
        kept = audit.head(connection)
        _unlock(connection)
        connection.execute(text("DELETE FROM audit WHERE seq = 6"))
    with read(store) as connection:
        assert audit.verify(connection) is None
        assert audit.head(connection) != kept


def test_many_writers_make_one_chain(store: Engine) -> None:
    def run(number: int) -> None:
        for _ in range(5):
            with write(store) as connection:
                audit.append(connection, audit.Entry(at=number, actor="a", os_user="o", action="x", subject="s"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read(store) as connection:
        assert len(audit.entries(connection)) == 20
        assert audit.verify(connection) is None


def test_fields_cannot_slide_into_each_other_in_a_link() -> None:
    entry = audit.Entry(at=1, actor="ab", os_user="c", action="x", subject="s")
    slid = msgspec.structs.replace(entry, actor="a", os_user="bc")
    assert audit.link_hash(audit.GENESIS, entry) != audit.link_hash(audit.GENESIS, slid)

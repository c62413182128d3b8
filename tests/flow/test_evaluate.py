"""From stored readings to the queue in a real database: idempotent, consented, and nothing delivered unsigned."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine

from engine import decisions
from engine.clinical import Fact, record
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.evaluate import Evaluation, evaluate, evaluate_next, settle
from engine.picture import wish_of
from engine.review import HOLD, LOCAL, Command, Decision, Item, decide, rank
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import repo_advice, repo_consents, repo_facts, repo_residents, tallies
from engine.store.database import check, read, write
from engine.store.repo_facts import By
from tests.flow.furnished import store
from tests.homes import DEVICE, GATEWAY, HANAKO, NOW, TARO, consent

__all__ = ["store"]

pytestmark = [pytest.mark.flow]
DAY = timedelta(days=1)


def reading(at: datetime, slot: int, **values: tuple[str, str]) -> Reading:
    parts = tuple(Value(kind.replace("_", "-"), number, unit) for kind, (number, unit) in values.items())
    name = reading_id(DEVICE, slot, at.isoformat(), repr(values).encode())
    return Reading(
        id=name, device=DEVICE, profile="sig-weight", provenance="bonded", user_slot=slot, measured_at=at,
        time_quality="device", received_at=at, values=parts,
    )  # fmt: skip


def pressure(at: datetime, high: int, low: int, slot: int = 1) -> Reading:
    return reading(at, slot, systolic=(str(high), "mm[Hg]"), diastolic=(str(low), "mm[Hg]"))


def hear(store: Engine, readings: list[Reading], now: datetime = NOW) -> None:
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    with write(store) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], now)


def judge(store: Engine, resident: str = HANAKO, now: datetime = NOW) -> Evaluation:
    with write(store) as connection:
        return evaluate(connection, resident, now)


def queue(store: Engine, resident: str = HANAKO, now: datetime = NOW) -> list[Item]:
    with read(store) as connection:
        return [item for _, item in decisions.queue(connection, now, resident=resident)]


def pressures(store: Engine, resident: str = HANAKO, now: datetime = NOW) -> list[Item]:
    """The waiting items on blood pressure; what else is drafted for someone nobody asked is not the point here."""
    return [item for item in queue(store, resident, now) if item.topic == "blood-pressure"]


def high_week(store: Engine) -> None:
    hear(store, [pressure(NOW - day * DAY - timedelta(hours=3), 142 + day, 84) for day in range(6)])


def sign(store: Engine, item: Item, now: datetime, by: str = "suzuki") -> Item:
    decision = decide(item, Command(verb="approve", by=by, version=item.version, rights=LOCAL, asked=item.ask), now)
    assert isinstance(decision, Decision)
    with write(store) as connection:
        stored = repo_advice.decide(connection, decision, rank(decision.item, now), os_user="test")
    assert isinstance(stored, Item)
    return stored


def test_readings_become_one_draft_with_its_evidence(store: Engine) -> None:
    high_week(store)
    made = judge(store)
    [item] = pressures(store)
    assert item.id in made.created
    assert (item.topic, item.severity, item.state) == ("blood-pressure", "soon", "open")
    assert item.evidence["signals"]["bp.home.systolic_mean"]["inputs_total"] == 6
    assert item.evidence["first"]
    with read(store) as connection:
        assert not check(store)
        assert [event.command for event in repo_advice.events(connection, item.id)] == ["create"]


def test_evaluating_twice_changes_nothing(store: Engine) -> None:
    high_week(store)
    judge(store)
    before = queue(store)
    again = judge(store)
    assert (again.created, again.superseded, again.kept) == ((), (), len(before))
    assert queue(store) == before


def test_without_consent_to_advice_nothing_is_drafted_and_what_waits_is_withdrawn(store: Engine) -> None:
    high_week(store)
    judge(store)
    with write(store) as connection:
        repo_consents.append(connection, consent(HANAKO, "advice", granted=False, at=NOW), os_user="test")
    waiting = queue(store)
    gone = judge(store, now=NOW + HOLD)
    assert (gone.created, len(gone.superseded)) == ((), len(waiting))
    assert not queue(store, now=NOW + HOLD)
    assert judge(store, now=NOW + HOLD).created == ()


def test_a_signed_item_is_delivered_after_the_hold_and_only_once(store: Engine) -> None:
    high_week(store)
    judge(store)
    held = sign(store, pressures(store)[0], NOW)
    with write(store) as connection:
        assert settle(connection, NOW + HOLD - timedelta(seconds=1)) == ()
        assert settle(connection, NOW + HOLD) == (held.id,)
        assert settle(connection, NOW + HOLD) == ()
        delivered = repo_advice.get(connection, held.id)
    assert delivered is not None
    assert (delivered.state, delivered.decided_by) == ("delivered", "suzuki")
    assert judge(store, now=NOW + HOLD).created == (), "the same rule stays quiet for its cooldown"


def test_a_consent_withdrawn_during_the_hold_stops_the_delivery(store: Engine) -> None:
    high_week(store)
    judge(store)
    held = sign(store, pressures(store)[0], NOW)
    with write(store) as connection:
        repo_consents.append(connection, consent(HANAKO, "advice", granted=False, at=NOW), os_user="test")
        settle(connection, NOW + HOLD)
        stopped = repo_advice.get(connection, held.id)
    assert stopped is not None
    assert (stopped.state, stopped.reason) == ("superseded", "no-consent")


def test_a_new_red_flag_overtakes_what_waits(store: Engine) -> None:
    high_week(store)
    judge(store)
    [old] = pressures(store)
    hear(store, [pressure(NOW + timedelta(minutes=30), 186, 104)], NOW + timedelta(hours=1))
    later = judge(store, now=NOW + timedelta(hours=1))
    assert old.id in later.superseded
    [new] = pressures(store, now=NOW + timedelta(hours=1))
    assert (new.severity, new.supersedes) == ("urgent", old.id)
    assert "186" in new.text_ja


def test_what_was_measured_during_the_hold_is_judged_before_the_delivery(store: Engine) -> None:
    high_week(store)
    judge(store)
    held = sign(store, pressures(store)[0], NOW)
    hear(store, [pressure(NOW + timedelta(minutes=5), 186, 104)], NOW + timedelta(minutes=5))
    with write(store) as connection:
        assert settle(connection, NOW + HOLD) == ()
        stopped = repo_advice.get(connection, held.id)
    assert stopped is not None
    assert stopped.state == "superseded"
    assert [item.severity for item in pressures(store, now=NOW + HOLD)] == ["urgent"]


def test_the_worker_takes_each_touched_resident_once(store: Engine) -> None:
    high_week(store)
    hear(store, [pressure(NOW - day * DAY - timedelta(hours=2), 138, 84, slot=2) for day in range(6)])
    assert {evaluate_next(store, NOW), evaluate_next(store, NOW)} == {HANAKO, TARO}
    assert evaluate_next(store, NOW) is None
    assert len(pressures(store)) == len(pressures(store, TARO)) == 1
    with read(store) as connection:
        assert ("evaluation", "failed") not in tallies.counts(connection)


def test_a_resident_on_whom_our_code_fails_is_counted_and_gets_nothing(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    high_week(store)
    judge(store)
    held = sign(store, pressures(store)[0], NOW)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("engine.evaluate.assess", fail)
    assert evaluate_next(store, NOW + HOLD) == HANAKO
    assert evaluate_next(store, NOW + HOLD) is None
    with read(store) as connection:
        stopped = repo_advice.get(connection, held.id)
        assert tallies.counts(connection)["evaluation", "failed"] == 2
    assert stopped is not None
    assert (stopped.state, stopped.reason) == ("superseded", "not-evaluated")


def test_an_unknown_resident_is_said_and_not_an_error(store: Engine) -> None:
    assert judge(store, "r-zzzzzzzzzzzzz").skipped == "unknown-resident"


def test_missing_measurements_are_named(store: Engine) -> None:
    assert "steps.mean_7d" in judge(store).missing


def test_the_goal_a_person_chose_is_kept_for_half_a_year_and_the_newest_word_counts(store: Engine) -> None:
    rng = Random(7)

    def choose(word: str, at: datetime) -> None:
        draft = Fact(resident=HANAKO, code="wish.goal", value="", at=at, recorded_at=at)
        said = record(draft, word)
        assert isinstance(said, Fact)
        with write(store) as connection:
            repo_facts.append(connection, [said], By("suzuki", "test"), at, rng)

    def wished(now: datetime) -> str | None:
        with read(store) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            return wish_of(connection, person, now)

    assert wished(NOW) is None
    choose("減塩", NOW - DAY)
    assert wished(NOW) == "salt"
    choose("歩く", NOW)
    assert wished(NOW) == "steps"
    assert wished(NOW + 181 * DAY) is None

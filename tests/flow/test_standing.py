"""What leaves without a person each time: only under a living signature, never what no signature may cover."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from engine.clinical import Fact, record
from engine.contract.reading import Reading
from engine.decisions import carry_out
from engine.evaluate import evaluate, evaluate_next, look_after, settle
from engine.questionnaires import questionnaires
from engine.review import HOLD, LOCAL, NEXT_READING, Command, Item
from engine.rules import AdviceRule, FlagRule, load_catalogue
from engine.service import Service
from engine.service_link import Broker, Link
from engine.standing import OFF, Approval, Automatic, Population, digest_of
from engine.store import (
    audit,
    repo_advice,
    repo_consents,
    repo_facts,
    repo_family,
    repo_outbox,
    repo_seen,
    repo_standing,
    repo_urgent_text,
)
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables import ADVICE
from engine.store.tables_desk import NOTICE
from engine.urgent_text import SignedText
from tests.brokers import mosquitto
from tests.flow.furnished import store
from tests.flow.test_engine_service import Ears
from tests.flow.test_evaluate import hear, pressure, reading
from tests.homes import HANAKO, NOW, TARO, consent, weighing
from tests.web.desks import item, put

__all__ = ["store"]
pytestmark = pytest.mark.flow
ON = Automatic(standing=True, urgent_texts=True)
RULES = {rule.id: rule for rule in load_catalogue()}
RULE = "bmi-above-target"
NURSE, PHYSICIAN = "s-nursenursenur", "s-doctordoctord"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def answer(store: Engine, now: datetime = NOW, **told: str) -> None:
    """Everything that could be a veto is answered with no, and `told` (habits) as given."""
    codes = {code: "no" for item in questionnaires()["veto"].item for code in item.settles}
    codes |= {name.replace("__", ".").replace("_", "-"): value for name, value in told.items()}
    facts = [
        record(Fact(resident=TARO, code=code, value="", at=now, recorded_at=now), text) for code, text in codes.items()
    ]
    with write(store) as connection:
        kept = [fact for fact in facts if isinstance(fact, Fact)]
        assert len(kept) == len(facts)
        repo_facts.append(connection, kept, By("suzuki", "test"), now, Random(now.timestamp()))


def heavy(store: Engine) -> None:
    """A person of 28 kg/m2 under no veto, whom the rule on weight concerns."""
    hear(store, [reading(NOW - ago * DAY, 2, body_weight=("84.00", "kg")) for ago in range(1, 29)])
    answer(store)


def approval(name: str = RULE, **more: Any) -> Approval:
    rule = RULES[name]
    assert isinstance(rule, AdviceRule)
    made = Approval(
        id="p-aaaaaaaaaaaaa", municipality_code="062049", rule_id=rule.id, rule_version=rule.version,
        text_version=rule.text_version, digest=digest_of(rule), population=Population(40, 74), signed_by=NURSE,
        signed_at=NOW - DAY, until=NOW + 60 * DAY, daily_cap=10,
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


def sign(store: Engine, one: Approval, used: int = 1) -> None:
    """The approval in the store; the first it covers is always sampled, so that it has covered some already."""
    with write(store) as connection:
        repo_standing.add(connection, one, os_user="test")
    for number in range(used):
        told_before(store, one, number)


def told_before(store: Engine, one: Approval, number: int, topic: str = "weight") -> None:
    name = f"before{number}"
    put(store, item(name, topic=topic, rule_id="other", state="delivered", decided_by=NURSE, evidence={}))
    with write(store) as connection:
        repo_standing.use(connection, one.id, f"a-{name:a<13}", NOW - DAY, sampled=True)


def drafted(store: Engine, automatic: Automatic | None = ON, now: datetime = NOW) -> Item:
    with write(store) as connection:
        evaluate(connection, TARO, now, rng=Random(3), automatic=automatic)
        [found] = [one for one in repo_advice.listed(connection, resident=TARO, states=None) if one.rule_id == RULE]
    return found


def test_what_a_standing_approval_covers_is_approved_in_its_name_held_and_delivered(store: Engine) -> None:
    heavy(store)
    sign(store, approval())
    found = drafted(store)
    assert (found.state, found.decided_by, found.held_until) == ("approved", "p-aaaaaaaaaaaaa", NOW + HOLD)
    with write(store) as connection:
        assert settle(connection, NOW + HOLD - MINUTE, ON) == ()
        assert settle(connection, NOW + HOLD) == (), "whoever does not know the switch leaves it to the engine"
        assert found.id in settle(connection, NOW + HOLD, ON)
        assert [event.command for event in repo_advice.events(connection, found.id)] == [
            "create",
            "approve-standing",
            "deliver",
        ]
        use = repo_standing.use_of(connection, found.id)
        assert use is not None
        assert not use.sampled
        assert audit.verify(connection) is None
        notices = connection.execute(select(NOTICE.c.recipient, NOTICE.c.kind, NOTICE.c.urgent)).all()
    assert [tuple(row) for row in notices] == [(TARO, "advice", False)]


def test_it_is_off_unless_the_operator_switched_it_on(store: Engine) -> None:
    heavy(store)
    sign(store, approval())
    assert drafted(store, OFF).state == "open"


def test_switching_it_off_opens_again_what_is_held(store: Engine) -> None:
    heavy(store)
    sign(store, approval())
    found = drafted(store)
    with write(store) as connection:
        settle(connection, NOW + HOLD, OFF)
        after = repo_advice.get(connection, found.id)
    assert after is not None
    assert (after.state, after.decided_by) == ("open", None)


def test_the_very_first_is_sampled_and_waits_for_a_person(store: Engine) -> None:
    heavy(store)
    sign(store, approval(), used=0)
    before = item("person", topic="weight", rule_id="other", state="delivered", decided_by=NURSE, evidence={})
    put(store, before)
    found = drafted(store)
    assert found.state == "open"
    with read(store) as connection:
        use = repo_standing.use_of(connection, found.id)
    assert use is not None
    assert use.sampled


def test_a_person_s_first_advice_on_a_topic_waits_for_a_person(store: Engine) -> None:
    heavy(store)
    with write(store) as connection:
        repo_standing.add(connection, approval(), os_user="test")
    assert drafted(store).state == "open"
    with read(store) as connection:
        assert repo_standing.uses(connection, "p-aaaaaaaaaaaaa") == []


@pytest.mark.parametrize(
    "other",
    [
        {"population": Population(60, 74)}, {"population": Population(40, 74, "male")}, {"text_version": 9},
        {"municipality_code": "064611"}, {"digest": "0" * 64}, {"until": NOW}, {"rule_version": 9},
    ],
)  # fmt: skip
def test_for_whom_it_was_not_signed_it_does_not_speak(store: Engine, other: dict[str, Any]) -> None:
    heavy(store)
    sign(store, approval(**other))
    assert drafted(store).state == "open"


def test_one_rejection_of_that_text_suspends_it_at_once_and_opens_what_is_held(store: Engine) -> None:
    heavy(store)
    sign(store, approval())
    held = drafted(store)
    rejected = msgspec.structs.replace(
        held, id="a-rejectedrejec", resident_id=HANAKO, state="open", version=1, held_until=None, decided_by=None
    )
    put(store, rejected)
    with write(store) as connection:
        wish = Command(verb="reject", by=NURSE, version=1, rights=LOCAL, reason="unclear-text")
        assert isinstance(carry_out(connection, rejected, wish, NOW + MINUTE, os_user="test"), Item)
        one = repo_standing.get(connection, "p-aaaaaaaaaaaaa")
        assert one is not None
        assert (one.state, one.ended_by, one.reason) == ("suspended", NURSE, f"rejected {rejected.id}")
        settle(connection, NOW + HOLD, ON)
        after = repo_advice.get(connection, held.id)
    assert after is not None
    assert after.state == "open"


def test_who_comes_under_a_veto_during_the_hold_is_no_longer_covered(store: Engine) -> None:
    heavy(store)
    sign(store, approval())
    held = drafted(store)
    answer(store, NOW + MINUTE, has__joint_pain="yes")
    after = drafted(store, now=NOW + 2 * MINUTE)
    assert (after.id, after.state) == (held.id, "open")


def test_one_that_is_over_is_noted_down_and_was_not_used_since(store: Engine) -> None:
    heavy(store)
    sign(store, approval(until=NOW - MINUTE))
    assert drafted(store).state == "open"
    look_after(store, NOW)
    with read(store) as connection:
        one = repo_standing.get(connection, "p-aaaaaaaaaaaaa")
        assert audit.verify(connection) is None
    assert one is not None
    assert (one.state, one.ended_at) == ("expired", NOW - MINUTE)


def signed(store: Engine, rule: str = "home-bp-high", **more: Any) -> SignedText:
    found = RULES[rule]
    assert isinstance(found, FlagRule)
    made = SignedText(
        id="u-aaaaaaaaaaaaa", municipality_code="062049", rule_id=rule, rule_version=found.version,
        text_version=found.text_version, digest=digest_of(found), signed_by=PHYSICIAN, signed_at=NOW - DAY,
    )  # fmt: skip
    made = msgspec.structs.replace(made, **more)
    with write(store) as connection:
        repo_urgent_text.sign(connection, made, os_user="test")
    return made


def urgent(store: Engine, *readings: Reading, automatic: Automatic = ON, now: datetime = NOW) -> Item:
    if readings:
        hear(store, list(readings), now)
    with write(store) as connection:
        evaluate(connection, HANAKO, now, automatic=automatic)
        [found] = [
            one
            for one in repo_advice.listed(connection, resident=HANAKO, states=None)
            if one.severity == "urgent" and one.state != "superseded"
        ]
    return found


def test_a_confirmed_red_value_sends_the_signed_text_at_once_and_stays_before_the_nurses(store: Engine) -> None:
    signed(store)
    first = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95))
    assert first.state == "open", "one reading alone sends nothing"
    found = urgent(store, pressure(NOW - MINUTE, 184, 96))
    assert (found.state, found.decided_by) == ("delivered", "u-aaaaaaaaaaaaa")
    with read(store) as connection:
        *_, last = repo_advice.events(connection, found.id)
        [notice] = connection.execute(select(NOTICE)).mappings().all()
        row = connection.execute(select(ADVICE.c.needs_contact, ADVICE.c.shelf).where(ADVICE.c.id == found.id)).one()
    assert (last.command, last.actor, last.at) == ("deliver-urgent", "u-aaaaaaaaaaaaa", NOW)
    assert (notice["recipient"], bool(notice["urgent"])) == (HANAKO, True)
    assert (bool(row.needs_contact), row.shelf) == (True, "open")


@pytest.mark.parametrize(
    "other",
    [
        {"text_version": 9},
        {"rule_version": 9},
        {"digest": "0" * 64},
        {"municipality_code": "064611"},
        {"ended_at": NOW},
    ],
)
def test_another_text_than_the_signed_one_is_not_sent(store: Engine, other: dict[str, Any]) -> None:
    signed(store, **other)
    found = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95), pressure(NOW - MINUTE, 184, 96))
    assert found.state == "open"


def test_without_the_operator_s_switch_a_confirmed_value_waits_for_the_nurse(store: Engine) -> None:
    signed(store)
    found = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95), pressure(NOW - MINUTE, 184, 96), automatic=OFF)
    assert found.state == "open"


@pytest.mark.parametrize(
    "change", [{"provenance": "broadcast"}, {"time_quality": "unknown"}, {"quality": 0.9}, {"provenance": "imported"}]
)
def test_a_second_reading_that_proves_nothing_sends_nothing(store: Engine, change: dict[str, Any]) -> None:
    signed(store)
    second = msgspec.structs.replace(pressure(NOW - MINUTE, 188, 96), **change)
    assert urgent(store, pressure(NOW - 9 * MINUTE, 186, 95), second).state == "open"


def test_a_text_somebody_edited_is_not_sent_by_a_signature(store: Engine) -> None:
    signed(store)
    first = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95))
    wish = Command(
        verb="edit",
        by=NURSE,
        version=first.version,
        rights=LOCAL,
        text_ja="もう一度 はかってください。",
        text_en="Measure again.",
    )
    with write(store) as connection:
        assert isinstance(carry_out(connection, first, wish, NOW, os_user="test"), Item)
    # Within the step that counts as new evidence: the edited item stays.
    assert urgent(store, pressure(NOW - MINUTE, 186, 95)).state == "claimed"


@pytest.mark.needs_mosquitto
def test_it_is_delivered_with_the_batch_that_brought_it_though_the_engine_is_never_idle(store: Engine) -> None:
    signed(store)
    hear(store, [pressure(NOW - 9 * MINUTE, 186, 95)], NOW)
    stopping = threading.Event()
    with mosquitto() as broker:
        link = Link(Broker(broker.url))
        service = Service(store, link, lambda: NOW, automatic=ON)
        thread = threading.Thread(target=service.run, args=(stopping.is_set,))
        thread.start()
        ears = Ears(broker.url)
        try:
            until = time.monotonic() + 60
            while not link.subscribed and time.monotonic() < until:
                time.sleep(0.01)
            ears.send(pressure(NOW - MINUTE, 184, 96))
            number = 0
            while not delivered(store) and time.monotonic() < until:
                number += 1
                ears.send(weighing(number, slot=2))
            assert delivered(store)
            with read(store) as connection:
                assert repo_outbox.owes(connection, "evaluate"), "it did not wait for its turn"
        finally:
            ears.close()
            stopping.set()
            thread.join(20)
    assert not thread.is_alive()


def delivered(store: Engine) -> bool:
    with read(store) as connection:
        return bool(repo_advice.listed(connection, resident=HANAKO, states=["delivered"]))


def test_an_urgent_message_unread_for_an_hour_is_told_to_the_family_that_may_look_and_only_once(store: Engine) -> None:
    with write(store) as connection:
        child = repo_family.add(connection, "山田 次郎", "child", "ja", NOW, Random(1))
        other = repo_family.add(connection, "山田 三郎", "child", "ja", NOW, Random(2))
        for member, granted in ((child, True), (other, False)):
            said = msgspec.structs.replace(consent(HANAKO, "family-view", granted=granted), recipient=member.id)
            repo_consents.append(connection, said, os_user="test")
    signed(store)
    found = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95), pressure(NOW - MINUTE, 184, 96))
    for later in (59, 60, 61):
        look_after(store, NOW + later * MINUTE)
        with read(store) as connection:
            told = (
                connection.execute(select(NOTICE.c.recipient).where(NOTICE.c.kind == "family-urgent")).scalars().all()
            )
        assert told == ([] if later < 60 else [child.id])
    with write(store) as connection:
        connection.execute(NOTICE.delete())
        repo_seen.mark(connection, found.id, HANAKO, found.version, NOW + MINUTE)
    look_after(store, NOW + 90 * MINUTE)
    with read(store) as connection:
        assert connection.execute(select(NOTICE.c.recipient).where(NOTICE.c.kind == "family-urgent")).all() == []


def test_a_snooze_until_the_next_reading_ends_with_it(store: Engine) -> None:
    heavy(store)
    asleep = drafted(store, OFF)
    wish = Command(
        verb="snooze", by=NURSE, version=asleep.version, rights=LOCAL, reason=NEXT_READING, until=NOW + 30 * DAY
    )
    with write(store) as connection:
        assert isinstance(carry_out(connection, asleep, wish, NOW, os_user="test"), Item)
    assert drafted(store, OFF, NOW + MINUTE).state == "snoozed"
    hear(store, [reading(NOW + DAY, 2, body_weight=("84.10", "kg"))], NOW + DAY)
    assert drafted(store, OFF, NOW + DAY + MINUTE).state == "open"


def test_the_worker_carries_the_switch(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ids decide about the sample: a drawn one would put the item before a person once in a while, as it should.
    rng = Random(1)
    monkeypatch.setattr("engine.evaluate.SystemRandom", lambda: rng)
    heavy(store)
    sign(store, approval())
    while evaluate_next(store, NOW, ON):
        pass
    with read(store) as connection:
        [found] = [one for one in repo_advice.listed(connection, resident=TARO) if one.rule_id == RULE]
    assert found.state == "approved"

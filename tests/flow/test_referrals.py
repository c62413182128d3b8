"""The loop of a referral in the real store: kept with its delivery, asked, answered, telephoned; and when it rests."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import referral as command
from cli.exits import Exit
from engine.access import RIGHTS
from engine.clinical import Fact
from engine.notify.sending import reach_of
from engine.people import Channel
from engine.referrals import Answer, Referral
from engine.referrals_store import KIND, Round, ToCall, call_list, go_round, not_reached, questions, told_by_phone
from engine.refusal import Refusal
from engine.review import ENGINE, Command, Decision, Item, Verb, decide, rank
from engine.rules.model import SEVERITIES
from engine.sealing import Seal
from engine.store import (
    audit,
    filing,
    repo_advice,
    repo_consents,
    repo_contacts,
    repo_facts,
    repo_letters,
    repo_notices,
    repo_referrals,
    repo_residents,
)
from engine.store.database import read, write
from engine.store.repo_facts import By
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.flow.test_silent import happens
from tests.homes import HANAKO, consent
from tests.stores import furnished_file
from tests.web.desks import EVIDENCE, NOW, item, put
from tests.web.resident_home import delivered, hear, reading

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
WHO, DAY, SENT = By("s-nursenursenur", "test"), timedelta(days=1), NOW - timedelta(days=1) / 4
SEAL = Seal(b"k" * 32)


def kept(store: Engine, name: str = HANAKO) -> list[Referral]:
    with read(store) as connection:
        return [one.referral for one in repo_referrals.of_resident(connection, name)]


def asked(store: Engine, ago: float) -> list[str]:
    with read(store) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        return [one.advice for one in questions(connection, person, SENT + ago * DAY)]


def calls(store: Engine, ago: float, towns: set[str] | None = None) -> list[ToCall]:
    with read(store) as connection:
        return call_list(connection, towns, SENT + ago * DAY)


def says(store: Engine, advice: str, said: Any, ago: float, by: str = HANAKO) -> list[str] | Refusal:
    with write(store) as connection:
        heard = Answer(said=said, by=by)
        return repo_referrals.say(connection, advice, heard, SENT + ago * DAY, By(by, "test"))


def reach_by(store: Engine, channel: Channel) -> None:
    with write(store) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        changed = msgspec.structs.replace(person, channel=channel, version=person.version + 1)
        repo_residents.edit(connection, changed, NOW, actor="t", os_user="t")


def agrees(store: Engine, purpose: str, ago: float, *, granted: bool) -> None:
    with write(store) as connection:
        said = consent(HANAKO, purpose, granted=granted, at=SENT + ago * DAY)
        repo_consents.append(connection, said, os_user="t")


def test_an_unanswered_referral_is_put_three_times_and_then_telephoned_on_both_databases(store: Engine) -> None:
    one = delivered(store, "bp", "prompt")
    assert [found.ask_on.isoformat() for found in kept(store)] == ["2026-12-05"]
    notices = []
    for ago in range(60):
        done = go_round(store, SENT + ago * DAY)
        notices += [ago] * done.put
        assert go_round(store, SENT + ago * DAY) == Round()
        assert asked(store, ago) == ([one.id] if ago >= 14 else [])
        assert [call.why for call in calls(store, ago)] == (["not-answered"] if ago >= 35 else [])
    assert notices == [14, 21, 28]
    with read(store) as connection:
        assert sum(owed.kind == KIND for owed in repo_notices.of(connection, HANAKO)) == 3
    assert calls(store, 40, {"064611"}) == []
    assert says(store, one.id, "seen", 40) == [one.id]
    assert (asked(store, 60), calls(store, 60)) == ([], [])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_referral_is_kept_in_the_transaction_of_its_delivery(engine: Engine, severity: str) -> None:
    one = delivered(engine, "bp", severity)
    assert [found.advice for found in kept(engine)] == ([] if severity == "routine" else [one.id])


VERBS: tuple[Verb, ...] = (
    "claim", "approve", "edit", "reject", "snooze", "escalate", "return", "send-now", "undo", "supersede", "expire",
    "deliver", "wake", "approve-standing", "deliver-urgent", "reopen",
)  # fmt: skip


PATHS: tuple[list[tuple[Verb, int]], ...] = (
    [], [("approve", 0), ("deliver", 11)], [("approve", 0), ("send-now", 0), ("deliver", 0)],
    [("edit", 0), ("approve", 5), ("undo", 5), ("approve", 5), ("deliver", 11)], [("deliver-urgent", 0)],
    [("escalate", 0), ("approve", 0), ("deliver", 11)], [("approve-standing", 0), ("deliver", 11)],
    [("snooze", 0), ("deliver-urgent", 5)],
)  # fmt: skip


@given(
    st.builds(
        lambda before, path, after: [*before, *path, *after],
        st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from([0, 5, 11])), max_size=2),
        st.sampled_from(PATHS),
        st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from([0, 5, 11])), max_size=4),
    ),
    st.sampled_from(SEVERITIES),
)
@settings(max_examples=40)
def test_whatever_way_advice_takes_it_is_followed_up_from_its_delivery_and_not_before(
    machine: Engine, ways: list[tuple[Verb, int]], severity: str
) -> None:
    name, now = f"a-{Random(repr((ways, severity))).randbytes(8).hex().translate(_LETTERS):a<13}"[:15], NOW
    one = item("x", severity, id=name, resident_id=HANAKO, topic="heart")
    with write(machine) as connection:
        if repo_advice.get(connection, name) is not None:
            return
        repo_advice.add(connection, one, rank(one, now), actor=ENGINE, os_user="t")
        for verb, minutes in ways:
            now += timedelta(minutes=minutes)
            by = {"approve-standing": "p-signedsigneds", "deliver-urgent": "u-signedsigneds"}.get(
                verb, ENGINE if verb in {"supersede", "expire", "deliver", "wake", "reopen"} else WHO.actor
            )
            wish = Command(verb=verb, by=by, version=one.version, rights=frozenset(RIGHTS), asked=one.ask, reason="other: x",
                           until=now + DAY, text_ja="休みましょう。", text_en="Please rest.")  # fmt: skip
            decision = decide(one, wish, now)
            if isinstance(decision, Decision):
                done = repo_advice.decide(connection, decision, os_user="t")
                assert isinstance(done, Item)
                one = done
            found = repo_referrals.get(connection, name)
            assert (found is not None) == (one.state == "delivered" and severity != "routine")
            assert found is None or found.referral.delivered_at == one.updated_at


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = furnished_file(tmp_path_factory.mktemp("machine") / "engine.sqlite")
    yield made
    made.dispose()


def test_what_was_delivered_before_anybody_followed_up_is_followed_once(engine: Engine) -> None:
    told_of = {"state": "delivered", "resident_id": HANAKO, "decided_by": WHO.actor, "rule_id": "liver-enzymes"}
    liver = EVIDENCE | {"message": "liver-enzymes.routine"}
    put(engine, item("bp", "prompt", **told_of), item("fat", "routine", **told_of), item("open", "prompt"),
        item("liver", "routine", evidence=liver, **told_of))  # fmt: skip
    assert go_round(engine, NOW).followed == 2
    assert go_round(engine, NOW).followed == 0
    assert {one.advice[2:].rstrip("a"): (one.ask_on - NOW.date()).days for one in kept(engine)} == {
        "bp": 14, "liver": 180,
    }  # fmt: skip


def test_one_visit_answers_for_all_of_its_topic_and_nothing_else(engine: Engine) -> None:
    first, again = delivered(engine, "first", "prompt"), delivered(engine, "again", "urgent")
    other = delivered(engine, "other", "prompt", topic="kidney")
    assert asked(engine, 20) == [again.id, other.id]
    assert says(engine, again.id, "planned", 20) == [again.id, first.id]
    assert asked(engine, 20) == [other.id]
    refused = says(engine, "a-nobodysadvice", "seen", 20)
    assert isinstance(refused, Refusal)
    assert refused.code == "unknown-referral"
    with read(engine) as connection:
        assert "referral-answer" in {entry.action for entry in audit.entries(connection, subject=HANAKO)}
        assert audit.verify(connection) is None


def test_without_a_yes_to_advice_nobody_is_asked_and_without_one_to_nurses_none_sees_it(engine: Engine) -> None:
    reach_by(engine, "phone")
    delivered(engine, "bp", "prompt")
    assert len(calls(engine, 15)) == 1
    agrees(engine, "nurse-review", 15, granted=False)
    assert calls(engine, 16) == []
    agrees(engine, "nurse-review", 17, granted=True)
    agrees(engine, "advice", 17, granted=False)
    reach_by(engine, "page")
    assert go_round(engine, SENT + 18 * DAY).put == 0
    assert asked(engine, 18) == []
    assert calls(engine, 40) == []
    agrees(engine, "advice", 41, granted=True)
    assert go_round(engine, SENT + 42 * DAY).put == 1


def test_nobody_is_asked_in_hospital_and_everybody_after_it(engine: Engine) -> None:
    one = delivered(engine, "bp", "prompt")
    happens(engine, HANAKO, sort="hospital", since=NOW.date().isoformat(), until=(SENT + 20 * DAY).date().isoformat())
    assert (go_round(engine, SENT + 15 * DAY).put, asked(engine, 15)) == (0, [])
    assert (go_round(engine, SENT + 21 * DAY).put, asked(engine, 21)) == (1, [one.id])


def test_what_rested_on_somebody_elses_reading_is_void_until_it_is_theirs_again(engine: Engine) -> None:
    high = reading(1, 2, systolic="172", diastolic="98")
    hear(engine, high)
    signals = {"bp": {"value": "172", "inputs": [high.id], "inputs_total": 1}}
    delivered(engine, "bp", "prompt", evidence=EVIDENCE | {"signals": signals})
    by = filing.By("n", "t")
    with write(engine) as connection:
        assert not isinstance(filing.discard(connection, high.id, NOW, by), Refusal)
    # Not asked from this very moment on, whether or not the round ran.
    assert asked(engine, 15) == []
    assert (go_round(engine, SENT + 15 * DAY), kept(engine)[0].state) == (Round(void=1), "void")
    with write(engine) as connection:
        assert not isinstance(filing.assign(connection, high.id, HANAKO, NOW, by), Refusal)
    assert go_round(engine, SENT + 16 * DAY) == Round(live=1)
    assert go_round(engine, SENT + 17 * DAY).put == 1
    assert len(asked(engine, 17)) == 1


def test_a_call_is_kept_as_a_contact_whatever_came_of_it(engine: Engine) -> None:
    reach_by(engine, "phone")
    one = delivered(engine, "bp", "prompt")
    with write(engine) as connection:
        again = not_reached(connection, one.id, SENT + 15 * DAY, WHO, Random(1))
        assert again == repo_referrals.today_of(SENT + 18 * DAY)
        twice = not_reached(connection, one.id, SENT + 15 * DAY, WHO, Random(2))
        assert isinstance(twice, Refusal)
    assert (calls(engine, 17), len(calls(engine, 18))) == ([], 1)
    with write(engine) as connection:
        heard = Answer(said="seen", by=WHO.actor)
        assert told_by_phone(connection, one.id, heard, SENT + 18 * DAY, WHO, Random(3)) == [one.id]
        tries = [(call.how, call.outcome) for call in repo_contacts.of_advice(connection, one.id)]
    assert tries == [("phone", "reached"), ("phone", "absent")]


def test_a_record_of_a_hospital_afterwards_is_a_hint_and_answers_nothing(engine: Engine) -> None:
    reach_by(engine, "phone")
    delivered(engine, "bp", "prompt")

    def lab(days: float, number: int, source: Any = "hospital") -> None:
        at = SENT + days * DAY
        fact = Fact(resident=HANAKO, code="lab.hba1c", value="5.4", at=at, recorded_at=at, source=source, actor="t",
                    channel="import")  # fmt: skip
        with write(engine) as connection:
            repo_facts.append(connection, [fact], WHO, at, Random(number))

    lab(-3, 1)
    lab(6, 2, "resident")
    assert [call.hint for call in calls(engine, 15)] == [None]
    lab(5, 3)
    assert [call.hint for call in calls(engine, 15)] == [repo_referrals.today_of(SENT + 5 * DAY)]
    assert kept(engine)[0].state == "open"


def test_a_reply_form_answers_the_question_as_a_page_does(engine: Engine) -> None:
    reach_by(engine, "letter")
    one = delivered(engine, "bp", "prompt")
    later, by = SENT + 15 * DAY, filing.By("n", "t")
    with write(engine) as connection:
        assert repo_letters.note_visit(connection, one.id, "planned", None, later, by)
        assert not repo_letters.note_visit(connection, one.id, "fine", None, later, by)
    assert (calls(engine, 15), [call.why for call in calls(engine, 22)]) == ([], ["plan-over"])


def test_a_question_that_was_answered_before_it_was_sent_is_not_sent(engine: Engine) -> None:
    one = delivered(engine, "bp", "prompt")
    now = SENT + 14 * DAY
    assert go_round(engine, now).put == 1
    with read(engine) as connection:
        [owed] = [found for found in repo_notices.of(connection, HANAKO) if found.kind == KIND]
        assert reach_of(connection, SEAL, owed, now).needless is None
    assert says(engine, one.id, "not-yet", 14) == [one.id]
    with read(engine) as connection:
        assert reach_of(connection, SEAL, owed, now).needless == "withdrawn"


def test_the_office_asks_the_terminal(engine: Engine) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(command.app, list(words))

    reach_by(engine, "phone")
    # The clock of the command is today's, which is after NOW or long after it.
    first = delivered(engine, "bp", "prompt", created_at=NOW - 400 * DAY, updated_at=NOW - 400 * DAY)
    second = delivered(engine, "ck", "soon", topic="kidney", created_at=NOW - 400 * DAY, updated_at=NOW - 400 * DAY)
    [one, other] = told(run("list", "--json"))["referrals"]
    assert (one["advice"], other["advice"], one["why"]) == (first.id, second.id, "not-online")
    assert told(run("missed", second.id, "--json"))["advice"] == second.id
    assert len(told(run("list", "--json"))["referrals"]) == 1
    assert refused(run("answer", first.id, "seen", "--day", "2999-01-01")) == (Exit.USAGE, "future-date")
    assert told(run("answer", first.id, "seen", "--json"))["answered"] == [first.id]
    assert refused(run("answer", first.id, "planned")) == (Exit.ALREADY, "ended")
    assert refused(run("missed", "a-nobodysadvice")) == (Exit.NOT_FOUND, "unknown-referral")
    assert [row["state"] for row in told(run("list", "--resident", HANAKO, "--json"))["referrals"]] == ["seen", "open"]
    assert told(run("ask", "--json"))["put"] == 0
    share = told(run("stats", "--from", "2025-01-01", "--json"))
    assert (share["delivered"], share["seen"], share["open"]) == (2, 1, 1)
    assert "受診した 1" in run("stats", "--from", "2025-01-01").stdout

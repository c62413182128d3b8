"""Unlucky nights of the exchange: people between two towns, a talk after a death, a town of questions."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from sqlalchemy import Engine, insert, update

from engine.exchange_deciding import Decision, Done, decide
from engine.store import repo_contacts, repo_exchange
from engine.store.database import read, write
from engine.store.tables import RESIDENT
from engine.store.tables_exchange import EXCHANGE_PROPOSAL
from tests.flow.exchange_home import (
    DAY,
    HERE,
    NURSE,
    TOWN,
    contact,
    give_out,
    lines,
    link,
    listed,
    says,
    sorts,
)
from tests.flow.furnished import alone
from tests.homes import HANAKO, NOW, TARO

__all__ = ["alone"]
pytestmark = pytest.mark.flow
NEXT_TOWN = "064611"


def test_whoever_lives_in_the_next_town_by_now_is_no_business_of_the_former_one(alone: Engine, tmp_path: Path) -> None:
    link(alone)
    contact(alone, 1)
    assert give_out(alone, tmp_path).counts["new"] == 1
    with write(alone) as connection:
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == HANAKO).values(municipality_code=NEXT_TOWN))
    contact(alone, 2)
    # Nothing new, and what was told of the time when she lived there still stands.
    assert give_out(alone, tmp_path, after=1).files == {}
    assert len(lines(tmp_path)) == 1


def test_what_waited_for_its_file_when_she_moved_is_not_given_out(alone: Engine, tmp_path: Path) -> None:
    link(alone)
    contact(alone, 1)
    with pytest.raises(OSError, match="No such file"):
        give_out(alone, tmp_path / "gone")
    with write(alone) as connection:
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == HANAKO).values(municipality_code=NEXT_TOWN))
    assert give_out(alone, tmp_path, after=1).files == {}


@pytest.mark.parametrize(("outcome", "taken"), [("reached", 0), ("refused", 0), ("absent", 1), ("family", 1)])
def test_whoever_was_spoken_to_after_the_day_of_their_death_is_not_dead_without_a_persons_word(
    alone: Engine, outcome: repo_contacts.Outcome, taken: int
) -> None:
    link(alone)
    with write(alone) as connection:
        repo_contacts.add(
            connection, resident=HANAKO, by="s-nursenursenur", how="phone", outcome=outcome, text="",
            now=NOW - timedelta(hours=20), rng=Random(1), os_user="t",
        )  # fmt: skip
    made = listed(alone, says(state="dead", on=date(2026, 11, 18)))
    assert made.counts["taken"] == taken
    assert ([act.reason for act in made.acts] == ["spoken-since"]) == (not taken)
    assert sorts(alone) == (["death"] if taken else [])


def test_a_number_that_was_answered_is_no_question_any_more_however_many_others_wait(alone: Engine) -> None:
    listed(alone, HERE)
    other = msgspec.structs.replace(HERE, number="1009")
    with write(alone) as connection:
        row = {"municipality_code": TOWN, "resident_id": TARO, "sort": "link", "reason": None, "digest": "x",
               "state": "open", "decided_at": None, "decided_by": None, "version": 1}  # fmt: skip
        said = msgspec.json.encode(HERE).decode()
        many = [row | {"number": f"7{n:05}", "said": said, "at": n} for n in range(10_001)]
        connection.execute(insert(EXCHANGE_PROPOSAL), many)
        repo_exchange.propose(connection, TOWN, HANAKO, other, "link", None, NOW + DAY)
    with read(alone) as connection:
        mine = [one for one in repo_exchange.proposals(connection, None, limit=99_999) if one.resident == HANAKO]
    with read(alone) as connection:
        # Of Taro ten thousand numbers wait, of her two: of neither is it sure, however far apart they stand.
        assert repo_exchange.lone(connection, {TOWN}) == []
    first = next(one for one in mine if one.number == HERE.number)
    with write(alone) as connection:
        done = decide(connection, Decision(seq=first.seq, version=1, answer="accept", by=NURSE), NOW + DAY, Random(1))
    assert isinstance(done, Done), done
    with read(alone) as connection:
        left = [one for one in repo_exchange.proposals(connection, None, limit=99_999) if one.resident == HANAKO]
    assert left == []


def test_a_question_without_a_double_is_shown_to_be_ticked(alone: Engine) -> None:
    listed(alone, HERE)
    with read(alone) as connection:
        assert [one.resident for one in repo_exchange.lone(connection, {TOWN})] == [HANAKO]
        assert repo_exchange.lone(connection, {NEXT_TOWN}) == []

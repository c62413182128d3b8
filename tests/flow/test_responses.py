"""What a resident says of their advice is kept alike in both databases: the last word, and nobody else's."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, select

from engine.store import repo_responses
from engine.store.database import read, write
from engine.store.tables_desk import ADVICE_RESPONSE
from tests.flow.furnished import store
from tests.homes import HANAKO, NOW, TARO

__all__ = ["store"]
ONE, TWO = "a-oneaaaaaaaaaa", "a-twoaaaaaaaaaa"


def test_the_last_word_holds_until_its_own_speaker_takes_it_back(store: Engine) -> None:
    with write(store) as connection:
        repo_responses.say(connection, ONE, HANAKO, "useful", NOW)
        repo_responses.say(connection, TWO, TARO, "useful", NOW)
        repo_responses.say(connection, ONE, HANAKO, "not-for-me", NOW + timedelta(minutes=1))
    with write(store) as connection:
        assert repo_responses.of(connection, [ONE, TWO, "a-never"]) == {ONE: "not-for-me", TWO: "useful"}
        repo_responses.take_back(connection, TWO, HANAKO)
        repo_responses.take_back(connection, ONE, HANAKO)
    with read(store) as connection:
        assert repo_responses.of(connection, [ONE, TWO]) == {TWO: "useful"}
        [left] = connection.execute(select(ADVICE_RESPONSE)).all()
        assert (left.resident_id, left.said) == (TARO, "useful")


def test_more_advice_than_a_statement_takes_parameters(store: Engine) -> None:
    names = [f"a-{number:013}" for number in range(1200)]
    with write(store) as connection:
        for name in names[::2]:
            repo_responses.say(connection, name, HANAKO, "useful", NOW)
    with read(store) as connection:
        assert len(repo_responses.of(connection, names)) == 600

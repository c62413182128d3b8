"""Links, ways and sessions of the city's ID in the store: on both databases, as the unique indexes are each their own."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Engine, select

from engine.access import Identity
from engine.refusal import Refusal
from engine.store import repo_one_id, repo_one_id_ways
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.repo_one_id import Subject
from engine.store.repo_one_id_ways import Came, Flow
from engine.store.tables_rights import ONE_ID, ONE_ID_SESSION, SIGN_IN_FLOW
from engine.web.sessions import Sessions, hash_of
from tests.flow.furnished import store
from tests.homes import HANAKO, TARO

__all__ = ["store"]
pytestmark = [pytest.mark.flow]
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ISSUER = "https://id.example.jp"
BY = By("s-nursenursenur", "test")


def who(subject: str, client: str = "phr") -> Subject:
    return Subject(ISSUER, client, subject)


def test_one_subject_has_one_holder_and_one_holder_one_subject_while_history_stays(store: Engine) -> None:
    with write(store) as connection:
        first = repo_one_id.link(connection, who("a"), HANAKO, "code", NOW, BY)
        assert not isinstance(first, Refusal)
        assert repo_one_id.link(connection, who("a"), HANAKO, "code", NOW, BY) == first, "the same again"
        for subject, holder, code in (("a", TARO, "another-holder"), ("b", HANAKO, "another-subject")):
            refused = repo_one_id.link(connection, who(subject), holder, "code", NOW, BY)
            assert isinstance(refused, Refusal)
            assert refused.code == code
        assert not isinstance(repo_one_id.link(connection, who("a", "bus"), HANAKO, "code", NOW, BY), Refusal)
        assert repo_one_id.unlink(connection, first.seq, TARO, "wrong", NOW, BY) is None, "not theirs"
        assert repo_one_id.unlink(connection, first.seq, HANAKO, "wrong", NOW, BY) is not None
        assert repo_one_id.unlink(connection, first.seq, HANAKO, "wrong", NOW, BY) is None, "ended already"
        assert not isinstance(repo_one_id.link(connection, who("a"), TARO, "code", NOW, BY), Refusal)
    with read(store) as connection:
        assert repo_one_id.holder_of(connection, who("a")) == TARO
        assert len(connection.execute(select(ONE_ID)).all()) == 3


def test_of_two_who_link_the_same_subject_at_the_same_moment_one_does(store: Engine) -> None:
    start = threading.Barrier(2)
    found: list[tuple[int, object]] = []

    def race(holder: str) -> None:
        for turn in range(8):
            start.wait(20)
            with write(store) as connection:
                made = repo_one_id.link(connection, who(f"s{turn}", f"client {turn}"), holder, "code", NOW, BY)
            found.append((turn, made))

    racers = [threading.Thread(target=race, args=(holder,)) for holder in (HANAKO, TARO)]
    for one in racers:
        one.start()
    for one in racers:
        one.join(60)
    assert len(found) == 16
    for turn in range(8):
        both = [made for number, made in found if number == turn]
        assert [one.code for one in both if isinstance(one, Refusal)] == ["another-holder"]


def test_a_way_is_walked_once_by_its_browser_until_it_is_over(store: Engine) -> None:
    flow = Flow(
        hash="h", purpose="sign-in", holder=None, nonce="n", verifier="v", browser="b", onward="/", at=NOW,
        until=NOW + timedelta(minutes=10),
    )  # fmt: skip
    with write(store) as connection:
        assert repo_one_id_ways.depart(connection, flow, NOW)
        assert repo_one_id_ways.arrive(connection, "h", "another", NOW) is None
        assert repo_one_id_ways.arrive(connection, "h", "b", NOW) == flow
        assert repo_one_id_ways.arrive(connection, "h", "b", NOW) is None
        assert repo_one_id_ways.depart(connection, flow, NOW)
        assert repo_one_id_ways.arrive(connection, "h", "b", flow.until) is None
        assert connection.execute(select(SIGN_IN_FLOW)).all() == []


def test_sessions_end_by_subject_or_by_session_and_leave_nothing_behind(store: Engine) -> None:
    person = Identity(id=HANAKO, name="山田 花子", roles=frozenset({"resident"}))
    sessions, cookies = Sessions(store), []
    for sid in ("s1", "s2", "s2", None):
        came = Came(issuer=ISSUER, subject="a", sid=sid, acr=None, at=NOW) if sid else None
        cookies.append(sessions.start(person, "ja", NOW, came=came)[0])
    with write(store) as connection:
        assert repo_one_id_ways.came(connection, hash_of(cookies[3])) is None
        assert repo_one_id_ways.end_sessions(connection, ISSUER, NOW) == 0, "nobody named, nobody signed out"
        assert repo_one_id_ways.end_sessions(connection, "https://evil.example", NOW, subject="a") == 0
        assert repo_one_id_ways.end_sessions(connection, ISSUER, NOW, subject="b", sid="s2") == 0
        assert repo_one_id_ways.end_sessions(connection, ISSUER, NOW, subject="a", sid="s2") == 2
    alive = [sessions.find(cookie, NOW) is not None for cookie in cookies]
    assert alive == [True, False, False, True], "a session that a code began is not the provider's to end"
    later = NOW + timedelta(days=100)
    sessions.start(person, "ja", later, came=Came(issuer=ISSUER, subject="a", sid="s9", acr=None, at=later))
    with read(store) as connection:
        assert [row.sid for row in connection.execute(select(ONE_ID_SESSION))] == ["s9"]


def test_a_logout_token_is_obeyed_once_per_provider(store: Engine) -> None:
    until = NOW + timedelta(minutes=33)
    with write(store) as connection:
        obeyed = [
            repo_one_id_ways.obey_once(connection, issuer, "j", until, now)
            for issuer, now in ((ISSUER, NOW), (ISSUER, NOW), ("https://other.example", NOW), (ISSUER, until))
        ]
    assert obeyed == [True, False, True, True]


def test_what_is_forgotten_is_gone_of_that_person_alone(store: Engine) -> None:
    with write(store) as connection:
        for holder, subject in ((HANAKO, "a"), (TARO, "b")):
            repo_one_id.link(connection, who(subject), holder, "code", NOW, BY)
            came = Came(issuer=ISSUER, subject=subject, sid="s", acr=None, at=NOW)
            repo_one_id_ways.note_session(connection, f"hash of {holder}", came)
        assert repo_one_id.forget(connection, HANAKO) == 1
        assert [row.holder for row in connection.execute(select(ONE_ID))] == [TARO]
        assert [row.subject for row in connection.execute(select(ONE_ID_SESSION))] == ["b"]


def test_who_signed_out_at_the_provider_is_remembered_for_as_long_as_a_page_may_be_open(store: Engine) -> None:
    until, later = NOW + timedelta(minutes=10), NOW + timedelta(minutes=12)
    hers = Came(issuer=ISSUER, subject="a", sid="s1", acr=None, at=NOW)
    other = msgspec.structs.replace(hers, subject="b", sid="s2")
    with write(store) as connection:
        assert repo_one_id_ways.left_until(connection, hers) is None
        repo_one_id_ways.note_left(connection, ISSUER, until, subject="a", sid="s1")
        assert repo_one_id_ways.left_until(connection, hers) == until
        assert repo_one_id_ways.left_until(connection, msgspec.structs.replace(hers, sid="s9")) is None
        repo_one_id_ways.note_left(connection, ISSUER, later, subject="a")
        assert repo_one_id_ways.left_until(connection, msgspec.structs.replace(hers, sid=None)) == later
        assert repo_one_id_ways.left_until(connection, other) is None

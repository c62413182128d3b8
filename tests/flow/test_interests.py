"""Interests in the store: kept under a name only the key makes, found in bulk, and gone with the consent."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from engine.consent import Event, say
from engine.interests import OWN, codes
from engine.sealing import Seal
from engine.store import repo_consents, repo_interests
from engine.store.database import read, write
from engine.store.rows import Row
from engine.store.tables import CONSENT
from engine.store.tables_statistics import HELD_INTEREST
from tests.flow.furnished import store
from tests.homes import HANAKO, NOW, TARO

__all__ = ["store"]
pytestmark = pytest.mark.flow
SEAL, OTHER = Seal(b"k" * 32), Seal(b"o" * 32)
LIKED = (codes()[4], codes()[0], codes()[9])


def word(resident: str, *, granted: bool = True, recipient: str | None = OWN, **more: object) -> Event:
    fields = {"resident": resident, "purpose": "interest-link", "granted": granted, "at": NOW, "recipient": recipient}
    said = say(msgspec.convert(fields | more, Event))
    assert isinstance(said, Event)
    return said


def own(resident: str) -> str:
    return repo_interests.pseudonym(SEAL, resident)


def held(store: Engine, resident: str) -> tuple[str, ...]:
    with read(store) as connection:
        return repo_interests.of(connection, own(resident))


def choose(store: Engine, resident: str, picked: tuple[str, ...] = LIKED) -> None:
    with write(store) as connection:
        repo_interests.keep(connection, own(resident), picked)


def put(store: Engine, *said: Event, seal: Seal | None = SEAL) -> None:
    with write(store) as connection:
        for one in said:
            repo_consents.append(connection, one, os_user="test", seal=seal)


def stop_and_break(store: Engine) -> None:
    """A no whose transaction does not come to its end."""
    with write(store) as connection:
        repo_consents.append(connection, word(HANAKO, granted=False), os_user="test", seal=SEAL)
        assert repo_interests.of(connection, own(HANAKO)) == ()
        raise RuntimeError("the wire broke")


def test_what_is_kept_replaces_what_was_kept_in_the_persons_own_order_on_both_databases(store: Engine) -> None:
    choose(store, HANAKO)
    choose(store, TARO, LIKED[:1])
    assert held(store, HANAKO) == LIKED
    choose(store, HANAKO, LIKED[::-1][:2])
    assert (held(store, HANAKO), held(store, TARO)) == (LIKED[::-1][:2], LIKED[:1])
    choose(store, HANAKO, ())
    assert held(store, HANAKO) == ()
    with write(store) as connection:
        repo_interests.keep_many(connection, SEAL, [(HANAKO, LIKED)])
        found = repo_interests.all_of(connection, SEAL, [HANAKO, TARO, "r-nobodynobody2"])
    assert found == {HANAKO: LIKED, TARO: LIKED[:1]}


def test_without_the_key_nobody_finds_a_resident_from_interests_or_the_other_way_round(store: Engine) -> None:
    choose(store, HANAKO)
    with read(store) as connection:
        names = set(connection.execute(select(HELD_INTEREST.c.pseudonym)).scalars())
        assert repo_interests.all_of(connection, OTHER, [HANAKO]) == {}
    assert names == {own(HANAKO)}
    assert HANAKO[2:] not in str(names)


def test_a_no_deletes_what_was_chosen_in_the_transaction_that_writes_it(store: Engine) -> None:
    put(store, word(HANAKO), word(TARO))
    choose(store, HANAKO)
    choose(store, TARO)
    with pytest.raises(RuntimeError, match="the wire broke"):
        stop_and_break(store)
    assert held(store, HANAKO) == LIKED
    put(store, word(HANAKO, granted=False, recipient=None))
    assert (held(store, HANAKO), held(store, TARO)) == ((), LIKED)


def test_a_no_without_the_key_is_refused_and_not_written(store: Engine) -> None:
    with read(store) as connection:
        before = connection.execute(select(func.count()).select_from(CONSENT)).scalar_one()
    with pytest.raises(ValueError, match="needs the seal"):
        put(store, word(HANAKO), word(HANAKO, granted=False), seal=None)
    with read(store) as connection:
        assert connection.execute(select(func.count()).select_from(CONSENT)).scalar_one() == before


def test_a_no_to_another_service_or_from_before_the_last_yes_deletes_nothing(store: Engine) -> None:
    put(store, word(HANAKO), word(HANAKO, granted=False, recipient="library"), seal=None)
    choose(store, HANAKO)
    put(store, word(HANAKO, granted=False, at=NOW - timedelta(days=3)))
    assert held(store, HANAKO) == LIKED


def test_a_yes_that_ran_out_takes_its_interests_along_and_nobody_elses(store: Engine) -> None:
    put(store, word(HANAKO, until=NOW + timedelta(days=31)), word(TARO))
    choose(store, HANAKO)
    choose(store, TARO)
    for days, left in ((30, (LIKED, LIKED)), (31, ((), LIKED))):
        with write(store) as connection:
            repo_consents.drop_lapsed_interests(connection, SEAL, NOW + timedelta(days=days))
        assert (held(store, HANAKO), held(store, TARO)) == left


def test_no_row_of_any_table_holds_a_resident_beside_what_they_like(store: Engine) -> None:
    put(store, word(HANAKO))
    choose(store, HANAKO)
    with read(store) as connection:
        for table in Row.metadata.sorted_tables:
            rows = [" ".join(str(value) for value in row) for row in connection.execute(select(table))]
            both = [row for row in rows if HANAKO in row and any(code in row for code in LIKED)]
            assert both == [], table.name

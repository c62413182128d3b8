"""A no said while the network cannot be reached: a week of values waits, and not one of them leaves when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from engine.consent import Event
from engine.store import repo_consents, repo_seen_by
from engine.store.database import read, write
from tests.bridge.push_world import NETWORK, World, measured, world
from tests.homes import HANAKO, TARO, consent
from tests.servers import free_port

pytestmark = pytest.mark.flow
DAYS = 7


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def a_week_without(town: World) -> None:
    """Seven days in which both weigh themselves twice a day, the bridge tries, and nobody answers."""
    there, town.base = town.base, f"http://127.0.0.1:{free_port()}/fhir"
    for day in range(DAYS):
        for number, slot in ((1, 1), (2, 2), (3, 1), (4, 2)):
            at = town.clock()
            town.heard(measured(10 * day + number, user_slot=slot, measured_at=at, received_at=at))
        town.push(rounds=3)
        town.now += timedelta(days=1)
    town.base = there


def waiting(town: World, who: str) -> int:
    return sum(row.resident_id == who and row.state in {"pending", "sent"} for row in town.rows())


def withdraw(town: World, **scope: str | None) -> None:
    event = consent(HANAKO, "care-share", granted=False, at=town.clock())
    with write(town.engine) as connection:
        repo_consents.append(connection, msgspec.structs.replace(event, **scope), os_user="test")


@pytest.mark.parametrize("recipient", [None, NETWORK])
def test_a_no_during_a_week_of_silence_means_that_nothing_leaves_when_the_network_is_back(
    town: World, recipient: str | None
) -> None:
    a_week_without(town)
    assert (waiting(town, HANAKO), waiting(town, TARO)) == (2 * DAYS, 2 * DAYS)
    assert town.hospital.ledger.received == []
    withdraw(town, recipient=recipient)
    town.push()
    sent = [f"{line.target} {line.body}" for line in town.hospital.ledger.received]
    assert [line for line in sent if "hanako" in line or HANAKO in line] == []
    of_taro = [one for one in town.there().values() if one["subject"]["reference"] == "Patient/taro"]
    assert len(of_taro) == len(town.there()) == 2 * DAYS, "the other one's week arrives whole"
    assert {row.state for row in town.rows() if row.resident_id == HANAKO} == {"withdrawn"}
    town.push()
    assert len(town.hospital.ledger.received) == len(sent), "and later nothing either"


def test_the_end_of_a_yes_that_comes_in_the_week_is_a_no_as_well(town: World) -> None:
    yes = consent(HANAKO, "care-share", at=town.clock())
    until = msgspec.structs.replace(yes, recipient=NETWORK, until=town.now + timedelta(days=DAYS - 1))
    with write(town.engine) as connection:
        repo_consents.append(connection, until, os_user="test")
    a_week_without(town)
    town.push()
    assert {one["subject"]["reference"] for one in town.there().values()} == {"Patient/taro"}


def test_what_arrived_is_told_to_the_resident_at_once_and_what_was_held_back_is_not(town: World) -> None:
    at = town.clock()
    town.heard(measured(1, measured_at=at, received_at=at), measured(2, user_slot=2, measured_at=at, received_at=at))
    town.push()
    before = len([one for one in town.there().values() if one["subject"]["reference"] == "Patient/hanako"])
    a_week_without(town)
    withdraw(town)
    town.push()
    with read(town.engine) as connection:
        [told] = repo_seen_by.told(connection, HANAKO)
        looks = [one for one in repo_seen_by.looks(connection, HANAKO) if one.action == "export-bridge"]
        said: list[Event] = repo_consents.history(connection, HANAKO)
    assert before == 1
    assert (told.network, told.values) == (NETWORK, before)
    assert {one.actor for one in looks} == {NETWORK}
    assert told.last < said[-1].at

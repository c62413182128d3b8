"""A bath between two visits at a public spot: each visitor's own weighings pair, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import session as command
from engine.before_after import Session
from engine.before_after_store import begin, finish, report
from engine.cards import Card
from engine.contract import wire
from engine.contract.reading import Reading
from engine.contract.wire import Left
from engine.store import repo_before_after, repo_cards, repo_residents, repo_spots
from engine.store.database import read, write
from engine.store.repo_facts import By
from tests.flow.commands import told
from tests.flow.furnished import engine
from tests.flow.test_spot_engine import ME, SPOT, SPOT_HOME, ask, measured, tell
from tests.homes import HANAKO, NOW, TARO
from tests.stores import furnished_file

__all__ = ["engine"]
pytestmark = pytest.mark.flow
MINUTE, WHO = timedelta(minutes=1), By("s-nursenursenur", "test")
CARDS = {HANAKO: "a" * 26, TARO: "b" * 26}


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Engine]:
    made = furnished_file(tmp_path / "engine.sqlite")
    furnish_spot(made)
    yield made
    made.dispose()


def furnish_spot(store: Engine) -> None:
    with write(store) as connection:
        spot = repo_spots.Spot(gateway=SPOT, household=SPOT_HOME, municipality="062049", label="湯田川温泉")
        assert repo_spots.add(connection, spot, NOW, ME) is None
        for number, (name, secret) in enumerate(CARDS.items()):
            card = Card(id=f"c-{'ab'[number] * 13}", resident_id=name, name=None, issued_at=NOW)
            repo_cards.issue(connection, card, secret, ME)


def step_on(store: Engine, name: str, kg: str, at: datetime, said: str | None = None) -> Reading:
    """Somebody shows their card, is measured, and leaves; `said` is whom the spot took it for."""
    known = ask(store, at, card=CARDS[name])
    assert known.resident == name
    one = measured(round((at - NOW).total_seconds()) % 1000, kg, said or name, at)
    tell(store, "reading", wire.encode_reading(one), now=at + MINUTE)
    tell(store, "left", wire.encode(Left(visit=known.visit, at=at + MINUTE)), now=at + MINUTE)
    return one


def test_two_visitors_of_one_bath_each_get_their_own_difference(alone: Engine) -> None:
    start, end = NOW + 10 * MINUTE, NOW + 30 * MINUTE
    later = end + 90 * MINUTE
    step_on(alone, HANAKO, "52.4", start - 6 * MINUTE)
    step_on(alone, TARO, "66.0", start - 3 * MINUTE)
    # Taken for him in her visit it is nobody's, so that it is no half of a pair of his or hers.
    step_on(alone, HANAKO, "52.0", end + 8 * MINUTE, said=TARO)
    step_on(alone, TARO, "65.2", end + 10 * MINUTE)
    step_on(alone, HANAKO, "51.6", end + 15 * MINUTE)
    found = {}
    for name in (HANAKO, TARO):
        with write(alone) as connection:
            person = repo_residents.get(connection, name)
            assert person is not None
            made = begin(connection, person, "bath", "湯田川温泉", start, WHO, later)
            assert isinstance(made, Session)
            assert isinstance(finish(connection, person, made, end, WHO, later), Session)
            [one] = report(connection, person, later).sessions
            found[name] = [(each.kind, each.change) for each in one.differences]
    assert found == {HANAKO: [("body-weight", Decimal("-0.8"))], TARO: [("body-weight", Decimal("-0.8"))]}


def test_at_a_spot_its_name_is_the_place(engine: Engine) -> None:
    furnish_spot(engine)
    words = ["start", HANAKO, "--sort", "bath", "--spot", SPOT, "--json"]
    made = told(CliRunner().invoke(command.app, words))
    with read(engine) as connection:
        [one] = repo_before_after.of(connection, HANAKO)
    assert (one.number, one.place) == (made["number"], "湯田川温泉")

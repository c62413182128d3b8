"""Unlucky nights of loans: two desks at once, a borrower who moved house, one label on two things."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from engine.contract import topics, wire
from engine.contract.ids import device_id
from engine.contract.wire import Binding, DeviceNote
from engine.loans import Loan
from engine.loans_store import Back, Wish, extend, lend, take_back
from engine.loans_view import unsettled
from engine.refusal import Refusal
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import repo_loans, repo_places
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables import BINDING, RESIDENT
from engine.store.tables_loans import LOAN_SLOT
from tests.flow.furnished import alone as town
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO

__all__ = ["town"]
pytestmark = pytest.mark.flow
WHO, ADDRESS = By("s-helpdeskhelpd", "test"), "C0:26:DF:01:E2:3A"
DAY = timedelta(days=1)
NEW_HOME, NEW_GATEWAY = "h-newhomenewhom", "g-newhomenewhom"


def lent(town: Engine, **more: Any) -> Loan:
    with write(town) as connection:
        made = lend(connection, Wish(asset="KG-001", sort="scale", resident=HANAKO, **more), NOW - 10 * DAY, WHO)
    assert isinstance(made, Loan), made
    return made


def holders(town: Engine, device: str) -> set[str]:
    with read(town) as connection:
        return set(connection.execute(select(BINDING.c.resident_id).where(BINDING.c.device_id == device)).scalars())


def pairs(town: Engine, gateway: str, device: str) -> None:
    note = DeviceNote(device=device, profile="sig-weight", bindings=(Binding(None, HANAKO),))
    with write(town) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(gateway, "device"), wire.encode(note))], NOW - 5 * DAY)


def test_a_return_that_comes_too_late_has_done_nothing(town: Engine) -> None:
    seen = lent(town, device=DEVICE)
    before = holders(town, DEVICE)
    assert before
    with write(town) as connection:
        assert isinstance(extend(connection, seen, (NOW + 20 * DAY).date(), NOW, WHO), Loan)
    with write(town) as connection:
        done = take_back(connection, seen, Back(cleared=True), NOW, WHO)
    assert isinstance(done, Refusal)
    assert done.code == "changed"
    assert holders(town, DEVICE) == before
    with read(town) as connection:
        assert connection.execute(select(LOAN_SLOT)).all() == []


def test_what_moved_house_with_its_borrower_is_given_up_in_both_homes(town: Engine) -> None:
    loan = lent(town, address=ADDRESS)
    old, new = device_id(HOUSEHOLD, ADDRESS), device_id(NEW_HOME, ADDRESS)
    assert loan.device == old
    pairs(town, GATEWAY, old)
    with write(town) as connection:
        repo_places.add_household(
            connection, repo_places.Household(id=NEW_HOME, municipality_code="062049"), NOW - 6 * DAY
        )
        repo_places.enrol_gateway(connection, repo_places.Gateway(id=NEW_GATEWAY, household_id=NEW_HOME), NOW)
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == HANAKO).values(household_id=NEW_HOME))
    pairs(town, NEW_GATEWAY, new)
    assert holders(town, new) == {HANAKO}
    with write(town) as connection:
        done = take_back(connection, loan, Back(cleared=True), NOW, WHO)
    assert isinstance(done, Loan), done
    assert (done.device, holders(town, new)) == (new, set())
    with read(town) as connection:
        kept = repo_loans.get(connection, done.seq)
    assert kept is not None
    gives_up = {(one.gateway, one.device or kept.device) for one in kept.orders}
    assert {(GATEWAY, old), (NEW_GATEWAY, new)} <= gives_up


def test_a_long_list_of_loans_asks_the_store_no_more_than_a_short_one(town: Engine) -> None:
    asked: list[str] = []
    event.listen(town, "before_cursor_execute", lambda *said: asked.append(said[2]))
    counts = []
    with write(town) as connection:
        for number, name in enumerate((HANAKO, TARO)):
            wish = Wish(asset=f"KG-00{number}", sort="scale", resident=name)
            assert isinstance(lend(connection, wish, NOW, WHO), Loan)
            asked.clear()
            assert len(unsettled(connection, None, NOW)) == number + 1
            counts.append(len(asked))
    assert counts[0] == counts[1]


def test_one_label_is_not_lent_twice_into_one_home(town: Engine) -> None:
    lent(town, address=ADDRESS)
    with write(town) as connection:
        twice = lend(connection, Wish(asset="KG-002", sort="scale", resident=TARO, address=ADDRESS), NOW, WHO)
    assert isinstance(twice, Refusal)
    assert twice.code == "device-taken"

"""The engine at a spot, on both databases: who is let in, by what answer, and what of a reading stays."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, text

from engine.cards import Card
from engine.contract import topics, wire
from engine.contract.ids import new_id
from engine.contract.reading import Reading, Value
from engine.contract.wire import DeviceNote, Known, Left, Who
from engine.service import Answer, Facts, handle
from engine.service_link import Delivery
from engine.store import repo_cards, repo_consents, repo_places, repo_residents, repo_spots
from engine.store.audit import entries
from engine.store.database import read, write
from engine.store.filing import By, assign, release
from engine.store.inbox import waiting
from tests.flow.stores import store
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, TARO, consent, furnish, resident, weighing

__all__ = ["store"]
pytestmark = [pytest.mark.flow]
SPOT, SPOT_HOME, SPOT_DEVICE = "g-spotspotspot2", "h-spotspotspot2", "d-spotspotspot2"
GUEST, GUEST_HOME = "r-guestguest222", "h-guestguest222"
SECRET, BIRTH = "a" * 26, date(1946, 1, 23)
ME = By("test", "tester")


@pytest.fixture(autouse=True)
def _furnished(store: Engine) -> None:
    furnish(store)
    guest = msgspec.structs.replace(
        resident(GUEST, "幸子", BIRTH), household_id=GUEST_HOME, given_kana="サチコ", insured_number="1234-5678",
        municipality_code="064611",
    )  # fmt: skip
    with write(store) as connection:
        spot = repo_spots.Spot(gateway=SPOT, household=SPOT_HOME, municipality="062049", label="公民館")
        assert repo_spots.add(connection, spot, NOW, ME) is None
        home = repo_places.Household(id=GUEST_HOME, municipality_code="064611")
        repo_places.add_household(connection, home, NOW)
        repo_residents.add(connection, guest, NOW, actor="test", os_user="test")
        repo_consents.append(connection, consent(GUEST, "record"), os_user="test")
        card = Card(id="c-aaaaaaaaaaaaa", resident_id=GUEST, name=None, issued_at=NOW)
        repo_cards.issue(connection, card, SECRET, ME)


_RNG = Random(4)


def fresh() -> str:
    """A new visit's id."""
    return new_id("v", _RNG)


def tell(engine: Engine, leaf: topics.Up, payload: bytes, gateway: str = SPOT, now: datetime = NOW) -> list[Answer]:
    with write(engine) as connection:
        return list(handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(gateway, leaf), payload)], now).answers)


def ask(engine: Engine, now: datetime = NOW, gateway: str = SPOT, visit: str | None = None, **proof: Any) -> Known:
    who = Who(visit=visit or fresh(), at=now, **proof)
    (answer,) = tell(engine, "who", wire.encode(who), gateway, now)
    assert answer.known is not None
    return answer.known


def measured(number: int, kg: str = "62.30", hint: str | None = GUEST, at: datetime = NOW, **more: object) -> Reading:
    moment = at + timedelta(seconds=10)
    return weighing(
        number, kg, None, device=SPOT_DEVICE, person_hint=hint, measured_at=moment, received_at=moment,
        time_quality="received", **more,
    )  # fmt: skip


def hear(engine: Engine, reading: Reading, gateway: str = SPOT) -> str | None:
    """The refusal's code, None when it was taken."""
    (answer,) = tell(engine, "reading", wire.encode_reading(reading), gateway)
    assert answer.ids == (reading.id,)
    return answer.refused[0].code if answer.refused else None


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with read(engine) as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_a_card_lets_its_holder_in_wherever_they_live(store: Engine) -> None:
    known = ask(store, card=SECRET)
    assert (known.resident, known.call, known.code) == (GUEST, "サ", None)
    assert hear(store, measured(1)) is None
    assert rows(store, "SELECT resident_id, household_id, certainty, outcome FROM reading") == [
        (GUEST, GUEST_HOME, "sure", "accepted")
    ]


def test_every_wrong_way_in_gets_the_same_answer(store: Engine) -> None:
    with write(store) as connection:
        repo_cards.issue(
            connection, Card(id="c-bbbbbbbbbbbbb", resident_id=GUEST, name=None, issued_at=NOW), "b" * 26, ME
        )
        assert isinstance(repo_cards.revoke(connection, "c-bbbbbbbbbbbbb", NOW, ME), Card)
        gone = repo_residents.get(connection, TARO)
        assert gone is not None
        left = msgspec.structs.replace(gone, status="deceased", insured_number="777", version=2)
        repo_residents.edit(connection, left, NOW, actor="test", os_user="test")
        repo_cards.issue(
            connection, Card(id="c-ccccccccccccc", resident_id=TARO, name=None, issued_at=NOW), "c" * 26, ME
        )
    wrong: list[dict[str, Any]] = [
        {"card": "z" * 26}, {"card": "b" * 26}, {"card": "c" * 26}, {"number": "1234-5678", "birth": date(1946, 1, 24)},
        {"number": "1234-5679", "birth": BIRTH}, {"number": "777", "birth": date(1976, 5, 5)}, {"number": "--", "birth": BIRTH},
        {"number": "1234-5678"}, {},
    ]  # fmt: skip
    answers = [msgspec.structs.replace(ask(store, **proof), visit="v-aaaaaaaaaaaaa") for proof in wrong]
    assert set(answers) == {Known(visit="v-aaaaaaaaaaaaa", code="unknown")}
    assert rows(store, "SELECT count(*) FROM visit") == [(0,)]


def test_a_number_that_two_people_share_is_nobodys(store: Engine) -> None:
    twin = msgspec.structs.replace(resident("r-twintwintwin2", "美子", BIRTH), insured_number="１２３４５６７８")
    with write(store) as connection:
        repo_residents.add(connection, twin, NOW, actor="test", os_user="test")
    assert ask(store, number="12345678", birth=BIRTH).code == "unknown"


def test_ten_wrong_guesses_pause_the_numbers_of_that_spot_and_nothing_else(store: Engine) -> None:
    with write(store) as connection:
        other = repo_spots.Spot(
            gateway="g-otherotherot2", household="h-otherotherot2", municipality="062049", label="駅"
        )
        assert repo_spots.add(connection, other, NOW, ME) is None
    right: dict[str, Any] = {"number": "１２３４－５６７８", "birth": BIRTH}
    for second in range(10):
        assert ask(store, NOW + timedelta(seconds=second), number=str(second), birth=BIRTH).code == "unknown"
    later = NOW + timedelta(minutes=5)
    assert ask(store, later, **right).code == "paused"
    assert ask(store, later, number="9", birth=BIRTH).code == "paused"
    assert ask(store, later, card=SECRET).resident == GUEST
    assert ask(store, later, "g-otherotherot2", **right).resident == GUEST
    assert ask(store, NOW + timedelta(minutes=11), **right).resident == GUEST
    with read(store) as connection:
        trail = [(link.action, link.subject) for link in entries(connection)]
    assert trail.count(("spot-pause", SPOT_HOME)) == 1
    assert dict(rows(store, "SELECT code, count FROM tally WHERE outcome='visit'")) == {
        "unknown": 10, "paused": 2, "card": 1, "number": 2,
    }  # fmt: skip


def test_who_has_not_agreed_to_be_recorded_is_told_so_and_who_withdraws_is_recorded_no_more(store: Engine) -> None:
    assert ask(store, card=SECRET).code is None
    with write(store) as connection:
        repo_consents.append(connection, consent(GUEST, "record", granted=False, at=NOW), os_user="test")
    assert hear(store, measured(1)) == "no-consent"
    assert ask(store, card=SECRET).code == "no-consent"
    assert rows(store, "SELECT content FROM refusal") == [(None,)]
    assert rows(store, "SELECT count(*) FROM measurement") == [(0,)]


def test_only_spots_open_visits_and_only_with_a_clock_that_is_right(store: Engine) -> None:
    assert ask(store, gateway=GATEWAY, card=SECRET).code == "not-a-spot"
    assert ask(store, gateway="g-nobodynobody2", card=SECRET).code == "not-a-spot"
    who = Who(visit=fresh(), at=NOW - timedelta(minutes=6), card=SECRET)
    (answer,) = tell(store, "who", wire.encode(who))
    assert answer.known == Known(visit=who.visit, code="clock")
    assert tell(store, "who", b'{"v":1,"visit":"v-x"}') == []
    assert tell(store, "left", b"\xff" * 70_000) == []


def test_the_same_question_again_opens_nothing_new_and_a_foreign_visit_is_unknown(store: Engine) -> None:
    first = ask(store, card=SECRET)
    assert ask(store, visit=first.visit, card=SECRET) == first
    with write(store) as connection:
        other = repo_spots.Spot(
            gateway="g-otherotherot2", household="h-otherotherot2", municipality="062049", label="駅"
        )
        repo_spots.add(connection, other, NOW, ME)
    assert ask(store, gateway="g-otherotherot2", visit=first.visit, card=SECRET).code == "unknown"
    assert rows(store, "SELECT count(*) FROM visit") == [(1,)]


def test_what_belongs_to_no_visit_leaves_no_value_anywhere(store: Engine) -> None:
    visit = ask(store, card=SECRET).visit
    strangers = [
        measured(1, hint=None),
        measured(2, hint=HANAKO),
        measured(3, at=NOW - timedelta(minutes=1)),
        measured(4, at=NOW + timedelta(minutes=6)),
        msgspec.structs.replace(measured(5), time_quality="unknown"),
        msgspec.structs.replace(measured(6), measured_at=NOW - timedelta(days=1), time_quality="device"),
        msgspec.structs.replace(measured(7), values=(Value("battery", "80", "%"),)),
    ]
    assert {hear(store, reading) for reading in strangers} == {"no-visit"}
    tell(store, "left", wire.encode(Left(visit=visit, at=NOW + timedelta(seconds=5))))
    assert hear(store, measured(8)) == "no-visit"
    broken = b'{"v":1,"id":"' + b"a" * 26 + b'","values":[{"kind":"body-weight","value":"62.30","unit":"kg"}]}'
    (answer,) = tell(store, "reading", broken)
    assert answer.refused[0].code == "malformed"
    assert rows(store, "SELECT count(*) FROM reading") == [(0,)]
    assert {row[0] for row in rows(store, "SELECT content FROM refusal")} <= {None, ""}
    with read(store) as connection:
        assert waiting(connection) == []


def test_the_next_card_ends_the_visit_of_the_one_before(store: Engine) -> None:
    with write(store) as connection:
        repo_cards.issue(
            connection, Card(id="c-ddddddddddddd", resident_id=HANAKO, name=None, issued_at=NOW), "d" * 26, ME
        )
    ask(store, card=SECRET)
    assert ask(store, NOW + timedelta(seconds=30), card="d" * 26).resident == HANAKO
    late = NOW + timedelta(seconds=30)
    assert hear(store, measured(1, at=late)) == "no-visit"
    assert hear(store, measured(2, "55.00", HANAKO, late)) is None
    # What the first had measured may arrive after that, and once.
    assert [hear(store, measured(3)), hear(store, measured(3))] == [None, None]
    counted = rows(store, "SELECT resident_id, count(*) FROM reading GROUP BY resident_id")
    assert sorted(counted) == [(GUEST, 1), (HANAKO, 1)]


def test_an_unproven_device_stays_unproven_for_visitors_and_its_owner_list_says_nothing(store: Engine) -> None:
    tell(store, "device", wire.encode(DeviceNote(device=SPOT_DEVICE, profile="qn-scale", experimental=True)))
    ask(store, card=SECRET)
    hear(store, measured(1))
    assert [bool(row[0]) for row in rows(store, "SELECT experimental FROM reading")] == [True]


def test_a_reading_by_mistake_can_be_taken_back_and_given_within_the_persons_home(store: Engine) -> None:
    ask(store, card=SECRET)
    hear(store, measured(1))
    reading = measured(1).id
    with write(store) as connection:
        taken = release(connection, reading, NOW, ME)
        assert getattr(taken, "before", None) == GUEST
        assert getattr(assign(connection, reading, HANAKO, NOW, ME), "code", None) == "not-in-household"


def test_nobody_lives_at_a_spot(store: Engine) -> None:
    with read(store) as connection:
        assert SPOT_HOME not in {home.id for home in repo_places.households(connection)}
        assert {spot.gateway for spot in repo_spots.listed(connection)} == {SPOT}
    # At home nothing has changed.
    assert hear(store, weighing(9), GATEWAY) is None
    assert rows(store, "SELECT household_id, device_id FROM reading") == [(HOUSEHOLD, DEVICE)]


def test_visits_and_guesses_are_forgotten_after_a_week(store: Engine) -> None:
    ask(store, card=SECRET)
    ask(store, number="1", birth=BIRTH)
    assert ask(store, NOW + timedelta(days=8), card=SECRET).resident == GUEST
    assert rows(store, "SELECT count(*) FROM visit") == [(1,)]
    assert rows(store, "SELECT count(*) FROM wrong_guess") == [(0,)]

"""Residents of the town who are followed: one long overdue, one never planned, one gone, one who withdrew, one to come."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import Engine

from engine.cases import Case
from engine.cases_book import book
from engine.cases_contact import note_contact
from engine.cases_goal import Typed, read_goal
from engine.cases_store import Opening, interview, open_case, plan, set_goal
from engine.clinical_values import day_of
from engine.refusal import Refusal
from engine.store import repo_consents, repo_residents
from engine.store.database import Connection, write
from engine.store.repo_contacts import How, Outcome
from tests.homes import HANAKO, TARO, consent
from tests.web import town
from tests.web.town import BY, DAY, NOW

TODAY: Final = day_of(NOW)
SATO, SAITO, TAKAHASHI, IGARASHI = "r-satosatosatos", "r-saitosaitosai", "r-takahashitaka", "r-igarashiigara"
ABE: Final = "r-abeabeabeabea"
# Days ago, how, what came of it, minutes and the nurse's words.
SPOKEN: Final[tuple[tuple[int, How, Outcome, int | None, str], ...]] = (
    (90, "phone", "reached", 8, "夕食の時間が早くなった。"), (60, "visit", "reached", 25, "歩く道を一緒に確かめた。"),
    (20, "phone", "absent", None, ""), (12, "phone", "message", None, "留守電に残した。"),
)  # fmt: skip


def follow(engine: Engine) -> str:
    """Cases of every kind, in the town's own weeks; the id of the one in which the most was done (Igarashi's)."""
    with write(engine) as connection:
        for name in (SATO, SAITO, TAKAHASHI, IGARASHI, ABE, TARO):
            for purpose in ("record", "nurse-review"):
                said = consent(name, purpose, at=NOW - 300 * DAY)
                repo_consents.append(connection, said, os_user="test")
        _open(connection, SATO, "other", 20, next_on=TODAY - timedelta(days=1))
        _open(connection, SAITO, "motivational", 14)
        _open(connection, TAKAHASHI, "other", 3, next_on=TODAY + timedelta(days=4))
        case = _long(connection)
        gone = _open(connection, ABE, "other", 9, next_on=TODAY + timedelta(days=30))
        repo_consents.append(
            connection, consent(ABE, "nurse-review", granted=False, at=NOW - timedelta(hours=1)), os_user="test"
        )
        assert gone.resident == ABE
        _open(connection, HANAKO, "other", 5, next_on=TODAY + timedelta(days=40))
    return case.id


def _long(connection: Connection) -> Case:
    """Igarashi: interviewed 105 days ago, a goal, calls, and an evaluation that is due."""
    case = _open(connection, IGARASHI, "active", 110)
    case = _done(interview(connection, case, TODAY - timedelta(days=105), "visit", NOW - 105 * DAY, BY))
    person = repo_residents.get(connection, IGARASHI)
    assert person is not None
    goal = read_goal(Typed(kind="habit", habit="eating", words="夜食をやめて野菜を先に食べる"), TODAY, book())
    assert not isinstance(goal, Refusal)
    case = _done(set_goal(connection, person, case, goal, NOW - 105 * DAY, BY))
    for ago, how, outcome, minutes, text in SPOKEN:
        at, next_on = NOW - ago * DAY, TODAY - timedelta(days=ago - 8)
        case = _done(note_contact(connection, case, how, outcome, text, minutes, next_on, at, BY, Random(ago)))
    return case


def _open(connection: Connection, name: str, programme: Any, ago: int, **more: Any) -> Case:
    person = repo_residents.get(connection, name)
    assert person is not None
    wish = Opening(programme=programme, basis="nurse", staff=town.NURSE)
    case = _done(open_case(connection, person, wish, NOW - ago * DAY, BY, Random(f"{name}{programme}")))
    day = more.get("next_on")
    if day is None:
        return case
    return _done(plan(connection, case, day, NOW - (ago - 1) * DAY, BY))


def _done(made: Any) -> Case:
    assert isinstance(made, Case), made
    return made

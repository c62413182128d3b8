"""Somebody who is followed up in every way there is, each written through its own door, with words of staff beside."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import Connection

from engine.appointments import When
from engine.appointments_store import book as book_appointment
from engine.before_after_store import begin, feel, finish
from engine.cases_book import book as programmes
from engine.cases_contact import note_contact
from engine.cases_goal import Typed, read_goal
from engine.cases_store import Opening, open_case, set_goal
from engine.clinical_values import day_of
from engine.letters import Said, To, Told
from engine.loans_store import Back, Wish, lend, take_back
from engine.people import Resident
from engine.points import Entry, book
from engine.points_statement import redeem
from engine.referrals import Answer
from engine.refusal import Refusal
from engine.review import Item
from engine.store import (
    repo_before_after,
    repo_letters,
    repo_point_teams,
    repo_points,
    repo_referrals,
    repo_watch_alerts,
)
from engine.store.filing import By as Keeper
from engine.store.repo_facts import By
from engine.watching import Alert
from tests.homes import HANAKO

WHO: Final = By("s-nurse", "tester")
DAY: Final = timedelta(days=1)
STAFFS: Final = "看護師の覚え書き"
HIDDEN: Final = "酒田市隠れ家1-2"
TOLD: Final = "今月は 20日 はかりました。"
WATCHER: Final = "s-minseiminseii"


def follow_up(connection: Connection, person: Resident, referred: Item, now: datetime) -> None:
    """Points and a team, a programme, an appointment, a visit, a letter, a loan, a note, baths: of `person`."""
    _points(connection, person, now)
    _case(connection, person, now)
    _visit(connection, referred, now)
    _letter(connection, person, now)
    when = When(starts_at=now + 2 * DAY, ends_at=now + 2 * DAY + timedelta(minutes=30), place="中央公民館")
    done(book_appointment(connection, person, "interview", when, WHO, now - DAY))
    lent = done(lend(connection, Wish(asset="S-1", sort="pressure", resident=person.id, remark=STAFFS), now - DAY, WHO))
    done(take_back(connection, lent, Back(ended="lost", unused=True), now, WHO))
    _note(connection, person, now)
    _baths(connection, person, now)


def done(made: Any) -> Any:
    """What was made, which must not be a refusal."""
    assert not isinstance(made, Refusal), made
    return made


def _points(connection: Connection, person: Resident, now: datetime) -> None:
    rule = next(one for one in book().rule if one.sort == "check-up")
    given = Entry(rule=rule.id, version=1, sort=rule.sort, about="FY2026", turn=0, on=date(2026, 9, 1), points=120)
    repo_points.add(connection, person.id, [given], now - 20 * DAY)
    known = repo_points.of(connection, person.id)
    repo_points.hand_in(connection, person.id, done(redeem(book(), known, 100, day_of(now), Random(2))), WHO, now - DAY)
    made = done(
        repo_point_teams.add(connection, person.municipality_code, "neighbourhood", "浜中町内会", WHO, now - 9 * DAY)
    )
    done(repo_point_teams.join(connection, person, made.number, day_of(now - 9 * DAY), WHO, now - 9 * DAY))


def _case(connection: Connection, person: Resident, now: datetime) -> None:
    opened = now - 30 * DAY
    wish = Opening(programme="other", basis="nurse", staff="s-nurse")
    case = done(open_case(connection, person, wish, opened, WHO, Random(1)))
    goal = done(read_goal(Typed(kind="habit", habit="eating", words="夜食を やめる"), day_of(opened), programmes()))
    case = done(set_goal(connection, person, case, goal, opened, WHO))
    done(note_contact(connection, case, "phone", "reached", STAFFS, 8, None, now - 9 * DAY, WHO, Random(4)))


def _visit(connection: Connection, referred: Item, now: datetime) -> None:
    assert repo_referrals.follow(connection, [referred]) == [referred.id]
    said = Answer(said="seen", by=HANAKO, day=day_of(now))
    done(repo_referrals.say(connection, referred.id, said, now, By(HANAKO, "web")))


def _letter(connection: Connection, person: Resident, now: datetime) -> None:
    said = Said(
        sort="month", about="2026-10", language="ja", resident=person.id, code="ABCDEFGH",
        to=To("998-0842", HIDDEN, "山田 花子"), made="", title="10月の おたより", lead=(TOLD,),
        front=(Told("助言", ("歩きましょう。",)),), back=(), chart=None, asks=("fine",),
    )  # fmt: skip
    batch = repo_letters.Batch(
        seq=0, municipality_code=person.municipality_code, sort="month", period="2026-10", letters=1, pages=2,
        sha256="0" * 64, by="s-nurse", at=now - 3 * DAY,
    )  # fmt: skip
    keeper = Keeper(WHO.actor, WHO.os_user)
    kept = repo_letters.keep(connection, [said], batch, keeper)
    assert kept is not None
    assert repo_letters.move_batch(connection, kept.seq, "sent", now - 2 * DAY, keeper) == [person.id]


def _note(connection: Connection, person: Resident, now: datetime) -> None:
    """One that was told, and one a nurse put aside with a word of her own."""
    for since in (now - 3 * DAY, now - 9 * DAY):
        alert = Alert(resident=person.id, sort="person-silent", since=since, cause="silence")
        assert repo_watch_alerts.add(connection, alert, person.municipality_code, since + DAY)
    aside, told = repo_watch_alerts.of_resident(connection, person.id)
    assert repo_watch_alerts.change(connection, aside, "dismissed", "s-nurse", STAFFS, now - 8 * DAY)
    repo_watch_alerts.tell(connection, told.seq, WATCHER, "s-nurse", now - 2 * DAY)
    assert repo_watch_alerts.change(connection, told, "told", "s-nurse", None, now - 2 * DAY)


def _baths(connection: Connection, person: Resident, now: datetime) -> None:
    """One with how it was felt, and one that never was."""
    own = By(person.id, "web")
    for ago in (6, 3):
        at = now - ago * DAY
        made = done(begin(connection, person, "bath", f"湯{ago}", at, own, at))
        made = done(feel(connection, person, made, "pain", before=6, by=own, now=at))
        made = done(finish(connection, person, made, at + timedelta(minutes=20), own, at + timedelta(minutes=20)))
        if ago == 3:
            assert repo_before_after.take_back(connection, made, own, now)

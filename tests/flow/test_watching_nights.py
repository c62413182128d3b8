"""Unlucky nights of watching over: things given back, readings filed wrongly, moves; nobody drops off every list."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from engine import life_store
from engine.life_store import Done, record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.loans import Loan, Sort
from engine.loans_store import Back, Wish, lend, take_back
from engine.refusal import Refusal
from engine.situation import Sort as LifeSort
from engine.store import filing, repo_life, repo_residents, repo_watch_alerts
from engine.store.database import read, write
from engine.store.instants import to_micros
from engine.store.repo_watch_alerts import Raised
from engine.store.tables import READING, RESIDENT
from engine.store.tables_desk import NOTICE
from engine.watching import Alert, Cause
from engine.watching_round import Looked, look
from engine.watching_telling import BACK, Told, put_aside, still_watches, tell
from engine.watching_telling import NOTICE as NOTE
from engine.web.desk import watch_rows
from tests.flow.furnished import alone as home
from tests.homes import GATEWAY, HANAKO, NOW, OTHER_GATEWAY, TARO
from tests.watched_home import BAND, BY, CUFF, DAY, HOUR, NURSE, WATCHER, hears, listens, watched_home

__all__ = ["home"]
pytestmark = pytest.mark.flow
DESK = filing.By(NURSE, "test")


def standing(home: Engine) -> list[Raised]:
    with read(home) as connection:
        return [one for found in repo_watch_alerts.standing(connection).values() for one in found]


def notices(home: Engine) -> list[str]:
    with read(home) as connection:
        return [row.kind for row in connection.execute(select(NOTICE).order_by(NOTICE.c.seq))]


def lent_and_returned(home: Engine, asset: str, sort: Sort, at: datetime, **what: Any) -> None:
    with write(home) as connection:
        lent = lend(connection, Wish(asset=asset, sort=sort, resident=HANAKO, **what), at - 70 * DAY, BY)
        assert isinstance(lent, Loan), lent
        back = take_back(connection, lent, Back(cleared=True), at, BY)
        assert isinstance(back, Loan), back


def filed(home: Engine, device: str, kind: str, value: str, at: datetime) -> str:
    """The reading of that device, filed under her; its id."""
    hears(home, device, kind, [(at, value)])
    with read(home) as connection:
        mine = select(READING.c.id).where(READING.c.device_id == device, READING.c.received_at == to_micros(at))
        return str(connection.execute(mine).scalar())


def looked(home: Engine, now: datetime) -> Looked:
    """What a look finds while the gateways listen."""
    listens(home, now, days=1)
    return look(home, now)


def happened(home: Engine, sort: LifeSort) -> None:
    """It is written down that this happened to her yesterday."""
    day = (NOW - DAY).date().isoformat()
    with write(home) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        typed = Typed(sort=sort, since=day if sort == "death" else f"{day} 08:00")
        wanted = read_typed(connection, person, typed, BY.actor, NOW, Random(3))
        assert not isinstance(wanted, Refusal)
        assert isinstance(record(connection, person, wanted, BY, NOW, Random(4)), Done)


def silent(since: datetime, cause: Cause) -> Alert:
    return Alert(resident=HANAKO, sort="device-silent", since=since, cause=cause, devices=(CUFF,))


def told(home: Engine, seq: int, recipient: str, now: datetime) -> None:
    with write(home) as connection:
        done = tell(connection, seq, [recipient], BY, now)
        assert isinstance(done, Told), done


def test_whoever_gave_their_things_back_has_not_fallen_silent(home: Engine) -> None:
    watched_home(home, NOW)
    with write(home) as connection:
        # She lives alone, so that everything at home is hers.
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == TARO).values(household_id=None))
    for asset, sort, device in (("ST-001", "pedometer", BAND), ("BP-001", "pressure", CUFF)):
        lent_and_returned(home, asset, sort, NOW - 59 * HOUR, device=device)  # type: ignore[arg-type] # two of the sorts
    assert look(home, NOW) == Looked(people=1)
    assert standing(home) == []


def test_a_lent_gateway_that_went_back_is_not_asked_after(home: Engine) -> None:
    watched_home(home, NOW, quiet=HOUR)
    lent_and_returned(home, "GW-001", "gateway", NOW, gateway=OTHER_GATEWAY)
    listens(home, later := NOW + 2 * DAY, days=2, gateways=(GATEWAY,))
    hears(home, BAND, "steps-day", [(later - HOUR, "900")])
    hears(home, CUFF, "systolic", [(later - HOUR, "128")])
    look(home, later)
    assert standing(home) == []


def test_a_silence_that_somebody_elses_reading_broke_is_raised_again_once_that_is_found_out(home: Engine) -> None:
    daughter = watched_home(home, NOW)
    look(home, NOW)
    [alert] = standing(home)
    told(home, alert.seq, daughter, NOW)
    visitors = filed(home, CUFF, "systolic", "151", NOW + HOUR)
    assert looked(home, NOW + 2 * HOUR).over == 1
    assert notices(home) == [NOTE, BACK]
    with write(home) as connection:
        assert isinstance(filing.discard(connection, visitors, NOW + 3 * HOUR, DESK), filing.Filed)
    assert looked(home, NOW + 4 * HOUR).raised == 1
    [again] = [one for one in standing(home) if one.sort == "person-silent"]
    assert (again.sort, again.since, again.state) == ("person-silent", alert.since, "open")
    # Whoever read that all is well can be told anew, once; and the first word that all is well goes out no more.
    told(home, again.seq, daughter, NOW + 5 * HOUR)
    with write(home) as connection:
        twice = tell(connection, again.seq, [daughter], BY, NOW + 6 * HOUR)
        assert isinstance(twice, Refusal)
        assert twice.code == "told-already"
        about = list(connection.execute(select(NOTICE.c.about).order_by(NOTICE.c.seq)).scalars())
        sends = [still_watches(connection, daughter, one, NOW + 6 * HOUR, back=n == 1) for n, one in enumerate(about)]
    assert sends == [False, False, True]
    hears(home, BAND, "steps-day", [(NOW + 7 * HOUR, "900")])
    hears(home, CUFF, "systolic", [(NOW + 7 * HOUR, "128")])
    looked(home, NOW + 8 * HOUR)
    assert standing(home) == []
    assert notices(home) == [NOTE, BACK, NOTE, BACK]


def test_a_stay_that_was_written_down_by_mistake_ends_no_alert_for_good(home: Engine) -> None:
    watched_home(home, NOW)
    look(home, NOW)
    [alert] = standing(home)
    happened(home, "hospital")
    assert look(home, NOW + HOUR).over == 1
    with write(home) as connection:
        [event] = repo_life.situation(connection, HANAKO).standing
        assert not isinstance(
            life_store.take_back(connection, event, "wrong-person", BY, NOW + HOUR, Random(5)), Refusal
        )
    assert looked(home, NOW + 2 * HOUR).raised == 1
    assert [(one.seq, one.state) for one in standing(home)] == [(alert.seq, "open")]


def test_a_look_that_is_late_with_what_it_saw_raises_nothing_anew(home: Engine) -> None:
    watched_home(home, NOW)
    look(home, NOW)
    [alert] = standing(home)
    with write(home) as connection:
        assert repo_watch_alerts.end(connection, alert, "heard", NOW + HOUR)
        same = Alert(resident=HANAKO, sort=alert.sort, since=alert.since, cause="silence", devices=(BAND,))
        again = [repo_watch_alerts.add(connection, same, "062049", NOW + n * HOUR) for n in (0, 1, 2)]
    assert again == [False, False, True]


def test_what_a_nurse_closed_is_not_raised_again(home: Engine) -> None:
    watched_home(home, NOW)
    look(home, NOW)
    [alert] = standing(home)
    told(home, alert.seq, WATCHER, NOW)
    with write(home) as connection:
        assert isinstance(put_aside(connection, alert.seq, "close", "visited", "", BY, NOW + HOUR), Told)
    assert looked(home, NOW + 2 * HOUR) == Looked(people=1)


def test_a_reading_taken_from_her_makes_no_second_alert_of_one_silence(home: Engine) -> None:
    watched_home(home, NOW)
    visitors = filed(home, CUFF, "systolic", "151", NOW - 50 * HOUR)
    look(home, NOW)
    assert [(one.sort, one.since) for one in standing(home)] == [("person-silent", NOW - 50 * HOUR)]
    with write(home) as connection:
        assert isinstance(filing.discard(connection, visitors, NOW, DESK), filing.Filed)
    assert looked(home, NOW + HOUR) == Looked(people=1)


@pytest.mark.parametrize(
    ("outcome", "owner", "certainty"),
    [("unassigned", None, "unknown"), ("accepted", HANAKO, "assumed"), ("discarded", None, "unknown")],
)
def test_what_may_be_anybodys_tells_nobody_that_she_is_well(
    home: Engine, outcome: str, owner: str | None, certainty: str
) -> None:
    daughter = watched_home(home, NOW)
    look(home, NOW)
    [alert] = standing(home)
    told(home, alert.seq, daughter, NOW)
    reading = filed(home, CUFF, "systolic", "133", NOW + HOUR)
    with write(home) as connection:
        values = {"outcome": outcome, "resident_id": owner, "certainty": certainty}
        connection.execute(update(READING).where(READING.c.id == reading).values(values))
    assert looked(home, NOW + 2 * HOUR).over == 0
    assert notices(home) == [NOTE]


def test_what_may_be_hers_raises_nothing_and_what_was_discarded_hides_nothing(home: Engine) -> None:
    watched_home(home, NOW)
    reading = filed(home, CUFF, "systolic", "133", NOW - 5 * HOUR)
    nobodys = {"resident_id": None, "certainty": "unknown"}
    for outcome, raised in (("unassigned", False), ("discarded", True)):
        with write(home) as connection:
            connection.execute(update(READING).where(READING.c.id == reading).values(nobodys | {"outcome": outcome}))
        look(home, NOW)
        assert ("person-silent" in {one.sort for one in standing(home)}) == raised


def test_a_clock_that_runs_a_day_ahead_hides_no_silence(home: Engine) -> None:
    watched_home(home, NOW)
    # A neighbour's thing whose clock is fast: heard before the silence began, dated after it.
    reading = filed(home, CUFF, "systolic", "133", NOW - 62 * HOUR)
    with write(home) as connection:
        ahead = {"measured_at": READING.c.received_at + 23 * 3_600_000_000}
        nobodys = {"resident_id": None, "certainty": "unknown", "outcome": "unassigned"}
        connection.execute(update(READING).where(READING.c.id == reading).values(ahead | nobodys))
    look(home, NOW)
    assert [(one.sort, one.since) for one in standing(home)] == [("person-silent", NOW - 60 * HOUR)]


def test_whoever_moves_within_the_region_is_on_the_list_of_the_town_they_live_in(home: Engine) -> None:
    watched_home(home, NOW)
    look(home, NOW)
    with write(home) as connection:
        connection.execute(update(RESIDENT).where(RESIDENT.c.id == HANAKO).values(municipality_code="064611"))
        here, before = (
            watch_rows.lines(connection, {town}, watch_rows.PEOPLE, "ja", NOW) for town in ("064611", "062049")
        )
    assert ([one.sort for one in here], before) == (["person-silent"], [])


def test_of_many_silent_things_the_one_that_may_be_a_person_is_first_however_late_it_came(home: Engine) -> None:
    watched_home(home, NOW)
    with write(home) as connection:
        for n in range(230):
            repo_watch_alerts.add(connection, silent(NOW - n * HOUR, "gateway-silent"), "062049", NOW - 20 * DAY)
        repo_watch_alerts.add(connection, silent(NOW - HOUR / 2, "one-device"), "062049", NOW)
        found = watch_rows.lines(connection, {"062049"}, watch_rows.DEVICES, "ja", NOW)
    assert (found[0].cause, len(found)) == ("one-device", 231)


@pytest.mark.parametrize("sort", ["death", "hospital"])
def test_nobody_is_asked_to_look_after_somebody_who_died_or_is_in_hospital(home: Engine, sort: LifeSort) -> None:
    daughter = watched_home(home, NOW)
    look(home, NOW)
    [alert] = standing(home)
    told(home, alert.seq, daughter, NOW)
    happened(home, sort)
    # Before the next look ends the alert.
    with read(home) as connection:
        mine = watch_rows.notes(connection, daughter, {HANAKO}, "ja", NOW + HOUR)
    assert [(one.over, one.back) for one in mine] == ([] if sort == "death" else [(True, "")])

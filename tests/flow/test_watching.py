"""Watching over in the real store: raised once, decided by a nurse, told with consent at that instant and never twice."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, delete, select
from typer.testing import CliRunner

from cli import chores
from cli import watch as command
from cli.exits import Exit
from engine.contract.wire import State
from engine.life_store import Done, record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.notify.sending import reach_of
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import (
    repo_contacts,
    repo_family,
    repo_gateways,
    repo_notices,
    repo_residents,
    repo_watch,
    repo_watch_alerts,
    repo_watch_facts,
)
from engine.store.database import Connection, read, write
from engine.store.erasing import erase_rows, scope_of
from engine.store.instants import to_micros
from engine.store.repo_watch_alerts import Raised
from engine.store.tables import MEASUREMENT, READING
from engine.store.tables_desk import CONTACT, NOTICE
from engine.store.tables_following import WATCH_ALERT, WATCH_TELLING
from engine.store.tables_rights import PROTECTION
from engine.watching_round import Looked, look
from engine.watching_telling import BACK, Told, call, fine, may_be_told, put_aside, tell
from engine.watching_telling import NOTICE as NOTE
from tests.flow.commands import refused, told
from tests.flow.furnished import alone, engine, store
from tests.homes import GATEWAY, HANAKO, NOW
from tests.watched_home import BAND, BY, CUFF, DAY, HOUR, WATCHER, hears, listens, watched_home
from tests.web.care import watched_by, withdraw

__all__ = ["alone", "engine", "store"]
pytestmark = pytest.mark.flow


def standing(store: Engine) -> list[Raised]:
    with read(store) as connection:
        return [one for found in repo_watch_alerts.standing(connection).values() for one in found]


def raised(store: Engine) -> tuple[str, Raised]:
    """The daughter's id and the alert about a mother who was not heard for sixty hours."""
    daughter = watched_home(store, NOW)
    assert look(store, NOW) == Looked(people=1, raised=1)
    [alert] = standing(store)
    return daughter, alert


def told_now(store: Engine, seq: int, *recipients: str, now: datetime = NOW) -> Told | Refusal:
    with write(store) as connection:
        return tell(connection, seq, recipients, BY, now)


def notices(store: Engine) -> list[tuple[str, str]]:
    with read(store) as connection:
        return [(row.recipient, row.kind) for row in connection.execute(select(NOTICE).order_by(NOTICE.c.seq))]


def on(connection: Connection, typed: Typed, now: datetime) -> Done | Refusal:
    person = repo_residents.get(connection, HANAKO)
    assert person is not None
    wanted = read_typed(connection, person, typed, BY.actor, now, Random(3))
    return wanted if isinstance(wanted, Refusal) else record(connection, person, wanted, BY, now, Random(4))


def test_a_silence_is_raised_once_told_with_consent_once_and_ends_with_one_word(store: Engine) -> None:
    daughter, alert = raised(store)
    assert (alert.sort, alert.state, alert.since) == ("person-silent", "open", NOW - 60 * HOUR)
    assert set(alert.evidence.devices) == {BAND, CUFF}
    for hours in (0, 1, 5):
        listens(store, NOW + hours * HOUR, days=1)
        assert look(store, NOW + hours * HOUR) == Looked(people=1)
    assert notices(store) == []
    done = told_now(store, alert.seq, WATCHER, daughter)
    assert isinstance(done, Told)
    assert done.recipients == tuple(sorted((WATCHER, daughter)))
    again = told_now(store, alert.seq, daughter)
    assert isinstance(again, Refusal)
    assert again.code == "told-already"
    assert notices(store) == [(daughter, NOTE)]
    later = NOW + 9 * HOUR
    hears(store, BAND, "steps-day", [(later - HOUR, "900")])
    hears(store, CUFF, "systolic", [(later - HOUR, "127")])
    listens(store, later, days=1)
    assert look(store, later) == Looked(people=1, over=1)
    assert look(store, later) == Looked(people=1)
    assert notices(store) == [(daughter, NOTE), (daughter, BACK)]
    with read(store) as connection:
        [ended] = repo_watch_alerts.of_resident(connection, HANAKO)
        tellings = repo_watch_alerts.tellings(connection, [alert.seq])[alert.seq]
    assert (ended.state, ended.ended, ended.ended_at) == ("over", "heard", later)
    assert [one.back_at for one in tellings] == [later, later]


def test_consent_is_asked_in_the_transaction_that_tells(alone: Engine) -> None:
    daughter, alert = raised(alone)
    withdraw_from = NOW + HOUR
    watched_by(alone, HANAKO, daughter, withdraw_from, granted=False)
    done = told_now(alone, alert.seq, WATCHER, daughter, now=withdraw_from)
    assert isinstance(done, Refusal)
    assert done.code == "no-consent"
    # Nobody was told, not even the other one, and the alert still waits.
    with read(alone) as connection:
        assert repo_watch_alerts.tellings(connection, [alert.seq]) == {}
        assert may_be_told(connection, alert, withdraw_from) == (WATCHER,)
    assert standing(alone)[0].state == "open"
    for recipients, code in (
        ((), "nobody"),
        (("s-someoneelsexx",), "no-consent"),
        (("m-nobodynobodyn",), "no-consent"),
    ):
        wrong = told_now(alone, alert.seq, *recipients, now=withdraw_from)
        assert isinstance(wrong, Refusal)
        assert wrong.code == code


def test_who_took_their_word_back_is_not_watched_and_whoever_was_told_hears_no_more(alone: Engine) -> None:
    daughter, alert = raised(alone)
    assert isinstance(told_now(alone, alert.seq, daughter), Told)
    with read(alone) as connection:
        [notice] = repo_notices.of(connection, daughter)
    with write(alone) as connection:
        assert reach_of(connection, Seal(b"k" * 32), notice, NOW).needless is None
    for name in (WATCHER, daughter):
        watched_by(alone, HANAKO, name, NOW + HOUR, granted=False)
    with write(alone) as connection:
        assert reach_of(connection, Seal(b"k" * 32), notice, NOW + HOUR).needless == "withdrawn"
    assert look(alone, NOW + 2 * HOUR) == Looked(people=0, over=1)
    assert notices(alone) == [(daughter, NOTE)]
    with read(alone) as connection:
        assert repo_watch_alerts.of_resident(connection, HANAKO)[0].ended == "not-watched"


def test_without_a_yes_to_nurses_nobody_is_looked_at_and_nothing_is_told(alone: Engine) -> None:
    _, alert = raised(alone)
    withdraw(alone, HANAKO, "nurse-review", NOW + HOUR)
    done = told_now(alone, alert.seq, WATCHER, now=NOW + HOUR)
    assert isinstance(done, Refusal)
    assert done.code == "not-open"
    assert look(alone, NOW + HOUR).people == 0


@pytest.mark.parametrize("sort", ["hospital", "away"])
def test_nobody_is_told_of_somebody_who_is_away(alone: Engine, sort: str) -> None:
    _, alert = raised(alone)
    day = (NOW - DAY).date().isoformat()
    with write(alone) as connection:
        until = (NOW + 5 * DAY).date().isoformat()
        assert isinstance(on(connection, Typed(sort=sort, since=f"{day} 08:00", until=until), NOW + HOUR), Done)
    done = told_now(alone, alert.seq, WATCHER, now=NOW + HOUR)
    assert isinstance(done, Refusal)
    assert done.code in {"in-hospital", "away"}
    assert look(alone, NOW + HOUR) == Looked(people=1, over=1)
    with read(alone) as connection:
        assert repo_watch_alerts.of_resident(connection, HANAKO)[0].ended == "excused"
    assert look(alone, NOW + 3 * DAY).raised == 0


def test_a_gateway_that_was_away_makes_nobody_silent(alone: Engine) -> None:
    watched_home(alone, NOW)
    with write(alone) as connection:
        repo_gateways.note(connection, GATEWAY, State(state="lost"), NOW)
    assert look(alone, NOW).raised == 0
    look(alone, later := NOW + 14 * HOUR)
    assert {(one.sort, one.evidence.cause) for one in standing(alone)} == {("device-silent", "gateway-silent")}
    listens(alone, later + HOUR, days=1)
    assert look(alone, later + HOUR).over >= 1


def test_one_silent_device_is_told_nobody_until_somebody_phoned_in_vain(alone: Engine) -> None:
    watched_home(alone, NOW, lies=False)
    with write(alone) as connection:
        for table in (MEASUREMENT, READING):
            connection.execute(delete(table).where(table.c.device_id == CUFF))
    look(alone, NOW)
    [alert] = standing(alone)
    assert (alert.sort, alert.evidence.cause) == ("device-silent", "one-device")
    done = told_now(alone, alert.seq, WATCHER)
    assert isinstance(done, Refusal)
    assert done.code == "device-silent"
    with write(alone) as connection:
        assert isinstance(call(connection, alert.seq, "absent", "", BY, NOW + HOUR, Random(1)), Told)
    listens(alone, NOW + 2 * HOUR, days=1)
    assert look(alone, NOW + 2 * HOUR) == Looked(people=1, raised=1, over=1)
    assert [(one.sort, one.since) for one in standing(alone)] == [("person-silent", NOW - 60 * HOUR)]


def test_a_device_whose_person_is_heard_elsewhere_is_looked_after(alone: Engine) -> None:
    watched_home(alone, NOW, quiet=100 * HOUR, lies=False)
    # The first thing they use when they come home says nothing of the others, three days later it does.
    hears(alone, CUFF, "systolic", [(NOW - 20 * HOUR, "131")])
    look(alone, NOW)
    assert standing(alone) == []
    hears(alone, CUFF, "systolic", [(NOW - 103 * HOUR + n * DAY, "131") for n in range(1, 5)])
    look(alone, NOW)
    assert [(one.sort, one.evidence.cause) for one in standing(alone)] == [("device-silent", "other-heard")]
    hears(alone, BAND, "steps-day", [(NOW - HOUR, "1500")])
    assert look(alone, NOW).over == 1


def test_a_nurse_calls_first_and_a_call_that_is_taken_ends_it(alone: Engine) -> None:
    daughter, alert = raised(alone)
    assert isinstance(told_now(alone, alert.seq, daughter), Told)
    with write(alone) as connection:
        assert isinstance(call(connection, alert.seq, "absent", "", BY, NOW + HOUR, Random(1)), Told)
    assert standing(alone)[0].state == "told"
    with write(alone) as connection:
        assert isinstance(call(connection, alert.seq, "reached", "畑にいた", BY, NOW + 2 * HOUR, Random(2)), Told)
        assert [row.outcome for row in connection.execute(select(CONTACT).order_by(CONTACT.c.at))] == [
            "absent", "reached",
        ]  # fmt: skip
    assert standing(alone) == []
    assert notices(alone) == [(daughter, NOTE), (daughter, BACK)]
    assert look(alone, NOW + 2 * HOUR) == Looked(people=1)


def test_an_alert_that_was_put_aside_is_not_raised_again_and_one_that_nobody_decides_stays(alone: Engine) -> None:
    _, alert = raised(alone)
    with write(alone) as connection:
        bad = put_aside(connection, alert.seq, "dismiss", "because", "", BY, NOW)
        assert isinstance(bad, Refusal)
        assert bad.code == "no-reason"
        assert isinstance(put_aside(connection, alert.seq, "dismiss", "known-away", "娘の家", BY, NOW), Told)
    listens(alone, NOW + 40 * HOUR, days=2)
    assert look(alone, NOW + 40 * HOUR) == Looked(people=1)
    assert [one.state for one in standing(alone)] == ["dismissed"]
    done = told_now(alone, alert.seq, WATCHER, now=NOW + 40 * HOUR)
    assert isinstance(done, Refusal)
    assert done.code == "not-now"


def test_an_open_alert_stays_open_for_weeks_and_never_goes_out_by_itself(alone: Engine) -> None:
    daughter, _ = raised(alone)
    for days in (1, 7, 21):
        listens(alone, NOW + days * DAY, days=7)
        look(alone, NOW + days * DAY)
    assert [(one.sort, one.state) for one in standing(alone)] == [("person-silent", "open")]
    with read(alone) as connection:
        assert notices(alone) == []
        assert repo_watch_alerts.told_to(connection, daughter, NOW - DAY) == []


def test_i_am_well_ends_it_and_whoever_was_told_reads_so(alone: Engine) -> None:
    daughter, alert = raised(alone)
    assert isinstance(told_now(alone, alert.seq, daughter), Told)
    with write(alone) as connection:
        assert fine(connection, HANAKO, msgspec.structs.replace(BY, actor=HANAKO), NOW + HOUR) == 1
    assert notices(alone) == [(daughter, NOTE), (daughter, BACK)]
    assert standing(alone) == []
    # The word itself is a sign: she is not silent from then on.
    assert look(alone, NOW + 2 * HOUR) == Looked(people=1)


def test_whoever_hides_by_a_measure_of_support_is_watched_by_nobody(alone: Engine) -> None:
    from engine.store.instants import to_micros

    daughter, alert = raised(alone)
    with write(alone) as connection:
        connection.execute(PROTECTION.insert(), {
            "id": "p-protectprotec", "resident_id": HANAKO, "since": to_micros(NOW), "until": to_micros(NOW + 365 * DAY),
            "seen": "x", "by": "s", "at": to_micros(NOW), "ended_at": None, "ended_by": None, "version": 1,
        })  # fmt: skip
    done = told_now(alone, alert.seq, daughter, now=NOW + HOUR)
    assert isinstance(done, Refusal)
    assert done.code == "no-consent"
    assert look(alone, NOW + HOUR) == Looked(people=0, over=1)


def test_only_who_still_has_an_account_watches(alone: Engine) -> None:
    daughter = watched_home(alone, NOW)
    with write(alone) as connection:
        assert repo_watch.overseers(connection, NOW) == {HANAKO: tuple(sorted((daughter, WATCHER)))}
        repo_family.end(connection, daughter, NOW)
        assert repo_watch.overseers(connection, NOW) == {HANAKO: (WATCHER,)}


def test_somebody_who_walks_half_as_much_is_noticed_once_a_day(alone: Engine) -> None:
    daughter = watched_home(alone, NOW, quiet=2 * HOUR)
    # From eight days ago on the band tells far less.
    with write(alone) as connection:
        lately = (MEASUREMENT.c.device_id == BAND) & (MEASUREMENT.c.measured_at > to_micros(NOW - 9 * DAY))
        connection.execute(MEASUREMENT.update().where(lately).values(value="1200"))
    assert look(alone, NOW, moved=False) == Looked(people=1)
    assert look(alone, NOW) == Looked(people=1, raised=1)
    assert look(alone, NOW + HOUR) == Looked(people=1)
    [alert] = standing(alone)
    assert alert.sort == "activity-drop"
    assert alert.evidence.share == pytest.approx(0.3, abs=0.05)
    assert isinstance(told_now(alone, alert.seq, daughter), Told)
    with read(alone) as connection:
        text = repr(connection.execute(select(NOTICE)).mappings().all())
    assert "0.3" not in text
    # She was reached; while she goes on walking less it is the same drop, and nobody is asked again.
    with write(alone) as connection:
        assert isinstance(call(connection, alert.seq, "reached", "膝が痛い", BY, NOW + HOUR, Random(2)), Told)
    assert standing(alone) == []
    hears(alone, BAND, "steps-day", [(NOW + n * DAY - HOUR, "1100") for n in (1, 2)])
    hears(alone, CUFF, "systolic", [(NOW + n * DAY - HOUR, "128") for n in (1, 2)])
    for n in (1, 2):
        listens(alone, NOW + n * DAY, days=1)
        assert look(alone, NOW + n * DAY).raised == 0


def test_an_account_that_goes_takes_its_alerts_along(alone: Engine) -> None:
    daughter, alert = raised(alone)
    assert isinstance(told_now(alone, alert.seq, daughter, WATCHER), Told)
    with write(alone) as connection:
        erase_rows(connection, scope_of(connection, HANAKO, Seal(b"k" * 32)))
        for table in (WATCH_ALERT, WATCH_TELLING, NOTICE):
            assert connection.execute(select(table)).all() == []


def test_the_commands_look_list_show_and_decide(engine: Engine) -> None:
    now = datetime.now(NOW.tzinfo)
    daughter = watched_home(engine, now)
    engine.dispose()
    run = CliRunner()

    def say(*words: str) -> Any:
        return run.invoke(command.app, [*words], catch_exceptions=True)

    assert told(say("evaluate", "--json")) == {"people": 1, "raised": 1, "over": 0}
    [alert] = told(say("list", "--json"))["alerts"]
    number = str(alert["seq"])
    assert (alert["sort"], alert["state"]) == ("person-silent", "open")
    assert "本人の記録が途絶えた" in say("list").stdout
    assert told(say("list", "--devices", "--json"))["alerts"] == []
    assert set(told(say("show", number, "--json"))["may_be_told"]) == {daughter, WATCHER}
    assert refused(say("show", "999")) == (Exit.NOT_FOUND, "unknown")
    assert refused(say("decide", number, "tell")) == (Exit.REFUSED, "nobody")
    assert refused(say("decide", number, "dismiss")) == (Exit.REFUSED, "no-reason")
    assert refused(say("list", "--municipality", "131016")) == (Exit.USAGE, "foreign-municipality")
    assert told(say("decide", number, "tell", "--to", daughter, "--json"))["told"] == [daughter]
    assert refused(say("decide", number, "tell", "--to", daughter)) == (Exit.REFUSED, "told-already")
    assert daughter in say("show", number).stdout
    assert say("decide", number, "reached").exit_code == 0
    assert refused(say("decide", number, "absent")) == (Exit.REFUSED, "over")


def test_who_was_heard_just_now_is_not_looked_at_further_back(alone: Engine) -> None:
    watched_home(alone, NOW, quiet=HOUR)
    with read(alone) as connection:
        [facts] = repo_watch_facts.facts_of(connection, [HANAKO], NOW)
        assert {one.id for one in facts.devices} == {BAND, CUFF}
        assert {one.usual for one in facts.devices} == {None}
        [late] = repo_watch_facts.facts_of(connection, [HANAKO], NOW + 3 * DAY)
    assert all(one.own and one.usual is not None and one.usual <= DAY for one in late.devices)
    assert late.sign is None


def test_what_family_says_is_no_sign_of_hers_and_a_bell_nobody_answers_is_one_of_silence(alone: Engine) -> None:
    watched_home(alone, NOW)
    with write(alone) as connection:
        outcomes: tuple[repo_contacts.Outcome, ...] = ("family", "absent", "reached")
        for hours, outcome in enumerate(outcomes, 1):
            at = NOW + hours * HOUR
            repo_contacts.add(
                connection, resident=HANAKO, by="s-nurse", how="phone", outcome=outcome, text="", now=at,
                rng=Random(hours), os_user="t",
            )  # fmt: skip
            [facts] = repo_watch_facts.facts_of(connection, [HANAKO], at)
            assert facts.sign == (at if outcome == "reached" else None)
            assert facts.unanswered == (None if hours == 1 else NOW + 2 * HOUR)


def test_the_engine_looks_at_steps_once_a_day_and_at_everything_else_every_hour(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched_home(alone, NOW, quiet=2 * HOUR)
    lately = (MEASUREMENT.c.device_id == BAND) & (MEASUREMENT.c.measured_at > to_micros(NOW - 9 * DAY))
    with write(alone) as connection:
        connection.execute(MEASUREMENT.update().where(lately).values(value="1200"))
    clock = [NOW]
    monkeypatch.setattr(chores, "_now", lambda: clock[0])
    chore = chores.Watching(alone)
    chore()
    assert [one.sort for one in standing(alone)] == ["activity-drop"]
    with write(alone) as connection:
        connection.execute(delete(WATCH_ALERT))
    clock[0] += HOUR
    chore()
    assert standing(alone) == []
    clock[0] += DAY
    listens(alone, clock[0], days=1)
    chore()
    assert "activity-drop" in {one.sort for one in standing(alone)}

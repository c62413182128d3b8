"""Nobody goes silent unnoticed, in the real store: heard through the gateway, told by the chore, listed for a nurse."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli import silent as command
from cli.exits import Exit
from engine.life_store import Done, record
from engine.life_typed import Typed
from engine.life_typed import read as read_typed
from engine.notify.sending import reach_of
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.silences_telling import remind_all
from engine.store import (
    filing,
    repo_consents,
    repo_contacts,
    repo_notices,
    repo_protection,
    repo_residents,
    repo_silences,
)
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables_rights import PROTECTION
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.homes import HANAKO, TARO, consent, resident
from tests.web.desks import NOW
from tests.web.resident_home import doubt, hear, reading

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
WHO, DAY, TOWN = By("s-nursenursenur", "test"), timedelta(days=1), "062049"
SEAL = Seal(b"k" * 32)


def listed(store: Engine, now: datetime, towns: set[str] | None = None) -> dict[str, tuple[str, str, int]]:
    with read(store) as connection:
        found = repo_silences.listed(connection, towns, now)
    assert len({one.silence.resident for one in found}) == len(found)
    return {one.silence.resident: (one.silence.reason, one.step, one.silence.days) for one in found}


def reminded(store: Engine, now: datetime) -> list[str]:
    return [one.resident for one in remind_all(store, now)]


def happens(store: Engine, name: str, **typed: str) -> None:
    with write(store) as connection:
        person = repo_residents.get(connection, name)
        assert person is not None
        ready = read_typed(connection, person, Typed(**typed), WHO.actor, NOW, Random(name))
        assert not isinstance(ready, Refusal), ready
        done = record(connection, person, ready, WHO, NOW, Random(len(typed)))
        assert isinstance(done, Done), done


def test_steps_a_typed_value_and_a_weighing_all_count_as_a_word_on_both_databases(store: Engine) -> None:
    hear(store, reading(1, 1, steps_day="4000"), reading(2, 20, body_weight="70.0"))
    assert reminded(store, NOW + 12 * DAY) == [TARO]
    assert listed(store, NOW + 7 * DAY) == {}
    assert reminded(store, NOW + 13 * DAY) == [HANAKO]
    assert listed(store, NOW + 9 * DAY) == {TARO: ("silent", "call", 29)}
    assert listed(store, NOW + 27 * DAY) == {TARO: ("silent", "call", 47), HANAKO: ("silent", "call", 28)}
    assert list(listed(store, NOW + 27 * DAY)) == [TARO, HANAKO]
    assert listed(store, NOW + 27 * DAY, {"064611"}) == {}


def test_a_reading_of_somebody_else_ends_no_silence(engine: Engine) -> None:
    mine = reading(1, 0.1, body_weight="62.0")
    hear(engine, reading(1, 30, body_weight="62.0"), mine, reading(2, 1, body_weight="70.0"))
    assert listed(engine, NOW) == {}
    with write(engine) as connection:
        filing.assign(connection, mine.id, TARO, NOW, filing.By("n", "t"))
    assert listed(engine, NOW) == {HANAKO: ("silent", "call", 30)}


def test_what_is_only_probably_theirs_keeps_from_reminding_but_not_from_asking(engine: Engine) -> None:
    one = reading(1, 0.1, body_weight="62.0")
    hear(engine, reading(1, 30, body_weight="62.0"), one, reading(2, 1, body_weight="70.0"))
    doubt(engine, one)
    assert reminded(engine, NOW) == []
    assert listed(engine, NOW) == {HANAKO: ("unsure", "call", 30)}


def test_a_return_from_a_trip_begins_the_days_anew_and_a_death_ends_the_asking(engine: Engine) -> None:
    hear(engine, reading(1, 60, body_weight="62.0"), reading(2, 60, body_weight="70.0"))
    happens(engine, HANAKO, sort="hospital", since=(NOW - 40 * DAY).date().isoformat(),
            until=(NOW - 10 * DAY).date().isoformat())  # fmt: skip
    happens(engine, TARO, sort="death", since=(NOW - 5 * DAY).date().isoformat())
    assert listed(engine, NOW) == {}
    assert reminded(engine, NOW) == []
    assert reminded(engine, NOW + 5 * DAY) == [HANAKO]
    assert set(listed(engine, NOW + 20 * DAY)) == {HANAKO}


def test_without_a_device_nobody_is_told_to_measure_but_a_nurse_hears_of_it(engine: Engine) -> None:
    lone = msgspec.structs.replace(resident("r-lonelonelonel", "一人", date(1950, 1, 1)), household_id=None)
    with write(engine) as connection:
        repo_residents.add(connection, lone, NOW - 40 * DAY, actor="t", os_user="t")
        for purpose in ("record", "advice", "nurse-review"):
            repo_consents.append(connection, consent(lone.id, purpose), os_user="t")
    assert reminded(engine, NOW) == []
    assert listed(engine, NOW) == {lone.id: ("no-device", "call", 40)}


def test_a_call_rests_four_weeks_an_unanswered_one_does_not_and_stands_beside_the_name(engine: Engine) -> None:
    hear(engine, reading(1, 30, body_weight="62.0"), reading(2, 1, body_weight="70.0"))

    def called(outcome: repo_contacts.Outcome, at: datetime) -> None:
        with write(engine) as connection:
            repo_contacts.add(connection, resident=HANAKO, by=WHO.actor, how="phone", outcome=outcome, text="", now=at,
                              rng=Random(2), os_user="t")  # fmt: skip

    called("absent", NOW)
    with read(engine) as connection:
        [one] = repo_silences.listed(connection, None, NOW)
    assert (one.tried, one.outcome) == (NOW, "absent")
    with write(engine) as connection:
        repo_contacts.add(connection, resident=HANAKO, by=WHO.actor, how="phone", outcome="reached", text="",
                          now=NOW + DAY, rng=Random(3), os_user="t")  # fmt: skip
    assert HANAKO not in listed(engine, NOW + 28 * DAY)
    assert HANAKO in listed(engine, NOW + 29 * DAY)


def test_a_reminder_that_waited_for_the_morning_is_not_sent_once_a_reading_came(engine: Engine) -> None:
    hear(engine, reading(1, 20, body_weight="62.0"))
    assert reminded(engine, NOW) == [HANAKO]
    with read(engine) as connection:
        [owed] = [one for one in repo_notices.of(connection, HANAKO) if one.kind == repo_silences.KIND]
        assert reach_of(connection, SEAL, owed, NOW).needless is None
    hear(engine, reading(1, 0.01, body_weight="62.0"))
    with read(engine) as connection:
        assert reach_of(connection, SEAL, owed, NOW).needless == "withdrawn"


def test_who_hides_stands_on_the_list_without_address_and_telephone(engine: Engine) -> None:
    hear(engine, reading(1, 30, body_weight="62.0"), reading(2, 1, body_weight="70.0"))
    with write(engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        changed = msgspec.structs.replace(person, phone="0234-26-1111", version=person.version + 1)
        repo_residents.edit(connection, changed, NOW, actor="t", os_user="t")
        [one] = repo_silences.listed(connection, None, NOW)
        assert one.person.phone == "0234-26-1111"
        measure = {"id": "l-hiddenhiddenh", "resident_id": HANAKO, "since": 0, "until": 10**17, "seen": "x", "by": "n",
                   "at": 0, "version": 1}  # fmt: skip
        connection.execute(PROTECTION.insert().values(measure))
        assert repo_protection.shielded(connection, [HANAKO], NOW)
        [hidden] = repo_silences.listed(connection, None, NOW)
    assert hidden.person.phone is None


def test_a_town_is_one_query_of_index_steps(engine: Engine) -> None:
    """Of 40,000 people the newest reading of each is the last entry of an index: no table of readings is read."""
    with read(engine) as connection:
        query = repo_silences.query_of({TOWN}, NOW, 14).compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    of_readings = [line for line in plan if "reading" in line]
    assert of_readings
    assert all("ix_reading_resident_id_measured_at (resident_id=? AND measured_at<?)" in line for line in of_readings)
    assert not [line for line in plan if line.startswith("SCAN")]


def test_the_office_asks_the_terminal(engine: Engine) -> None:
    hear(engine, reading(1, 60, body_weight="62.0"))

    def run(*words: str) -> Any:
        return CliRunner().invoke(command.app, list(words))

    # The clock of the command is today's: Hanako was last heard long ago, Taro was enrolled long ago and never was.
    done = told(run("list", "--json"))
    found = {one["resident"]: one["reason"] for one in done["silent"]}
    assert found.get(HANAKO, "silent") == "silent"
    assert told(run("list", "--limit", "1", "--json"))["silent"] == done["silent"][:1]
    assert refused(run("list", "--municipality", "131016")) == (Exit.USAGE, "foreign-municipality")
    first, second = told(run("remind", "--json")), told(run("remind", "--json"))
    assert HANAKO in first["reminded"]
    assert second["reminded"] == []
    assert "人" in run("list").stderr

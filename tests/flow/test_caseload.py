"""The caseload, teams, workload, requests and devices in the store, the same on both databases."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import Engine

from engine.access import rights_of
from engine.officehours import after_days
from engine.refusal import Refusal
from engine.requests import Kind, Request
from engine.review import Command, Decision, decide, rank
from engine.store import (
    repo_advice,
    repo_caseload,
    repo_contacts,
    repo_device_desk,
    repo_releases,
    repo_requests,
    repo_residents,
    repo_teams,
    repo_watch,
    repo_workload,
)
from engine.store.database import Connection, read, write
from engine.store.repo_caseload import Want
from engine.store.repo_facts import By
from engine.store.repo_residents import Conflict
from engine.store.repo_teams import Team
from tests.flow.furnished import store
from tests.homes import DEVICE, HANAKO, NOW, TARO, resident
from tests.web.care import told, watched_by
from tests.web.desks import item, put

__all__ = ["store"]
pytestmark = pytest.mark.flow
BY = By("s-nursenursenur", "test")
TOWN = frozenset({"062049"})
DAY = timedelta(days=1)


def people(engine: Engine, *kana: tuple[str, str]) -> list[str]:
    """Residents of the town by the reading of their names; their ids."""
    ids = [f"r-{'abcdefghij'[number] * 13}" for number in range(len(kana))]
    with write(engine) as connection:
        for name, (family, given) in zip(ids, kana, strict=True):
            one = resident(name, "某", date(1960, 1, 1))
            changed = msgspec.structs.replace(one, household_id=None, family_kana=family, given_kana=given)
            repo_residents.add(connection, changed, NOW, actor="test", os_user="test")
    return ids


def team(connection: Connection, name: str = "北") -> Team:
    made = repo_teams.add(connection, "062049", name, BY, NOW, Random(name))
    assert isinstance(made, Team)
    return made


def test_pages_follow_each_other_in_the_order_of_a_japanese_list(store: Engine) -> None:
    kana = [("カワダ", "ア"), ("ガトウ", "ア"), ("カトウ", "ア"), ("ッタ", "ア"), ("アンドウ", "ア"), ("カトウ", "ア")]
    ids = people(store, *kana)
    want, seen, after = Want(towns=TOWN), [], None
    with read(store) as connection:
        assert repo_caseload.count(connection, want) == 8
        while page := repo_caseload.page(connection, want, after=after, limit=3):
            seen += [person.id for person in page]
            after = page[-1].id
        assert repo_caseload.count(connection, Want(towns=frozenset({"064611"}))) == 0
        assert repo_caseload.count(connection, Want(towns=None)) == 8
    assert seen == [ids[4], ids[2], ids[5], ids[1], ids[0], ids[3], *sorted((HANAKO, TARO))]


def test_each_filter_asks_for_what_it_says(store: Engine) -> None:
    with write(store) as connection:
        north = team(connection)
        repo_teams.assign(connection, [TARO], north.id, BY.actor, BY, NOW)
        repo_contacts.add(
            connection, resident=HANAKO, by=BY.actor, how="phone", outcome="reached", text="", now=NOW,
            rng=Random(1), os_user="test",
        )  # fmt: skip
        wishes = {
            "team": Want(towns=TOWN, team=north.id), "mine": Want(towns=TOWN, staff=BY.actor),
            "unkept": Want(towns=TOWN, unkept=True), "unseen": Want(towns=TOWN, unseen_since=NOW - DAY),
            "unseen-later": Want(towns=TOWN, unseen_since=NOW + DAY),
            "silent": Want(towns=TOWN, silent_since=NOW + DAY), "heard": Want(towns=TOWN, silent_since=NOW - DAY),
            "unmeasured": Want(towns=TOWN, measured_since=NOW - DAY),
        }  # fmt: skip
        found = {name: repo_caseload.ids(connection, want) for name, want in wishes.items()}
        assert repo_caseload.last_of(connection, [HANAKO], NOW, DAY)[HANAKO].contact == NOW
    assert found == {
        "team": [TARO], "mine": [TARO], "unkept": [HANAKO], "unseen": [TARO], "unseen-later": [HANAKO, TARO],
        "silent": [HANAKO, TARO], "heard": [], "unmeasured": [],
    }  # fmt: skip


def test_a_team_has_one_name_in_a_town_and_residents_are_counted(store: Engine) -> None:
    with write(store) as connection:
        north = team(connection)
        again = repo_teams.add(connection, "062049", " 北 ", BY, NOW, Random(2))
        assert isinstance(again, Refusal)
        assert again.code == "taken"
        assert isinstance(repo_teams.add(connection, "062049", " ", BY, NOW, Random(3)), Refusal)
        south = team(connection, "南")
        assert isinstance(repo_teams.rename(connection, south, "北", BY, NOW), Refusal)
        assert repo_teams.rename(connection, south, "南", BY, NOW) == south
        assert repo_teams.assign(connection, [HANAKO, TARO, HANAKO], north.id, None, BY, NOW) == 2
        assert repo_teams.assign(connection, [TARO], None, None, BY, NOW) == 1
        assert {one.name: one.residents for one in repo_teams.listed(connection, TOWN)} == {"北": 1, "南": 0}
        assert repo_teams.get(connection, north.id, {"064611"}) is None
        assert set(repo_teams.keepers(connection, [HANAKO, TARO])) == {HANAKO}


def test_the_workload_counts_each_item_once_and_decisions_by_the_day_in_japan(store: Engine) -> None:
    late = datetime(2026, 11, 21, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    put(
        store,
        *(item(name, resident_id=who, topic=name) for name, who in (("one", TARO), ("two", TARO), ("six", HANAKO))),
    )
    with write(store) as connection:
        repo_teams.assign(connection, [TARO], team(connection).id, "s-othernurseaab", BY, NOW)
        found = repo_advice.get(connection, f"a-{'six':a<13}")
        assert found is not None
        command = Command(verb="reject", by=BY.actor, version=1, reason="not-now", rights=rights_of({"nurse"}))
        decision = decide(found, command, late)
        assert isinstance(decision, Decision)
        done = repo_advice.decide(connection, decision, rank(found, late), os_user="test")
        assert not isinstance(done, Conflict)
    with read(store) as connection:
        waits = repo_workload.waiting(connection, TOWN, NOW + 60 * DAY)
        assert (waits.whole.open, waits.whole.overdue, waits.whole.minutes) == (2, 2, 12.0)
        assert {name: load.open for name, load in waits.staff.items()} == {"s-othernurseaab": 2}
        counts = repo_workload.decided(connection, TOWN, NOW)
        assert {name: dict(days) for name, days in counts.items()} == {BY.actor: {date(2026, 11, 21): 1}}
        assert repo_workload.decided(connection, frozenset({"064611"}), NOW) == {}
        assert repo_workload.decided(connection, TOWN, NOW + 15 * DAY) == {}


def test_a_request_is_promised_in_office_days_and_changes_only_from_the_version_that_was_seen(store: Engine) -> None:
    with write(store) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        wishes: list[tuple[Kind, str | None]] = [("ask", None), ("call", None), ("wrong", DEVICE), ("device", None)]
        made = [repo_requests.add(connection, person, kind, "a", about, NOW) for kind, about in wishes]
        assert [one.due_at for one in made] == [after_days(NOW, days) for days in (3, 1, 2, 3)]
        assert [one.desk for one in made] == ["health", "health", "devices", "devices"]
        assert [one.id for one in repo_requests.waiting(connection, "health", TOWN)] == [made[1].id, made[0].id]
        assert repo_requests.waiting(connection, "health", {"064611"}) == []
        assert repo_requests.count(connection, "devices", TOWN, NOW + 30 * DAY) == (2, 2)
        answered = msgspec.structs.replace(made[0], state="answered", answer="b", closed_at=NOW, closed_by="s")
        assert isinstance(repo_requests.change(connection, answered), Request)
        assert repo_requests.change(connection, answered) == Conflict(made[0].id, 1, 2)
        assert [one.id for one in repo_requests.finished(connection, "health", TOWN)] == [made[0].id]
        assert len(repo_requests.of(connection, TARO)) == 4


def test_devices_are_paged_from_the_longest_silent_and_a_slot_is_taken_once(store: Engine) -> None:
    with write(store) as connection:
        assert [one.id for one in repo_device_desk.page(connection, TOWN, text="ﾔﾏﾀﾞ")] == [DEVICE]
        assert repo_device_desk.page(connection, TOWN, after=DEVICE) == []
        assert repo_device_desk.page(connection, frozenset({"064611"})) == []
        assert repo_device_desk.page(connection, TOWN, battery=100) == []
        assert repo_device_desk.unbind(connection, DEVICE, 2, BY, NOW)
        assert not repo_device_desk.unbind(connection, DEVICE, 2, BY, NOW)
        assert not repo_device_desk.unbind(connection, DEVICE, None, BY, NOW)
        [one] = repo_device_desk.page(connection, None)
        assert [binding.resident for binding in one.bindings] == [HANAKO]


def test_a_release_and_a_watcher_are_kept_as_they_were_said(store: Engine) -> None:
    [fact] = told(store, TARO, NOW - DAY, ("lab.ldl", "131", "mg/dL"))
    watched_by(store, TARO, "s-watcherwatche", NOW - DAY)
    with write(store) as connection:
        assert repo_releases.release(connection, fact, BY, NOW)
        assert not repo_releases.release(connection, fact, BY, NOW + DAY)
        assert repo_releases.released_to(connection, TARO) == {fact: NOW}
        assert repo_releases.released_to(connection, HANAKO) == {}
        assert repo_watch.watched(connection, "s-watcherwatche", NOW) == {TARO}
        assert repo_watch.watched(connection, "s-watcherwatche", NOW - 2 * DAY) == frozenset()

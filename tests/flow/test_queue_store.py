"""The pages of the queue on both databases: order, towns, searches, counts, batches and the nightly places."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Engine, insert, select, update

from engine.access import Identity
from engine.decisions import carry_out
from engine.queue_search import BUILT_IN, Search
from engine.ranking import rank
from engine.ranking_store import replace_all, standing
from engine.review import LOCAL, Command, Item
from engine.store import audit, repo_advice, repo_consents, repo_queue, repo_views
from engine.store.database import read, write
from engine.store.repo_barred import Barred
from engine.store.tables import ADVICE, ADVICE_EVENT
from engine.store.tables_desk import RESIDENT_TEAM, STAFF, TEAM
from tests.flow.furnished import store
from tests.homes import consent
from tests.web.desks import HANAKO, NOW, TARO, item, put

__all__ = ["store"]
pytestmark = [pytest.mark.flow]
SAKATA = "062049"
NURSE = Identity(id="s-nursenursenur", name="鈴木", roles=frozenset({"nurse"}), municipalities=frozenset({SAKATA}))
EVERYWHERE = Identity(id="鈴木", name="鈴木", roles=frozenset({"nurse"}), municipalities=None)


def some(number: int) -> list[Item]:
    rng = Random(3)
    return [
        item(
            f"{chr(97 + n // 26)}{chr(97 + n % 26)}", rng.choice(("routine", "soon", "urgent")),
            resident_id=rng.choice((HANAKO, TARO)), created_at=NOW - timedelta(minutes=rng.randrange(30_000)),
        )
        for n in range(number)
    ]  # fmt: skip


def found(engine: Engine, search: Search, who: Identity = NURSE) -> list[str]:
    with read(engine) as connection:
        return [one.id for one in repo_queue.walk(connection, who, search, NOW, start=None, part=7)]


def test_the_index_reads_the_order_of_the_ranking_forwards_and_back(store: Engine) -> None:
    items = some(40)
    put(store, *items)
    order = [one.id for one in sorted(items, key=lambda one: (*rank(one, NOW).key, one.id))]
    assert found(store, Search()) == found(store, Search(), EVERYWHERE) == order
    with read(store) as connection:
        middle = repo_queue.line(connection, order[20])
        assert middle is not None
        back = repo_queue.walk(connection, NURSE, Search(), NOW, start=middle.cursor, back=True, part=3)
        assert [one.id for one in back] == order[:20][::-1]
        page = repo_queue.leaf(connection, NURSE, Search(), NOW, after=middle.cursor, size=5)
        assert ([one.id for one in page.lines], page.before, page.after) == (order[21:26], True, True)


def test_every_search_runs_and_finds_what_it_says(store: Engine) -> None:
    put(store, item("mine"), item("team", resident_id=HANAKO), item("late", created_at=NOW - timedelta(days=40)))
    with write(store) as connection:
        team = {"id": "t-teamteamteam2", "municipality_code": SAKATA, "name": "北", "created_at": 1}
        connection.execute(insert(TEAM), team)
        staff = {
            "id": NURSE.id, "login": "suzuki", "name": "鈴木", "roles": "[]", "municipalities": "[]", "team_id": team["id"],
            "totp_step": 0, "failed": 0, "active": True, "single_keys": True, "language": "ja", "created_at": 1, "version": 1,
        }  # fmt: skip
        connection.execute(insert(STAFF), staff)
        connection.execute(insert(RESIDENT_TEAM), {"resident_id": HANAKO, "team_id": team["id"], "at": 1, "by": "x"})
        repo_queue.assign(connection, f"a-{'mine':a<13}", NURSE.id)
    assert found(store, Search(assigned="me")) == [f"a-{'mine':a<13}"]
    assert found(store, Search(assigned="team")) == [f"a-{'team':a<13}"]
    assert found(store, Search(due="over")) == [f"a-{'late':a<13}"]
    for search in (*BUILT_IN.values(), Search(q="やまだ", severity="routine", since=NOW.date(), until=NOW.date())):
        assert set(found(store, search)) <= {f"a-{name:a<13}" for name in ("mine", "team", "late")}


def test_counts_and_who_is_left_out_follow_decisions_and_words(store: Engine) -> None:
    put(store, *some(12), item("held", state="approved", held_until=NOW + timedelta(minutes=10)))
    barred = Barred()
    with read(store) as connection:
        assert repo_queue.counts(connection, NURSE) == {"open": 12, "held": 1, "later": 0}
        assert barred.count(connection, NURSE, NOW) == 0
    with write(store) as connection:
        repo_consents.append(connection, consent(TARO, "nurse-review", granted=False, at=NOW), os_user="test")
    with read(store) as connection:
        theirs = connection.execute(select(ADVICE.c.id).where(ADVICE.c.resident_id == TARO)).scalars().all()
        assert barred.count(connection, NURSE, NOW) == len(theirs) > 0
    put(store, item("new", "soon"))
    with read(store) as connection:
        assert barred.count(connection, NURSE, NOW) == len(theirs) + 1
        assert barred.count(connection, NURSE, NOW + timedelta(hours=2)) == len(theirs) + 1


def test_urgent_items_wait_for_a_contact_whatever_is_decided(store: Engine) -> None:
    calm = item("x").evidence | {"ask": []}
    put(store, item("red", "urgent", evidence=calm))
    with write(store) as connection:
        red = repo_advice.get(connection, f"a-{'red':a<13}")
        assert red is not None
        wish = Command(verb="approve", by=NURSE.id, version=1, rights=LOCAL)
        after = carry_out(connection, red, wish, NOW, os_user="test", batch="b-batchbatchba2")
        assert isinstance(after, Item)
        assert repo_queue.done_in(connection, "b-batchbatchba2", NURSE.id, [red.id]) == {red.id: 2}
    assert found(store, Search()) == [f"a-{'red':a<13}"]
    with write(store) as connection:
        assert repo_queue.contacted(connection, f"a-{'red':a<13}", NOW)
    assert (found(store, Search()), found(store, Search(shelf="held"))) == ([], [f"a-{'red':a<13}"])


def test_the_nightly_turn_puts_everything_where_the_ranking_sees_it_and_changes_nothing_else(store: Engine) -> None:
    items = some(30)
    put(store, *items)
    with write(store) as connection:
        connection.execute(update(ADVICE).values(place=0))
        before, head = repo_advice.listed(connection), audit.head(connection)
    assert replace_all(store, NOW) == len(items)
    assert replace_all(store, NOW) == 0
    with read(store) as connection:
        known = standing(connection, items, NOW)
        assert repo_advice.listed(connection) == before
        assert audit.head(connection) == head
        assert not connection.execute(select(ADVICE_EVENT).where(ADVICE_EVENT.c.command != "create")).all()
    order = [one.id for one in sorted(items, key=lambda one: (*rank(one, NOW, known).key, one.id))]
    assert found(store, Search()) == order
    with read(store) as connection:
        line = repo_queue.line(connection, order[0])
    assert line is not None
    assert "no-contact" in line.reasons


def test_views_are_kept_under_one_name_each(store: Engine) -> None:
    with write(store) as connection:
        for query in ("a=1", "a=2"):
            assert repo_views.save(connection, NURSE.id, " 朝 の ", query, NOW) == "朝 の"
        assert repo_views.of(connection, NURSE.id) == {"朝 の": "a=2"}
        for number in range(repo_views.MOST - 1):
            repo_views.save(connection, NURSE.id, f"{number}", "", NOW)
        assert getattr(repo_views.save(connection, NURSE.id, "more", "", NOW), "code", "") == "too-many-views"
        assert getattr(repo_views.rename(connection, NURSE.id, "0", "1"), "code", "") == "view-taken"

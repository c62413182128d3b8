"""What the item page keeps and reads, on both databases: looks, notes, contacts, claims, edits, what came before."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from engine.review import CLAIM, LOCAL, Command, Decision, Item, Refusal, decide, rank
from engine.store import audit, repo_advice, repo_contacts, repo_evidence, repo_notes, repo_seen
from engine.store.database import Connection, read, upsert, write
from engine.store.instants import to_micros
from engine.store.tables_desk import ADVICE_RESPONSE
from tests.flow.furnished import store
from tests.web.desks import HANAKO, NOW, TARO, item

__all__ = ["store"]
pytestmark = pytest.mark.flow
ONE, TWO, OLD = "a-oneaaaaaaaaaa", "a-twoaaaaaaaaaa", "a-oldaaaaaaaaaa"
MINUTE = timedelta(minutes=1)


def add(connection: Connection, *items: Item) -> None:
    for one in items:
        repo_advice.add(connection, one, rank(one, NOW), actor="engine", os_user="test")


def do(connection: Connection, name: str, verb: Any, by: str = "s-nursenursenur", **more: Any) -> Item:
    one = repo_advice.get(connection, name)
    assert one is not None
    found = decide(one, Command(verb=verb, by=by, version=one.version, rights=LOCAL, **more), NOW)
    assert isinstance(found, Decision), found
    stored = repo_advice.decide(connection, found, rank(found.item, NOW), os_user="test")
    assert isinstance(stored, Item)
    return stored


def test_the_last_look_of_each_is_kept_with_its_version(store: Engine) -> None:
    with write(store) as connection:
        repo_seen.mark(connection, ONE, "s-a", 1, NOW)
        repo_seen.mark(connection, ONE, "s-b", 1, NOW)
        repo_seen.mark(connection, ONE, "s-a", 3, NOW + MINUTE)
        repo_seen.mark(connection, TWO, TARO, 2, NOW)
    with read(store) as connection:
        assert repo_seen.versions(connection, [ONE, TWO, OLD], "s-a") == {ONE: 3}
        assert repo_seen.at(connection, [ONE, TWO], TARO) == {TWO: NOW}
        assert repo_seen.readers(connection, ONE) == {"s-b": NOW, "s-a": NOW + MINUTE}
        assert repo_seen.at(connection, [], "s-a") == {}


def test_notes_and_contacts_come_back_newest_first_and_leave_hashes_in_the_audit(store: Engine) -> None:
    fields: dict[str, Any] = {"rng": Random(7), "os_user": "test"}
    with write(store) as connection:
        first = repo_notes.add(connection, resident=TARO, author="s-a", text="一", now=NOW, advice=ONE, **fields)
        watch = repo_notes.add(connection, resident=TARO, author="s-w", text="見", now=NOW, kind="watch", **fields)
        last = repo_notes.add(connection, resident=TARO, author="s-a", text="二", now=NOW + MINUTE, **fields)
        call = repo_contacts.add(
            connection, resident=TARO, by="s-a", how="phone", outcome="absent", text="", now=NOW, advice=ONE, **fields
        )
    with read(store) as connection:
        assert repo_notes.of_resident(connection, TARO) == [last, first]
        assert repo_notes.of_resident(connection, TARO, ("watch",)) == [watch]
        assert repo_notes.of_resident(connection, HANAKO) == []
        assert repo_notes.of_advice(connection, ONE) == [first]
        assert repo_contacts.of_resident(connection, TARO) == repo_contacts.of_advice(connection, ONE) == [call]
        assert not call.spoken
        told = [(one.action, one.subject) for one in audit.entries(connection, limit=999)][-4:]
        assert audit.verify(connection) is None
    assert told == [("note-add", ONE), ("note-add", TARO), ("note-add", TARO), ("contact-add", ONE)]


def test_an_edit_stores_the_words_it_replaced_and_an_escalation_who_asked(store: Engine) -> None:
    words = {"text_ja": "話しましょう。", "text_en": "Talk to us."}
    with write(store) as connection:
        add(connection, item("one", evidence={"ask": []}))
        do(connection, ONE, "edit", **words)
        do(connection, ONE, "escalate", reason="腎臓")
    with read(store) as connection:
        kept = repo_advice.get(connection, ONE)
        _, edited, asked = repo_advice.events(connection, ONE)
    assert kept is not None
    assert (kept.text_ja, kept.escalated_by, kept.state) == (words["text_ja"], "s-nursenursenur", "escalated")
    assert (edited.text_ja, edited.text_en) == (item("x").text_ja, item("x").text_en)
    assert (asked.text_ja, asked.reason) == (None, "腎臓")


def test_a_claim_is_renewed_by_who_has_it_and_only_while_nothing_changed(store: Engine) -> None:
    with write(store) as connection:
        add(connection, item("one"))
        mine = do(connection, ONE, "claim")
        assert repo_evidence.renew_claim(connection, mine, "s-nursenursenur", NOW + MINUTE)
        assert not repo_evidence.renew_claim(connection, mine, "s-other", NOW + MINUTE)
        kept = repo_advice.get(connection, ONE)
        assert kept is not None
        assert (kept.version, kept.held_until) == (mine.version, NOW + MINUTE + CLAIM)
        do(connection, ONE, "release")
        assert not repo_evidence.renew_claim(connection, mine, "s-nursenursenur", NOW + MINUTE)
        refused = decide(kept, Command(verb="approve", by="s-b", version=kept.version, rights=LOCAL), NOW + CLAIM)
        assert isinstance(refused, Refusal)


def test_what_came_before_is_told_with_what_the_resident_did_about_it(store: Engine) -> None:
    early = NOW - timedelta(days=40)
    old = item("old", state="delivered", created_at=early, updated_at=early, decided_by="s-a")
    other = item("other", state="delivered", topic="meals", created_at=early, updated_at=early)
    hers = item("hers", state="delivered", resident_id=HANAKO, created_at=early, updated_at=early)
    one = item("one", state="superseded")
    with write(store) as connection:
        add(connection, old, other, hers, one, item("two", supersedes=ONE))
        repo_seen.mark(connection, OLD, TARO, 1, early + MINUTE)
        repo_seen.mark(connection, OLD, "s-a", 1, early)
        row = {"advice_id": OLD, "resident_id": TARO, "said": "not-for-me", "at": to_micros(NOW)}
        upsert(connection, ADVICE_RESPONSE, [row])
    with read(store) as connection:
        [found] = repo_evidence.earlier(connection, one)
        assert (found.id, found.opened, found.said, found.by) == (OLD, early + MINUTE, "not-for-me", "s-a")
        assert found.signals == old.evidence["signals"]
        assert repo_evidence.successor(connection, one) == TWO
        assert repo_evidence.successor(connection, old) is None
        assert repo_evidence.desk_of(connection, ONE) == repo_evidence.OnDesk(None, needs_contact=False)

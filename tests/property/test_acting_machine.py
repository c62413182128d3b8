"""Who sees and does what for whom, after any history of words, bases, measures and days: asked of the store and a model.

The model is a few lines that know nothing of the code: what was said last, what the papers say, what a measure ended.
"""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine import protection
from engine.access import Identity
from engine.acting import Acting, Draft
from engine.protection import Protection
from engine.store import audit, protecting, repo_acting, repo_consents, repo_family, repo_protection, repo_residents
from engine.store.acting_entry import Wanted, enter
from engine.store.database import write
from engine.store.filing import By
from engine.web.me.family import seen_by
from engine.web.sessions import Session
from tests.homes import HANAKO, NOW, consent
from tests.stores import furnished_file

BY = By("s-nursenursenur", "test")
# Born so that a few steps of the clock lead over the 15th and 18th birthday.
BIRTH = date(2012, 3, 1)
SPEAKS, COMES_OF_AGE = (datetime(year, 2, 28, 15, tzinfo=NOW.tzinfo) for year in (2027, 2030))
BASES = ("parent", "guardian", "agent", "care-manager")
SCOPES = (("see",), ("see", "enter"), ("see-weight",), ("see", "consents", "requests"), ("see-steps", "requests"))


class Household(RuleBasedStateMachine):
    """One young person, two relatives with accounts, and a desk."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = furnished_file(Path(self.folder.name) / "engine.sqlite")
        self.now, self.rng = NOW, Random(1)
        self.word: dict[str, tuple[datetime, bool]] = {}
        self.bases: list[dict[str, Any]] = []
        self.measures: list[list[Any]] = []

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    @initialize()
    def move_in(self) -> None:
        with write(self.engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            young = msgspec.structs.replace(person, birth_date=BIRTH, version=person.version + 1)
            repo_residents.edit(connection, young, NOW, actor="test", os_user="test")
            members = [repo_family.add(connection, name, "parent", "ja", NOW, self.rng) for name in ("母", "父")]
        self.people = [one.id for one in members]

    @rule(days=st.sampled_from([1, 30, 100, 200, 370]))
    def days_go_by(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(who=st.integers(0, 1), granted=st.booleans())
    def say(self, who: int, granted: bool) -> None:
        self.now += timedelta(seconds=1)
        said = consent(HANAKO, "family-view", granted=granted, at=self.now)
        said = msgspec.structs.replace(said, recipient=self.people[who])
        with write(self.engine) as connection:
            repo_consents.append(connection, said, os_user="test")
        self.word[self.people[who]] = (self.now, granted)

    @rule(who=st.integers(0, 1), basis=st.sampled_from(BASES), scope=st.sampled_from(SCOPES), sure=st.booleans())
    def come_to_the_desk(self, who: int, basis: str, scope: tuple[str, ...], sure: bool) -> None:
        self.now += timedelta(seconds=1)
        care = basis == "care-manager"
        until = (self.now + timedelta(days=90)).date() if care else None
        given = basis in {"agent", "care-manager"}
        draft = Draft(basis=basis, scope=scope, seen="書類", until=until, agreed_by="resident" if given else None)
        with write(self.engine) as connection:
            person = repo_residents.get(connection, HANAKO)
            assert person is not None
            wanted = Wanted(draft=draft, actor=self.people[who], confirmed=sure)
            made = enter(connection, person, wanted, self.now, BY, self.rng)
        grown = basis == "parent" and self.now >= COMES_OF_AGE
        beyond = given and "consents" in scope
        twice = any(one["who"] == self.people[who] and one["basis"] == basis and self.holds(one) for one in self.bases)
        assert isinstance(made, Acting) is not (grown or beyond or twice or (self.hidden() and not sure))
        if isinstance(made, Acting):
            end = None if until is None else datetime(until.year, until.month, until.day, 15, tzinfo=NOW.tzinfo)
            self.bases.append(
                {"id": made.id, "who": self.people[who], "basis": basis, "scope": scope, "end": end, "over": False}
            )

    @precondition(lambda self: self.bases)
    @rule(pick=st.integers(0, 9))
    def end(self, pick: int) -> None:
        one = self.bases[pick % len(self.bases)]
        with write(self.engine) as connection:
            repo_acting.end(connection, one["id"], BY, "over", self.now)
        one["over"] = True

    @precondition(lambda self: not self.hidden())
    @rule(days=st.sampled_from([20, 200]), leave=st.booleans())
    def hide(self, days: int, leave: bool) -> None:
        self.now += timedelta(seconds=1)
        until = (self.now + timedelta(days=days)).date()
        made = protection.drafted(
            id=f"l-{'abcdefghijklm'[len(self.measures) % 13] * 13}", resident=HANAKO, seen="申出書", until=until,
            by=BY.actor, now=self.now,
        )  # fmt: skip
        assert isinstance(made, Protection)
        if any(one[0] == made.id for one in self.measures):
            return
        with write(self.engine) as connection:
            protecting.begin(connection, made, BY, self.now, leave_home=leave)
        self.measures.append([made.id, self.now, made.until])
        for one in self.bases:
            one["over"] = True

    @precondition(lambda self: self.hidden())
    @rule()
    def need_it_no_more(self) -> None:
        self.now += timedelta(seconds=1)
        if not self.hidden():
            return
        with write(self.engine) as connection:
            [held] = [one for one in repo_protection.of(connection, HANAKO) if protection.holds(one, self.now)]
            after = protection.ended(held, BY.actor, self.now)
            assert isinstance(after, Protection)
            protecting.change(connection, after, "protect-end", BY, self.now)
        self.measures[-1][2] = self.now

    def hidden(self) -> bool:
        return any(begun <= self.now < end for _, begun, end in self.measures)

    def holds(self, one: dict[str, Any]) -> bool:
        late = one["end"] is not None and self.now >= one["end"]
        return not (one["over"] or late or (one["basis"] == "parent" and self.now >= COMES_OF_AGE))

    def looks_by_word(self, who: str) -> bool:
        at, granted = self.word.get(who, (self.now, False))
        after = all(at >= end for _, _, end in self.measures)
        return granted and after and not self.hidden()

    def scope(self, who: str) -> set[str]:
        found: set[str] = set()
        for one in self.bases:
            if one["who"] == who and self.holds(one):
                silent = one["basis"] == "parent" and self.now >= SPEAKS
                found |= set(one["scope"]) - ({"consents"} if silent else set())
        return found

    @invariant()
    def nobody_sees_or_does_more_or_less_than_words_and_papers_say(self) -> None:
        with write(self.engine) as connection:
            for who in getattr(self, "people", []):
                word, scope = self.looks_by_word(who), self.scope(who)
                assert repo_family.may_look(connection, who, HANAKO, None, self.now) is word
                for part in ("see", "see-weight", "enter", "consents", "requests"):
                    basis = repo_acting.may_act(connection, who, HANAKO, part, self.now)
                    assert (basis is not None) is (part in scope), (part, scope)
                shown = seen_by(connection, self._session(who), HANAKO, self.now)
                assert (shown is not None) is (word or bool(scope))
                assert (shown is not None and shown.held.everything) is (word or "see" in scope)
            hidden = repo_protection.shielded(connection, [HANAKO], self.now)
            assert hidden == (frozenset({HANAKO}) if self.hidden() else frozenset())

    @invariant()
    def the_trail_is_whole(self) -> None:
        with write(self.engine) as connection:
            assert audit.verify(connection) is None

    def _session(self, who: str) -> Session:
        return Session(
            id="x", who=Identity(id=who, name="母", roles=frozenset({"family"})), csrf="", lang="ja", started=self.now,
            seen=self.now, ends=self.now,
        )  # fmt: skip


Household.TestCase.settings = settings(
    max_examples=settings().max_examples // 8, stateful_step_count=12, deadline=None
)  # fmt: skip
TestHousehold = Household.TestCase

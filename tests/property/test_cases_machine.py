"""Whatever is done with a case, in whatever order: it is on exactly one list, and nothing that was done is lost."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine

from engine.cases import REASONS, Case, Change, Goal, total
from engine.cases_book import HABITS, PROGRAMMES, STAGES, book
from engine.cases_contact import note_contact
from engine.cases_list import calls
from engine.cases_store import Opening, end, evaluate, interview, open_case, plan
from engine.clinical_values import day_of
from engine.refusal import Refusal
from engine.store import audit, repo_cases, repo_consents, repo_residents
from engine.store.database import Connection, read, write
from engine.store.repo_contacts import HOWS, OUTCOMES
from engine.store.repo_facts import By
from tests.homes import NOW, TARO, consent
from tests.stores import furnished_file

WHO = By("s-nursenursenur", "test")
SOON = st.integers(-3, 130)


class Following(RuleBasedStateMachine):
    """One resident, one nurse, a clock that goes on, and a consent that may be taken back and given again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store: Engine = furnished_file(self.folder / "engine.sqlite")
        self.now, self.turns, self.agreed = NOW, 0, True
        self.case: Case | None = None
        self.seen: list[tuple[Any, int]] = []

    def teardown(self) -> None:
        self.store.dispose()
        shutil.rmtree(self.folder)

    @initialize(programme=st.sampled_from(PROGRAMMES))
    def begin(self, programme: Any) -> None:
        self.run(lambda connection: open_case(
            connection, self.person(connection), Opening(programme=programme, basis="nurse"), self.now, WHO, Random(1)
        ))  # fmt: skip
        assert self.case is not None

    @rule(days=st.integers(0, 45))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days, minutes=1)

    @rule(
        how=st.sampled_from(HOWS), outcome=st.sampled_from(OUTCOMES), minutes=st.none() | st.integers(1, 60),
        ahead=st.none() | SOON,
    )  # fmt: skip
    def speak(self, how: Any, outcome: Any, minutes: int | None, ahead: int | None) -> None:
        self.turns += 1
        day = None if ahead is None else self.today + timedelta(days=ahead)
        self.act(lambda connection, case: note_contact(
            connection, case, how, outcome, "", minutes, day, self.now, WHO, Random(self.turns)
        ))  # fmt: skip

    @rule(ahead=st.none() | SOON)
    def plan(self, ahead: int | None) -> None:
        day = None if ahead is None else self.today + timedelta(days=ahead)
        self.act(lambda connection, case: plan(connection, case, day, self.now, WHO))

    @rule(ago=st.integers(-1, 3))
    def interview(self, ago: int) -> None:
        day = self.today - timedelta(days=ago)
        self.act(lambda connection, case: interview(connection, case, day, "visit", self.now, WHO))

    @rule(stage=st.sampled_from(STAGES), habits=st.sets(st.sampled_from(HABITS)))
    def evaluate(self, stage: Any, habits: set[Any]) -> None:
        def act(connection: Connection, case: Case) -> Any:
            done = evaluate(
                connection, self.person(connection), self.aimed(case), stage, Change(), sorted(habits), self.now, WHO
            )
            return done if isinstance(done, Refusal) else done[0]

        self.act(act)

    @rule(reason=st.sampled_from(REASONS))
    def end(self, reason: Any) -> None:
        self.act(lambda connection, case: end(connection, case, reason, "x", self.now, WHO))

    @rule()
    def change_their_mind(self) -> None:
        self.agreed = not self.agreed
        self.now += timedelta(minutes=1)
        with write(self.store) as connection:
            said = consent(TARO, "nurse-review", granted=self.agreed, at=self.now)
            repo_consents.append(connection, said, os_user="test")

    @invariant()
    def it_is_on_exactly_one_list_and_nothing_was_lost(self) -> None:
        if self.case is None:
            return
        with read(self.store) as connection:
            found = calls(connection, ["062049"], self.now)
            case = repo_cases.get(connection, self.case.id)
            events = repo_cases.events(connection, self.case.id)
            assert audit.verify(connection) is None
        assert case is not None
        lists = ([one.case for one in found.due], [one.case for one in found.soon], found.later, found.withdrawn)
        assert sum(one.id == case.id for part in lists for one in part) == (case.state == "open")
        assert bool(found.withdrawn) == (case.state == "open" and not self.agreed)
        if case.state == "open" and self.agreed and (case.next_on is None or case.next_on <= self.today):
            assert len(found.due) == 1
        told: list[tuple[Any, int]] = [(event.sort, event.points) for event in events]
        assert told[: len(self.seen)] == self.seen
        self.seen = told
        assert total(events) == 0 or case.programme == "active"
        assert case.next_on is None or (case.next_on - day_of(events[-1].at)).days <= book().policy.farthest
        assert (case.state == "ended") == (told[-1][0] == "ended")

    @property
    def today(self) -> date:
        return day_of(self.now)

    def person(self, connection: Connection) -> Any:
        found = repo_residents.get(connection, TARO)
        assert found is not None
        return found

    def aimed(self, case: Case) -> Case:
        """The case with a goal: which goals may be is tried elsewhere, with the rules."""
        return msgspec.structs.replace(case, goal=Goal(kind="habit", habit="rest", words="x"))

    def act(self, step: Any) -> None:
        """Does something with the case; without consent nothing but planning and ending may succeed."""
        self.run(lambda connection: step(connection, repo_cases.get(connection, self.case.id if self.case else "")))

    def run(self, step: Any) -> None:
        with write(self.store) as connection:
            done = step(connection)
        if isinstance(done, Case):
            assert done.version >= (self.case.version if self.case else 1)
            self.case = done


Following.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestFollowing = Following.TestCase

"""Whatever order editions, pages and crashes come in, the record says what the newest editions say, each once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from engine.care_entries import current
from engine.store import audit, repo_entries, repo_facts
from engine.store.database import read
from engine.store.tables_bridge import PULLED
from tests.homes import HANAKO
from tests.linked_home import LDL, Bridge, Crash, Shelf, agree, condition, known, lab, linked
from tests.stores import furnished_file

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# More than a pull looks back.
GAP = timedelta(minutes=10)
FAR = datetime.max.replace(tzinfo=UTC)
ILLNESSES = ("E119", "N189", "I10")
# Each edition is a name and what it says: a value, an illness, or that it was wrong.
SAID = st.tuples(st.sampled_from(["o1", "o2", "c1"]), st.integers(0, 3))


def resource(name: str, says: int) -> dict[str, Any]:
    if name == "c1":
        wrong = {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}, "clinicalStatus": None}
        made = condition(name, ILLNESSES[says % 3], "病名")
        changed = made | (wrong if says == 3 else {})
        return {key: value for key, value in changed.items() if value is not None}
    # Two names may say the very same of the very same moment: taking one back leaves the other's word.
    value = ("6.10", "7.10", "8.00", "7.10")[says]
    return lab(name, value, status="entered-in-error" if says == 3 else "final")


@dataclass
class Power:
    """Fails at the n-th look at the clock, once."""

    left: int | None = None
    looks: int = field(default=0)


class Failing(Bridge):
    """A bridge whose power may go whenever it looks at the clock."""

    power = Power()

    def clock(self) -> datetime:
        left = self.power.left
        if left is not None:
            self.power.left = None if left == 0 else left - 1
            if left == 0:
                raise Crash
        return super().clock()


@contextmanager
def bridging(shelf: Shelf) -> Iterator[Failing]:
    with tempfile.TemporaryDirectory() as folder:
        engine = furnished_file(Path(folder) / "engine.sqlite")
        agree(engine, HANAKO)
        linked(engine, HANAKO, "p1")
        made = Failing(engine, shelf, "https://net.example/fhir", Path(folder), AT + timedelta(days=1))
        made.power = Power()
        yield made
        engine.dispose()


def said_by(bridge: Bridge) -> tuple[dict[str, list[str]], list[tuple[str, str, str]]]:
    """The facts that stand, and the entries as they are shown."""
    with read(bridge.engine) as connection:
        entries = current(repo_entries.of(connection, HANAKO), FAR)
        rows = repo_facts.of_one(connection, HANAKO)
        assert audit.verify(connection) is None
    back = [row.retracts for row in rows if row.retracts is not None]
    assert len(back) == len(set(back)), "nothing is taken back twice"
    return known(bridge.engine), sorted((one.remote, one.name, one.codes[0].code) for one in entries)


def newest(editions: list[tuple[str, int]]) -> dict[str, int]:
    return dict(editions)


def expected(editions: list[tuple[str, int]]) -> tuple[set[str], set[str]]:
    """The values of HbA1c and the illnesses the newest editions say."""
    last = newest(editions)
    values = {("6.10", "7.10", "8.00")[says] for name, says in last.items() if name != "c1" and says != 3}
    codes = {ILLNESSES[says % 3] for name, says in last.items() if name == "c1" and says != 3}
    return values, codes


STEP = st.one_of(
    SAID.map(lambda said: ("write", *said)), st.just(("pull",)), st.integers(0, 40).map(lambda at: ("crash", at))
)


@settings(max_examples=10)
@example(steps=[("write", "o1", 1), ("pull",), ("write", "o1", 0), ("pull",), ("write", "o1", 1)], size=1)
@given(steps=st.lists(STEP, max_size=10), size=st.integers(1, 3))
def test_crashes_and_corrections_between_pulls_change_nothing_of_what_stands_in_the_end(
    steps: list[tuple[Any, ...]], size: int
) -> None:
    shelf = Shelf("Observation", "Condition", size=size)
    written: list[tuple[str, int]] = []
    with bridging(shelf) as bridge:
        for step in [*steps, ("pull",)]:
            if step[0] == "write":
                written.append((step[1], step[2]))
                shelf.editions.append((resource(*written[-1]), str(len(written)), AT + GAP * len(written)))
                continue
            bridge.power.left = step[1] if step[0] == "crash" else None
            with suppress(Crash):
                bridge.pull()
            bridge.power.left = None
        facts, entries = said_by(bridge)
        values, codes = expected(written)
        assert sorted(facts.get("lab.hba1c", [])) == sorted(values)
        assert {code for _, _, code in entries} == codes
        with read(bridge.engine) as connection:
            kept = connection.execute(select(func.count()).select_from(PULLED)).scalar_one()
        assert kept <= len(written)


@settings(max_examples=10)
@given(data=st.data(), editions=st.lists(SAID, min_size=1, max_size=6))
def test_editions_that_come_in_any_order_say_what_the_newest_says(
    data: st.DataObject, editions: list[tuple[str, int]]
) -> None:
    dated = [(resource(*one), str(n + 1), AT + GAP * n) for n, one in enumerate(editions)]
    shuffled = data.draw(st.permutations(dated))
    cut = data.draw(st.integers(0, len(shuffled)))
    shelf = Shelf("Observation", "Condition")
    with bridging(shelf) as bridge:
        for part in (shuffled[:cut], shuffled[cut:], shuffled[:cut]):
            shelf.script = [part, part]
            bridge.pull()
        facts, entries = said_by(bridge)
    values, codes = expected(editions)
    assert sorted(facts.get("lab.hba1c", [])) == sorted(values)
    assert {code for _, _, code in entries} == codes


def test_a_crash_at_any_moment_of_a_pull_loses_nothing() -> None:
    moments, crashed = 0, True
    while crashed:
        shelf = Shelf("Observation", size=2)
        shelf.editions = [(resource("o1", 1), "1", AT), (lab("o2", "142", LDL), "2", AT + GAP)]
        with bridging(shelf) as bridge:
            bridge.power.left = moments
            try:
                bridge.pull()
                crashed = False
            except Crash:
                bridge.power.left = None
                bridge.pull()
            assert known(bridge.engine) == {"lab.hba1c": ["7.10"], "lab.ldl": ["142"]}, moments
        moments += 1
    assert moments > 8, "there were moments to crash at"


def test_two_resources_with_one_word_are_told_once_and_both_have_to_be_taken_back() -> None:
    shelf = Shelf("Observation")
    with bridging(shelf) as bridge:
        for number, (name, status) in enumerate(
            [("o1", "final"), ("o2", "final"), ("o1", "entered-in-error"), ("o2", "entered-in-error")]
        ):
            shelf.editions.append((lab(name, "142", LDL, status=status), str(number), AT + GAP * number))
            bridge.pull()
            assert known(bridge.engine) == ({"lab.ldl": ["142"]} if number < 3 else {}), number

"""What happens while a release is counted and drawn: a word said meanwhile, weights that go, a second who asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from sqlalchemy import Engine, delete

from engine.store.database import Connection, read, write
from engine.store.tables import MEASUREMENT, READING
from fhir_bridge.releasing import Job, Made, counted_ahead, prepared
from simulators.city.people import FIRST, inhabitants
from simulators.city.stores import NOW, UNIT, WHO
from tests.city_oracle import counted, expected
from tests.city_stores import SEAL, Heard, draw
from tests.flow.cities import CUTOFF, LATER, MIXED, SECOND, headcount, mixed, say, word

__all__ = ["mixed"]


def _forget(connection: Connection, person: str) -> None:
    connection.execute(delete(MEASUREMENT).where(MEASUREMENT.c.resident_id == person))
    connection.execute(delete(READING).where(READING.c.resident_id == person))


def test_a_withdrawal_written_down_during_the_draw_waits_for_it_and_counts_next_time(mixed: Engine) -> None:
    target = next(
        one for one in inhabitants(MIXED)
        if counted(one, FIRST) and counted(one, FIRST.next)
    )  # fmt: skip
    ended: list[float] = []

    def withdraw() -> None:
        say(mixed, word(target.id, CUTOFF - SECOND, granted=False))
        ended.append(time.monotonic())

    class During(Heard):
        def add(self, counts: Sequence[int], scale: int) -> list[int]:
            thread.start()
            thread.join(0.2)
            return super().add(counts, scale)

    thread = threading.Thread(target=withdraw)
    made, heard = draw(mixed, noise=During())
    committed = time.monotonic()
    thread.join(10)
    assert isinstance(made, Made)
    assert len(ended) == 1
    assert heard.counts == expected(MIXED, FIRST, NOW)
    assert ended[0] > committed - 0.05
    again = draw(mixed, NOW)[0]
    assert isinstance(again, Made)
    assert again.kept == made.kept
    wanted = [one for one in inhabitants(MIXED) if counted(one, FIRST.next)]
    assert sum(draw(mixed, LATER, FIRST.next)[1].counts[-24:]) == len(wanted) - 1


def test_what_was_said_between_the_count_and_the_draw_is_counted_anew(mixed: Engine) -> None:
    job = Job(UNIT, FIRST, WHO, seal=SEAL)
    target = next(one for one in inhabitants(MIXED) if counted(one, FIRST))
    heard = [Heard(), Heard()]
    with read(mixed) as connection:
        ahead = counted_ahead(connection, job, NOW)
    assert ahead is not None
    with write(mixed) as connection:
        # Weights that go or come meanwhile came too late: the view that was counted holds.
        _forget(connection, target.id)
        assert isinstance(prepared(connection, job, heard[0], NOW, ahead=ahead), Made)
        connection.rollback()
    say(mixed, word(target.id, CUTOFF - SECOND, granted=False))
    with write(mixed) as connection:
        assert isinstance(prepared(connection, job, heard[1], NOW, ahead=ahead), Made)
        connection.rollback()
    assert heard[0].counts == expected(MIXED, FIRST, NOW)
    assert headcount(heard[1]) == headcount(heard[0]) - 1


def test_of_two_who_ask_at_once_one_draws_and_both_get_the_same(mixed: Engine) -> None:
    noise, found = Heard(), list[Made]()
    start = threading.Barrier(2)

    def ask() -> None:
        start.wait(10)
        made, _ = draw(mixed, noise=noise)
        assert isinstance(made, Made)
        found.append(made)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert noise.draws == 1
    assert sorted(made.drawn for made in found) == [False, True]
    assert found[0].kept == found[1].kept

"""The engine's chores: a day's work that failed does not wait for the next day, and one that is done does."""

from __future__ import annotations

import threading

import pytest

from cli.chores import every
from engine.store.database import StoreError

_DAY, _SOON = 24 * 3_600.0, 0.01


@pytest.mark.parametrize("error", [StoreError("busy", "the database is restarting"), ZeroDivisionError()])
def test_a_day_s_work_that_failed_is_done_soon_and_once(error: Exception) -> None:
    calls, done, twice = list[int](), threading.Event(), threading.Event()

    def work() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise error
        (twice if done.is_set() else done).set()

    with every(_DAY, "test", work, again=_SOON):
        assert done.wait(5), "it was not tried again"
        assert not twice.wait(20 * _SOON), "what is done waits for the next day"
    assert len(calls) == 2

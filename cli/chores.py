"""What the engine does beside the readings, in threads: send notices, keep the queue's order, anchor the audit.

A slow mail server or a long sort holds up no reading; a chore that meets a busy database comes again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from cli.account_due import due
from cli.notify import outlets_of
from cli.output import say
from cli.wiring import Settings, ensure_home

if TYPE_CHECKING:
    from engine.store.database import Engine

_SEND: Final = 5.0
_ANCHOR: Final = 3_600.0
_ORDER: Final = 24 * 3_600.0
_CLOSE: Final = 60.0
_REMIND: Final = 600.0
_WATCH: Final = 3_600.0
_AGAIN: Final = 600.0


@contextmanager
def chores(store: Engine, config: Settings) -> Iterator[None]:
    """Does the chores while the block runs.

    Notices every 5 seconds, accounts that close every minute, reminders of appointments every ten, an anchor and
    a look at those watched over hourly; order, points, lessons and who went silent or was sent to a doctor daily.
    """
    with ExitStack() as stack:
        outlets = outlets_of(config)
        if outlets is not None:
            from engine.notify.sending import pump

            stack.enter_context(
                every(_SEND, "notify", lambda: pump(store, outlets.sinks, outlets.seal, outlets.base, _now()))
            )
        stack.enter_context(every(_ANCHOR, "anchor", lambda: _anchor(store, config)))
        stack.enter_context(every(_ORDER, "order", lambda: _order(store, config)))
        stack.enter_context(every(_ORDER, "points", lambda: _points(store)))
        stack.enter_context(every(_ORDER, "silent", lambda: _silent(store)))
        stack.enter_context(every(_ORDER, "referrals", lambda: _referrals(store)))
        stack.enter_context(every(_WATCH, "watching", Watching(store)))
        stack.enter_context(every(_REMIND, "appointments", lambda: _appointments(store)))
        stack.enter_context(every(_REMIND, "before-after", lambda: _before_after(store)))
        stack.enter_context(every(_ORDER, "loans", lambda: _loans(store)))
        stack.enter_context(every(_CLOSE, "closing", lambda: due(store, config, _now())))
        if config.engine.learning != "off":
            stack.enter_context(every(_ORDER, "learn", lambda: _learn(store)))
        yield


@contextmanager
def every(seconds: float, name: str, work: Callable[[], object], again: float = _AGAIN) -> Iterator[None]:
    """Calls `work` now and then again every `seconds`, in a thread, until the block ends; after a failure sooner."""
    from engine.store.database import StoreError

    stop = threading.Event()

    def run() -> None:
        while True:
            # What the day owes somebody does not wait for the next day because a database was restarted.
            pause = min(seconds, again)
            try:
                work()
                pause = seconds
            except StoreError as error:
                say(f"{name}: the store is {error.code}; trying again")
            except Exception as error:  # noqa: BLE001 - one notice that trips a bug must not end all later ones
                say(f"{name}: bug: {type(error).__name__}; trying again")
            if stop.wait(pause):
                return

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_SEND)


def _anchor(store: Engine, config: Settings) -> None:
    from engine.sealing import seal_of
    from engine.store import anchors, draws
    from engine.store.database import read

    home = ensure_home(config)
    with read(store) as connection:
        anchors.anchor(connection, home, seal_of(home), _now())
        draws.note_draws(connection, home, seal_of(home))


def _order(store: Engine, config: Settings) -> None:
    from engine.ranking_model import Model
    from engine.ranking_store import load, replace_all

    found = load(config.root)
    replace_all(store, _now(), found if isinstance(found, Model) else None)


def _points(store: Engine) -> None:
    from random import SystemRandom

    from engine.points_counting import count_all
    from engine.points_pots import tell_all

    now = _now()
    count_all(store, now)
    tell_all(store, now, SystemRandom())


def _silent(store: Engine) -> None:
    from engine.silences_telling import remind_all

    remind_all(store, _now())


def _referrals(store: Engine) -> None:
    from engine.referrals_store import go_round

    go_round(store, _now())


class Watching:
    """Looks at those watched over; at their steps once a day, as days are cut in Japan."""

    def __init__(self, store: Engine) -> None:
        self._store = store
        self._walked: date | None = None

    def __call__(self) -> None:
        """One look, now."""
        from engine.officehours import ZONE
        from engine.watching_round import look

        now = _now()
        day = now.astimezone(ZONE).date()
        look(self._store, now, moved=day != self._walked)
        self._walked = day


def _appointments(store: Engine) -> None:
    from engine.appointments_reminding import run

    run(store, _now())


def _before_after(store: Engine) -> None:
    from engine.before_after_store import tend

    tend(store, _now())


def _loans(store: Engine) -> None:
    from engine.loans_due import remind_all

    remind_all(store, _now())


def _learn(store: Engine) -> None:
    from engine import trying

    now = _now()
    trying.settle(store, now)
    trying.train(store, now)


def _now() -> datetime:
    return datetime.now(UTC)

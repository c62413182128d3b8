"""Roles as child processes forked from a parent that has loaded them: started in milliseconds, killed without mercy.

The parent must be single-threaded and run no event loop. A child dies with its parent (Linux).
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from gateway.kin import last_wish


class Child:
    """One role in its own process; `start` after `kill` begins it anew. Its output goes to `log`."""

    def __init__(self, name: str, work: Callable[[], None], log: Path) -> None:
        self.name = name
        self._work = work
        self._log = log
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it is believed to run."""
        return self._pid

    def start(self) -> None:
        """Fork and work; the parent goes on at once."""
        sys.stdout.flush()
        sys.stderr.flush()
        wish = last_wish(signal.SIGKILL)
        pid = os.fork()
        if pid == 0:
            self._live(wish)
        self._pid = pid

    def alive(self) -> bool:
        """Whether the process still runs; one that ended is reaped."""
        if self._pid is None:
            return False
        done, _ = os.waitpid(self._pid, os.WNOHANG)
        if done:
            self._pid = None
        return not done

    def kill(self) -> None:
        """SIGKILL and reap."""
        self._end(signal.SIGKILL)

    def stop(self, seconds: float = 10.0) -> None:
        """SIGTERM, and SIGKILL when it takes longer than `seconds`."""
        if self._pid is None:
            return
        os.kill(self._pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.alive():
                return
            time.sleep(0.01)
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._pid is not None:
            os.kill(self._pid, number)
            os.waitpid(self._pid, 0)
            self._pid = None

    def _live(self, wish: Callable[[], None]) -> None:
        code = 1
        try:
            wish()
            out = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            # Whoever runs the parent may have put something else in the place of its streams.
            sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._work()
            code = 0
        except BaseException:  # noqa: BLE001 - a forked child must never return into its parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

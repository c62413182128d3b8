"""Child processes kept alive: started, restarted with growing pauses, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from cli.exits import Exit
from gateway.kin import last_wish

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 10.0
# A child that ends like this would end like this again: the person has to do something first.
FINAL = frozenset({Exit.DONE, Exit.USAGE, Exit.NO_BLUETOOTH, Exit.CONFIGURATION, Exit.DAMAGED})


class Role:
    """One `phr` command run as a child, with its own environment."""

    def __init__(self, name: str, words: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self.ended: int | None = None
        self._command = [sys.executable, "-m", "cli", *words]
        self._environ = {**os.environ, **environ}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._retry_at = 0.0
        self._failures = 0

    def start(self, now: float) -> None:
        """Start the child; it dies with this process."""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            env=self._environ,
            start_new_session=True,
            preexec_fn=last_wish(),  # noqa: PLW1509 - one system call
        )
        self._started = now

    def look(self, now: float) -> str | None:
        """Restart the child if it died and its pause is over; what to tell the person, if anything."""
        if self.ended is not None:
            return None
        if self._process is None:
            if now >= self._retry_at:
                self.start(now)
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._process = None
        if code in FINAL:
            self.ended = code
            return f"{self.name}: ended with {code}"
        self._failures = 0 if now - self._started > STEADY_SECONDS else self._failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 8))
        self._retry_at = now + pause
        return f"{self.name}: ended with {code}; again in {pause:.0f} s"

    def stop(self) -> None:
        """Ask the child to end, and make it end."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def supervise(roles: Sequence[Role], tell: Callable[[str], None], keep: Callable[[], None]) -> None:
    """Keep `roles` running until SIGTERM or Ctrl-C; `keep` looks after what is no role (the broker)."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: stopping.append(caught))
    try:
        while not stopping:
            keep()
            for role in roles:
                told = role.look(time.monotonic())
                if told:
                    tell(told)
            time.sleep(0.1)
    finally:
        for role in reversed(roles):
            role.stop()

"""A real terminal (tmux) with a person in front of it: types, reads what stands on the screen."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 30.0


class Terminal:
    """One window of 90 columns; `folder` holds the tmux socket."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ["tmux", "-u", "-S", str(folder / "tmux.sock"), "-f", os.devnull]

    def run(self, words: list[str], env: dict[str, str]) -> None:
        """Start a command; its exit code follows when it is over."""
        # No profile of the machine's user: only what the test says.
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = [f"{name}={value}" for name, value in {**kept, "LC_ALL": "C.UTF-8", **env}.items()]
        line = shlex.join(["env", "-i", *given, "TERM=screen-256color", *words])
        self._ask("new-session", "-d", "-x", "90", "-y", "40", f"{line}; echo EXIT=$?; sleep 60")

    def screen(self) -> str:
        """What is on the screen, and what has scrolled off it."""
        return self._ask("capture-pane", "-p", "-S", "-200")

    def until(self, text: str, seconds: float = PATIENCE) -> str:
        """The screen once `text` stands on it."""
        end = time.monotonic() + seconds
        while text not in (seen := self.screen()):
            assert time.monotonic() < end, f"{text!r} never came:\n{seen}"
            time.sleep(0.1)
        return seen

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names (`Enter`, `C-c`) or as they are."""
        self._ask("send-keys", *keys)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _ask(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True)
        return done.stdout


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    """A terminal of one's own."""
    window = Terminal(folder)
    try:
        yield window
    finally:
        window.close()

"""The devices' process as seen from a harness: start it, talk to it, kill it, start it again with its memory."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from simulators.devices.room import Ready
from simulators.household import Household, save_household
from simulators.orders import Remote, Verb
from simulators.started import end_child, first_line

START_SECONDS = 60.0
SOCKET_PATH_LIMIT = 100


class DevicesError(RuntimeError):
    """The devices' process did not come up; the message is what it said."""


class DevicesProcess:
    """A household on the air in its own process; `state` keeps ledgers and calendar across `kill` and `start`.

    `air` goes to `SimulatedRadio`, `ask` gives orders (see `simulators.orders.Order`).
    """

    def __init__(self, home: Household, state: Path) -> None:
        self.home, self.state = home, state
        state.mkdir(parents=True, exist_ok=True)
        save_household(home, state / "household.json")
        self.air, self.orders = _place(state, "air"), _place(state, "orders")
        self._child: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process id; raises DevicesError when it does not run."""
        if self._child is None:
            raise DevicesError("the devices do not run")
        return self._child.pid

    def start(self) -> Self:
        """Start the process and wait until it listens; raises DevicesError."""
        folder = str(self.state)
        command = [sys.executable, "-m", "simulators.devices", "--household", f"{folder}/household.json"]
        command += ["--state", folder, "--listen", self.air, "--orders", self.orders, "--until-eof"]
        with (self.state / "devices.log").open("a") as log:
            # The pipe to its stdin ends with this process, however it dies: no orphan stays on the air.
            self._child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        line = first_line(self._child, START_SECONDS)
        if not line:
            self._end(signal.SIGKILL)
            raise DevicesError((self.state / "devices.log").read_text()[-2000:] or "the devices' process said nothing")
        ready = msgspec.json.decode(line, type=Ready)
        # A free port was chosen at the first start: a restart must be found at the same place.
        self.air, self.orders = ready.air, ready.orders
        return self

    def ask(self, do: Verb, device: str | None = None, **fields: Any) -> dict[str, Any]:
        """Give an order; raises OrderError."""
        return Remote(self.orders).ask(do, device, **fields)

    def kill(self) -> None:
        """SIGKILL: no goodbye on the air, the ledgers stay."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process kindly, unkindly after ten seconds."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        end_child(child, how)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _place(state: Path, name: str) -> str:
    path = state.resolve() / f"{name}.sock"
    return f"unix:{path}" if len(str(path)) < SOCKET_PATH_LIMIT else "127.0.0.1:0"

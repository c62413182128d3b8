"""A stand-in's server in a process of its own: what the harness does with it, and what its `__main__` does."""

from __future__ import annotations

import argparse
import http.client
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from simulators.started import end_child, first_line

START_SECONDS = 60.0
NO_START = 1
# Some orders read everything a stand-in ever heard.
_ORDER_SECONDS = 60.0

S = TypeVar("S", bound=msgspec.Struct)
C = TypeVar("C", bound="Closing")


class ServedError(RuntimeError):
    """The process did not come up or refused an order; the message is what it said."""


class ServedProcess:
    """A stand-in in its own process; the journal in `state` and the port stay across `kill` and `start`.

    `module` is what `python -m` runs, `error` what is raised.
    """

    module: ClassVar[str]
    error: ClassVar[type[ServedError]] = ServedError

    def __init__(self, settings: msgspec.Struct, state: Path) -> None:
        self.state, self.origin = state, ""
        state.mkdir(parents=True, exist_ok=True)
        (state / "settings.json").write_bytes(msgspec.json.encode(settings))
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start the process and wait until it listens; raises `error`."""
        port = urlsplit(self.origin).port or 0 if self.origin else 0
        command = [sys.executable, "-m", self.module, "--settings", str(self.state / "settings.json")]
        command += ["--journal", str(self.state / "journal.jsonl"), "--port", str(port)]
        log = self.state / "process.log"
        with log.open("a") as file:
            # The pipe to its stdin ends with this process, however it dies: no orphan keeps the port.
            self._child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )
        line = first_line(self._child, START_SECONDS)
        if not line:
            self._end(signal.SIGKILL)
            raise self.error(log.read_text()[-2000:] or f"{self.module} said nothing")
        self.origin = line.strip()
        return self

    def ask(self, what: str, said: Any = None) -> Any:
        """Give an order below /control: a GET, or a POST of what is said; raises `error`."""
        split = urlsplit(self.origin)
        connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=_ORDER_SECONDS)
        try:
            if said is None:
                connection.request("GET", f"/control/{what}")
            else:
                connection.request("POST", f"/control/{what}", msgspec.json.encode(said))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise self.error(body.decode("utf-8", "replace"))
        return msgspec.json.decode(body)

    def kill(self) -> None:
        """SIGKILL: whatever it was doing stays half done, its journal stays whole."""
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


class Closing(Protocol):
    """A stand-in that holds a journal."""

    origin: str

    def close(self) -> None:
        """Release the journal."""


def run_served(
    module: str,
    kind: type[S],
    make: Callable[[S, Path], C],
    serving: Callable[[C, int], AbstractContextManager[object]],
) -> int:
    """A `__main__`: serve until a signal or the end of stdin, saying the origin when it listens.

    1 when settings, journal or port cannot be used.
    """
    parser = argparse.ArgumentParser(prog=module)
    parser.add_argument("--settings", type=Path, required=True, help=f"JSON of {kind.__module__}.{kind.__name__}")
    parser.add_argument("--journal", type=Path, required=True, help="the file it remembers everything in")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        served = make(msgspec.json.decode(chosen.settings.read_bytes(), type=kind), chosen.journal)
        with suppress(KeyboardInterrupt), serving(served, chosen.port):
            sys.stdout.write(f"{served.origin}\n")
            sys.stdout.flush()
            sys.stdin.read()
    except (OSError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return NO_START
    served.close()
    return 0

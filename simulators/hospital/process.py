"""The hospital's process as seen from a harness: start it, give it orders, kill it, start it again where it was."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from simulators.hospital.abilities import Abilities
from simulators.hospital.faults import Fault
from simulators.hospital.tokens import Client
from simulators.started import end_child, first_line

START_SECONDS = 60.0
_ORDER_SECONDS = 10.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a hospital's process is started with; every start begins the script and the weather anew."""

    abilities: Abilities = Abilities()
    clients: tuple[Client, ...] = ()
    script: tuple[Fault, ...] = ()
    weather: tuple[tuple[float, Fault], ...] = ()
    seed: int = 0


class HospitalError(RuntimeError):
    """The hospital's process did not come up or refused an order; the message is what it said."""


class HospitalProcess:
    """A hospital in its own process; the journal in `state` and the port stay across `kill` and `start`."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self.state, self.origin = state, ""
        state.mkdir(parents=True, exist_ok=True)
        (state / "settings.json").write_bytes(msgspec.json.encode(settings))
        self._child: subprocess.Popen[str] | None = None

    @property
    def base(self) -> str:
        """The address of the FHIR interface."""
        return f"{self.origin}/fhir"

    def start(self) -> Self:
        """Start the process and wait until it listens; raises HospitalError."""
        port = urlsplit(self.origin).port or 0 if self.origin else 0
        command = [sys.executable, "-m", "simulators.hospital", "--settings", str(self.state / "settings.json")]
        command += ["--journal", str(self.state / "journal.jsonl"), "--port", str(port)]
        log = self.state / "hospital.log"
        with log.open("a") as file:
            # The pipe to its stdin ends with this process, however it dies: no orphan keeps the port.
            self._child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )
        line = first_line(self._child, START_SECONDS)
        if not line:
            self._end(signal.SIGKILL)
            raise HospitalError(log.read_text()[-2000:] or "the hospital's process said nothing")
        self.origin = line.strip()
        return self

    def order(self, what: str, said: dict[str, Any] | None = None, *, kind: str = "Observation") -> dict[str, Any]:
        """Give an order of `hospital.control` (`totals`, `struck`, `consent` …); raises HospitalError."""
        split = urlsplit(self.origin)
        connection = http.client.HTTPConnection(split.hostname or "", split.port, timeout=_ORDER_SECONDS)
        try:
            if said is None:
                connection.request("GET", f"/control/{what}?kind={kind}")
            else:
                connection.request("POST", f"/control/{what}", msgspec.json.encode(said))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise HospitalError(body.decode("utf-8", "replace"))
        decoded: dict[str, Any] = msgspec.json.decode(body)
        return decoded

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

"""A real mosquitto for tests: Debian's program, its own folder, a free port on 127.0.0.1."""

from __future__ import annotations

import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import found
from tests.servers import free_port, missing


def mosquitto_program() -> Path:
    """Debian's mosquitto; without it the test is skipped, or fails where CI says so."""
    program = found("mosquitto")
    if program is None:
        missing("mosquitto")
        raise AssertionError
    return program


class Mosquitto:
    """One broker without accounts; `kill` is SIGKILL, `start` brings it back on the same port with its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        # Started by root, mosquitto drops to a user of its own unless told whose files these are.
        owner = pwd.getpwuid(folder.stat().st_uid).pw_name
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser {owner}\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 0\nmax_inflight_messages 1000\nlog_dest none\n"
        )

    def start(self) -> None:
        """Start and wait until the port answers."""
        command = [str(mosquitto_program()), "-c", str(self.folder / "mosquitto.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("mosquitto did not start")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process with a signal and wait for it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """SIGKILL: what is only in memory is gone."""
        self.stop(signal.SIGKILL)


@contextmanager
def mosquitto() -> Iterator[Mosquitto]:
    """A running broker, gone with its folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="phr-mosquitto-"))
    broker = Mosquitto(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)

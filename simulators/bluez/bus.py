"""A private message bus: dbus-daemon with a configuration and a socket of its own, as root or as a plain user."""

from __future__ import annotations

import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.kin import last_wish

START_SECONDS = 20.0
STOP_SECONDS = 5.0
# The session type: nothing of the machine's own policy is read, whoever may open the socket may do anything.
CONFIGURATION = """<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>"""


class BusError(RuntimeError):
    """The bus did not come up; the message says why."""


class PrivateBus:
    """dbus-daemon while the context lasts; `address` is what DBUS_SYSTEM_BUS_ADDRESS must be. Dies with its parent."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._daemon: subprocess.Popen[str] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        """Start; raises BusError."""
        program = shutil.which("dbus-daemon", path="/usr/bin:/usr/local/bin:/bin")
        if program is None:
            raise BusError("dbus-daemon is not installed")
        # A short path: sockets have little room for names.
        self._folder = Path(tempfile.mkdtemp(prefix="phr-bus-"))
        configuration = self._folder / "bus.conf"
        configuration.write_text(CONFIGURATION.format(socket=self._folder / "bus"))
        command = [program, f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address=1"]
        self._daemon = subprocess.Popen(  # noqa: S603
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=last_wish(),  # noqa: PLW1509 - one system call
        )
        pipe = self._daemon.stdout
        if pipe is not None and select.select([pipe], [], [], START_SECONDS)[0]:
            self.address = pipe.readline().strip()
        if not self.address:
            self.__exit__(None, None, None)
            raise BusError("dbus-daemon did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.terminate()
            try:
                daemon.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
            if daemon.stdout is not None:
                daemon.stdout.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

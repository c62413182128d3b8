"""The embedded broker: mosquitto as a child when it is installed, else amqtt in its own process.

Only on 127.0.0.1, with random passwords and one access rule per role: a gateway writes its own `up` and reads its own
`down`, the engine may use everything under phr/v1. Its files live in PHR_HOME/broker and belong to PHR_HOME's owner.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from gateway.devices import write_private
from gateway.kin import last_wish

Program = Literal["mosquitto", "amqtt"]
ENGINE: Final = "engine"
LOCAL: Final = "127.0.0.1"
START_TIMEOUT: Final = 20.0
STOP_TIMEOUT: Final = 5.0
_ITERATIONS: Final = 101


class BrokerError(Exception):
    """The broker did not start: no-broker or broker-failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Broker:
    """A running embedded broker; `restart` keeps port, passwords and (mosquitto) stored messages."""

    def __init__(self, home: Path, program: Program, users: Sequence[str], port: int) -> None:
        self.program, self.port = program, port
        self._home, self._users = home, tuple(users)
        self.folder = home / "broker"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://{LOCAL}:{self.port}"

    @property
    def mqtt5(self) -> bool:
        """Whether it speaks MQTT 5; amqtt does not, and leaves a client that tries without an answer."""
        return self.program == "mosquitto"

    def password_file(self, user: str) -> Path:
        """The file with `user`'s password."""
        return self.folder / f"{user}.secret"

    def password(self, user: str) -> str:
        """`user`'s password."""
        return self.password_file(user).read_text(encoding="utf-8").strip()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers; raises BrokerError."""
        prepare = _mosquitto if self.program == "mosquitto" else _amqtt
        command = prepare(self)
        with (self.folder / "broker.log").open("ab") as log:
            self.process = _spawn(command, self._home, log.fileno())
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if _answers(self.port):
                return
            time.sleep(0.02)
        self.stop()
        raise BrokerError("broker-failed", f"{self.program} did not start; see broker/broker.log in the data folder")

    def restart(self) -> None:
        """Start again after it died."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End it; it may write its state first."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    @property
    def users(self) -> tuple[str, ...]:
        """Everybody who may log in, the engine first."""
        return (ENGINE, *(user for user in self._users if user != ENGINE))


def start(home: Path, gateways: Sequence[str], *, program: Program | None = None) -> Broker:
    """A broker for the engine and these gateways, on the port it had last time if that is free.

    Start it from a thread that lives as long as the broker shall: the kernel ends the broker with it.
    Raises BrokerError.
    """
    chosen = program or ("mosquitto" if find_mosquitto() else "amqtt")
    broker = Broker(home, chosen, gateways, 0)
    broker.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for user in broker.users:
        if not broker.password_file(user).exists():
            write_private(broker.password_file(user), secrets.token_urlsafe(24).encode() + b"\n")
    broker.port = _port(broker.folder / "port")
    broker.start()
    return broker


def find_mosquitto() -> str | None:
    """The mosquitto program; Debian puts it where a plain user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def _mosquitto(broker: Broker) -> list[str]:
    program = find_mosquitto()
    if program is None:
        raise BrokerError("no-broker", "mosquitto is not installed")
    folder = broker.folder
    logins = "".join(f"{user}:{_mosquitto_hash(broker.password(user))}\n" for user in broker.users)
    write_private(folder / "passwords", logins.encode())
    # Readable by the engine alone, except what a gateway's own name opens.
    rules = f"pattern write phr/v1/%u/up/#\npattern read phr/v1/%u/down/#\nuser {ENGINE}\ntopic readwrite phr/v1/#\n"
    write_private(folder / "rules", rules.encode())
    lines = [
        f"listener {broker.port} {LOCAL}",
        "allow_anonymous false",
        f"password_file {folder / 'passwords'}",
        f"acl_file {folder / 'rules'}",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 30",
        "max_queued_messages 0",
        f"max_queued_bytes {64 * 1024 * 1024}",
        "max_inflight_messages 1000",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        # Started by root it would become another user, whose files root's PHR_HOME could not hold.
        *(["user root"] if os.geteuid() == 0 and folder.stat().st_uid == 0 else []),
    ]
    write_private(folder / "mosquitto.conf", ("\n".join(lines) + "\n").encode())
    _hand_over(broker)
    return [program, "-c", str(folder / "mosquitto.conf")]


def _amqtt(broker: Broker) -> list[str]:
    from gateway.broker_amqtt import hash_password

    logins = "".join(f"{user}:{hash_password(broker.password(user))}\n" for user in broker.users)
    write_private(broker.folder / "amqtt-passwords", logins.encode())
    _hand_over(broker)
    arguments = [str(broker.port), str(broker.folder / "amqtt-passwords"), *broker.users]
    return [sys.executable, "-m", "gateway.broker_amqtt", *arguments]


def _mosquitto_hash(password: str) -> str:
    """Mosquitto's own form: $7$ PBKDF2-HMAC-SHA512; the passwords are 192 random bits, so few rounds are enough."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _hand_over(broker: Broker) -> None:
    """Everything in the folder belongs to PHR_HOME's owner, also when root started us."""
    owner = broker.folder.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for path in (broker.folder, *broker.folder.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)


def _spawn(command: Sequence[str], home: Path, log: int) -> subprocess.Popen[bytes]:
    owner = home.stat()
    identity: dict[str, Any] = {}
    if os.geteuid() == 0 and owner.st_uid != 0:
        identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return subprocess.Popen(  # noqa: S603 - our own command line, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=last_wish(),  # noqa: PLW1509 - one system call, nothing that could hold a lock
        start_new_session=True,
        **identity,
    )


def _port(remembered: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        port = int(remembered.read_text(encoding="ascii"))
        if _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port = int(probe.getsockname()[1])
    write_private(remembered, f"{port}\n".encode())
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCAL, port))
        except OSError:
            return False
    return True


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOCAL, port), timeout=0.2):
        return True
    return False

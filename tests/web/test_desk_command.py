"""`phr web`: the desk as its own process, entered by the link it prints."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from cli.exits import Exit
from cli.output import Fail
from cli.web import web
from cli.wiring import WebSettings
from tests.web.desks import Page

pytestmark = [pytest.mark.flow]
PROGRAM = "import typer; from cli.web import web; app = typer.Typer(); app.command()(web); app()"


def refused(*words: str) -> Fail:
    app = typer.Typer()
    app.command()(web)
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, Fail)
    return done.exception


@contextmanager
def running(home: Path) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A desk in a process of its own and what it printed."""
    environ = {**os.environ, "PHR_HOME": str(home)}
    words = [sys.executable, "-c", PROGRAM, "--port", "0", "--json"]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            process.kill()


def test_the_printed_link_opens_the_desk_and_sigterm_closes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "phr"
    monkeypatch.setenv("PHR_HOME", str(home))
    with running(home) as (told, process):
        assert told["signin"].startswith(f"{told['url']}/signin?token=")
        with httpx.Client(base_url=told["url"], trust_env=False) as browser:
            assert browser.get("/").status_code == 303
            form = Page(browser.get(told["signin"]).text).forms["/signin"]
            assert browser.post("/signin", data=form | {"name": "鈴木"}, follow_redirects=True).status_code == 200
            app = typer.Typer()
            app.command()(web)
            another = CliRunner().invoke(app, ["--link"], catch_exceptions=False).stdout.strip()
            assert another.startswith(told["url"])
            assert browser.get(another).status_code == 200
            assert browser.get(another).headers.get("server") is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        assert process.stderr is not None
        talk = process.stderr.read()
        assert "web: stopped" in talk
        assert "token" not in talk
    assert refused("--link").exit_code == Exit.NOT_FOUND, "a desk that is closed has no links"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "example.org", ""])
def test_without_tls_in_front_only_this_machine_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    failure = refused("--host", host)
    assert (failure.exit_code, failure.code) == (Exit.CONFIGURATION, "not-loopback")


def test_in_a_city_people_sign_in_and_no_link_opens_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "phr"
    for name, value in {"HOME": str(home), "ENGINE_CITY": "true", "WEB_HTTPS": "true"}.items():
        monkeypatch.setenv(f"PHR_{name}", value)
    monkeypatch.setenv("PHR_WEB_NAMES", "phr.example.jp, PHR2.example.jp")
    with running(home) as (told, _process):
        assert told == {"url": told["url"], "signin": f"{told['url']}/signin", "until": None}
        with httpx.Client(base_url=told["url"], trust_env=False) as browser:
            page = browser.get("/signin", headers={"Host": "phr2.example.jp"})
            assert (page.status_code, "max-age" in page.headers["strict-transport-security"]) == (200, True)
            assert 'name="totp"' in page.text
            assert 'name="token"' not in page.text
            assert browser.get("/signin", headers={"Host": "evil.example"}).status_code == 400
        assert refused("--link").code == "city-mode"
        assert ((home / "web" / "key").stat().st_mode & 0o777) == 0o600
    assert WebSettings(names=("a.example", "a.example")).called == ("a.example",)


def test_a_port_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        failure = refused("--port", str(other.getsockname()[1]))
    assert (failure.exit_code, failure.code) == (Exit.NETWORK, "port-taken")

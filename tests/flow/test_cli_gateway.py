"""Enrolling the gateway of another machine, and what the commands say when it cannot be."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli import gateway
from cli.exits import Exit
from cli.local import ensure_local
from cli.output import Fail
from cli.wiring import open_store, settings


@pytest.fixture
def household(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    config = settings()
    store = open_store(config)
    try:
        return ensure_local(config, store).household
    finally:
        store.dispose()


def run(*words: str) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(gateway.app, list(words))
    return done.exit_code, done.stdout, done.exception


def test_an_enrolled_gateway_is_listed_with_its_household(household: str) -> None:
    code, printed, _ = run("add", "--household", household, "--label", "二階", "--json")
    assert code == 0
    added = json.loads(printed)
    assert added["household"] == household
    _, listed, _ = run("list", "--json")
    rows = {row["gateway"]: row for row in json.loads(listed)["gateways"]}
    assert rows[added["gateway"]]["label"] == "二階"
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["--household", "h-nobodynobody2"], Exit.NOT_FOUND, "unknown-household"),
        (["--household", "h-nobodynobody2", "--id", "AA:BB"], Exit.USAGE, "bad-gateway"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_with_a_reason(
    household: str, words: list[str], exit_code: Exit, code: str
) -> None:
    assert household
    _, _, failure = run("add", *words)
    assert isinstance(failure, Fail)
    assert (failure.exit_code, failure.code) == (exit_code, code)


def test_a_gateway_without_broker_or_identity_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    _, _, failure = run("run")
    assert isinstance(failure, Fail)
    assert (failure.exit_code, failure.code) == (Exit.CONFIGURATION, "no-broker")

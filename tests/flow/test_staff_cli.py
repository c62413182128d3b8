"""`phr staff`: the first administrator of a city is made at the terminal, and every account can be closed there."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.exits import Exit
from cli.output import Fail
from cli.staff import app
from engine.store import audit, repo_staff
from engine.store.database import read
from tests.flow.furnished import engine

__all__ = ["engine"]
pytestmark = [pytest.mark.flow]
SATO = ("--login", "Sato", "--name", "佐藤 花", "--role", "admin", "--town", "062049", "--town", "064262")


def run(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(_root(), ["staff", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == Exit.DONE
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def refused(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(_root(), ["staff", *words])
    assert isinstance(done.exception, Fail), done.output
    return int(done.exception.exit_code), done.exception.code


def _root() -> typer.Typer:
    root = typer.Typer()
    root.add_typer(app, name="staff")
    return root


def test_an_account_is_made_with_a_link_that_is_nowhere_in_the_store(engine: Engine) -> None:
    made = run("add", *SATO)
    assert (made["login"], made["state"], made["towns"]) == ("sato", "invited", ["062049", "064262"])
    token = made["enrol"].rpartition("token=")[2]
    assert len(token) == 26
    with engine.connect() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    assert made["id"] in dump
    assert token not in dump
    with read(engine) as connection:
        acts = [link.action for link in audit.entries(connection, limit=1000, subject=made["id"])]
    assert acts == ["staff-add", "sign-in-enrol-issue"]
    assert [one["login"] for one in run("list")["staff"]] == ["sato"]


def test_roles_change_and_accounts_close_and_open(engine: Engine) -> None:
    made = run("add", *SATO)
    assert "staff.manage" in run("roles", "sato")["rights"]
    changed = run("roles", "SATO", "--role", "nurse", "--town", "062049")
    assert (changed["roles"], changed["towns"]) == (["nurse"], ["062049"])
    assert "staff.manage" not in changed["rights"]
    assert run("disable", made["id"])["state"] == "closed"
    assert refused("disable", "sato") == (Exit.ALREADY, "no-change")
    assert run("enable", "sato")["state"] == "invited"
    assert run("reset", "sato")["enrol"] != made["enrol"]
    with read(engine) as connection:
        found = repo_staff.get(connection, made["id"])
    assert found is not None
    assert found.version == 4


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("add", *SATO), (Exit.ALREADY, "login-taken")),
        (("add", "--login", "x", "--name", "x", "--role", "nurse", "--town", "062049"), (Exit.USAGE, "login")),
        (("add", "--login", "abc", "--name", "", "--role", "nurse", "--town", "062049"), (Exit.USAGE, "empty")),
        (("add", "--login", "abc", "--name", "x", "--role", "resident", "--town", "062049"), (Exit.USAGE, "roles")),
        (("add", "--login", "abc", "--name", "x", "--role", "nurse", "--town", "011002"), (Exit.USAGE, "towns")),
        (("roles", "nobody"), (Exit.NOT_FOUND, "unknown-staff")),
        (("reset", "s-aaaaaaaaaaaaa"), (Exit.NOT_FOUND, "unknown-staff")),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    engine: Engine, words: tuple[str, ...], answer: tuple[int, str]
) -> None:
    run("add", *SATO)
    assert refused(*words) == answer

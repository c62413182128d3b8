"""`phr disclosure` and the store behind it: a municipality says when its residents see what, and only its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.disclosure import app
from cli.output import Fail
from engine.disclosure import Term, defaults
from engine.store import audit, repo_disclosure
from engine.store.database import read, write
from engine.store.repo_facts import By
from tests.flow.furnished import engine, store
from tests.homes import NOW

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def refused(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    assert isinstance(done.exception, Fail), done.output
    return done.exception.exit_code, done.exception.code


def test_a_term_is_said_shown_and_audited_and_other_towns_keep_the_defaults(engine: Engine) -> None:
    before = run("show")["classes"]
    assert before == {name: {"mode": one.mode, "days": one.days} for name, one in defaults().items()}
    said = run("set", "lab", "after-days", "--days", "14", "--by", "院長")
    assert said["classes"] == before | {"lab": {"mode": "after-days", "days": 14}}
    assert run("show", "--town", "064611")["classes"] == before
    with read(engine) as connection:
        [entry] = [one for one in audit.entries(connection, limit=99) if one.action == "disclosure-set"]
    assert (entry.actor, entry.subject) == ("院長", "062049:lab")


def test_what_cannot_be_said_is_refused_by_its_code(engine: Engine) -> None:
    assert refused("set", "papers", "at-once") == (2, "unknown-class")
    assert refused("set", "lab", "never") == (2, "unknown-mode")
    assert refused("set", "lab", "after-days") == (2, "bad-days")
    assert refused("show", "--town", "131016") == (3, "unknown-municipality")
    spoken = CliRunner().invoke(app, ["show"])
    assert "7日あとから 見られます" in spoken.stdout
    with read(engine) as connection:
        assert repo_disclosure.policy_for(connection, "062049") == defaults()


def test_the_last_word_of_a_municipality_holds_on_both_databases(store: Engine) -> None:
    with write(store) as connection:
        for days in (3, 5):
            repo_disclosure.set_policy(connection, "062049", "lab", Term("after-days", days), By("a", "b"), NOW)
        assert repo_disclosure.policy_for(connection, "062049")["lab"] == Term("after-days", 5)
        assert audit.verify(connection) is None

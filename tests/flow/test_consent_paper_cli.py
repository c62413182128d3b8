"""`phr consent paper` and `phr consent outdated` on a real PHR_HOME."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import consent
from cli.exits import Exit
from engine.consent_paper import read_number
from engine.consent_texts import TEXTS
from engine.interests import OWN, codes
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import audit, repo_consents, repo_interests
from engine.store.database import read, write
from tests.flow.commands import refused, told
from tests.homes import HANAKO, TARO
from tests.homes import consent as word
from tests.stores import furnished_file

pytestmark = pytest.mark.flow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Engine]]:
    folder = tmp_path / "phr"
    folder.mkdir()
    engine = furnished_file(folder / "engine.sqlite")
    monkeypatch.setenv("PHR_HOME", str(folder))
    yield folder, engine
    engine.dispose()


def run(*words: str) -> Any:
    return CliRunner().invoke(consent.app, list(words))


def test_a_form_is_printed_with_a_number_of_its_own_that_fits_nobody_else(home: tuple[Path, Engine]) -> None:
    out = home[0] / "form.html"
    done = [told(run("paper", "--resident", HANAKO, "--out", str(out), "--json"))["number"] for _ in range(2)]
    assert len(set(done)) == 2
    page = out.read_text(encoding="utf-8")
    assert done[1] in page
    assert all(line in page for text in TEXTS.values() for line in text.lines("ja"))
    seal = seal_of(home[0])
    assert read_number(seal, HANAKO, done[1]) == done[1]
    assert isinstance(read_number(seal, TARO, done[1]), Refusal)
    with read(home[1]) as connection:
        told_by = [one.action for one in audit.entries(connection, subject=HANAKO)]
    assert told_by.count("consents-form") == 2


def test_a_form_that_cannot_be_written_or_is_nobodys_is_refused_and_leaves_no_trace(home: tuple[Path, Engine]) -> None:
    assert refused(run("paper", "--resident", HANAKO, "--out", str(home[0]))) == (Exit.USAGE, "not-written")
    out = str(home[0] / "x.html")
    assert refused(run("paper", "--resident", "r-nobodynobody2", "--out", out)) == (Exit.NOT_FOUND, "unknown-resident")
    with read(home[1]) as connection:
        assert [one for one in audit.entries(connection, subject=HANAKO) if one.action == "consents-form"] == []


def test_whoever_agreed_to_earlier_words_is_listed_until_they_are_asked_again(home: tuple[Path, Engine]) -> None:
    assert told(run("outdated", "--json")) == {"residents": []}
    with write(home[1]) as connection:
        old = msgspec.structs.replace(word(TARO, "advice", at=datetime(2026, 10, 1, tzinfo=UTC)), text_hash="0" * 64)
        repo_consents.append(connection, old, os_user="t")
    assert told(run("outdated", "--json")) == {"residents": [{"resident": TARO, "purposes": ["advice"]}]}
    assert run("outdated").stdout == f"{TARO}  advice\n"
    assert run("grant", "--resident", TARO, "--purpose", "advice").exit_code == 0
    assert told(run("outdated", "--json")) == {"residents": []}


def test_a_no_at_the_terminal_deletes_what_was_chosen(home: tuple[Path, Engine]) -> None:
    mine = repo_interests.pseudonym(seal_of(home[0]), HANAKO)
    assert run("grant", "--resident", HANAKO, "--purpose", "interest-link", "--recipient", OWN).exit_code == 0
    with write(home[1]) as connection:
        repo_interests.keep(connection, mine, codes()[:2])
    assert run("withdraw", "--resident", HANAKO, "--purpose", "interest-link").exit_code == 0
    with read(home[1]) as connection:
        assert repo_interests.of(connection, mine) == ()

"""`phr id` and the pages of a whole town against a real provider: links by the operator, and no identifier shared."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import msgspec
import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.exits import Exit
from cli.one_id import app, provider_of
from cli.web import _pages
from cli.wiring import OneIdSettings, Settings
from engine.one_id import Client
from engine.one_id_tokens import Keys
from engine.store import repo_codes, repo_one_id, repo_residents
from engine.store.database import read, write
from engine.store.filing import By
from engine.web.links import Links
from engine.web.oidc import OneId
from simulators.messaging.serving import identity_in
from tests.flow.commands import refused, told
from tests.flow.furnished import engine
from tests.homes import HANAKO, TARO, resident
from tests.hostile_provider import Liar, lying, status
from tests.identity_provider import SECRET, client, visit_provider, way_in
from tests.identity_provider import provider_of as real_provider
from tests.web.browsing import Site, site
from tests.web.desks import Page

__all__ = ["engine"]
pytestmark = [pytest.mark.flow]


@pytest.fixture
def configured(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PHR_ONE_ID_ISSUER", "https://id.example.jp")
    monkeypatch.setenv("PHR_ONE_ID_CLIENT_ID", "phr")
    return engine


def run(*words: str) -> Result:
    root = typer.Typer()
    root.add_typer(app, name="id")
    return CliRunner().invoke(root, ["id", *words])


def test_the_operator_links_lists_and_unlinks_and_no_subject_is_ever_printed(configured: Engine) -> None:
    made = run("link", HANAKO, "--subject", "sub-of-hanako", "--json")
    assert told(made)["person"] == HANAKO
    assert refused(run("link", HANAKO, "--subject", "sub-of-hanako")) == (Exit.ALREADY, "already-linked")
    assert refused(run("link", TARO, "--subject", "sub-of-hanako")) == (Exit.REFUSED, "another-holder")
    assert refused(run("link", HANAKO, "--subject", "another")) == (Exit.REFUSED, "another-subject")
    assert refused(run("link", HANAKO, "--subject", "山田")) == (Exit.USAGE, "bad-subject")
    assert refused(run("link", "r-nobodynobodyn", "--subject", "x")) == (Exit.NOT_FOUND, "unknown-person")
    with read(configured) as connection:
        assert len(repo_one_id.refused_of(connection, HANAKO)) == 2, "what was refused is told to both"
        assert len(repo_one_id.refused_of(connection, TARO)) == 1
    assert told(run("unlink", HANAKO, "--reason", "lost", "--json"))["ended"] == 1
    assert refused(run("unlink", HANAKO, "--reason", "lost")) == (Exit.NOT_FOUND, "not-linked")
    assert run("unlink", HANAKO, "--reason", "no reason").exit_code == Exit.USAGE
    told(run("link", TARO, "--subject", "sub-of-hanako", "--json"))
    listed, history = run("list", "--json"), run("list", "--person", HANAKO, "--json")
    assert [one["person"] for one in told(listed)["links"]] == [TARO]
    assert [(one["how"], one["reason"]) for one in told(history)["links"]] == [("operator", "lost")]
    assert all("sub-of" not in one.output for one in (made, listed, history, run("list")))


def test_without_a_provider_every_command_says_so(engine: Engine) -> None:
    for words in (("status",), ("link", HANAKO, "--subject", "x")):
        assert refused(run(*words)) == (Exit.CONFIGURATION, "no-provider")


@pytest.mark.parametrize(
    ("chosen", "code"),
    [({"issuer": "http://id.example.jp", "client_id": "phr"}, "bad-issuer"),
     ({"issuer": "https://id.example.jp/?a=b", "client_id": "phr"}, "bad-issuer"),
     ({"issuer": "https://id.example.jp"}, "no-client-id"),
     ({"issuer": "https://id.example.jp", "client_id": "phr", "secret_file": "/nowhere"}, "secret-missing"),
     ({"issuer": "https://id.example.jp", "client_id": "phr", "ca_file": "/nowhere"}, "bad-ca")],
)  # fmt: skip
def test_a_provider_that_cannot_be_right_stops_the_program_before_it_serves(chosen: dict[str, str], code: str) -> None:
    from cli.output import Fail

    with pytest.raises(Fail) as stopped:
        provider_of(Settings(one_id=OneIdSettings(**chosen)))
    assert (stopped.value.exit_code, stopped.value.code) == (Exit.CONFIGURATION, code)


def test_a_provider_is_reached_only_over_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    place = identity_in(tmp_path)
    with lying(place) as liar:
        chosen = OneIdSettings(issuer=liar.issuer, client_id="phr")
        for settings, is_there in ((chosen, False), (msgspec.structs.replace(chosen, ca_file=str(place)), True)):
            one_id = provider_of(Settings(one_id=settings))
            assert one_id is not None
            found = one_id.keys(datetime.now(UTC))
            assert isinstance(found, Keys) == is_there, found
            one_id.close()


async def test_the_pages_of_phr_web_have_the_button_and_no_secret(tmp_path: Path, engine: Engine) -> None:
    kept = tmp_path / "secret"
    kept.write_text("very secret\n")
    kept.chmod(0o600)
    chosen = OneIdSettings(issuer="https://id.example.jp", client_id="phr", secret_file=str(kept), card="c")
    home = Settings(home=str(tmp_path / "phr"), one_id=chosen)
    pages = _pages(home, engine, Links(tmp_path / "links"))
    one_id = pages.state.desk.one_id
    assert (one_id.client.secret, one_id.client.card) == ("very secret", "c")
    assert "very secret" not in repr(one_id.client)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://127.0.0.1") as browser:
        assert 'action="/one-id/start"' in (await browser.get("/signin")).text
    one_id.close()


def test_status_asks_the_provider_itself(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(liar: Liar) -> Result:
        monkeypatch.setenv("PHR_ONE_ID_ISSUER", liar.issuer)
        monkeypatch.setenv("PHR_ONE_ID_CLIENT_ID", "phr")
        return run("status", "--json")

    with lying() as liar:
        found = told(asked(liar))
        assert (found["keys"], found["names_itself"], found["linked"]) == (1, True, 0)
        liar.told = {"issuer": "https://evil.example"}
        assert refused(asked(liar)) == (Exit.CONFIGURATION, "issuer")
        liar.answer = status(500)
        assert refused(asked(liar)) == (Exit.NETWORK, "provider-down")


def test_three_services_share_no_identifier_of_anybody(tmp_path: Path) -> None:
    """Note, section 6: what three services keep of the same people has no string in common.

    Three whole services of ours, each with a store of its own, one real provider, the same people at each.
    """
    people = {f"person {number}": f"r-{letter * 13}" for number, letter in enumerate("ab")}
    folders = {name: tmp_path / name for name in ("phr", "bus", "portal")}
    with ExitStack() as stack:
        made = {name: stack.enter_context(_service(folder, people.values())) for name, folder in folders.items()}
        before = {name: _strings(folder) for name, folder in folders.items()}
        provider = stack.enter_context(real_provider([client(name, one.url) for name, one in made.items()]))
        for name, one in made.items():
            one_id = OneId(Client(issuer=provider.issuer, client_id=name, secret=SECRET))
            stack.callback(one_id.close)
            one.app.state.desk = replace(one.app.state.desk, one_id=one_id)
        for login, holder in people.items():
            with httpx.Client(timeout=20) as browser:
                for one in made.values():
                    _link(one, browser, login, holder)
        subjects = {name: _subjects(one) for name, one in made.items()}
        new = {name: _strings(folder) - before[name] for name, folder in folders.items()}
    assert [len(found) for found in subjects.values()] == [len(people)] * 3
    assert all(subjects[name] <= new[name] for name in subjects), "what is looked for can be found"
    for first, second in combinations(new, 2):
        shared = {one for one in new[first] & new[second] if not _is_dictionary(one, provider.issuer)}
        assert shared == set()
    assert not any(login in subject for found in subjects.values() for subject in found for login in people)


@contextmanager
def _service(folder: Path, holders: Iterable[str]) -> Iterator[Site]:
    """One service with its people, whom all three know by the same id: that is not what they may find each other by."""
    folder.mkdir()
    with site(folder, datetime.now(UTC)) as made:
        with write(made.engine) as connection:
            for one in holders:
                person = msgspec.structs.replace(resident(one, "花", date(1950, 5, 5)), household_id=None)
                repo_residents.add(connection, person, made.clock[0], actor="test", os_user="test")
        yield made


def _link(made: Site, browser: httpx.Client, login: str, holder: str) -> None:
    """Sign in at one service for the first time, with a code of its desk."""
    made.clock[0] = datetime.now(UTC)
    with write(made.engine) as connection:
        code = repo_codes.issue(connection, holder, "code", made.clock[0], By("test", "test"), SystemRandom()).secret
    asked = browser.post(f"{made.url}/one-id/start")
    page = browser.get(visit_provider(browser, way_in(asked.text), login))
    form = Page(page.text).forms.get("/one-id/link")
    if form is None:
        # The provider still knew them from the service before: for the first time here it is asked anew.
        asked = browser.post(f"{made.url}/one-id/start", data=Page(page.text).forms["/one-id/start"])
        page = browser.get(visit_provider(browser, way_in(asked.text), login))
        form = Page(page.text).forms["/one-id/link"]
    linked = browser.post(f"{made.url}/one-id/link", data=form | {"code": code, "month": "5", "day": "5"})
    assert linked.status_code == 200, linked.text


def _subjects(made: Site) -> set[str]:
    with read(made.engine) as connection:
        return {one.who.subject for one in repo_one_id.living(connection)}


def _strings(folder: Path) -> set[str]:
    """Every text of eight characters or more in any column of a service's store."""
    with closing(sqlite3.connect(folder / "engine.sqlite")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows: list[Any] = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]
    return {value for row in rows for value in row if isinstance(value, str) and len(value) >= 8}


def _is_dictionary(text: str, issuer: str) -> bool:
    """Words of the program, the provider's own name, and what this test gave all three alike: id and name of a person."""
    return text == issuer or re.fullmatch(r"[a-z-]+", text) is not None or text.startswith('{"id":"r-')

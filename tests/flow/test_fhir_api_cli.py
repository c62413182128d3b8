"""`phr api`: a token printed once, that opens what `phr web` serves; lists without secrets; an end at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.api import app
from cli.exits import Exit
from cli.web import _links, _pages
from cli.wiring import settings
from engine.store import audit, repo_consents
from engine.store.database import read, write
from tests.flow.commands import refused, told
from tests.flow.furnished import engine
from tests.homes import HANAKO, TARO, consent

__all__ = ["engine"]
pytestmark = pytest.mark.flow


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def shown(*words: str) -> Any:
    return told(run(*words, "--json"))


def refusal(*words: str) -> tuple[int, str]:
    return refused(run(*words))


def given(*more: str, who: str = HANAKO) -> Any:
    return shown("grant", "--resident", who, "--name", "血圧手帳", "--by", "窓口", *more)


async def test_a_token_from_the_terminal_opens_what_the_web_serves_until_it_is_revoked(engine: Engine) -> None:
    made = given("--scope", "patient/Patient.rs", "--days", "7")
    assert (made["resident"], made["scopes"], made["state"], made["issued_by"]) == (
        HANAKO,
        ["patient/Patient.rs"],
        "open",
        "窓口",
    )
    pages = _pages(settings(), engine, _links(settings()))
    heads = {"Authorization": f"Bearer {made['token']}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(pages), base_url="http://127.0.0.1", headers=heads
    ) as client:
        assert (await client.get("/fhir/Patient")).json()["entry"][0]["resource"]["id"] == HANAKO
        assert (await client.get("/fhir/Goal")).status_code == 403
        [listed] = shown("list", "--resident", HANAKO)["grants"]
        assert listed["used_at"] is not None
        assert made["token"] not in json.dumps(listed)
        assert shown("revoke", made["id"])["grant"] == made["id"]
        assert (await client.get("/fhir/Patient")).status_code == 401
    assert refusal("revoke", made["id"]) == (Exit.ALREADY, "revoked-before")
    with read(engine) as connection:
        acts = [(link.action, link.actor) for link in audit.entries(connection, limit=999, subject=HANAKO)]
    assert acts[-3:] == [("api-grant", "窓口"), ("export-api", made["id"]), ("api-revoke", acts[-1][1])]


def test_for_people_the_token_is_the_only_line_on_stdout(engine: Engine) -> None:
    done = run("grant", "--resident", HANAKO, "--name", "血圧手帳")
    assert done.exit_code == 0
    assert done.stdout.startswith("minato_")
    assert len(done.stdout.splitlines()) == 1
    listed = run("list").stdout
    assert "血圧手帳" in listed
    assert "patient/*.rs" in listed
    assert "never used" in listed
    assert "minato_" not in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [(("grant", "--resident", "r-zzzzzzzzzzzzz", "--name", "x"), (Exit.NOT_FOUND, "unknown-resident")),
     (("grant", "--resident", HANAKO, "--name", ""), (Exit.USAGE, "empty")),
     (("grant", "--resident", HANAKO, "--name", "x", "--days", "366"), (Exit.USAGE, "bad-days")),
     (("grant", "--resident", HANAKO, "--name", "x", "--scope", "user/*.rs"), (Exit.USAGE, "bad-scope")),
     (("grant", "--resident", TARO, "--name", "x"), (Exit.NO_CONSENT, "no-consent")),
     (("list", "--resident", "x"), (Exit.NOT_FOUND, "unknown-resident")),
     (("revoke", "x-zzzzzzzzzzzzz"), (Exit.NOT_FOUND, "unknown-grant")), (("revoke", "'"), (Exit.NOT_FOUND, "unknown-grant"))],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_code(engine: Engine, words: tuple[str, ...], said: tuple[int, str]) -> None:
    with write(engine) as connection:
        repo_consents.append(connection, consent(TARO, "record", granted=False, at=datetime.now(UTC)), os_user="t")
    assert refusal(*words) == said


def test_a_resident_has_at_most_ten_programs(engine: Engine, tmp_path: Path) -> None:
    for _ in range(10):
        given()
    assert refusal("grant", "--resident", HANAKO, "--name", "x") == (Exit.REFUSED, "too-many")
    given(who=TARO)

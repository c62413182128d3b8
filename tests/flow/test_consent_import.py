"""`phr consent import` on a real store: what came once adds nothing again, and a yes never outlives a later no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import consent
from cli.exits import Exit
from engine.consent import permits, standing
from engine.interests import OWN, codes
from engine.sealing import seal_of
from engine.store import audit, repo_consent_sources, repo_consents, repo_interests
from engine.store.database import read, write
from fhir_bridge.bundle import encode
from fhir_bridge.holdings import holdings_of
from fhir_bridge.resources.consents import consents
from tests.flow.commands import refused, told
from tests.homes import HANAKO, TARO
from tests.homes import consent as word
from tests.stores import furnished_file

pytestmark = pytest.mark.flow
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
Home = tuple[Path, Engine]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    folder = tmp_path / "phr"
    folder.mkdir()
    engine = furnished_file(folder / "engine.sqlite")
    monkeypatch.setenv("PHR_HOME", str(folder))
    yield folder, engine
    engine.dispose()


def written(home: Home, who: str = HANAKO) -> Path:
    """Everything `who` said, as this house tells it: a Bundle beside a Patient."""
    with read(home[1]) as connection:
        from engine.store import repo_residents

        person = repo_residents.get(connection, who)
        assert person is not None
        held = holdings_of(connection, person, datetime.now(UTC), disclosed=True, types=("Consent",))
    entries = [{"resource": json.loads(encode(one.body))} for one in consents(held)]
    file = home[0] / "consents.json"
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient"}}, *entries],
    }
    file.write_text(json.dumps(bundle), encoding="utf-8")
    return file


def run(*words: str) -> Any:
    return CliRunner().invoke(consent.app, list(words))


def history(home: Home, who: str = HANAKO) -> list[Any]:
    with read(home[1]) as connection:
        return repo_consents.history(connection, who)


def test_our_own_consents_come_back_once_with_their_source_and_the_second_time_adds_nothing(home: Home) -> None:
    with write(home[1]) as connection:
        repo_consents.append(connection, word(HANAKO, "learning", granted=False, at=LONG_AGO), os_user="t")
    file, before = written(home), history(home)
    text = file.read_text(encoding="utf-8").replace(HANAKO, TARO)
    file.write_text(text, encoding="utf-8")
    started = len(history(home, TARO))
    done = told(run("import", str(file), "--resident", TARO, "--by", "佐藤", "--json"))
    assert (len(done["written"]), done["known"], done["others"], done["refused"]) == (len(before), 0, 1, [])
    now = datetime.now(UTC)
    assert standing(history(home, TARO)[started:], now) == standing(before, now)
    assert {(one.channel, one.actor) for one in history(home, TARO)[started:]} == {("fhir", "佐藤")}
    with read(home[1]) as connection:
        sources = repo_consent_sources.of(connection, TARO)
        assert audit.verify(connection) is None
    assert set(sources) == {one.seq for one in history(home, TARO)[started:]}
    assert {(one.sort, len(one.sha256)) for one in sources.values()} == {("fhir", 64)}
    again = told(run("import", str(file), "--resident", TARO, "--json"))
    assert (again["written"], again["known"]) == ([], len(before))
    assert len(history(home, TARO)) == started + len(before)


def test_a_document_taken_in_before_does_not_open_again_what_was_closed_since(home: Home) -> None:
    with write(home[1]) as connection:
        repo_consents.append(connection, word(HANAKO, "learning", at=LONG_AGO), os_user="t")
    file = written(home)
    assert run("import", str(file), "--resident", HANAKO).exit_code == 0
    assert run("withdraw", "--resident", HANAKO, "--purpose", "learning").exit_code == 0
    assert run("import", str(file), "--resident", HANAKO).exit_code == 0
    assert not permits(history(home), "learning", None, None, datetime.now(UTC) + timedelta(seconds=1)).granted


def test_a_later_no_of_ours_stands_against_an_older_yes_of_theirs_and_an_older_no_closes_what_is_open(
    home: Home,
) -> None:
    with write(home[1]) as connection:
        repo_consents.append(connection, word(HANAKO, "learning", at=LONG_AGO), os_user="t")
        file = home[0] / "yes.json"
    yes = json.loads(written(home).read_text(encoding="utf-8"))
    [mine] = [one["resource"] for one in yes["entry"] if "learning" in json.dumps(one)]
    assert run("withdraw", "--resident", HANAKO, "--purpose", "learning").exit_code == 0
    file.write_text(json.dumps(mine), encoding="utf-8")
    assert run("import", str(file), "--resident", HANAKO).exit_code == 0
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert not permits(history(home), "learning", None, None, later).granted
    assert run("grant", "--resident", HANAKO, "--purpose", "learning").exit_code == 0
    mine["provision"]["type"] = "deny"
    file.write_text(json.dumps(mine), encoding="utf-8")
    assert run("import", str(file), "--resident", HANAKO).exit_code == 0
    assert not permits(history(home), "learning", None, None, later + timedelta(seconds=1)).granted


def test_what_cannot_be_mapped_is_refused_by_its_place_and_the_rest_is_taken(home: Home) -> None:
    file = written(home)
    bundle = json.loads(file.read_text(encoding="utf-8"))
    bundle["entry"][2]["resource"]["provision"]["dataPeriod"] = {"start": "2026-01-01"}
    file.write_text(json.dumps(bundle), encoding="utf-8")
    done = run("import", str(file), "--resident", HANAKO, "--json")
    assert refused(done) == (Exit.REFUSED, "too-fine")
    found = json.loads(done.stdout.splitlines()[0])
    assert [one["place"] for one in found["refused"]] == [2]
    assert len(found["written"]) == len(bundle["entry"]) - 2
    file.write_text("{}", encoding="utf-8")
    assert refused(run("import", str(file), "--resident", HANAKO)) == (Exit.USAGE, "not-fhir")
    assert refused(run("import", str(home[0] / "none.json"), "--resident", HANAKO)) == (Exit.NOT_FOUND, "no-file")


def test_a_no_that_came_as_a_document_deletes_what_was_chosen(home: Home) -> None:
    seal = seal_of(home[0])
    with write(home[1]) as connection:
        said = word(HANAKO, "interest-link", at=LONG_AGO)
        repo_consents.append(connection, said, os_user="t")
        repo_interests.keep(connection, repo_interests.pseudonym(seal, HANAKO), codes()[:2])
    bundle = json.loads(written(home).read_text(encoding="utf-8"))
    [mine] = [one["resource"] for one in bundle["entry"] if "interest-link" in json.dumps(one)]
    mine["provision"]["type"] = "deny"
    file = home[0] / "no.json"
    file.write_text(json.dumps(mine), encoding="utf-8")
    assert run("import", str(file), "--resident", HANAKO).exit_code == 0
    with read(home[1]) as connection:
        assert repo_interests.of(connection, repo_interests.pseudonym(seal, HANAKO)) == ()
    assert not permits(history(home), "interest-link", OWN, None, datetime.now(UTC)).granted

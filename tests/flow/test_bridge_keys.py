"""`phr bridge keygen` and `jwks`, and the network as the settings name it."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from typer.testing import CliRunner

from cli.bridge_keys import network_of
from cli.commands import register
from cli.exits import Exit
from cli.main import app
from cli.output import Fail
from cli.wiring import BridgeSettings, Settings
from fhir_bridge.auth import Endpoint, token_form

pytestmark = pytest.mark.flow
if not app.registered_groups:
    register(app)


def phr(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def refused(*words: object) -> Fail:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(done.exception, Fail)
    return done.exception


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))


def test_a_key_is_made_for_us_alone_and_its_public_half_opens_what_it_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "key.pem"
    made = json.loads(phr("bridge", "keygen", "--out", place, "--json"))
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert made["alg"] == "ES384"
    before = place.read_bytes()
    again = refused("bridge", "keygen", "--out", place)
    assert (again.exit_code, again.code, place.read_bytes()) == (Exit.ALREADY, "key-exists", before)
    for name, value in {"URL": "https://h/fhir", "CLIENT_ID": "minato", "KEY_FILE": str(place)}.items():
        monkeypatch.setenv(f"PHR_BRIDGE_{name}", value)
    published = json.loads(phr("bridge", "jwks"))
    assert "d" not in published["keys"][0]
    assert published["keys"][0]["kid"] == made["key_id"]
    config = Settings(bridge=BridgeSettings(url="https://h/fhir", client_id="minato", key_file=str(place)))
    smart = network_of(config).auth
    assert smart is not None
    form = token_form(smart, Endpoint("https://h/token", frozenset()), datetime.now(UTC), Random(1))
    read = jwt.decode(form["client_assertion"], KeySet.import_key_set(published), algorithms=["ES384"])
    assert read.claims["iss"] == "minato"


def test_old_and_new_key_stand_in_one_set_while_one_replaces_the_other(tmp_path: Path) -> None:
    names = [tmp_path / "old.pem", tmp_path / "new.pem"]
    kids = [
        phr("bridge", "keygen", "--out", name, "--alg", alg).strip()
        for name, alg in zip(names, ("RS384", "ES384"), strict=True)
    ]
    published = json.loads(phr("bridge", "jwks", *names))["keys"]
    assert [(one["kid"], one["kty"]) for one in published] == list(zip(kids, ("RSA", "EC"), strict=True))
    assert not {"d", "p", "q"} & set(published[0])


def test_what_is_no_key_or_open_to_all_is_refused_with_its_reason(tmp_path: Path) -> None:
    words, place = tmp_path / "words.pem", tmp_path / "key.pem"
    words.write_text("hello")
    words.chmod(0o600)
    phr("bridge", "keygen", "--out", place)
    place.chmod(0o644)
    found = [
        refused("bridge", "jwks"), refused("bridge", "jwks", words), refused("bridge", "jwks", place),
        refused("bridge", "jwks", tmp_path / "none.pem"), refused("bridge", "keygen", "--out", tmp_path / "no" / "x"),
    ]  # fmt: skip
    assert [one.code for one in found] == ["no-key", "bad-key", "secret-exposed", "secret-missing", "key-file"]
    assert {one.exit_code for one in found} == {Exit.CONFIGURATION}


BAD: dict[str, dict[str, Any]] = {
    "no-network": {},
    "not-https": {"url": "http://hospital.example.jp/fhir"},
    "bad-url": {"url": "hospital"},
    "half-credentials": {"url": "https://h/fhir", "client_id": "minato"},
    "bad-tls": {"url": "https://h/fhir", "ca_file": "none.pem"},
}


@pytest.mark.parametrize("code", BAD)
def test_a_network_that_cannot_be_used_is_a_matter_of_configuration(code: str) -> None:
    with pytest.raises(Fail) as failed:
        network_of(Settings(bridge=BridgeSettings(**BAD[code])))
    assert (failed.value.code, failed.value.exit_code) == (code, Exit.CONFIGURATION)

"""`phr simulate hospital` as a person uses it: started, told to the bridge, asked, stopped, started again."""

from __future__ import annotations

import json
import signal
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
from fhir_bridge.auth_keys import make_key, public_set
from simulators.hospital.ward import SYSTEM

pytestmark = pytest.mark.flow


@contextmanager
def hospital(state: Path, *words: str) -> Iterator[dict[str, str]]:
    """The hospital in a process of its own; the settings it prints."""
    command = [sys.executable, "-m", "cli", "simulate", "hospital", "--state", str(state), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while not process.stderr.readline().startswith("stop:"):
            assert process.poll() is None
        lines = [process.stdout.readline() for _ in range(4 if "--jwks" in words else 2)]
        try:
            yield tomllib.loads("".join(lines))["bridge"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


def refused(*words: object) -> tuple[int, str]:
    failure = CliRunner().invoke(app, ["hospital", *map(str, words)]).exception
    assert isinstance(failure, Fail)
    return int(failure.exit_code), failure.code


def test_it_has_the_people_of_the_demo_and_remembers_what_was_done_to_them(tmp_path: Path) -> None:
    with hospital(tmp_path / "state") as settings:
        base = settings["url"]
        found = httpx.get(f"{base}/Patient", params={"identifier": f"{SYSTEM}|1001"}).json()
        assert [one["resource"]["birthDate"] for one in found["entry"]] == ["1960-04-12"]
        labs = httpx.get(f"{base}/Observation", params={"patient": "taro", "category": "laboratory"}).json()
        assert len(labs["entry"]) == 3
        no = {"patient": "taro", "given": False}
        assert httpx.post(f"{base.removesuffix('/fhir')}/control/consent", json=no).status_code == 200
        assert refused("--port", urlsplit(base).port) == (8, "cannot-listen")
    with hospital(tmp_path / "state") as settings:
        assert httpx.get(f"{settings['url']}/Observation", params={"patient": "taro"}).status_code == 403


def test_with_public_keys_nobody_comes_in_without_one(tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(public_set([(make_key("ES384"), None)])), encoding="utf-8")
    with hospital(tmp_path / "state", "--jwks", str(keys)) as settings:
        assert settings["client_id"] == "minato-phr"
        assert httpx.get(f"{settings['url']}/Patient/taro").status_code == 401


@pytest.mark.parametrize("form", ["list", "lines", "bundle"])
def test_ones_own_patients_are_taken_in_whatever_way_they_are_listed(tmp_path: Path, form: str) -> None:
    people = [
        {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/a"}, "code": {"text": "x"}},
        {"resourceType": "Patient", "id": "a", "identifier": [{"system": SYSTEM, "value": "7"}]},
    ]
    file = tmp_path / "people.json"
    if form == "lines":
        file.write_text("\n".join(json.dumps(one) for one in people), encoding="utf-8")
    else:
        bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in people]}
        file.write_text(json.dumps(people if form == "list" else bundle), encoding="utf-8")
    with hospital(tmp_path / "state", "--patients", str(file)) as settings:
        assert httpx.get(f"{settings['url']}/Condition/c").status_code == 200


def test_what_cannot_be_read_or_is_no_fhir_is_said_with_its_code(tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    assert refused("--patients", file) == (3, "cannot-read")
    for text, code in (("{", "not-json"), ("[1]", "not-fhir"), ('"x"', "not-fhir"),
                       ('[{"resourceType": "Patient", "birthDate": "soon"}]', "bad-resource")):  # fmt: skip
        file.write_text(text, encoding="utf-8")
        assert refused("--patients", file, "--state", tmp_path / "state") == (2, code), text
    file.write_text('{"keys": []}', encoding="utf-8")
    assert refused("--jwks", file) == (2, "not-jwks")
    (tmp_path / "state/journal.jsonl").write_text("nonsense\n", encoding="utf-8")
    assert refused("--state", tmp_path / "state") == (11, "bad-journal")

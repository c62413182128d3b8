"""`phr mirror` as people use it: check a map, accept a proposal, read a pulse out of a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cli import mirror
from cli.exits import Exit
from cli.gateway import _home_broker
from cli.output import Fail
from cli.wiring import settings
from gateway.discovery import discover, propose
from gateway.mirror_maps import Maps
from simulators.pulse_traces import noise_trace, pulse_trace

MAP = """
name = "washstand"
topic = "mirror/washstand"
quality = "/q"
person = "/face"
[people]
"花子" = "r-aaaaaaaaaaaaa"
[[values]]
pointer = "/hr"
kind = "heart-rate"
unit = "/min"
"""
CONFIG = {
    "name": "Heart rate", "stat_t": "m/state", "unit_of_meas": "bpm", "val_tpl": "{{ value_json.hr }}",
    "dev": {"ids": ["m-1"], "mdl": "Mirror 3"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "phr"))


def run(*words: str | Path) -> tuple[str, str, BaseException | None]:
    done = CliRunner().invoke(mirror.app, [str(word) for word in words])
    return done.stdout, done.stderr, done.exception


def refused(*words: str | Path) -> tuple[Exit, str]:
    failure = run(*words)[2]
    assert isinstance(failure, Fail), failure
    return failure.exit_code, failure.code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(MAP, encoding="utf-8")
    return path


def test_a_map_is_checked_against_a_message_before_it_is_kept(file: Path, tmp_path: Path) -> None:
    message = tmp_path / "message.json"
    message.write_text('{"hr": 62.0, "q": 0.9, "face": "花子"}', encoding="utf-8")
    printed, _, _ = run("map", "check", file, "--message", message, "--json")
    reads = json.loads(printed)["reads"]
    assert reads["person"] == "r-aaaaaaaaaaaaa"
    assert reads["portions"][0]["values"] == [{"kind": "heart-rate", "value": "62.0", "unit": "/min"}]
    message.write_text('{"hr": 62.0, "q": 0.9, "face": "花子", "t": "2026-11-21T07:00:00+09:00"}', encoding="utf-8")
    lines = run("map", "check", file, "--message", message)[0].splitlines()
    assert lines == ["heart rate 62.0 /min  (camera)", "whose: r-aaaaaaaaaaaaa"]
    message.write_text('{"hr": "much"}', encoding="utf-8")
    assert run("map", "check", file, "--message", message)[0] == "no value can be used [not-a-number]\n"
    assert "washstand: this map can be used." in run("map", "check", file)[1]
    assert json.loads(run("map", "list", "--json")[0])["maps"] == []


def test_a_kept_map_is_listed_and_can_be_struck(file: Path) -> None:
    run("map", "add", file)
    assert run("map", "list")[0] == "washstand  mirror/washstand  heart-rate  花子=r-aaaaaaaaaaaaa\n"
    assert json.loads(run("map", "forget", "washstand", "--json")[0]) == {"map": "washstand"}
    assert "There is no mirror yet." in run("map", "list")[1]
    assert refused("map", "forget", "washstand") == (Exit.NOT_FOUND, "unknown-map")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (MAP.replace("/min", "kg"), "map-unit"), (MAP.replace('"/hr"', '"hr"'), "map-pointer"), ("name = ", "map-file"),
        (MAP.replace("heart-rate", "aura"), "map-kind"), (MAP + 'surprise = "x"', "map-shape"),
        (MAP.replace("r-aaaaaaaaaaaaa", "花子"), "map-shape"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_says_why(file: Path, content: str, code: str) -> None:
    file.write_text(content, encoding="utf-8")
    assert refused("map", "check", file)[1] == code
    assert refused("map", "add", file)[1] == code


def test_a_proposal_is_accepted_with_its_people() -> None:
    (made,) = propose(discover("homeassistant/sensor/x/config", json.dumps(CONFIG).encode()).entities)
    Maps(settings().root).propose(made)
    assert made.name in run("map", "list")[1]
    words = ("--person", "hanako=r-aaaaaaaaaaaaa", "--display", "m/show", "--sensor")
    kept = json.loads(run("map", "accept", made.name, *words, "--json")[0])
    assert (kept["people"], kept["display"], kept["camera"]) == ({"hanako": "r-aaaaaaaaaaaaa"}, "m/show", False)
    assert Maps(settings().root).proposed() == ()
    assert refused("map", "accept", made.name)[1] == "unknown-proposal"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--person", "hanako"), "bad-person"),
        (("--person", "x=taro"), "map-shape"),
        (("--display", "m/#"), "map-display"),
    ],
)
def test_a_proposal_with_a_wrong_word_stays_a_proposal(words: tuple[str, ...], code: str) -> None:
    (made,) = propose(discover("homeassistant/sensor/x/config", json.dumps(CONFIG).encode()).entities)
    Maps(settings().root).propose(made)
    assert refused("map", "accept", made.name, *words) == (Exit.USAGE, code)
    assert [item.name for item in Maps(settings().root).proposed()] == [made.name]
    assert Maps(settings().root).load() == ((), ())


def test_a_discovery_message_is_told_as_maps_and_refusals(tmp_path: Path) -> None:
    message = tmp_path / "config.json"
    message.write_text(json.dumps(CONFIG | {"val_tpl": "{{ value_json.hr * 2 }}"}))
    printed = json.loads(run("map", "propose", "homeassistant/sensor/hr/config", message)[0])
    assert printed == {"maps": [], "refused": [{"entity": "hr", "code": "template"}]}


def write_trace(path: Path, trace: Any) -> Path:
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow("trgb")
        writer.writerows(zip(trace.seconds, trace.red, trace.green, trace.blue, strict=True))
    return path


def test_a_pulse_is_read_out_of_a_file_and_is_only_ever_preliminary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = pulse_trace(np.random.default_rng(4), 9.0)
    path = write_trace(tmp_path / "face.csv", trace)
    found = json.loads(run("rppg", path, "--json")[0])
    assert found["rate"] == pytest.approx(trace.rate, abs=2)
    assert (found["passes"], found["preliminary"]) == (True, True)
    monkeypatch.setenv("PHR_LANG", "ja")
    assert "目安" in run("rppg", path)[0]
    empty = write_trace(tmp_path / "room.csv", noise_trace(np.random.default_rng(4)))
    assert json.loads(run("rppg", empty, "--json")[0])["passes"] is False
    assert "読めませんでした" in run("rppg", empty)[0]


@pytest.mark.parametrize(
    ("content", "code"),
    [("t,r,g\n0,1,2\n", "trace-shape"), ("t,r,g,b\n0,1,2,x\n", "trace-shape"), ("", "trace-shape"),
     ("t,r,g,b\n0,1,1,1\n1,1,1,1\n", "trace-short"), (None, "no-trace")],
)  # fmt: skip
def test_a_trace_that_cannot_be_read_says_why(tmp_path: Path, content: str | None, code: str) -> None:
    path = tmp_path / "trace.csv"
    if content is not None:
        path.write_text(content)
    assert refused("rppg", path, "--json")[1] == code


def test_the_homes_broker_is_a_setting_and_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _home_broker(settings()) is None
    monkeypatch.setenv("PHR_MIRROR_URL", "mqtt://192.168.1.5")
    own = _home_broker(settings())
    assert own is not None
    assert (own.address.host, own.address.port, own.discover, own.announce) == ("192.168.1.5", 1883, False, False)
    monkeypatch.setenv("PHR_MIRROR_ANNOUNCE", "true")
    assert (own := _home_broker(settings())) is not None
    assert own.announce
    monkeypatch.setenv("PHR_MIRROR_URL", "192.168.1.5")
    with pytest.raises(Fail) as failure:
        _home_broker(settings())
    assert failure.value.code == "bad-mirror-broker"

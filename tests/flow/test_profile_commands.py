"""A contributor's way: a first file, a recording of the device, a check that convicts, a golden that was reviewed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import profile as profile_cli
from cli.exits import Exit
from cli.output import Fail
from firmware_profiles.captures import answer
from firmware_profiles.registry import PROFILES, load
from gateway.recording import scrub, scrub_name
from simulators.household import Household
from simulators.process import DevicesProcess
from tests.flow.device_home import device, weights

pytestmark = pytest.mark.flow


def run(*words: str, code: int | str = 0) -> str:
    found = CliRunner().invoke(profile_cli.app, list(words))
    if isinstance(found.exception, Fail):
        assert found.exception.code == code, found.exception.message
    else:
        assert found.exit_code == code, (found.output, found.exception)
    return found.output


def new(folder: Path, *more: str) -> Path:
    made = run("new", "acme-scale", "--maker", "Acme", "--model", "One", "--folder", str(folder), *more)
    return Path(made.splitlines()[0])


@pytest.mark.parametrize(
    "way",
    [
        ("--company", "0x0ABC"),
        ("--service-data", "FD99", "--local-name", "ACME"),
        ("--service", "FFC0", "--characteristic", "FFC1"),
    ],
)
def test_a_new_family_s_first_file_keeps_every_law(tmp_path: Path, way: tuple[str, ...]) -> None:
    assert "✔ acme-scale" in run("check", str(new(tmp_path, *way)))


def test_a_file_is_never_overwritten_and_an_impossible_plan_is_refused(tmp_path: Path) -> None:
    new(tmp_path, "--company", "2748")
    run("new", "acme-scale", "--maker", "A", "--model", "B", "--folder", str(tmp_path), "--company", "1", code="exists")
    plain = ("new", "acme-two", "--maker", "A", "--model", "B", "--folder", str(tmp_path))
    run(*plain, code="bad-plan")
    run(*plain, "--company", "x", code="bad-company")


def test_check_convicts_a_wrong_decoder_a_wrong_capture_and_a_changed_golden(tmp_path: Path) -> None:
    path = new(tmp_path, "--company", "0x0ABC")
    line = {"id": "one", "transport": "advertisement", "manufacturer_id": 2748, "payload_hex": "58180100"}
    line |= {"final": True, "expected": {"weight": {"value": 62.32, "unit": "kg"}}}
    captures = path.with_suffix(".jsonl")
    captures.write_text(json.dumps(line) + "\n")
    assert "✔" in run("check", str(path), "--write")
    assert (tmp_path / "acme_scale.golden.jsonl").read_text().startswith('{"id": "one", "profile": "acme-scale"')
    captures.write_text(json.dumps(line | {"payload_hex": "59180100"}) + "\n")
    said = run("check", str(path), code="law-broken")
    assert "captures: one: weight is {'value': 62.33" in said
    assert "golden: the answers differ" in said
    path.write_text(path.read_text().replace("fixed(weight, 2)", "fixed(weight, 12)"))
    report = json.loads(run("check", str(path), "--json", code="law-broken").splitlines()[0])
    assert report["checked"][0]["problems"]["laws"]


def test_a_rival_of_a_known_family_is_found(tmp_path: Path) -> None:
    path = new(tmp_path, "--company", "0x0157")
    path.write_text(path.read_text().replace("length=4", "length=24"))
    assert "claims: claimant" in run("check", str(path), code="law-broken")


def test_a_broken_plug_in_is_named_and_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode() -> Any:
        raise ImportError("no module named acme")

    found = load([SimpleNamespace(name="acme", load=explode)])
    assert found.profiles == PROFILES
    monkeypatch.setattr("firmware_profiles.registry.installed", lambda: found)
    told = json.loads(run("list", "--json"))
    assert told["problems"] == [{"plugin": "acme", "code": "broken", "message": "ImportError: no module named acme"}]
    assert len(told["profiles"]) == len(PROFILES)


def test_every_family_can_be_shown() -> None:
    for name in PROFILES:
        assert json.loads(run("show", name, "--json"))["id"] == name
        assert PROFILES[name].source.split(",")[0] in run("show", name)
    run("show", "no-such-thing", code="unknown-profile")


async def test_a_recording_tells_the_records_and_not_whose_device_it_is(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(2))
    process = DevicesProcess(Household(devices=(scale,)), tmp_path / "air")
    out = tmp_path / "scale.jsonl"
    await asyncio.to_thread(process.start)
    try:
        words = ("record", "--address", scale.address, "--out", str(out), "--device", "scale", "--air", process.air)
        await asyncio.to_thread(lambda: run(*words, "--seconds", "1", code="no-data"))
        await asyncio.to_thread(run, *words, "--seconds", "8", "--connect")
        missing = ("record", "--address", "F0:00:00:00:00:99", *words[3:], "--seconds", "0.5", "--connect")
        await asyncio.to_thread(lambda: run(*missing, code="not-heard"))
    finally:
        await asyncio.to_thread(process.stop)
    lines = out.read_text().splitlines()
    told = [answer(line, PROFILES) for line in lines if '"notification"' in line]
    assert [item["quantities"]["weight"]["value"] for item in told if item.get("profile") == "sig-weight"] == [60, 60.1]
    assert scale.address not in out.read_text()


def test_an_address_is_scrubbed_in_both_byte_orders_and_out_of_names() -> None:
    address = "C0:26:DF:01:E2:3A"
    raw = bytes.fromhex("01c026df01e23aff3ae201df26c002")
    assert "e23a" not in scrub(raw, address).hex()
    assert len(scrub(raw, address)) == len(raw)
    assert scrub_name("A&D_UC-352BLE_01E23A", address) == "A&D_UC-352BLE_000000"
    assert scrub_name("MIBCS", address) == "MIBCS"
    assert scrub_name(None, address) is None


def test_exit_codes_of_profile_commands_are_the_documented_ones() -> None:
    found = CliRunner().invoke(profile_cli.app, ["show", "nothing"])
    assert isinstance(found.exception, Fail)
    assert found.exception.exit_code == Exit.NOT_FOUND

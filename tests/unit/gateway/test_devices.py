"""The household's device list: what may be listed, who can read it, and that it survives being written."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer import Typer
from typer.testing import CliRunner

from cli.device import app
from cli.exits import Exit
from cli.output import Fail
from engine.contract.ids import device_id
from firmware_profiles.model import Body
from gateway.devices import DeviceError, Devices, Newcomer, entry
from gateway.orders import follow

ADDRESS, HOUSE, PERSON = "C0:26:DF:01:E2:3A", "h-aaaaaaaaaaaaa", "r-aaaaaaaaaaaaa"


def test_two_gateways_of_a_home_give_a_device_the_same_id() -> None:
    assert entry(ADDRESS.lower(), "sig-weight", household=HOUSE).id == device_id(HOUSE, ADDRESS)
    assert entry(ADDRESS, "sig-weight").id != entry(ADDRESS, "sig-weight").id


def test_the_list_is_private_and_a_second_slot_joins_the_first(tmp_path: Path) -> None:
    devices = Devices(tmp_path)
    devices.add(entry(ADDRESS, "sig-weight", household=HOUSE, resident=PERSON, slot=1, pin=7))
    devices.add(entry(ADDRESS, "sig-weight", household=HOUSE, resident="r-bbbbbbbbbbbbb", slot=2, pin=8))
    (listed,) = devices.load()
    assert [binding.slot for binding in listed.bindings] == [1, 2]
    assert listed.pins == {1: 7, 2: 8}
    assert (tmp_path / "devices.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DeviceError, match="already listed"):
        devices.add(entry(ADDRESS, "sig-weight", household=HOUSE, resident=PERSON, slot=1))


def test_a_damaged_list_is_said_to_be_damaged_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_text('{"v":1,"devices":[{}]}')
    with pytest.raises(DeviceError) as failure:
        Devices(tmp_path).add(entry(ADDRESS, "sig-weight"))
    assert failure.value.code == "damaged"
    assert (tmp_path / "devices.json").read_text() == '{"v":1,"devices":[{}]}'


def test_forgetting_a_person_takes_slots_and_pins_from_every_device(tmp_path: Path) -> None:
    Devices(tmp_path).add(entry(ADDRESS, "sig-weight", household=HOUSE, resident=PERSON, slot=1, pin=7))
    topic = "phr/v1/g-aaaaaaaaaaaaa/down/cmd/forget"
    order = json.dumps({"v": 1, "correlation": "q1", "resident": PERSON}).encode()
    reply = follow(topic, order, "g-aaaaaaaaaaaaa", tmp_path)
    assert reply is not None
    assert json.loads(reply) == {"v": 1, "correlation": "q1", "verb": "forget", "result": "done", "count": 1}
    (listed,) = Devices(tmp_path).load()
    assert (listed.bindings, listed.pins) == ((), {})


@pytest.mark.parametrize(
    ("leaf", "payload", "result"),
    [
        ("cmd/forget", b"\xff\xfe", "malformed"),
        ("cmd/forget", b'{"v":1,"correlation":"q"}', "malformed"),
        ("cmd/dance", b'{"v":1,"correlation":"q"}', "unknown-verb"),
        ("roster", b"nonsense", None),
        ("show/r-aaaaaaaaaaaaa", b"{}", None),
    ],
)
def test_orders_that_cannot_be_followed_are_answered_and_harm_nothing(
    tmp_path: Path, leaf: str, payload: bytes, result: str | None
) -> None:
    reply = follow(f"phr/v1/g-aaaaaaaaaaaaa/down/{leaf}", payload, "g-aaaaaaaaaaaaa", tmp_path)
    assert (json.loads(reply)["result"] if reply else None) == result
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def phr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PHR_GATEWAY_HOUSEHOLD", HOUSE)
    return tmp_path


def run(*words: str) -> str:
    outcome = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def refuse(*words: str) -> tuple[Exit, str]:
    with pytest.raises(Fail) as failure:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return failure.value.exit_code, failure.value.code


@pytest.mark.usefixtures("phr")
def test_a_device_is_added_listed_and_forgotten_from_the_command_line() -> None:
    words = ("add", "--address", ADDRESS.lower(), "--profile", "sig-weight", "--resident", PERSON, "--json")
    added = json.loads(run(*words))
    assert added["id"] == device_id(HOUSE, ADDRESS)
    assert added["bindings"] == [{"slot": None, "resident": PERSON}]
    assert refuse(*words) == (Exit.ALREADY, "already-listed")
    assert json.loads(run("list", "--json")) == {"devices": [added]}
    assert run("forget", added["id"]).strip() == added["id"]
    assert refuse("forget", added["id"]) == (Exit.NOT_FOUND, "unknown-device")


@pytest.mark.usefixtures("phr")
def test_what_the_numbers_of_a_home_made_device_mean_is_said_once_added_to_and_taken_back() -> None:
    words = ("add", "--address", ADDRESS, "--profile", "bthome-v2", "--resident", PERSON, "--json")
    added = json.loads(run(*words, "--reads", "count=steps"))
    assert added["reads"] == {"count": "steps"}
    more = json.loads(run(*words, "--reads", "count_2=steps"))
    assert more == added | {"reads": {"count": "steps", "count_2": "steps"}}
    assert refuse(*words, "--reads", "count=steps") == (Exit.ALREADY, "already-listed")
    other = ("--resident", "r-bbbbbbbbbbbbb", "--reads", "count_3=steps")
    assert refuse(*words[:5], *other) == (Exit.ALREADY, "already-listed"), "it is somebody else's"
    assert json.loads(run("show", ADDRESS, "--json"))["reads"] == more["reads"]
    assert run("set", ADDRESS, "--reads", "count=steps") == f"{added['id']}  count steps\n"
    assert json.loads(run("set", ADDRESS, "--as-sent", "--json"))["reads"] == {}
    assert refuse("set", ADDRESS) == (Exit.USAGE, "nothing-to-set")
    assert refuse("set", ADDRESS, "--reads", "count=nonsense") == (Exit.USAGE, "bad-reads")


@pytest.mark.parametrize(
    ("lang", "whole", "slot", "shared", "awaited"),
    [
        ("ja", "つかう人: 機械 ぜんぶ", "1番", "みんなで", "番号を もらう まえ"),
        ("en", "used by: whole device", "user 1", "shared", "no user number yet"),
    ],
)
def test_whose_a_device_is_stands_there_in_words(
    phr: Path, monkeypatch: pytest.MonkeyPatch, lang: str, whole: str, slot: str, shared: str, awaited: str
) -> None:
    monkeypatch.setenv("PHR_LANG", lang)
    own, numbered, everybody, waits = (f"C0:26:DF:01:E2:3{last}" for last in "ABCD")
    run("add", "--address", own, "--profile", "sig-weight", "--resident", PERSON)
    run("add", "--address", numbered, "--profile", "sig-weight", "--resident", PERSON, "--slot", "1")
    run("add", "--address", everybody, "--profile", "sig-weight")
    body = Body(height=Decimal("152.5"), sex="female")
    waiting = (Newcomer(resident=PERSON, pin=7, body=body),)
    Devices(phr / "home").add(replace(entry(waits, "sig-weight"), waiting=waiting, bodies={1: body}))
    assert f"{whole} {PERSON}\n" in run("show", own)
    assert f"{slot} {PERSON}\n" in run("show", numbered)
    for address, said in ((everybody, shared), (waits, awaited)):
        assert f": {said}\n" in run("show", address)
        assert [line.split("  ")[-1] for line in run("list").splitlines() if address in line] == [said]
        assert "None" not in run("show", address)
        assert "152.5" not in run("show", address) + run("list")


@pytest.mark.usefixtures("phr")
def test_a_device_has_a_name_of_the_household_s_own_and_is_found_by_it() -> None:
    first = json.loads(run("add", "--address", ADDRESS, "--profile", "sig-weight", "--json"))
    second = json.loads(run("add", "--address", "C0:26:DF:01:E2:3B", "--profile", "sig-weight", "--json"))
    assert json.loads(run("rename", first["id"], "花子の体重計", "--json"))["name"] == "花子の体重計"
    assert refuse("rename", second["id"], "花子の体重計") == (Exit.ALREADY, "name-taken")
    assert refuse("rename", second["id"], "") == (Exit.USAGE, "bad-name")
    assert refuse("rename", "nothing", "x") == (Exit.NOT_FOUND, "unknown-device")
    assert "花子の体重計" in run("show", "花子の体重計")
    assert refuse("show", "nothing") == (Exit.NOT_FOUND, "unknown-device")
    assert json.loads(run("forget", "花子の体重計", "--json"))["id"] == first["id"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--address", "my scale"], "bad-address"),
        (["--profile", "nonsense"], "unknown-profile"),
        (["--resident", "Hanako"], "bad-resident"),
        (["--id", "d-1"], "bad-device"),
        (["--slot", "300"], "bad-slot"),
    ],
)
@pytest.mark.usefixtures("phr")
def test_what_cannot_be_listed_is_refused_with_a_reason(more: list[str], code: str) -> None:
    words = {"--address": ADDRESS, "--profile": "sig-weight"} | {more[0]: more[1]}
    flat = [word for pair in words.items() for word in pair]
    assert refuse("add", *flat) == (Exit.USAGE, code)


def test_a_pin_is_read_from_a_private_file_and_never_shown(phr: Path) -> None:
    pin = phr / "pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    words = ("add", "--address", ADDRESS, "--profile", "sig-body-composition", "--slot", "1", "--pin-file", str(pin))
    run(*words)
    assert "1234" not in run("list", "--json") + run("list")
    pin.write_text("none")
    assert refuse(*words) == (Exit.USAGE, "bad-pin")


def test_a_machine_without_bluetooth_ends_the_gateway_with_its_exit_code(
    phr: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cli.gateway import app as gateway

    assert _failure_of(gateway) == (Exit.CONFIGURATION, "no-broker")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={phr}/no-bus")
    monkeypatch.setenv("PHR_GATEWAY_ID", "g-aaaaaaaaaaaaa")
    monkeypatch.setenv("PHR_MQTT_URL", "mqtt://127.0.0.1:1")
    assert _failure_of(gateway) == (Exit.NO_BLUETOOTH, "no-bluetooth")
    monkeypatch.setenv("PHR_MQTT_URL", "http://127.0.0.1")
    assert _failure_of(gateway) == (Exit.CONFIGURATION, "bad-broker")


def _failure_of(gateway: Typer) -> tuple[Exit, str]:
    with pytest.raises(Fail) as failure:
        CliRunner().invoke(gateway, ["run"], catch_exceptions=False)
    return failure.value.exit_code, failure.value.code

"""`phr pair` and `phr scan` as a person or a script uses them, on a simulated air."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from cli import pair as command
from cli import scan
from cli.device import app as devices
from cli.exits import Exit
from cli.output import Fail
from cli.pair_names import default_name, typed_name
from cli.pair_people import people_of
from cli.pair_words import called
from cli.wiring import open_store, settings
from firmware_profiles.model import Pairing
from gateway import pairing as machine
from gateway.devices import Devices, entry
from gateway.pairing_model import PasskeyTyped, State, Stop
from gateway.pairing_screen import Screen, screen
from simulators.household import Household, VirtualDevice
from simulators.orders import OrderError
from simulators.process import DevicesProcess
from tests.flow.device_home import device
from tests.homes import HANAKO, TARO, furnish, resident

pytestmark = pytest.mark.flow
app = typer.Typer()
app.command("pair")(command.pair)
app.command("scan")(scan.scan)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A household of two who agreed and one who did not."""
    monkeypatch.setattr(machine, "SETTLE", 0.3)
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "home"))
    store = open_store(settings())
    try:
        furnish(store, purposes=("record",))
        from engine.store import repo_residents
        from engine.store.database import write

        silent = replace(resident(SILENT, "次郎", datetime(1980, 1, 1, tzinfo=UTC).date()))
        with write(store) as connection:
            repo_residents.add(connection, silent, datetime.now(UTC), actor="test", os_user="test")
    finally:
        store.dispose()
    return tmp_path


SILENT = "r-jirojirojiro4"


@pytest.fixture
def air(home: Path) -> Iterator[Any]:
    """Puts a device on the air."""
    processes: list[DevicesProcess] = []

    def put(one: VirtualDevice) -> DevicesProcess:
        process = DevicesProcess(Household(devices=(one,)), home / "air").start()
        processes.append(process)
        return process

    yield put
    for process in processes:
        process.stop()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def refuse(*words: str) -> tuple[Exit, str]:
    with pytest.raises(Fail) as failure:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return failure.value.exit_code, failure.value.code


def measuring(process: DevicesProcess, done: threading.Event, what: str, among: tuple[int, int]) -> threading.Thread:
    """Somebody who measures again and again, a thousandth more each time."""

    def measure() -> None:
        for thousandths in range(*among, 100):
            # Slower than a scale's patience: it hangs up in between.
            if done.wait(0.8):
                return
            with suppress(OrderError):
                process.ask("measure", "it", values={what: f"{thousandths / 1000:.2f}"})

    thread = threading.Thread(target=measure)
    thread.start()
    return thread


def test_a_script_pairs_a_scale_by_flags_and_reads_one_event_a_line(air: Any) -> None:
    process, done = air(device("weight-scale")), threading.Event()
    somebody = measuring(process, done, "weight", (62_000, 66_000))
    try:
        words = ["pair", "--air", process.air, "--for", HANAKO, "--yes", "--json", "--name", "花子の体重計"]
        outcome = CliRunner().invoke(app, words, catch_exceptions=False)
        heard = CliRunner().invoke(app, ["scan", "--air", process.air, "--seconds", "2", "--json"])
    finally:
        done.set()
        somebody.join()
    assert outcome.exit_code == 0, outcome.output
    told = events(outcome.stdout)
    assert [event["event"] for event in told if event["event"] != "aside"] == ["found", "chosen", "paired", "proven"]
    (proof,) = told[-1]["values"]
    assert (proof["kind"], proof["unit"], proof["value"][:2]) == ("body-weight", "kg", "62")
    (row,) = json.loads(heard.stdout)["devices"]
    assert (row["listed"], row["family"], row["signal"]) == ("花子の体重計", "sig-weight", "strong")
    listed = json.loads(CliRunner().invoke(devices, ["show", "花子の体重計", "--json"]).stdout)
    assert listed["bindings"] == [{"slot": None, "resident": HANAKO}]
    assert listed["about"]["serial"] == "0001"
    assert listed["proven_at"]


def test_a_question_nobody_answers_names_the_flag_that_would_have(air: Any) -> None:
    process = air(device("weight-scale"))
    assert refuse("pair", "--air", process.air, "--yes", "--json") == (Exit.USAGE, "missing-flag")
    assert refuse("pair", "--air", process.air, "--for", HANAKO, "--json") == (Exit.USAGE, "missing-flag")


def test_without_consent_nothing_is_paired_and_the_exit_code_says_why(air: Any) -> None:
    process = air(device("weight-scale"))
    assert refuse("pair", "--air", process.air, "--for", SILENT, "--yes", "--json") == (Exit.NO_CONSENT, "no-consent")
    assert json.loads(CliRunner().invoke(devices, ["list", "--json"]).stdout) == {"devices": []}


def test_an_encrypted_scale_wants_its_key_and_says_when_it_is_the_wrong_one(air: Any, home: Path) -> None:
    process, done = air(device("profile-broadcast", profile="xiaomi-body-thermometer", key=KEY)), threading.Event()
    right, wrong = home / "right", home / "wrong"
    right.write_text(KEY)
    wrong.write_text("f" * 32)
    for path in (right, wrong):
        path.chmod(0o600)
    somebody = measuring(process, done, "temperature", (36_100, 36_900))
    words = ["pair", "--air", process.air, "--for", HANAKO, "--yes", "--json", "--timeout", "12"]
    try:
        assert refuse(*words) == (Exit.USAGE, "missing-flag")
        assert refuse(*words, "--key-file", str(wrong)) == (Exit.USAGE, "bindkey-wrong")
        assert json.loads(CliRunner().invoke(devices, ["list", "--json"]).stdout) == {"devices": []}
        outcome = CliRunner().invoke(app, [*words, "--key-file", str(right)], catch_exceptions=False)
    finally:
        done.set()
        somebody.join()
    assert outcome.exit_code == 0, outcome.output
    assert events(outcome.stdout)[-1]["values"][0]["kind"] == "body-temperature"
    assert KEY not in outcome.output + CliRunner().invoke(devices, ["list"]).output


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["--model", "nonsense"], Exit.USAGE, "unknown-profile"),
        (["--for", "r-nobodynobody5"], Exit.NOT_FOUND, "unknown-resident"),
        (["--for", HANAKO, "--shared", f"{HANAKO},{TARO}"], Exit.USAGE, "both"),
        (["--implants", "perhaps"], Exit.USAGE, "bad-implants"),
        (["--air", "unix:/nowhere/air", "--json"], Exit.NO_BLUETOOTH, "no-bluetooth"),
    ],
)
def test_what_cannot_be_is_said_before_anybody_steps_on_a_scale(words: list[str], exit_code: Exit, code: str) -> None:
    assert refuse("pair", *words) == (exit_code, code)


def test_a_scan_of_an_empty_room_is_no_success_and_without_an_air_no_bluetooth(air: Any) -> None:
    process = air(device("weight-scale", asleep=True))
    assert CliRunner().invoke(app, ["scan", "--air", process.air, "--seconds", "1"]).exit_code == Exit.NOT_FOUND
    assert refuse("scan", "--air", "unix:/nowhere/air") == (Exit.NO_BLUETOOTH, "no-bluetooth")


def moment(**fields: Any) -> Screen:
    return screen(State(families={}, **fields))


def test_keys_typed_on_a_terminal_mean_what_the_screen_says() -> None:
    from cli.pair_skins import typed_event
    from gateway.pairing_model import Again, Chose, Family, Found, Implants, KeyTyped, NotThis

    found = Found(address="C0:00:00:00:00:01", family="x")
    one = screen(State(families={"x": Family(id="x", label="X")}, found=(found,), phase="choose"))
    assert typed_event(one, "") == typed_event(one, "y") == Chose(found.address)
    assert typed_event(one, "n") == NotThis()
    assert typed_event(one, "q") == Stop()
    assert typed_event(one, "what?") is None
    implants = moment(phase="implants")
    assert typed_event(implants, "") is None
    assert [typed_event(implants, text) for text in ("1", "2", "3")] == [
        Implants("no"), Implants("yes"), Implants("unknown"),
    ]  # fmt: skip
    assert typed_event(moment(phase="key"), KEY) == KeyTyped(KEY)
    assert typed_event(moment(phase="passkey"), "123456") == PasskeyTyped("123456")
    failed = moment(phase="failed", code="nothing-found")
    assert (typed_event(failed, ""), typed_event(failed, "q")) == (Again(), Stop())
    assert typed_event(moment(phase="failed", code="not-supported"), "") == Stop()


def test_a_name_that_another_device_has_is_said_and_what_was_paired_stays_paired(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "home").mkdir(exist_ok=True)
    listed = Devices(home / "home")
    first, second = (listed.add(entry(f"C0:26:DF:01:E2:3{last}", "sig-weight")) for last in "AB")
    listed.rename(first.id, "体重計")
    command._call_it(settings(), second.id, "体重計")
    assert "name-taken" in capsys.readouterr().err
    command._call_it(settings(), second.id, "血圧計")
    assert [item.name for item in listed.load()] == ["体重計", "血圧計"]


def test_what_nobody_named_is_called_after_its_people_and_its_kind_and_can_be_typed(home: Path) -> None:
    from gateway.pairing_model import Family

    config, listed = settings(), Devices(home / "home")
    people = people_of(config, datetime.now(UTC))
    scale = Family(id="sig-weight", label="A", pairing=Pairing(wake="step-on"))
    for lang, own, shared in (("ja", "花子の体重計", "みんなの体重計"), ("en", "花子's scale", "our scale")):
        wanted = command._caller(replace(config, lang=lang), people, None)
        assert (wanted([HANAKO], scale), wanted([HANAKO, TARO], scale), wanted([], scale)) == (own, shared, shared)
        second = {"ja": "花子の体重計2", "en": "花子's scale 2"}[lang]
        known = listed.add(replace(entry(f"C0:26:DF:01:E2:3{'A' if lang == 'ja' else 'B'}", "sig-weight"), name=own))
        assert wanted([HANAKO], scale) == second
        (typed,) = shlex.split(typed_name(own))
        assert listed.find(typed) == known
        named = command._caller(replace(config, lang=lang), people, "風呂場")
        assert (named([HANAKO], scale), typed_name("風呂場")) == ("風呂場", "風呂場")
    assert shlex.split(typed_name('a"$(b)`c\\!')) == ['a"$(b)`c\\!']
    long = default_name("en", ["x" * 60], "cuff", [])
    assert (len(long), long[-6:]) == (40, "s cuff")
    assert default_name("ja", [HANAKO], "cuff", []) == "血圧計", "an id is nobody's name"


def test_people_are_called_in_the_language_of_the_screen_and_not_in_their_own(home: Path) -> None:
    names = [person.name for person in people_of(settings(), datetime.now(UTC)).people]
    assert "花子" in names
    assert [called("en", "花子"), called("en", "花子、太郎"), called("ja", "花子、太郎")] == [
        "花子", "花子 and 太郎", "花子さん、太郎さん",
    ]  # fmt: skip
    assert [called("ja", "はなちゃん"), called("ja", HANAKO)] == ["はなちゃん", HANAKO]

"""`phr card` and `phr spot` as a town hall uses them, and the spot's screen in a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from cli import card, consent, life, resident, spot
from cli.exits import Exit
from cli.output import Fail
from engine.cards import hash_of, read_card

pytestmark = pytest.mark.flow


def run(app: Typer, *words: str, typed: str = "") -> str:
    done = CliRunner().invoke(app, list(words), input=typed)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def refusal(app: Typer, *words: str) -> tuple[Exit, str]:
    with pytest.raises(Fail) as failure:
        run(app, *words)
    return failure.value.exit_code, failure.value.code


@pytest.fixture
def hanako(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    monkeypatch.setenv("PHR_LANG", "ja")
    words = ("--name", "山田 花子", "--kana", "ヤマダ ハナコ", "--birth", "1946-01-23", "--sex", "female")
    made: str = json.loads(run(resident.app, "add", *words, "--insured-number", "1234", "--json"))["id"]
    run(consent.app, "grant", "--resident", made, "--purpose", "record")
    return made


def test_a_card_is_issued_listed_printed_again_and_revoked(hanako: str, tmp_path: Path) -> None:
    issued = json.loads(run(card.app, "issue", hanako, "--call", "はな", "--json"))
    secret = read_card(issued["code"])
    assert secret is not None
    second = json.loads(run(card.app, "issue", hanako, "--json"))
    listed = run(card.app, "list", "--resident", hanako, "--json")
    assert [item["id"] for item in json.loads(listed)["cards"]] == [issued["card"], second["card"]]
    # The code is nowhere but on the card.
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("engine.sqlite*"))
    assert hash_of(secret).encode() in stored
    assert not any(form in stored for form in (secret.encode(), issued["code"].encode()))
    assert json.loads(run(card.app, "print", "--json", typed=issued["code"] + "\n")) == issued
    assert "はな" in run(card.app, "list")
    assert json.loads(run(card.app, "revoke", issued["card"], "--json")) == {"revoked": [issued["card"]]}
    assert refusal(card.app, "revoke", issued["card"]) == (Exit.ALREADY, "already-revoked")
    assert refusal(card.app, "print", issued["code"]) == (Exit.NOT_FOUND, "unknown-card")
    assert json.loads(run(card.app, "revoke", "--resident", hanako, "--json")) == {"revoked": [second["card"]]}


def test_a_printed_card_holds_a_code_and_nothing_about_the_person(hanako: str, tmp_path: Path) -> None:
    file = tmp_path / "card.svg"
    out = run(card.app, "issue", hanako, "--svg", str(file))
    assert "PHR1" not in out
    text = file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    assert ET.fromstring(text).attrib["viewBox"] == "0 0 85.6 54"
    assert not any(word in text for word in (hanako, "山田", "花子", "ハナコ", "1946", "1234"))
    assert re.search(r"c-[a-z2-7]{13}", text)
    shown = run(card.app, "issue", hanako)
    assert len(set(map(len, shown.splitlines()))) == 1
    assert len(shown.splitlines()) >= 15


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["issue", "r-nobodynobody2"], Exit.NOT_FOUND, "unknown-resident"),
        (["revoke", "c-nobodynobody2"], Exit.NOT_FOUND, "unknown-card"),
        (["revoke"], Exit.USAGE, "which-card"),
        (["print", "4901234567894"], Exit.USAGE, "not-a-card"),
    ],
)
def test_what_cannot_be_done_with_a_card_says_why(hanako: str, words: list[str], exit_code: Exit, code: str) -> None:
    assert hanako
    assert refusal(card.app, *words) == (exit_code, code)


def test_a_card_that_cannot_be_handed_over_was_never_made(hanako: str, tmp_path: Path) -> None:
    assert refusal(card.app, "issue", hanako, "--svg", str(tmp_path / "no" / "card.svg")) == (Exit.USAGE, "not-written")
    assert refusal(card.app, "issue", hanako, "--call", "x" * 13) == (Exit.USAGE, "too-long")
    run(life.app, "record", hanako, "death", "--from", "2026-01-05")
    assert refusal(card.app, "issue", hanako) == (Exit.REFUSED, "not-active")
    assert json.loads(run(card.app, "list", "--json")) == {"cards": []}


def test_a_spot_is_enrolled_and_nobody_is_registered_there(hanako: str) -> None:
    added = json.loads(run(spot.app, "add", "--label", "中央公民館", "--json"))
    (found,) = json.loads(run(spot.app, "list", "--json"))["spots"]
    assert found == added | {"municipality": "062049", "label": "中央公民館"}
    assert "中央公民館" in run(spot.app, "list")
    # Still one household: the next resident needs no --household, and does not land at the spot.
    words = ("--name", "山田 太郎", "--kana", "ヤマダ タロウ", "--birth", "1950-02-28", "--sex", "male", "--json")
    home = json.loads(run(resident.app, "add", *words))["household_id"]
    assert home == json.loads(run(resident.app, "show", hanako, "--json"))["household_id"] != added["household"]
    assert refusal(spot.app, "add", "--label", "x", "--id", added["gateway"]) == (Exit.ALREADY, "elsewhere")
    assert refusal(spot.app, "add", "--label", "x", "--id", "AA:BB") == (Exit.USAGE, "bad-gateway")
    assert refusal(spot.app, "add", "--label", "x", "--municipality", "131016") == (Exit.USAGE, "unknown-municipality")
    assert len(json.loads(run(spot.app, "list", "--json"))["spots"]) == 1


def test_in_a_terminal_nothing_typed_is_seen_and_the_screen_is_left_empty(hanako: str, tmp_path: Path) -> None:
    from simulators.household import Household
    from simulators.process import DevicesProcess
    from tests.flow.spot_home import DEVICES

    code = json.loads(run(card.app, "issue", hanako, "--json"))["code"]
    added = json.loads(run(spot.app, "add", "--label", "駅", "--json"))
    devices = DevicesProcess(Household(devices=DEVICES[:1]), tmp_path / "devices")
    devices.start()
    parent, child = pty.openpty()
    # Nobody answers on the discard port: the person is told, and may come again.
    told = {"PHR_MQTT_URL": "mqtt://127.0.0.1:9", "PHR_GATEWAY_ID": added["gateway"], "PHR_LANG": "ja"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.spot import app; app()", "run", "--air", devices.air],
        env=os.environ | told, stdin=child, stdout=child, stderr=child, start_new_session=True,
    )  # fmt: skip
    os.close(child)
    try:
        screen = read_until(parent, "カードを かざしてください")
        os.write(parent, code.encode() + b"\n")
        screen += read_until(parent, "つながっていません")
        os.write(parent, b"987654\n")
        screen += read_until(parent, "生年月日を")
        os.write(parent, b"hello\n")
        screen += read_until(parent, "生年月日が 読めません")
        process.terminate()
        screen += read_until(parent, None)
    finally:
        process.kill()
        process.wait(10)
        devices.stop()
        os.close(parent)
    assert not any(secret in screen for secret in (code, code[5:], "987654", "hello"))
    assert screen.rstrip().endswith("\x1b[2J\x1b[3J\x1b[H") or "\x1b[2J\x1b[3J\x1b[H" in screen[-200:]


def read_until(terminal: int, wanted: str | None) -> str:
    """What the terminal shows up to `wanted`, None: up to its end."""
    found, end = b"", time.monotonic() + 40
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        found += piece
        if wanted is not None and wanted in found.decode("utf-8", "ignore"):
            break
    text = found.decode("utf-8", "ignore")
    assert wanted is None or wanted in text, text
    return text

"""`phr pair` in a real terminal, in Japanese and in English, with a virtual scale that is stepped on by order."""

from __future__ import annotations

import json
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cli.pair_names import typed_name
from cli.wiring import open_store, settings
from simulators.household import Household
from simulators.orders import OrderError
from simulators.process import DevicesProcess
from tests.flow.device_home import device
from tests.flow.terminal import Terminal, terminal
from tests.homes import furnish

pytestmark = [pytest.mark.flow, pytest.mark.needs_tmux]
PHR = [sys.executable, "-m", "cli"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A household of two who agreed."""
    monkeypatch.setenv("PHR_HOME", str(tmp_path / "home"))
    store = open_store(settings())
    furnish(store, purposes=("record",))
    store.dispose()
    return tmp_path / "home"


@contextmanager
def scale(folder: Path) -> Iterator[DevicesProcess]:
    """A scale on the air."""
    with DevicesProcess(Household(devices=(device("weight-scale", local_name="UC-352BLE"),)), folder) as process:
        yield process


@contextmanager
def stepping_on(process: DevicesProcess) -> Iterator[None]:
    """Somebody who steps on the scale until it has arrived."""
    done = threading.Event()

    def weigh() -> None:
        for grams in range(62_300, 63_000, 100):
            with suppress(OrderError):
                process.ask("weigh", "it", values={"weight": f"{grams / 1000:.2f}"})
            if done.wait(1.0):
                return

    somebody = threading.Thread(target=weigh)
    somebody.start()
    try:
        yield
    finally:
        done.set()
        somebody.join()


def start(window: Terminal, home: Path, air: str, lang: str, *more: str) -> None:
    env = {"PHR_HOME": str(home), "PHR_LANG": lang, "PYTHONPATH": str(Path.cwd())}
    window.run([*PHR, "pair", "--air", air, *more], env)


def listed(home: Path) -> list[dict[str, object]]:
    path = home / "devices.json"
    found: list[dict[str, object]] = json.loads(path.read_text())["devices"] if path.exists() else []
    return found


def width(text: str) -> int:
    """The columns a terminal gives to `text`."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


@pytest.mark.parametrize(
    ("lang", "steps", "who", "end", "name"),
    [
        ("ja", ("① さがしています …", "② これで いいですか？", "③ だれが つかいますか？", "④ ためしに はかります。"),
         "[1] 花子さん", "✔ とどきました", "花子の体重計"),
        ("en", ("① Searching …", "② This one?", "③ Who uses it?", "④ A real measurement."), "[1] 花子   ", "✔ arrived", "花子's scale"),
    ],
)  # fmt: skip
def test_four_steps_one_answer_each_and_the_weighing_arrives(
    home: Path, tmp_path: Path, lang: str, steps: tuple[str, ...], who: str, end: str, name: str
) -> None:
    with scale(tmp_path / "air") as process, terminal(tmp_path) as window:
        start(window, home, process.air, lang)
        window.until("[Enter]")
        window.type("Enter")
        assert who in window.until(steps[2])
        window.until("[q]")
        window.type("1", "Enter")
        window.until(steps[3])
        with stepping_on(process):
            window.until(end)
        seen = window.until("EXIT=0")
    for heading in steps:
        assert seen.count(heading) == 1, seen
    assert seen.index(steps[0]) < seen.index(steps[1]) < seen.index(steps[2]) < seen.index(steps[3])
    lines = seen.splitlines()
    # Sentences begin in one column, whatever width their signs have; no line is broken by the window's edge.
    said = [line for line in lines if line and line[0] not in "①②③④" and line not in {"", "1", "EXIT=0"}]
    assert all(line.startswith("   ") for line in said[:-1]), seen
    assert said[-1].startswith("d-"), "the result, and nothing else, stands alone"
    assert max(width(line) for line in lines) <= 90
    (entry,) = listed(home)
    assert entry["bindings"] == [{"slot": None, "resident": "r-hanakohanako2"}]
    assert entry["proven_at"]
    assert entry["name"] == name
    assert f"phr device forget {typed_name(name)}" in seen
    assert "Traceback" not in seen


@pytest.mark.parametrize("reached", [False, True])
def test_ctrl_c_leaves_with_130_and_nothing_half_listed(home: Path, tmp_path: Path, reached: bool) -> None:
    with scale(tmp_path / "air") as process, terminal(tmp_path) as window:
        start(window, home, process.air, "en")
        window.until("[Enter]")
        if reached:
            window.type("Enter")
            window.until("[1]")
            window.type("1", "Enter")
            window.until("④")
            while not listed(home):
                window.until("④")
        window.type("C-c")
        seen = window.until("EXIT=130")
    assert "Traceback" not in seen
    assert listed(home) == []

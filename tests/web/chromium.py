"""A real Chromium, driven over its own debugging protocol: it opens pages, presses what is on them, takes pictures."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect

CHROMIUM = Path("/usr/bin/chromium")

PATIENCE = 20.0


class Tab:
    """One tab; coordinates are CSS pixels."""

    def __init__(self, wire: Any) -> None:
        self._wire, self._number = wire, 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._wire.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            said: dict[str, Any] = json.loads(self._wire.recv(PATIENCE))
            if said.get("id") == self._number:
                assert "error" not in said, said
                found: dict[str, Any] = said["result"]
                return found

    def find(self, expression: str) -> Any:
        """What a question to the page gives; pages themselves run no script."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def open(self, url: str) -> None:
        self.call("Page.enable")
        # The page must work for whoever runs no script.
        self.call("Emulation.setScriptExecutionDisabled", value=True)
        self.call("Emulation.setDeviceMetricsOverride", width=412, height=870, deviceScaleFactor=1, mobile=True)
        self.call("Page.navigate", url=url)

    def until(self, text: str) -> str:
        """The words on the page once `text` is among them."""
        end, seen = time.monotonic() + PATIENCE, ""
        while time.monotonic() < end:
            # A page that is just being replaced has no words and no letters of a size.
            seen = self.find("document.readyState === 'complete' ? document.body.innerText : ''") or ""
            if text in seen:
                return str(seen)
            time.sleep(0.1)
        raise AssertionError(f"{text!r} never came; there was {seen!r}")

    def press(self, text: str) -> None:
        """Tap the button with these words, as a finger does."""
        place = self.find(
            "(() => { const found = [...document.querySelectorAll('button')].find("
            f"one => one.innerText.trim() === {json.dumps(text)}); if (!found) return null;"
            "found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2, box.width, box.height]; })()"
        )
        assert place, f"no button {text!r}"
        assert place[2] >= 200, "a button is as wide as a hand"
        assert place[3] >= 60, "a button is as high as a thumb"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def picture(self, path: Path) -> None:
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A browser with nothing in it."""
    words = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
        "--disable-component-update", "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={folder}",
        "about:blank",
    ]  # fmt: skip
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab(folder / "DevToolsActivePort"), max_size=None) as wire:
            yield Tab(wire)
    finally:
        child.terminate()
        child.wait(PATIENCE)


def _tab(told: Path) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if told.exists() and (port := told.read_text().partition("\n")[0]):
            tabs = httpx.get(f"http://127.0.0.1:{port}/json/list").json()
            pages = [tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"]
            if pages:
                return str(pages[0])
        time.sleep(0.05)
    raise AssertionError("the browser did not start")

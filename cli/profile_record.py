"""The work behind `phr profile record`: a radio, a device, and a file of capture lines on disk line by line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cli.exits import Exit
from cli.gateway import radio_of
from cli.output import fail
from cli.wiring import settings
from gateway.link import RadioFailure
from gateway.recording import record_adverts, record_frames

if TYPE_CHECKING:
    from gateway.radio import BleakRadio


def record_lines(address: str, out: Path, device: str, seconds: float, *, connect: bool, air: str | None) -> int:
    """How many capture lines were added to `out`; exit code 6 without Bluetooth, 7 when the device is lost."""
    about: dict[str, Any] = {"family": device, "device": device, "provenance": "capture", "expected": {}}
    about |= {"source": f"recorded by its owner, {datetime.now(UTC):%Y-%m-%d}", "expected_by": "", "final": True}
    record = record_frames if connect else record_adverts
    try:
        with out.open("ab") as file:
            radio, _ = radio_of(settings().gateway.adapter, air)
            return asyncio.run(_closing(radio, record(radio, address, seconds, _writer(file.fileno(), device), about)))
    except OSError as error:
        fail(Exit.USAGE, "unwritable", f"cannot write {out}: {error.strerror}")
    except RadioFailure as failure:
        if failure.code == "not-heard":
            fail(Exit.NOT_FOUND, failure.code, "nothing was heard of this device: measure something while this runs")
        lost = failure.code in {"lost", "timeout", "refused", "not-paired"}
        fail(Exit.DEVICE_LOST if lost else Exit.NO_BLUETOOTH, failure.code, f"recording failed: {failure}")


async def _closing(radio: BleakRadio, recording: Coroutine[Any, Any, int]) -> int:
    """The result of `recording`; a simulated radio leaves the air afterwards."""
    try:
        return await recording
    finally:
        close = getattr(radio, "close", radio.stop)
        await close()


def _writer(file: int, device: str) -> Callable[[dict[str, Any]], None]:
    """Writes a line and waits until it is on disk: what a device deletes after telling is told only once."""
    count = 0

    def write(line: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        os.write(file, msgspec.json.encode({"id": f"{device}-{count:03}"} | line) + b"\n")
        os.fsync(file)

    return write

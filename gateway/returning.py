"""What a gateway gives up when something lent goes back: a device with its bond and keys, or everything it holds.

Nothing is given up before it is handed over: the engine asks again until the answer is that nothing is left.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from gateway.devices import Devices, Entry
from gateway.journal_erasing import drain, undelivered
from gateway.link import RadioFailure
from gateway.mirror_maps import Maps
from gateway.radio_forget import forget_bond

JOURNAL: Final = "journal.sqlite"
_ROSTER: Final = "roster.json"
# A machine without Bluetooth holds no bond.
_BONDLESS: Final = "no-bluetooth"


def release(device: str, home: Path) -> tuple[int, int]:
    """Gives up one device: how many things went, and how many rows are to be handed over before the rest goes.

    Raises DeviceError, JournalError, RadioFailure where the bond could not be given up.
    """
    journal, devices = home / JOURNAL, Devices(home)
    left = undelivered(journal, device)
    if left:
        return 0, left
    found = next((one for one in devices.load() if one.id == device), None)
    if found is None:
        return 0, drain(journal, device)
    _give_up(devices, found)
    # The gateway reads its list every other second: what it heard until then is asked about the next time.
    return 1, undelivered(journal, device) or 1


def wipe(home: Path) -> tuple[int, int]:
    """Gives up every device, mirror and name in the home: how many things went, and how many rows hold it up.

    Raises as `release`.
    """
    journal, devices = home / JOURNAL, Devices(home)
    left = undelivered(journal, None)
    if left:
        return 0, left
    listed = devices.load()
    for one in listed:
        _give_up(devices, one)
    if listed:
        return len(listed), 1
    left = drain(journal, None)
    if left:
        return 0, left
    return Maps(home).clear() + _unlink(home / _ROSTER), 0


def _give_up(devices: Devices, entry: Entry) -> None:
    """The bond first: once the device is struck nobody knows its address any more."""
    try:
        asyncio.run(forget_bond(entry.address))
    except RadioFailure as failure:
        if failure.code != _BONDLESS:
            raise
    devices.forget(entry.address)


def _unlink(path: Path) -> int:
    there = path.exists()
    path.unlink(missing_ok=True)
    return int(there)

"""What `phr doctor` looks at in a home: the listed devices, the mirrors' maps, the Bluetooth adapters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cli.exits import Exit
from cli.finding import Finding
from cli.wiring import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.devices import Entry

LOW_BATTERY: Final = 15


def devices(config: Settings) -> Iterator[Finding]:
    """Each listed device: known family, key, proof, battery, and what was left aside."""
    from gateway.devices import DeviceError, Devices
    from gateway.journal import JournalError
    from gateway.journal_peek import foreign

    journal = config.root / "journal.sqlite"
    try:
        listed = Devices(config.root).load()
        aside = foreign(journal)
    except DeviceError as error:
        yield Finding("devices", "fault", str(error), "restore devices.json from a backup", Exit.DAMAGED)
        return
    except JournalError:
        aside = {}  # the journal's own check says it
    yield Finding("devices", "ok", f"{len(listed)} devices listed")
    for item in listed:
        yield from _device(item, journal, aside.get(item.id, 0))


def _device(item: Entry, journal: Path, aside: int) -> Iterator[Finding]:
    from firmware_profiles.registry import installed

    name, profile = item.name or item.id, installed().profiles.get(item.profile)
    if profile is None:
        remedy = "install the plug-in again, or `phr device forget` and `phr pair`"
        yield Finding("device", "fault", f"{name}: no family is called {item.profile}", remedy, Exit.CONFIGURATION)
        return
    if profile.decrypt is not None and item.key is None:
        remedy = f"if it encrypts what it says: `phr pair --again --address {item.address} --key-file FILE`"
        yield Finding("device", "note", f"{name}: no key is known (bindkey needed)", remedy)
    if item.paired_at is not None and item.proven_at is None:
        yield Finding("device", "note", f"{name}: paired, and nothing measured since", "measure once with it")
    if aside:
        yield Finding("device", "note", f"{name}: {aside} older frames left aside (from before the pairing)")
    battery = _battery(journal, item.id)
    if battery is not None and battery <= LOW_BATTERY and not profile.battery_unreliable:
        yield Finding("device", "note", f"{name}: battery {battery} %", "change the battery, then `phr pair --again`")


def _battery(journal: Path, device: str) -> int | None:
    import msgspec

    from engine.contract.wire import DeviceNote, decode
    from gateway.journal import JournalError
    from gateway.journal_peek import note

    try:
        said = note(journal, device)
        return decode(said, DeviceNote).battery if said else None
    except (JournalError, msgspec.MsgspecError):
        return None


def mirrors(config: Settings) -> Iterator[Finding]:
    """The maps of mirrors and sensors; a damaged one is named."""
    from gateway.mirror_maps import Maps

    maps, damaged = Maps(config.root).load()
    if maps:
        yield Finding("mirrors", "ok", f"{len(maps)} maps of mirrors and sensors")
    for name, code in damaged:
        remedy = "`phr mirror map check FILE` says what is wrong"
        yield Finding("mirrors", "fault", f"{name}: {code}", remedy, Exit.CONFIGURATION)


def bluetooth(_config: Settings) -> Iterator[Finding]:
    """Each adapter, and whether it is switched on."""
    from gateway.link import RadioFailure
    from gateway.radio_adapters import adapters

    try:
        found = adapters()
    except RadioFailure as failure:
        remedy = "plug in an adapter, `rfkill unblock bluetooth`, and be in the group bluetooth"
        yield Finding("bluetooth", "note", f"no usable adapter ({failure.code})", remedy)
        return
    for name, _address, powered in found:
        if powered:
            yield Finding("bluetooth", "ok", f"{name} answers")
        else:
            yield Finding("bluetooth", "note", f"{name} is switched off", "`rfkill unblock bluetooth`")

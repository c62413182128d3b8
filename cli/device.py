"""`phr device`: the household's list of Bluetooth devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.device_words import word
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.wiring import Settings, language, settings

if TYPE_CHECKING:
    from gateway.devices import DeviceError, Entry

app = typer.Typer(help="The household's devices.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Device = Annotated[str, typer.Argument(help="Device id, address or name.")]
Reads = Annotated[
    list[str] | None, typer.Option(help="What a number of a do-it-yourself device means: count=steps. Repeatable.")
]


@app.command()
def add(
    address: Annotated[str, typer.Option(help="Bluetooth address, e.g. C0:26:DF:01:E2:3A.")],
    profile: Annotated[str, typer.Option(help="Device family; a wrong one is answered with the list.")],
    resident: Annotated[str | None, typer.Option(help="Whose device, or whose slot, it is.")] = None,
    slot: Annotated[int | None, typer.Option(help="User slot of the resident.")] = None,
    pin_file: Annotated[Path | None, typer.Option(help="File with the slot's PIN.")] = None,
    name: Annotated[str | None, typer.Option("--id", help="Device id; made when left out.")] = None,
    reads: Reads = None,
    as_json: Json = False,
) -> None:
    """List a device, or a further slot of a listed one, so that the gateway listens to it."""
    from msgspec.structs import replace

    from cli.local import known_local
    from cli.wiring import ensure_home, secret
    from firmware_profiles.registry import installed
    from gateway.devices import DeviceError, Devices, entry

    if profile not in installed().profiles:
        known = ", ".join(sorted(installed().profiles))
        fail(Exit.USAGE, "unknown-profile", f"no device family is called {profile}; there are {known}")
    config = settings()
    local = known_local(config)
    household = config.gateway.household or (local.household if local else None)
    pin = _pin(secret(str(pin_file))) if pin_file else None
    try:
        wanted = entry(address, profile, household=household, name=name, resident=resident, slot=slot, pin=pin)
        wanted = replace(wanted, reads=_reads(reads or [], profile))
        listed = Devices(ensure_home(config)).add(wanted)
    except DeviceError as error:
        _refuse(error)
    if as_json:
        emit(_shape(listed))
    else:
        result(listed.id)
        say(f"{listed.id} is listed as {listed.profile}.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the devices and how many records of others each holds; PINs and keys are never shown."""
    from gateway.devices import DeviceError, Devices

    config = settings()
    try:
        listed = Devices(config.root).load()
    except DeviceError as error:
        _refuse(error)
    aside = _aside(config)
    if as_json:
        emit({"devices": [_shape(item, aside) for item in listed]})
        return
    lang = language(config)
    for item in listed:
        owners = " ".join(f"{'all' if b.slot is None else b.slot}={b.resident}" for b in item.bindings)
        owners = owners or _unowned(item, lang)
        notes = "  ".join(_notes(item, aside, lang))
        result(f"{item.id}  {item.address}  {item.profile}  {item.name or '-'}  {owners}  {notes}".rstrip())
    if not listed:
        say(word(lang, "none"))


@app.command()
def show(device: Device, as_json: Json = False) -> None:
    """Show one device: whose it is, since when, and what it last said of itself."""
    config = settings()
    item, lang = _found(config, device), language(config)
    shape = _shape(item, _aside(config)) | {"about": _about(config, item.id)}
    if as_json:
        emit(shape)
        return
    for key, value in (shape | {"bindings": _owners(item, lang)}).items():
        if value not in (None, [], {}, False, 0):
            result(f"{word(lang, key)}: {_flat(value)}")


@app.command()
def rename(
    device: Device,
    name: Annotated[str, typer.Argument(help="What the household calls it: 花子の体重計.")],
    as_json: Json = False,
) -> None:
    """Give a device a name of the household's own."""
    from gateway.devices import DeviceError, Devices

    config = settings()
    item = _found(config, device)
    try:
        renamed = Devices(config.root).rename(item.id, name.strip()) or item
    except DeviceError as error:
        _refuse(error)
    emit(_shape(renamed)) if as_json else result(f"{renamed.id}  {renamed.name}")


@app.command("set")
def set_(
    device: Device,
    reads: Reads = None,
    as_sent: Annotated[bool, typer.Option(help="Its numbers mean what they are called.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the numbers of a do-it-yourself device mean, all of them at once."""
    from msgspec.structs import replace

    from gateway.devices import DeviceError, Devices

    if bool(reads) == as_sent:
        fail(Exit.USAGE, "nothing-to-set", "say --reads NAME=MEANING, or --as-sent to take all meanings back")
    config = settings()
    item = _found(config, device)
    meanings = _reads(reads or [], item.profile)
    try:
        changed = Devices(config.root).change(item.id, lambda known: replace(known, reads=meanings)) or item
    except DeviceError as error:
        _refuse(error)
    if as_json:
        emit(_shape(changed))
    else:
        result(f"{changed.id}  {_flat(meanings)}".rstrip())


@app.command()
def forget(device: Device, as_json: Json = False) -> None:
    """Strike a device from the list with its slots, PINs and key; its readings stay."""
    from gateway.devices import DeviceError, Devices

    config = settings()
    try:
        gone = Devices(config.root).forget(device)
    except DeviceError as error:
        _refuse(error)
    if gone is None:
        fail(Exit.NOT_FOUND, "unknown-device", "no such device is listed, or two have that name")
    unbonded = _unbond(gone.address)
    if as_json:
        emit(_shape(gone) | {"unbonded": unbonded})
        return
    result(gone.id)
    lang = language(config)
    say(word(lang, "stays"))
    if gone.pins:
        say(word(lang, "slots-stay"))


def _found(config: Settings, device: str) -> Entry:
    from gateway.devices import DeviceError, Devices

    try:
        item = Devices(config.root).find(device)
    except DeviceError as error:
        _refuse(error)
    if item is None:
        fail(Exit.NOT_FOUND, "unknown-device", "no such device is listed, or two have that name")
    return item


def _unbond(address: str) -> bool:
    """Whether the radio gave the bond up; a machine without Bluetooth has none to give up."""
    import asyncio

    from gateway.link import RadioFailure
    from gateway.radio_forget import forget_bond

    try:
        return asyncio.run(forget_bond(address))
    except RadioFailure:
        return False


def _aside(config: Settings) -> dict[str, int]:
    from gateway.journal_peek import foreign
    from gateway.journal_rows import JournalError

    try:
        return foreign(config.root / "journal.sqlite")
    except JournalError as error:
        fail(Exit.DAMAGED, error.code, str(error))


def _about(config: Settings, device: str) -> dict[str, Any]:
    import msgspec

    from engine.contract.wire import DeviceNote, decode
    from gateway.journal_peek import note

    said = note(config.root / "journal.sqlite", device)
    try:
        told = decode(said, DeviceNote) if said else None
    except msgspec.MsgspecError:
        told = None
    names = ("maker", "model", "serial", "firmware", "battery")
    return {name: getattr(told, name) for name in names if getattr(told, name, None) is not None}


def _notes(item: Entry, aside: dict[str, int], lang: str) -> list[str]:
    said = [word(lang, "unproven")] if item.paired_at and item.proven_at is None else []
    said += [word(lang, "weight_only")] if item.weight_only else []
    count = aside.get(item.id, 0)
    return said + ([word(lang, "aside-count", count=count)] if count else [])


def _owners(item: Entry, lang: str) -> str:
    """Who uses it, in words: the whole device, or which number on it is whose."""
    places = (word(lang, "whole") if b.slot is None else word(lang, "slot", slot=b.slot) for b in item.bindings)
    said = (f"{place} {binding.resident}" for place, binding in zip(places, item.bindings, strict=True))
    return ", ".join(said) or _unowned(item, lang)


def _unowned(item: Entry, lang: str) -> str:
    return word(lang, "awaited" if item.waiting else "shared")


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(inner) for inner in value)
    return str(value)


def _pin(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit():
        fail(Exit.USAGE, "bad-pin", "the PIN file holds one number from 0 to 9999")
    return int(text)


def _reads(words: list[str], profile: str) -> dict[str, str]:
    from firmware_profiles.registry import installed
    from gateway.meaning import parse_reads

    family = installed().profiles.get(profile)
    if words and family is None:
        fail(Exit.USAGE, "unknown-profile", f"no device family is called {profile}")
    try:
        return parse_reads(words, family) if family else {}
    except ValueError as error:
        fail(Exit.USAGE, "bad-reads", str(error))


def _refuse(error: DeviceError) -> NoReturn:
    taken = {"already-listed": Exit.ALREADY, "name-taken": Exit.ALREADY, "damaged": Exit.DAMAGED}
    fail(taken.get(error.code, Exit.USAGE), error.code, str(error))


def _shape(item: Entry, aside: dict[str, int] | None = None) -> dict[str, Any]:
    bindings = [{"slot": binding.slot, "resident": binding.resident} for binding in item.bindings]
    return {
        "id": item.id,
        "address": item.address,
        "profile": item.profile,
        "name": item.name,
        "bindings": bindings,
        "unlocked_slots": sorted(item.pins),
        "has_key": item.key is not None,
        "weight_only": item.weight_only,
        "reads": dict(item.reads),
        "paired_at": item.paired_at.isoformat() if item.paired_at else None,
        "proven_at": item.proven_at.isoformat() if item.proven_at else None,
        "left_aside": (aside or {}).get(item.id, 0),
    }

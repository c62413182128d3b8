"""`phr device`: the household's list of Bluetooth devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say

if TYPE_CHECKING:
    from gateway.devices import DeviceError, Entry

app = typer.Typer(help="The household's devices.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command()
def add(
    address: Annotated[str, typer.Option(help="Bluetooth address, e.g. C0:26:DF:01:E2:3A.")],
    profile: Annotated[str, typer.Option(help="Device family; a wrong one is answered with the list.")],
    resident: Annotated[str | None, typer.Option(help="Whose device, or whose slot, it is.")] = None,
    slot: Annotated[int | None, typer.Option(help="User slot of the resident.")] = None,
    pin_file: Annotated[Path | None, typer.Option(help="File with the slot's PIN.")] = None,
    name: Annotated[str | None, typer.Option("--id", help="Device id; made when left out.")] = None,
    as_json: Json = False,
) -> None:
    """List a device, or a further slot of a listed one, so that the gateway listens to it."""
    from cli.local import known_local
    from cli.wiring import ensure_home, secret, settings
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
        listed = Devices(ensure_home(config)).add(wanted)
    except DeviceError as error:
        _refuse(error)
    if as_json:
        emit(_shape(listed))
    else:
        result(listed.id)
        say(f"{listed.id} is listed as {listed.profile}.")


@app.command("list")
def show(as_json: Json = False) -> None:
    """Show the listed devices; PINs are never shown."""
    from cli.wiring import settings
    from gateway.devices import DeviceError, Devices

    try:
        listed = Devices(settings().root).load()
    except DeviceError as error:
        _refuse(error)
    if as_json:
        emit({"devices": [_shape(item) for item in listed]})
        return
    for item in listed:
        owners = " ".join(f"{'all' if b.slot is None else b.slot}={b.resident}" for b in item.bindings)
        result(f"{item.id}  {item.address}  {item.profile}  {owners}".rstrip())
    if not listed:
        say("No device is listed yet: phr device add")


@app.command()
def forget(
    device: Annotated[str, typer.Argument(help="Device id or address.")],
    as_json: Json = False,
) -> None:
    """Strike a device from the list with its slots and PINs; its readings stay."""
    from cli.wiring import settings
    from gateway.devices import DeviceError, Devices

    try:
        gone = Devices(settings().root).forget(device)
    except DeviceError as error:
        _refuse(error)
    if gone is None:
        fail(Exit.NOT_FOUND, "unknown-device", "no such device is listed")
    if as_json:
        emit(_shape(gone))
    else:
        result(gone.id)


def _pin(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit():
        fail(Exit.USAGE, "bad-pin", "the PIN file holds one number from 0 to 9999")
    return int(text)


def _refuse(error: DeviceError) -> NoReturn:
    code = {"already-listed": Exit.ALREADY, "damaged": Exit.DAMAGED}.get(error.code, Exit.USAGE)
    fail(code, error.code, str(error))


def _shape(item: Entry) -> dict[str, Any]:
    bindings = [{"slot": binding.slot, "resident": binding.resident} for binding in item.bindings]
    return {
        "id": item.id,
        "address": item.address,
        "profile": item.profile,
        "bindings": bindings,
        "unlocked_slots": sorted(item.pins),
    }

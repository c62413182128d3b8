"""`phr scan`: which devices of known families are in the room; strangers are only counted."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.pair_words import word
from cli.wiring import Settings, language, settings

if TYPE_CHECKING:
    from gateway.pairing_model import Event, Found


def scan(
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long to listen.")] = 10.0,
    adapter: Annotated[str | None, typer.Option(help="Bluetooth adapter, e.g. hci1.")] = None,
    air: Annotated[str | None, typer.Option(help="Simulated air instead of Bluetooth.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Listen for a while and name what is understood; wake the devices first."""
    import asyncio

    from firmware_profiles.registry import installed
    from gateway.devices import DeviceError
    from gateway.link import RadioFailure

    config = settings()
    try:
        found, strangers = asyncio.run(_listen(config, seconds, adapter, air))
    except RadioFailure as failure:
        fail(Exit.NO_BLUETOOTH, failure.code, "Bluetooth is missing, off or not permitted")
    except DeviceError as error:
        fail(Exit.DAMAGED, error.code, str(error))
    rows = [_row(item, installed().profiles[item.family]) for item in found]
    if json:
        emit({"devices": rows, "strangers": strangers})
    else:
        _print(rows, strangers, language(config))
    if not rows:
        raise typer.Exit(Exit.NOT_FOUND)


async def _listen(config: Settings, seconds: float, adapter: str | None, air: str | None) -> tuple[list[Found], int]:
    import asyncio

    from cli.gateway import radio_of
    from firmware_profiles.registry import installed
    from gateway.devices import Devices
    from gateway.pairing_model import Seen
    from gateway.pairing_room import Room

    heard: dict[str, Found] = {}

    def note(event: Event) -> None:
        if isinstance(event, Seen):
            heard[event.found.address] = event.found

    names = {item.address: item.name or item.id for item in Devices(config.root).load()}
    room = Room(installed().profiles, names.get, note)
    radio, _ = radio_of(adapter or config.gateway.adapter, air)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(getattr(radio, "close", radio.stop))
        await radio.start(room.hear)
        await asyncio.sleep(seconds)
    nearest = sorted(heard.values(), key=lambda item: (-(item.rssi or -999), item.address))
    return nearest, len(room.strangers)


def _row(item: Found, profile: Any) -> dict[str, Any]:
    from gateway.pairing import is_weak

    return {
        "address": item.address, "family": item.family, "label": f"{profile.maker} {profile.model}",
        "name": item.name, "signal": "weak" if is_weak(item) else "strong", "listed": item.listed,
        "needs_key": item.needs_key, "experimental": profile.experimental,
    }  # fmt: skip


def _print(rows: list[dict[str, Any]], strangers: int, lang: str) -> None:
    for row in rows:
        said = [word(lang, row["signal"])]
        said += [word(lang, "listed-as") + f" ({row['listed']})"] if row["listed"] else []
        said += [word(lang, "needs-key")] if row["needs_key"] else []
        name = f" ({row['name']})" if row["name"] else ""
        result(f"{row['address']}  {row['family']}  {row['label']}{name}  {'  '.join(said)}")
    say(word(lang, "strangers", count=strangers) if rows else word(lang, "nothing-heard", count=strangers))

"""`phr gateway run`: this home's ears."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import plain, transaction
from cli.wiring import Settings, ensure_home, secret, settings

if TYPE_CHECKING:
    from gateway.radio import BleakRadio
    from gateway.radio_passive import Patterns
    from gateway.settings import GatewaySettings, HomeBroker

app = typer.Typer(help="The home gateway.", no_args_is_help=True)


Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def add(
    household: Annotated[str, typer.Option(help="The household it hears, h-…")],
    name: Annotated[str | None, typer.Option("--id", help="Gateway id; made when left out.")] = None,
    label: Annotated[str, typer.Option(help="Where it stands.")] = "",
    json: Json = False,
) -> None:
    """Enrol a gateway of another machine with this engine, so that its readings are taken."""
    from random import SystemRandom

    from engine.contract.ids import is_id, new_id
    from engine.store import repo_places as places

    if name is not None and not is_id(name, "g"):
        fail(Exit.USAGE, "bad-gateway", "a gateway id is g- and 13 letters or digits")
    chosen = name or new_id("g", SystemRandom())
    with transaction(writes=True) as connection:
        ears = places.Gateway(id=chosen, household_id=household, label=plain(label, "--label") if label else "")
        refusal = places.enrol_gateway(connection, ears, datetime.now(UTC))
    if refusal is not None:
        fail(Exit.NOT_FOUND if refusal.code == "unknown-household" else Exit.ALREADY, refusal.code, refusal.message)
    if json:
        emit({"gateway": chosen, "household": household})
    else:
        result(chosen)


@app.command("list")
def show(json: Json = False) -> None:
    """List the enrolled gateways and what each last said."""
    from engine.store import repo_gateways, repo_places

    with transaction() as connection:
        found, told = repo_places.gateways(connection), repo_gateways.told(connection)
    rows = [
        {
            "gateway": item.id,
            "household": item.household_id,
            "label": item.label,
            "state": told[item.id].state if item.id in told else "",
            "heard": told[item.id].at.isoformat() if item.id in told else None,
        }
        for item in found
    ]
    if json:
        emit({"gateways": rows})
        return
    for row in rows:
        result(f"{row['gateway']}  {row['household']}  {row['state'] or '-':8}  {row['heard'] or '-'}  {row['label']}")
    if not rows:
        say("no gateway is enrolled")


@app.command()
def run(
    air: Annotated[
        str | None, typer.Option(help="Simulated air (see `phr simulate devices`) instead of Bluetooth.")
    ] = None,
) -> None:
    """Listen to the listed devices and send their readings, until stopped."""
    import asyncio

    from firmware_profiles.registry import installed
    from gateway.devices import DeviceError
    from gateway.journal import JournalError
    from gateway.link import RadioFailure
    from gateway.lock import HomeTaken
    from gateway.radio_passive import wanted_patterns
    from gateway.runner import run_until_signalled

    config = settings()
    chosen = gateway_settings(config, pairing=air is None)
    wanted = wanted_patterns(config.gateway.scan, chosen.home, installed().profiles)
    try:
        radio, now = radio_of(config.gateway.adapter, air, wanted)
        asyncio.run(run_until_signalled(chosen, radio, now))
    except RadioFailure as failure:
        fail(Exit.NO_BLUETOOTH, failure.code, "Bluetooth is missing, off or not permitted")
    except HomeTaken as taken:
        fail(Exit.ALREADY, taken.code, f"{taken}; one gateway is enough for a home")
    except (JournalError, DeviceError) as error:
        fail(Exit.DAMAGED, error.code, str(error))


def radio_of(
    adapter: str | None, air: str | None, wanted: Callable[[], Patterns] = tuple
) -> tuple[BleakRadio, Callable[[], datetime]]:
    """The real radio with the real time, or the simulated one with the calendar of its air."""
    if air is not None:
        from simulators.radio import SimulatedRadio

        simulated = SimulatedRadio(air)
        return simulated, simulated.now
    from gateway.radio import BleakRadio

    return BleakRadio(adapter, wanted=wanted), lambda: datetime.now(UTC)


def gateway_settings(config: Settings, *, pairing: bool) -> GatewaySettings:
    """What the gateway is told; fails with exit code 10 when broker or identity are missing or unreadable."""
    from cli.local import known_local
    from gateway.settings import GatewaySettings, broker_address

    mqtt, local = config.mqtt, known_local(config)
    name = config.gateway.id or (local.gateway if local else None)
    if mqtt.url is None or name is None:
        fail(Exit.CONFIGURATION, "no-broker", "mqtt.url and gateway.id must be set; `phr up` sets up everything itself")
    try:
        broker = broker_address(
            mqtt.url,
            mqtt5=mqtt.protocol == "auto",
            username=mqtt.username,
            password=secret(mqtt.password_file),
            ca_file=mqtt.ca_file,
            cert_file=mqtt.cert_file,
            key_file=mqtt.key_file,
        )
    except ValueError as error:
        fail(Exit.CONFIGURATION, "bad-broker", str(error))
    return GatewaySettings(
        home=ensure_home(config), gateway=name, broker=broker, zone=config.gateway.zone, pairing_agent=pairing,
        household=config.gateway.household or (local.household if local else None), home_broker=_home_broker(config),
    )  # fmt: skip


def _home_broker(config: Settings) -> HomeBroker | None:
    """The home's own broker, None without one; fails with exit code 10 when it cannot be."""
    from gateway.settings import HomeBroker, broker_address

    own = config.mirror
    if own.url is None:
        return None
    try:
        address = broker_address(
            own.url, mqtt5=False, username=own.username, password=secret(own.password_file), ca_file=own.ca_file
        )
    except ValueError as error:
        fail(Exit.CONFIGURATION, "bad-mirror-broker", str(error))
    return HomeBroker(address=address, discover=own.discover, announce=own.announce)

"""`phr gateway run`: this home's ears."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import fail
from cli.wiring import Settings, ensure_home, secret, settings

if TYPE_CHECKING:
    from gateway.link import Radio
    from gateway.settings import GatewaySettings

app = typer.Typer(help="The home gateway.", no_args_is_help=True)


@app.callback()
def gateway() -> None:
    """Keep `run` a subcommand while it is the only one."""


@app.command()
def run(
    air: Annotated[
        str | None, typer.Option(help="Simulated air (see `phr simulate devices`) instead of Bluetooth.")
    ] = None,
) -> None:
    """Listen to the listed devices and send their readings, until stopped."""
    import asyncio

    from gateway.devices import DeviceError
    from gateway.journal import JournalError
    from gateway.link import RadioFailure
    from gateway.runner import run_until_signalled

    chosen = _chosen(settings(), pairing=air is None)
    try:
        radio, now = _radio(settings().gateway.adapter, air)
        asyncio.run(run_until_signalled(chosen, radio, now))
    except RadioFailure as failure:
        fail(Exit.NO_BLUETOOTH, failure.code, "Bluetooth is missing, off or not permitted")
    except (JournalError, DeviceError) as error:
        fail(Exit.DAMAGED, error.code, str(error))


def _radio(adapter: str | None, air: str | None) -> tuple[Radio, Callable[[], datetime]]:
    """The real radio with the real time, or the simulated one with the calendar of its air."""
    if air is not None:
        from simulators.radio import SimulatedRadio

        simulated = SimulatedRadio(air)
        return simulated, simulated.now
    from gateway.radio import BleakRadio

    return BleakRadio(adapter), lambda: datetime.now(UTC)


def _chosen(config: Settings, *, pairing: bool) -> GatewaySettings:
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
        home=ensure_home(config), gateway=name, broker=broker, zone=config.gateway.zone, pairing_agent=pairing
    )

"""`phr gateway run`: this home's ears."""

from __future__ import annotations

import typer

from cli.exits import Exit
from cli.output import fail

app = typer.Typer(help="The home gateway.", no_args_is_help=True)


@app.callback()
def gateway() -> None:
    """Keep `run` a subcommand while it is the only one."""


@app.command()
def run() -> None:
    """Listen to the listed devices and send their readings, until stopped."""
    import asyncio

    from cli.wiring import ensure_home, secret, settings
    from gateway.devices import DeviceError
    from gateway.journal import JournalError
    from gateway.link import RadioFailure
    from gateway.radio import BleakRadio
    from gateway.runner import run_until_signalled
    from gateway.settings import GatewaySettings, broker_address

    config = settings()
    mqtt, who = config.mqtt, config.gateway
    if mqtt.url is None or who.id is None:
        fail(Exit.CONFIGURATION, "no-broker", "mqtt.url and gateway.id must be set; `phr up` sets up everything itself")
    try:
        broker = broker_address(
            mqtt.url,
            username=mqtt.username,
            password=secret(mqtt.password_file),
            ca_file=mqtt.ca_file,
            cert_file=mqtt.cert_file,
            key_file=mqtt.key_file,
        )
    except ValueError as error:
        fail(Exit.CONFIGURATION, "bad-broker", str(error))
    chosen = GatewaySettings(home=ensure_home(config), gateway=who.id, broker=broker, zone=who.zone, pairing_agent=True)
    try:
        asyncio.run(run_until_signalled(chosen, BleakRadio(who.adapter)))
    except RadioFailure as failure:
        fail(Exit.NO_BLUETOOTH, failure.code, "Bluetooth is missing, off or not permitted")
    except (JournalError, DeviceError) as error:
        fail(Exit.DAMAGED, error.code, str(error))

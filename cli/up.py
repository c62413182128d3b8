"""`phr up`: everything a family or a pilot needs, on one machine, with nothing to configure."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import fail, say
from cli.wiring import Settings, ensure_home, language, open_store, settings

if TYPE_CHECKING:
    from cli.local import Local
    from gateway.broker import Broker
    from simulators.process import DevicesProcess


def up(
    simulate: Annotated[bool, typer.Option("--simulate", help="Virtual devices instead of Bluetooth.")] = False,
    web: Annotated[bool, typer.Option(help="Serve the page for the nurse.")] = True,
) -> None:
    """Start broker, engine, gateway and page, and the bridge if it is configured; Ctrl-C stops all."""
    from cli.local import ensure_local
    from cli.supervisor import Role, supervise

    config = settings()
    with only_one(ensure_home(config)):
        store = open_store(config)
        local = ensure_local(config, store)
        broker = _broker(config, local)
        devices = _devices(config, local) if simulate else None
        shared = _environment(config, local, broker)
        roles = [Role("engine", ["engine", "run"], shared)]
        air = ["--air", devices.air] if devices else []
        roles.append(Role("gateway", ["gateway", "run", *air], shared))
        if web:
            roles.append(Role("web", ["web"], shared))
        if config.bridge.url:
            roles.append(Role("bridge", ["bridge", "run"], shared))
        say(f"phr: running in {config.root} - Ctrl-C stops everything")
        try:
            supervise(roles, _tell, lambda: _keep(broker))
        finally:
            if devices:
                devices.stop()
            if broker:
                broker.stop()
            store.dispose()
        say("phr: stopped")


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of `home`; a second `phr up` there is refused with exit code 4."""
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            fail(Exit.ALREADY, "already-up", f"`phr up` already runs in {home}")
        yield


def _broker(config: Settings, local: Local) -> Broker | None:
    """The embedded broker, unless a broker is configured."""
    from gateway.broker import BrokerError, start

    if config.mqtt.url is not None:
        return None
    try:
        found = start(config.root, [local.gateway])
    except BrokerError as error:
        fail(Exit.NETWORK, error.code, str(error))
    say(f"broker: {found.program} on {found.url}")
    return found


def _keep(broker: Broker | None) -> None:
    if broker is not None and not broker.alive:
        say("broker: ended; starting it again")
        broker.restart()


def _environment(config: Settings, local: Local, broker: Broker | None) -> dict[str, str]:
    """What every child is told; secrets only as names of files."""
    told = {"PHR_HOME": str(config.root), "PHR_GATEWAY_ID": local.gateway, "PHR_GATEWAY_HOUSEHOLD": local.household}
    if broker is not None:
        from gateway.broker import ENGINE

        told |= {
            "PHR_MQTT_URL": broker.url,
            "PHR_MQTT_PROTOCOL": "auto" if broker.mqtt5 else "3.1.1",
            "PHR_MQTT_USERNAME": local.gateway,
            "PHR_MQTT_PASSWORD_FILE": str(broker.password_file(local.gateway)),
            "PHR_ENGINE_USERNAME": ENGINE,
            "PHR_ENGINE_PASSWORD_FILE": str(broker.password_file(ENGINE)),
        }
    return told


def _devices(config: Settings, local: Local) -> DevicesProcess:
    """The demo's household on the air of its own process; its people are registered if nobody is yet."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from cli.demo_people import register_people
    from engine.store import repo_residents
    from engine.store.database import read
    from simulators.home import list_devices
    from simulators.process import DevicesProcess
    from simulators.series import demo_household

    zone = ZoneInfo(config.gateway.zone)
    household = demo_household(datetime.now(UTC), zone)
    store = open_store(config)
    with read(store) as connection:
        empty = not repo_residents.listed(connection)
    if empty:
        people = register_people(store, local.household, language(config))
        list_devices(config.root, local.household, household, {name: person.id for name, person in people.items()})
    store.dispose()
    devices = DevicesProcess(household, config.root / "devices").start()
    for device in household.devices:
        if device.asleep:
            devices.ask("wake", device.name)
    return devices


def _tell(text: str) -> None:
    say(text)
    if text.startswith(f"gateway: ended with {int(Exit.NO_BLUETOOTH)}"):
        say("no Bluetooth here: going on without a gateway (`phr up --simulate` plays virtual devices)")

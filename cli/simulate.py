"""`phr simulate`: virtual devices on simulated air, and captures played to the production gateway."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.simulate_bridge import bridge
from cli.simulate_city import city, draws
from cli.simulate_hospital import hospital
from cli.simulate_learner import learner
from cli.simulate_lives import lives
from cli.simulate_platform import platform, releases
from cli.simulate_year import year

if TYPE_CHECKING:
    from simulators.household import Household

app = typer.Typer(help="Virtual devices and replays; no radio, no adapter, no root.", no_args_is_help=True)
app.command()(bridge)
app.command()(hospital)
app.command()(city)
app.command()(draws)
app.command()(platform)
app.command()(releases)
app.command()(learner)
app.command()(lives)
app.command()(year)


@app.command()
def devices(
    household: Annotated[
        str, typer.Option(help="Description (JSON or TOML), or one of the built-in households: demo, fitbit.")
    ] = "demo",
    state: Annotated[Path | None, typer.Option(help="Folder of the devices' memory (default: a new one).")] = None,
    listen: Annotated[str, typer.Option(help="The air: host:port or unix:/path.")] = "127.0.0.1:0",
    orders: Annotated[str, typer.Option(help="The order channel: host:port or unix:/path.")] = "127.0.0.1:0",
) -> None:
    """Run a household of virtual devices until Ctrl-C; the first line says where they listen."""
    import asyncio
    import tempfile

    import msgspec

    from simulators.address import parse_place
    from simulators.devices.room import Ready, run_devices
    from simulators.household import HouseholdError

    def ready(at: Ready) -> None:
        result(msgspec.json.encode(at).decode())

    try:
        home = _household(household)
        air, asked = parse_place(listen), parse_place(orders)
        for line in home.description:
            say(line)
        folder = state or Path(tempfile.mkdtemp(prefix="phr-devices-"))
        asyncio.run(run_devices(home, folder, air, asked, ready))
    except HouseholdError as error:
        fail(Exit.USAGE, "bad-household", str(error))
    except ValueError as error:
        fail(Exit.USAGE, "bad-place", str(error))
    except OSError as error:
        fail(Exit.NETWORK, "cannot-listen", str(error))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Captures as JSON Lines (adverts and GATT notifications).")],
    state: Annotated[Path | None, typer.Option(help="Keep the gateway's files here.")] = None,
) -> None:
    """Play captured payloads to the production gateway over simulated air and print what became of them as JSON."""
    import tempfile

    from simulators.process import DevicesError
    from simulators.replay import ReplayError, to_json
    from simulators.replay import replay as play

    try:
        if state is not None:
            emit(to_json(play(file, state)))
            return
        with tempfile.TemporaryDirectory(prefix="phr-replay-") as folder:
            emit(to_json(play(file, Path(folder))))
    except ReplayError as error:
        fail(Exit.USAGE, "bad-capture", str(error))
    except DevicesError as error:
        fail(Exit.DEVICE_LOST, "no-devices", str(error))


@app.command()
def mirror(
    url: Annotated[str, typer.Option(help="The home's own broker: mqtt://host:1883.")] = "mqtt://127.0.0.1:1883",
    name: Annotated[str, typer.Option(help="The mirror's name.")] = "washstand",
    person: Annotated[str, typer.Option(help="The name under which it knows who looks into it; empty: nobody.")] = "",
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 30.0,
    count: Annotated[int, typer.Option(min=0, help="How many looks; 0: until Ctrl-C.")] = 0,
    seed: Annotated[int, typer.Option(help="Which faces.")] = 1,
) -> None:
    """Be a smart mirror at a home's broker: discovery, readings, a display; the first line is the map for it."""
    import time
    from datetime import UTC, datetime

    from gateway.settings import broker_address
    from simulators.mirror import MirrorError, SimulatedMirror

    try:
        simulated = SimulatedMirror(broker_address(url), name, seed).start()
    except ValueError as error:
        fail(Exit.USAGE, "bad-broker", str(error))
    except MirrorError as error:
        fail(Exit.NETWORK, "no-broker", str(error))
    emit(simulated.map_for({person: "r-aaaaaaaaaaaaa"} if person else {}))
    looks = 0
    try:
        while not count or looks < count:
            looks += 1
            emit({"said": simulated.look(person or None, datetime.now(UTC))})
            end = time.monotonic() + every
            while (left := end - time.monotonic()) > 0:
                if (shown := simulated.shown(left)) is not None:
                    emit({"shown": shown})
    except MirrorError as error:
        fail(Exit.NETWORK, "broker-lost", str(error))
    finally:
        simulated.stop()


def _household(name: str) -> Household:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from simulators.household import load_household
    from simulators.series import demo_household, fitbit_household

    builtin = {"demo": demo_household, "fitbit": fitbit_household}
    if name in builtin:
        return builtin[name](datetime.now(UTC), ZoneInfo("Asia/Tokyo"))
    return load_household(Path(name))


@app.command()
def crash(
    kills: Annotated[int, typer.Option(min=1, max=100_000, help="How many processes to kill.")] = 30,
    seed: Annotated[int, typer.Option(help="Which ones, and when.")] = 1,
    state: Annotated[Path | None, typer.Option(help="Keep everything in this empty folder.")] = None,
) -> None:
    """Kill gateway, broker and engine at random moments of a replay; exit 11 if a reading is missing or doubled."""
    import shutil
    import tempfile

    import msgspec

    from simulators.crash import campaign

    if state is not None and state.exists() and any(state.iterdir()):
        fail(Exit.USAGE, "not-empty", f"{state} holds something; a campaign wants an empty folder")
    root = state or Path(tempfile.mkdtemp(prefix="phr-crash-"))
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = campaign(root, kills, seed, say)
    emit(msgspec.to_builtins(found))
    if state is None and not (found.lost or found.duplicated or found.unsettled):
        shutil.rmtree(root, ignore_errors=True)
    if found.lost or found.duplicated or found.unsettled:
        raise typer.Exit(Exit.DAMAGED)


@app.command()
def pairings(
    count: Annotated[int, typer.Option(min=0, help="How many of the scripted pairings; 0: all.")] = 50,
    seed: Annotated[int, typer.Option(help="Which of them, and how long people take.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Let scripted clumsy people pair virtual devices; exit 11 if one ends neither paired nor told what to do."""
    from cli.clumsy import run

    run(count, seed, json=json)

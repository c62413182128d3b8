"""`phr spot`: public measuring spots, where any resident measures after saying who they are."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, plain, transaction
from cli.wiring import Settings, ensure_home, language, settings
from cli.words_spot import word

if TYPE_CHECKING:
    from cli.spot_screen import Place

app = typer.Typer(help="Public measuring spots (まちかど保健室).", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Who = Annotated[str | None, typer.Option("--by", help="Who is answerable; default: the user of this computer.")]


@app.command()
def add(
    label: Annotated[str, typer.Option(help="Where it stands: 中央公民館.")],
    municipality: Annotated[str | None, typer.Option(help="Local-government code of 6 digits.")] = None,
    name: Annotated[str | None, typer.Option("--id", help="Gateway id; made when left out.")] = None,
    by: Who = None,
    json: Json = False,
) -> None:
    """Enrol a spot: a gateway whose readings go to whom it identified, or nowhere."""
    from random import SystemRandom

    from engine.contract.ids import is_id, new_id
    from engine.municipalities import HOME
    from engine.store import repo_spots
    from engine.store.filing import By

    if name is not None and not is_id(name, "g"):
        fail(Exit.USAGE, "bad-gateway", "a gateway id is g- and 13 letters or digits")
    rng = SystemRandom()
    spot = repo_spots.Spot(
        gateway=name or new_id("g", rng), household=new_id("h", rng), municipality=municipality or HOME,
        label=plain(label, "--label"),
    )  # fmt: skip
    with transaction(writes=True) as connection:
        refusal = repo_spots.add(connection, spot, datetime.now(UTC), By(actor(by), os_user()))
        if refusal is not None:
            known = Exit.USAGE if refusal.code == "unknown-municipality" else Exit.ALREADY
            fail(known, refusal.code, refusal.message)
    if json:
        emit({"gateway": spot.gateway, "household": spot.household})
    else:
        result(f"{spot.gateway}  {spot.household}")
        say(word(language(settings()), "added"))


@app.command("list")
def list_(json: Json = False) -> None:
    """List the spots."""
    import msgspec

    from engine.store import repo_spots

    with transaction() as connection:
        found = repo_spots.listed(connection)
    if json:
        emit({"spots": [msgspec.to_builtins(item) for item in found]})
        return
    for item in found:
        result(f"{item.gateway}  {item.household}  {item.municipality}  {item.label}")
    if not found:
        say(word(language(settings()), "no-spots"))


@app.command()
def run(
    air: Annotated[str | None, typer.Option(help="Simulated air instead of Bluetooth.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line on stdout.")] = False,
) -> None:
    """Be a spot: read cards from a scanner that types, measure, show, and forget; until stopped.

    Devices are listed with `phr device add`, without a resident. A line may be typed instead of a card: the number,
    and then the date of birth.
    """
    import asyncio

    from cli.spot_serve import serve
    from gateway.devices import DeviceError
    from gateway.journal_rows import JournalError
    from gateway.link import RadioFailure
    from gateway.lock import HomeTaken
    from gateway.log import logged_to

    config = settings()
    # A screen that everybody reads belongs to the person before it: the log goes to a file.
    kept = logged_to(ensure_home(config) / "spot.log") if sys.stderr.isatty() else nullcontext()
    try:
        with kept:
            asyncio.run(serve(config, place_of(config), air, json=json))
    except RadioFailure as failure:
        fail(Exit.NO_BLUETOOTH, failure.code, "Bluetooth is missing, off or not permitted")
    except HomeTaken as taken:
        fail(Exit.ALREADY, taken.code, f"{taken}; one gateway is enough for a spot")
    except (JournalError, DeviceError) as error:
        fail(Exit.DAMAGED, error.code, str(error))


def place_of(config: Settings) -> Place:
    """What the listed devices need of people: how each is woken, and whether one sends a current through the body."""
    from cli.spot_screen import Place
    from firmware_profiles.registry import installed
    from gateway.devices import DeviceError, Devices
    from gateway.pairing_model import family_of

    profiles = installed().profiles
    try:
        listed = [item for item in Devices(config.root).load() if item.profile in profiles]
    except DeviceError as error:
        fail(Exit.DAMAGED, error.code, str(error))
    families = [family_of(profiles[item.profile]) for item in listed]
    return Place(tuple(family.pairing.wake for family in families), any(family.current for family in families))

"""`phr simulate platform` and `phr simulate releases`: a city platform's broker of one's own, and the campaign."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.serving import stay

if TYPE_CHECKING:
    from simulators.platform.broker import Platform
    from simulators.platform_campaign import Report

_CLIENT = "minato-phr"


def platform(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this computer; 0: a free one.")] = 0,
    state: Annotated[Path | None, typer.Option(help="Folder of its memory (default: a new one).")] = None,
    secured: Annotated[bool, typer.Option("--secured", help="Only who brings a token may come in.")] = False,
) -> None:
    """Be a city platform's NGSIv2 broker until Ctrl-C; prints what to write into phr.toml."""
    from simulators.platform.broker import Platform
    from simulators.platform.serving import serving
    from simulators.platform.tokens import Client

    folder = state or Path(tempfile.mkdtemp(prefix="phr-platform-"))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        clients = (Client(_CLIENT, _secret(folder)),) if secured else ()
        house = Platform(clients=clients, journal=folder / "journal.jsonl")
    except OSError as error:
        fail(Exit.CONFIGURATION, "state", f"{folder}: {error.strerror}")
    except ValueError as error:
        fail(Exit.DAMAGED, "bad-journal", f"{folder / 'journal.jsonl'} is not a broker's memory: {error}")
    with closing(house):
        stay(serving(house, port=port), port, lambda: _tell(house, folder, secured=secured))


def releases(
    faults: Annotated[int, typer.Option(min=0, max=1_000_000, help="At least so many faults strike.")] = 50,
    kills: Annotated[int, typer.Option(min=1, max=100_000, help="How many bridges are killed.")] = 20,
    cells: Annotated[int, typer.Option(min=1, max=4_000, help="Cells of each made-up release.")] = 2_000,
    people: Annotated[int, typer.Option(min=320, max=100_000, help="Residents of the city of the real ones.")] = 400,
    seed: Annotated[int, typer.Option(help="Which city, what strikes when, who is killed when.")] = 1,
    state: Annotated[Path | None, typer.Option(help="Keep everything in this empty folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Publish six releases over 18 simulated months through kills and faults; exit 11 if the platform ends up wrong."""
    import msgspec

    from simulators.platform_campaign import campaign

    if state is not None and state.exists() and any(state.iterdir()):
        fail(Exit.USAGE, "not-empty", f"{state} holds something; a campaign wants an empty folder")
    root = state or Path(tempfile.mkdtemp(prefix="phr-releases-"))
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = campaign(root, faults=faults, kills=kills, seed=seed, people=people, cells=cells, tell=say)
    if json:
        emit(msgspec.to_builtins(found) | {"sound": found.sound})
    else:
        _table(found)
    if state is None and found.sound:
        shutil.rmtree(root, ignore_errors=True)
    if not found.sound:
        say(f"what came of it is kept: {root}")
        raise typer.Exit(Exit.DAMAGED)


def _table(found: Report) -> None:
    for one in found.releases:
        verdict = "equal" if one.sound else "DIFFERS"
        wrong = f"{one.missing} missing, {one.extra} extra, {one.changed} changed"
        result(f"{one.id:24} {one.cells:>5} cells  {verdict:8} {wrong}  {one.theirs[:16]}")
    rows = {
        "kills": found.kills, "faults": f"{sum(found.faults.values())} of {len(found.faults)} kinds",
        "requests": found.requests, "complete early": found.early, "entities twice": found.duplicates,
        "strangers": found.strangers, "against the rules": sum(found.misuses.values()),
        "personal texts in requests": f"{found.personal} of {found.personal_texts} looked for",
        "tokens in logs or database": f"{found.tokens_found} of {found.tokens} looked for",
        "secret in logs or database": found.secret_found,
        "after 7 days without a platform": f"caught up in {found.caught_up_seconds} s",
        "refused, let go again by the clerk": found.parked, "left over": found.unsettled,
        "first made-up release": found.withdrawn,
    }  # fmt: skip
    for name, said in rows.items():
        result(f"{name:36} {said}")
    result("sound" if found.sound else "NOT SOUND")


def _secret(folder: Path) -> str:
    """The client's secret, made at the first start; only its owner may read the file."""
    place = folder / "secret"
    if not place.exists():
        place.touch(mode=0o600)
        place.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return place.read_text(encoding="utf-8").strip()


def _tell(house: Platform, folder: Path, *, secured: bool) -> None:
    result("[platform]")
    result(f'url = "{house.origin}"')
    if secured:
        result(f'token_url = "{house.origin}/oauth2/token"')
        result(f'client_id = "{_CLIENT}"')
        result(f'secret_file = "{folder / "secret"}"')
    say(f"what it holds: GET {house.origin}/control/entities")
    say(f"what was asked and answered: {folder / 'journal.jsonl'}")
    say("stop: Ctrl-C")

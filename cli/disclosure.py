"""`phr disclosure`: when residents of a municipality see what is recorded of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import emit, fail, result
from cli.store import actor, os_user, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from engine.store.database import Connection

app = typer.Typer(help="When residents see what is recorded of them.", no_args_is_help=True)
Town = Annotated[str, typer.Option(help="The municipality's code; default: Sakata.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
HOME = "062049"
_WORDS = {
    "at-once": ("すぐに 見られます", "at once"),
    "after-days": ("{days}日あとから 見られます", "from {days} days after it came in"),
    "after-release": ("医師か 保健師が 見せてから 見られます", "once a doctor or nurse has released it"),
}


@app.command()
def show(town: Town = HOME, json: Json = False) -> None:
    """Show every class of data and when it is shown; the defaults where the municipality said nothing."""
    from engine.disclosure import classes
    from engine.store import repo_disclosure

    with transaction() as connection:
        _known(connection, town)
        policy = repo_disclosure.policy_for(connection, town)
    if json:
        rows = {name: {"mode": term.mode, "days": term.days} for name, term in policy.items()}
        emit({"municipality": town, "classes": rows})
        return
    at = 0 if language(settings()) == "ja" else 1
    for one in classes():
        term = policy[one.name]
        what = f"{', '.join(one.sources)}: {' '.join(f'{code}*' for code in one.codes) or '*'}"
        result(f"{one.name:9} {_WORDS[term.mode][at].format(days=term.days)}  ({what})")


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(metavar="CLASS", help="own, checkup, nurse, document or lab.")],
    mode: Annotated[str, typer.Argument(help="at-once, after-days or after-release.")],
    days: Annotated[int, typer.Option(help="How many days, for after-days.")] = 0,
    town: Town = HOME,
    by: Annotated[str | None, typer.Option(help="Who decided; default: the user of this computer.")] = None,
    json: Json = False,
) -> None:
    """Say when one class of data is shown in a municipality; it holds from the next page on."""
    from engine.disclosure import term
    from engine.refusal import Refusal
    from engine.store import repo_disclosure
    from engine.store.repo_facts import By

    said = term(name, mode, days)
    if isinstance(said, Refusal):
        fail(Exit.USAGE, said.code, said.message)
    now, who = datetime.now(UTC), By(actor(by), os_user())
    with transaction(writes=True) as connection:
        _known(connection, town)
        repo_disclosure.set_policy(connection, town, name, said, who, now)
    show(town, json)


def _known(connection: Connection, town: str) -> None:
    """Stop for a municipality that is not served here: exit code 3."""
    from engine.store import repo_places

    known = repo_places.municipalities(connection)
    if town not in known:
        fail(Exit.NOT_FOUND, "unknown-municipality", f"{town} is not one of {', '.join(sorted(known))}")

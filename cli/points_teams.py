"""`phr points teams`: neighbourhoods and workplaces that collect points together; nobody's share is ever shown."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import language, open_store, settings

if TYPE_CHECKING:
    from engine.locale import Language

app = typer.Typer(help="Teams that collect points together, without anybody's share.", no_args_is_help=True)
_ZONE = ZoneInfo("Asia/Tokyo")
_EXITS = {"taken": Exit.ALREADY, "unknown-team": Exit.NOT_FOUND, "no-member": Exit.NOT_FOUND,
          "closed-team": Exit.REFUSED}  # fmt: skip
Team = Annotated[int, typer.Argument(metavar="TEAM", help="Number of the team (phr points teams list).")]
Resident = Annotated[str, typer.Argument(metavar="RESIDENT")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("list")
def list_(
    municipality: Annotated[str | None, typer.Option(help="Only this town, by its 6-digit code.")] = None,
    json: Json = False,
) -> None:
    """Show the teams with what was told of their pots."""
    from engine.locale import text
    from engine.store import repo_point_teams

    with transaction() as connection:
        found = repo_point_teams.listed(connection, None if municipality is None else [municipality])
        pots = repo_point_teams.pots(connection, [team.number for team in found])
    if json:
        emit({"teams": [
            {"team": one.number, "municipality": one.municipality, "sort": one.sort, "name": one.name,
             "pots": [{"month": pot.month, "points": pot.points} for pot in pots[one.number]]} for one in found
        ]})  # fmt: skip
        return
    lang: Language = "en" if language(settings()) == "en" else "ja"
    few = text(lang, "nurse", "cli.points.few")
    for one in found:
        result(f"{one.number}  {one.municipality}  {one.sort}  {one.name}")
        for pot in pots[one.number]:
            result(f"  {pot.month}  {few if pot.points is None else pot.points}")
    if not found:
        say(text(lang, "nurse", "cli.points.no-teams"))


@app.command()
def add(
    municipality: Annotated[str, typer.Argument(metavar="TOWN", help="Local-government code of 6 digits.")],
    sort: Annotated[str, typer.Argument(help="neighbourhood or workplace.")],
    name: Annotated[str, typer.Argument(help="What it is called.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Make a team; residents join by themselves."""
    from engine.refusal import Refusal
    from engine.store import repo_point_teams
    from engine.store.repo_facts import By as Who

    with transaction(writes=True) as connection:
        who = Who(actor(by), os_user())
        made = repo_point_teams.add(connection, municipality, sort, name, who, datetime.now(UTC))
        if isinstance(made, Refusal):
            fail(_EXITS.get(made.code, Exit.USAGE), made.code, made.message)
    if json:
        emit({"team": made.number})
    else:
        result(f"{made.number}")


@app.command()
def join(resident: Resident, team: Team, by: By = None) -> None:
    """Let a resident into a team, as they asked; their points of whole months from then on go into its pot, too."""
    _move(resident, team, by, joins=True)


@app.command()
def leave(resident: Resident, team: Team, by: By = None) -> None:
    """Let a resident out of a team, as they asked."""
    _move(resident, team, by, joins=False)


@app.command()
def tell(json: Json = False) -> None:
    """Tell the pots of the months that are over; each is told once and never changes. Otherwise done every night."""
    from engine.points_pots import tell_all

    engine = open_store(settings())
    try:
        count = tell_all(engine, datetime.now(UTC), SystemRandom())
    finally:
        engine.dispose()
    if json:
        emit({"told": count})
    else:
        result(f"{count}")


def _move(resident: str, team: int, by: str | None, *, joins: bool) -> None:
    from engine.refusal import Refusal
    from engine.store import repo_point_teams
    from engine.store.repo_facts import By as Who

    now, who = datetime.now(UTC), Who(actor(by), os_user())
    day = now.astimezone(_ZONE).date()
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        done: object
        if joins:
            done = repo_point_teams.join(connection, person, team, day, who, now)
        else:
            done = repo_point_teams.leave(connection, person.id, team, day, who, now)
        if isinstance(done, Refusal):
            fail(_EXITS.get(done.code, Exit.USAGE), done.code, done.message)
    result(f"{team}")

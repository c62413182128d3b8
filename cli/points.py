"""`phr points`: points for measuring, moving, learning and check-ups - never for a value or for losing weight."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli.days import day_of
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.points_teams import app as teams
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import language, open_store, settings

if TYPE_CHECKING:
    from engine.locale import Language
    from engine.points_statement import Statement

app = typer.Typer(help="Health points: count deeds, show a statement, hand points in.", no_args_is_help=True)
app.add_typer(teams, name="teams")
_ZONE = ZoneInfo("Asia/Tokyo")
_HEAD = ("code", "municipality", "on", "points")
Resident = Annotated[str, typer.Argument(metavar="RESIDENT")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def evaluate(
    resident: Annotated[str | None, typer.Argument(metavar="[RESIDENT]", help="Only this one; default: all.")] = None,
    since: Annotated[str | None, typer.Option(help="From which month on; default: two before this.")] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Count what was done since and write the points; run twice nothing is given twice. Otherwise done every night."""
    from engine.points_counting import count, count_all

    first, now = day_of(since, "--since"), datetime.now(UTC)
    if resident is None:
        if first is not None:
            fail(Exit.USAGE, "needs-resident", "--since is for one resident")
        engine = open_store(settings())
        try:
            done = count_all(engine, now)
        finally:
            engine.dispose()
    else:
        with transaction(writes=True) as connection:
            done = count(connection, resident_of(connection, resident), now, first)
    if json:
        emit({"given": done.given, "taken_back": done.taken_back, "ended": done.ended})
    else:
        result(_words("cli.points.counted", given=done.given, back=done.taken_back, ended=done.ended))


@app.command()
def statement(resident: Resident, by: By = None, json: Json = False) -> None:
    """Show the points of a resident as they read them: no line says why there are none."""
    from engine.points import book
    from engine.points_statement import statement as of
    from engine.store import repo_points
    from engine.store.repo_facts import By as Who

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        found = of(book(), repo_points.of(connection, person.id), now.astimezone(_ZONE).date())
        repo_points.note(connection, "points-view", person.id, Who(actor(by), os_user()), now)
    if json:
        from msgspec import to_builtins

        emit(to_builtins(found))
        return
    _print(found)


@app.command()
def redeem(
    resident: Resident,
    points: Annotated[int, typer.Argument(min=1, help="How many: a multiple of what one voucher is worth.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Hand points in for a voucher, as the resident asked; whoever shows its code has the points."""
    from engine.points import book
    from engine.points_statement import redeem as hand_in
    from engine.refusal import Refusal
    from engine.store import audit, repo_points
    from engine.store.repo_facts import By as Who

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        # Of two who hand in at once the second sees what is left.
        audit.take_turn(connection)
        person = resident_of(connection, resident)
        known = repo_points.of(connection, person.id)
        made = hand_in(book(), known, points, now.astimezone(_ZONE).date(), SystemRandom())
        if isinstance(made, Refusal):
            fail(Exit.USAGE if made.code == "odd-points" else Exit.REFUSED, made.code, made.message)
        repo_points.hand_in(connection, person.id, made, Who(actor(by), os_user()), now)
    if json:
        emit({"code": made.about, "points": points, "on": made.on})
    else:
        result(_words("cli.points.voucher", code=made.about, points=points))


@app.command()
def export(
    first: Annotated[str, typer.Argument(metavar="FROM", help="First day: 2026-11-01.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="Last day: 2026-11-30.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file; must not exist.")],
    municipality: Annotated[str | None, typer.Option(help="Only this town, by its 6-digit code.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write the vouchers of some days for the city: code and points of each, nothing of whose it is."""
    from engine.municipalities import REGION
    from engine.store import repo_points
    from engine.store.repo_facts import By as Who

    since, until = day_of(first, "FROM"), day_of(last, "TO")
    assert since is not None
    assert until is not None
    if municipality is not None and municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        found = repo_points.issued(connection, None if municipality is None else [municipality], since, until)
        _write(file, [(one.code, one.municipality, one.on.isoformat(), f"{one.points}") for one in found])
        who = Who(actor(by), os_user())
        repo_points.note(connection, "export-points", municipality or "all", who, now, [one.code for one in found])
    if json:
        emit({"vouchers": len(found), "file": str(file)})
    else:
        result(_words("cli.points.exported", count=len(found), file=file))


def _write(file: Path, rows: list[tuple[str, str, str, str]]) -> None:
    import csv

    try:
        with file.open("x", encoding="utf-8", newline="") as made:
            csv.writer(made).writerows([_HEAD, *rows])
    except FileExistsError:
        fail(Exit.ALREADY, "file-exists", f"{file} is there already")
    except OSError as error:
        fail(Exit.USAGE, "unwritable", f"{file}: {error.strerror}")


def _print(found: Statement) -> None:
    from engine.locale import text
    from engine.points import book

    lang = _lang()
    labels = {rule.id: rule.label(lang) for rule in book().rule}
    result(text(lang, "resident", "me.points.balance", points=found.balance))
    if found.soon is not None:
        soon = found.soon
        result(text(lang, "resident", "me.points.soon", points=soon.points, day=soon.until.isoformat()))
    for year, points in found.ended:
        result(text(lang, "resident", "me.points.ended", year=year, points=points))
    for sort, points in found.sorts:
        result(f"  {text(lang, 'resident', f'me.points.sort.{sort}')}: {points}")
    for line in found.lines:
        result(f"{line.month}  {labels.get(line.rule, line.rule)}  x{line.times}  {line.points}")
    for one in found.vouchers:
        result(f"{one.on}  {text(lang, 'resident', 'me.points.voucher')} {one.code}  -{one.points}")
    if not found.lines:
        say(text(lang, "resident", "me.points.none"))


def _lang() -> Language:
    return "en" if language(settings()) == "en" else "ja"


def _words(key: str, **values: object) -> str:
    from engine.locale import text

    return text(_lang(), "nurse", key, **values)

"""`phr appointment class`: classes, several residents expected at the same place and time, and who came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.appointment_words import midnight, refuse, shown, when_of, who_of, words
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import resident_of, transaction

if TYPE_CHECKING:
    from engine.appointments import GroupClass
    from engine.store.database import Connection

app = typer.Typer(help="Classes: make, fill, move, cancel, and who came.", no_args_is_help=True)
Group = Annotated[
    int, typer.Argument(metavar="CLASS", min=1, max=10**12, help="The class (phr appointment class list).")
]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def make(
    municipality: Annotated[str, typer.Argument(metavar="MUNICIPALITY", help="Local-government code of 6 digits.")],
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The name of the class.")],
    on: Annotated[str, typer.Option(help="The day: 2026-11-24.")],
    at: Annotated[str, typer.Option(help="When it begins, on the town's clock: 10:30.")],
    place: Annotated[str, typer.Option(help="Where.")],
    minutes: Annotated[int, typer.Option(help="How long.")] = 90,
    capacity: Annotated[int, typer.Option(help="For how many.")] = 20,
    staff: Annotated[str | None, typer.Option(help="Who of staff: s-…")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Make a class."""
    from engine.appointments_classes import make as store
    from engine.municipalities import REGION
    from engine.refusal import Refusal

    if municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    with transaction(writes=True) as connection:
        when = when_of(connection, on, at, minutes, place, staff)
        done = store(connection, municipality, title, when, capacity, who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    _tell(done, json=json)


@app.command("list")
def list_(
    since: Annotated[str | None, typer.Option("--from", help="The first day; default: today.")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 60,
    json: Json = False,
) -> None:
    """List classes by time, with how many are booked."""
    from engine.store import repo_appointments

    first = midnight(since, datetime.now(UTC))
    with transaction() as connection:
        found = repo_appointments.classes(connection, None, first, first + timedelta(days=days))
        counts = repo_appointments.booked(connection, [one.seq for one in found])
    if json:
        emit([_fields(one) | {"booked": counts[one.seq]} for one in found])
        return
    for one in found:
        day, clock = shown(one)
        result(f"{one.seq}  {day} {clock}  {one.title}  {one.place}  {counts[one.seq]}/{one.capacity}  {one.state}")
    if not found:
        say(words("none"))


@app.command()
def join(
    group: Group,
    resident: Annotated[str, typer.Argument(metavar="RESIDENT", help="Resident id, r-…")],
    by: By = None,
    json: Json = False,
) -> None:
    """Book somebody into a class; refused when it is full or they are expected elsewhere."""
    from engine.appointments_classes import join as store
    from engine.refusal import Refusal

    with transaction(writes=True) as connection:
        _known(connection, group)
        done = store(connection, group, resident_of(connection, resident), who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    if json:
        emit({"number": done.seq, "class": group})
    else:
        result(words("joined", number=done.seq, group=group))


@app.command()
def cancel(group: Group, by: By = None, json: Json = False) -> None:
    """Call a class off before it begins, and everybody's booking with it."""
    from engine.appointments_classes import call_off
    from engine.refusal import Refusal

    with transaction(writes=True) as connection:
        done = call_off(connection, _known(connection, group), who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    _tell(done, json=json)


@app.command()
def attend(
    group: Group,
    came: Annotated[list[int] | None, typer.Option(help="An appointment that was kept; again for more.")] = None,
    missed: Annotated[list[int] | None, typer.Option(help="One that was missed; again for more.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write down who came and who did not, by the numbers of their appointments."""
    from engine.appointments_classes import attend as store
    from engine.refusal import Refusal

    said: dict[int, Literal["kept", "missed"]] = dict.fromkeys(missed or (), "missed")
    said |= dict.fromkeys(came or (), "kept")
    with transaction(writes=True) as connection:
        done = store(connection, _known(connection, group), said, who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    if json:
        emit({"class": group, "written": done})
    else:
        result(words("attended", group=group, count=done))


def _known(connection: Connection, group: int) -> GroupClass:
    from engine.store import repo_appointments

    found = repo_appointments.class_of(connection, group)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-class", f"there is no class {group}; `phr appointment class list` shows them")
    return found


def _fields(one: GroupClass) -> dict[str, Any]:
    from msgspec import to_builtins

    fields: dict[str, Any] = to_builtins(one)
    return fields


def _tell(one: GroupClass, *, json: bool) -> None:

    if json:
        emit(_fields(one))
        return
    day, clock = shown(one)
    result(words("class", number=one.seq, day=day, clock=clock, capacity=one.capacity))

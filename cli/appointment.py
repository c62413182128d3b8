"""`phr appointment`: times at which somebody is expected or visited, and reminders of them; for one or for a class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.appointment_class import app as classes
from cli.appointment_words import midnight, refuse, shown, when_of, who_of, word, words
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import resident_of, transaction

if TYPE_CHECKING:
    from engine.appointments import Appointment
    from engine.store.database import Connection

app = typer.Typer(help="Appointments: book, move, cancel, mark; calendars and reminders.", no_args_is_help=True)
app.add_typer(classes, name="class")
Resident = Annotated[str, typer.Argument(metavar="RESIDENT", help="Resident id, r-…")]
Number = Annotated[
    int, typer.Argument(metavar="NUMBER", min=1, max=10**12, help="The appointment (phr appointment list).")
]
On = Annotated[str, typer.Option(help="The day: 2026-11-24.")]
At = Annotated[str, typer.Option(help="When it begins, on the town's clock: 10:30.")]
Minutes = Annotated[int | None, typer.Option(help="How long; default: as long as its sort usually takes.")]
Place = Annotated[str, typer.Option(help="Where; nothing about anybody's health.")]
Staff = Annotated[str | None, typer.Option(help="Who of staff: s-…")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def book(
    resident: Resident,
    sort: Annotated[str, typer.Argument(metavar="SORT", help="interview, visit, call, check-up or other.")],
    on: On, at: At, place: Place, minutes: Minutes = None, staff: Staff = None, by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Book somebody; refused where they or staff are expected elsewhere, or in hospital then."""
    from engine.appointments import ALONE, MINUTES, odd_hours
    from engine.appointments_store import book as store
    from engine.refusal import Refusal

    chosen = next((one for one in ALONE if one == sort), None)
    if chosen is None:
        fail(Exit.USAGE, "no-sort", f"sorts are {', '.join(ALONE)}")
    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        when = when_of(connection, on, at, MINUTES[chosen] if minutes is None else minutes, place, staff)
        done = store(connection, person, chosen, when, who_of(by), now)
    if isinstance(done, Refusal):
        refuse(done)
    if odd_hours(when, person.municipality_code):
        say(words("odd"))
    _tell("booked", done, json=json)


@app.command()
def move(
    number: Number, on: On, at: At, place: Place, minutes: Minutes = None, staff: Staff = None, by: By = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Put an appointment to another time or place; they are reminded of it anew."""
    from engine.appointments_store import move as store
    from engine.refusal import Refusal

    with transaction(writes=True) as connection:
        one = _known(connection, number)
        span = (one.ends_at - one.starts_at) // timedelta(minutes=1) if minutes is None else minutes
        when = when_of(connection, on, at, span, place, staff or one.staff)
        done = store(connection, one, when, who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    _tell("moved", done, json=json)


@app.command()
def cancel(
    number: Number,
    reason: Annotated[str, typer.Option(help="resident (they asked) or staff (we cannot).")] = "resident",
    by: By = None,
    json: Json = False,
) -> None:
    """Call an appointment off before it begins."""
    from engine.appointments_store import cancel as store
    from engine.refusal import Refusal

    if reason not in {"resident", "staff"}:
        fail(Exit.USAGE, "no-reason", "--reason is resident or staff")
    with transaction(writes=True) as connection:
        one = _known(connection, number)
        whose: Literal["resident", "staff"] = "resident" if reason == "resident" else "staff"
        done = store(connection, one, whose, who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    _tell("cancelled", done, json=json)


@app.command()
def kept(number: Number, by: By = None, json: Json = False) -> None:
    """Note that they came; it counts in their case where one is open."""
    _mark(number, by, came=True, json=json)


@app.command()
def missed(number: Number, by: By = None, json: Json = False) -> None:
    """Note that they did not come."""
    _mark(number, by, came=False, json=json)


@app.command("list")
def list_(
    resident: Annotated[str | None, typer.Argument(metavar="[RESIDENT]", help="Only this one's; else a week.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="The first day; default: today.")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 7,
    by: By = None,
    json: Json = False,
) -> None:  # fmt: skip
    """List appointments by time, with state and whether they were reminded."""
    from engine.store import audit, repo_appointments

    now = datetime.now(UTC)
    first = midnight(since, now)
    with transaction(writes=True) as connection:
        if resident is None:
            found = repo_appointments.between(connection, None, first, first + timedelta(days=days))
        else:
            found = sorted(
                repo_appointments.of(connection, resident_of(connection, resident).id), key=lambda one: one.starts_at
            )
        subject = resident or "appointments"
        audit.note(connection, "appointments-view", subject, who_of(by), now, [one.seq for one in found] or None)
    if json:
        emit([_told(one) for one in found])
        return
    for one in found:
        sort, state = word(f"sort.{one.sort}"), word(f"state.{one.state}")
        result("  ".join((f"{one.seq}", *shown(one), one.resident, sort, one.place, state)))
    if not found:
        say(words("none"))


@app.command()
def ical(
    resident: Resident,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .ics file; must not exist.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Write what is to come of somebody as a calendar; no event says what about their health it is."""
    from engine.appointments_ical import calendar_of
    from engine.store import audit, repo_appointments

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        found = [one for one in repo_appointments.of(connection, person.id) if one.ends_at > now]
        try:
            with file.open("xb") as made:
                made.write(calendar_of(found, person.language))
        except FileExistsError:
            fail(Exit.ALREADY, "file-exists", f"{file} is there already")
        except OSError as error:
            fail(Exit.USAGE, "unwritable", f"{file}: {error.strerror}")
        audit.note(connection, "export-appointments", person.id, who_of(by), now, [one.seq for one in found] or None)
    if json:
        emit({"appointments": len(found), "file": str(file)})
    else:
        result(words("written", count=len(found), file=file))


@app.command()
def remind(by: By = None, json: Json = False) -> None:
    """Owe the reminders that are due, and list whom to remind by telephone. Otherwise done every ten minutes."""
    from engine.appointments_reminding import calls, go_round
    from engine.store import audit

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        owed = go_round(connection, now)
        found = calls(connection, None, now)
        seen = [call.appointment.seq for call in found] or None
        audit.note(connection, "appointments-view", "appointments", who_of(by), now, seen)
    if json:
        emit({"owed": owed, "calls": [_told(call.appointment) | {"why": call.why} for call in found]})
        return
    result(words("reminded", count=owed))
    for call in found:
        day, clock = shown(call.appointment)
        why = word(f"calls.why.{call.why}")
        result(words("to-call", who=call.person.id, day=day, clock=clock, why=why))


def _tell(key: str, one: Appointment, *, json: bool) -> None:
    if json:
        emit(_told(one))
        return
    day, clock = shown(one)
    result(words(key, number=one.seq, day=day, clock=clock))


def _mark(number: int, by: str | None, *, came: bool, json: bool) -> None:
    from engine.appointments_store import mark
    from engine.refusal import Refusal

    with transaction(writes=True) as connection:
        state: Literal["kept", "missed"] = "kept" if came else "missed"
        done = mark(connection, _known(connection, number), state, who_of(by), datetime.now(UTC))
    if isinstance(done, Refusal):
        refuse(done)
    if json:
        emit(_told(done))
    else:
        result(words("marked", number=done.seq, state=word(f"state.{done.state}")))


def _known(connection: Connection, number: int) -> Appointment:
    from engine.store import repo_appointments

    found = repo_appointments.get(connection, number)
    if found is None:
        fail(
            Exit.NOT_FOUND,
            "unknown-appointment",
            f"there is no appointment {number}; `phr appointment list` shows them",
        )
    return found


def _told(one: Appointment) -> dict[str, Any]:
    from msgspec import to_builtins

    fields: dict[str, Any] = to_builtins(one)
    return fields

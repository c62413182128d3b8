"""`phr watch`: who of those watched over is unlike themself, and what a nurse decides; nothing is told by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction
from cli.wiring import language, open_store, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_watch_alerts import Raised
    from engine.watching_telling import Told

app = typer.Typer(help="Watching over: look, list, show, decide.", no_args_is_help=True)
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Number = Annotated[
    int, typer.Argument(metavar="ALERT", min=1, max=10**12, help="The number that `phr watch list` shows.")
]


@app.command()
def evaluate(
    steps: Annotated[bool, typer.Option(help="Look at steps, too; they change once a day.")] = True, json: Json = False
) -> None:  # fmt: skip
    """Look once at everybody who is watched over; otherwise done every hour. Run twice nothing is raised twice."""
    from engine.watching_round import look

    engine = open_store(settings())
    try:
        done = look(engine, datetime.now(UTC), moved=steps)
    finally:
        engine.dispose()
    if json:
        emit({"people": done.people, "raised": done.raised, "over": done.over})
    else:
        result(_words("cli.watch.looked", people=done.people, raised=done.raised, over=done.over))


@app.command("list")
def list_(
    municipality: Annotated[str | None, typer.Option(help="Only this town, by its 6-digit code.")] = None,
    devices: Annotated[bool, typer.Option("--devices", help="Silent devices instead of people.")] = False,
    json: Json = False,
) -> None:
    """List what stands: who is unlike themself, the oldest first; with --devices which devices are silent."""
    from engine.decisions import open_to_nurses
    from engine.municipalities import REGION
    from engine.store import repo_watch_alerts

    if municipality is not None and municipality not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    towns = None if municipality is None else [municipality]
    with transaction() as connection:
        found = repo_watch_alerts.listed(connection, towns, _sorts(devices=devices), ("open", "told"))
        agreed = open_to_nurses(connection, {one.resident for one in found}, datetime.now(UTC))
    shown = [one for one in found if one.resident in agreed]
    if json:
        emit({"alerts": [_row(one) for one in shown]})
        return
    for one in shown:
        result(_line(one))
    if not shown:
        say(_words("cli.watch.none"))


@app.command()
def show(alert: Number, by: By = None, json: Json = False) -> None:
    """Show one alert, whom it was told and who may be told now."""
    from engine.store import audit, repo_watch_alerts
    from engine.store.repo_facts import By as Who
    from engine.watching_telling import may_be_told

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        found = _alert(connection, alert, now)
        told = repo_watch_alerts.tellings(connection, [alert]).get(alert, [])
        left = may_be_told(connection, found, now)
        audit.note(connection, "watch-view", found.resident, Who(actor(by), os_user()), now, [alert])
    if json:
        emit(_row(found) | {"told": [_telling(one) for one in told], "may_be_told": list(left)})
        return
    result(_line(found))
    for one in told:
        result(_words("cli.watch.told", to=one.recipient, at=f"{one.at:%Y-%m-%d %H:%M}Z"))
    for name in left:
        result(_words("cli.watch.may", to=name))


@app.command()
def decide(
    alert: Number,
    act: Annotated[Literal["tell", "dismiss", "reached", "absent", "close"], typer.Argument(metavar="ACT")],
    to: Annotated[list[str] | None, typer.Option(help="Whom to tell: m-… or s-…; once for each.")] = None,
    reason: Annotated[str, typer.Option(help="Why it is put aside or closed: one of the listed words.")] = "",
    text: Annotated[str, typer.Option(help="A word with it.")] = "",
    by: By = None,
    json: Json = False,
) -> None:
    """Decide: tell somebody who watches, dismiss, note a call (reached, absent), close what was told."""
    from engine.decisions import reason_of
    from engine.refusal import Refusal
    from engine.store.repo_facts import By as Who
    from engine.watching_telling import call, put_aside, tell

    now, words, who = datetime.now(UTC), reason_of(text), Who(actor(by), os_user())
    if isinstance(words, Refusal):
        fail(Exit.USAGE, words.code, words.message)
    with transaction(writes=True) as connection:
        done: Told | Refusal
        if act == "tell":
            done = tell(connection, alert, to or (), who, now)
        elif act in {"dismiss", "close"}:
            done = put_aside(connection, alert, act, reason, words, who, now)
        else:
            done = call(connection, alert, act, words, who, now, SystemRandom())
        if isinstance(done, Refusal):
            fail(Exit.NOT_FOUND if done.code == "unknown" else Exit.REFUSED, done.code, done.message)
    if json:
        emit({"alert": alert, "act": act, "told": list(done.recipients)})
    else:
        result(_words("cli.watch.done", alert=alert, told=len(done.recipients)))


def _alert(connection: Connection, number: int, now: datetime) -> Raised:
    from engine.decisions import open_to_nurses
    from engine.store import repo_watch_alerts

    found = repo_watch_alerts.get(connection, number)
    if found is None or not open_to_nurses(connection, [found.resident], now):
        fail(Exit.NOT_FOUND, "unknown", f"there is no alert {number} to be looked at")
    return found


def _sorts(*, devices: bool) -> Sequence[Literal["activity-drop", "person-silent", "device-silent"]]:
    return ("device-silent",) if devices else ("person-silent", "activity-drop")


def _row(one: Raised) -> dict[str, object]:
    from msgspec import to_builtins

    found: dict[str, object] = to_builtins(one)
    return found


def _telling(one: object) -> object:
    from msgspec import to_builtins

    return to_builtins(one)


def _line(one: Raised) -> str:
    what = _words(f"desk.watching.sort.{one.sort}")
    cause = _words(f"desk.watching.cause.{one.evidence.cause}")
    return _words(
        "cli.watch.line", alert=one.seq, resident=one.resident, what=what, cause=cause,
        since=f"{one.since:%Y-%m-%d %H:%M}Z", state=_words(f"desk.watching.state.{one.state}"),
    )  # fmt: skip


def _words(key: str, **values: object) -> str:
    from engine.locale import text

    return text("en" if language(settings()) == "en" else "ja", "nurse", key, **values)

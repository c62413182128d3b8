"""`phr bridge`: what is exchanged with the medical network, and what of it waits, failed or differs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli import bridge_dead, bridge_keys, bridge_link, bridge_pull
from cli.bridge_wiring import open_pusher, scope_of
from cli.exits import Exit
from cli.output import Fail, emit, fail, result, say
from cli.store import resident_of, transaction
from cli.wiring import Settings, settings

if TYPE_CHECKING:
    from fhir_bridge.push import Pusher
    from fhir_bridge.push_reconcile import Balance

app = typer.Typer(help="Exchange with the medical network (ちょうかいネット).", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_MOST_SHOWN = 20
# What a push counts that is no reason why the network cannot be used.
_STATES = frozenset({"sent", "confirmed", "pending", "dead", "withdrawn", "duplicates"})
_AWAY = "the network cannot be used now; what is owed waits"

app.command()(bridge_keys.keygen)
app.command()(bridge_keys.jwks)
app.command()(bridge_pull.pull)
app.add_typer(bridge_link.app, name="link")
app.add_typer(bridge_dead.app, name="dead")


@app.command()
def status(json: Json = False) -> None:
    """Show who is linked, what waits or was refused, and how the network was last time; asks nobody."""
    from engine.store import repo_batches
    from fhir_bridge.push_status import status_of

    config = settings()
    with transaction() as connection:
        found = status_of(connection, config.bridge.name, datetime.now(UTC))
        held = {name: one.code or "parked" for name, one in repo_batches.refused(connection).items()}
    if json:
        emit({"url": config.bridge.url, "test_only": bool(config.bridge.test_patients), **found, "releases": held})
        return
    _row("network", f"{config.bridge.name} at {config.bridge.url or '(none: bridge.url is not set)'}")
    if config.bridge.test_patients:
        _row("mode", "test patients only")
    for name in ("links", "observations", "devices", "dead"):
        _row(name, ", ".join(f"{count} {word}" for word, count in sorted(found[name].items())) or "none")
    _row("oldest", found["oldest"] or "nothing waits")
    _row("breaker", f"{found['breaker']}{f' until {until}' if (until := found['open_until']) else ''}")
    _row("unknown", f"{found['unknown']} codes")
    for name, one in sorted(found["last"].items()):
        _row(name, f"{one['at']}: {one['outcome']}")
    if found["links"].get("held"):
        say("somebody has to decide: phr bridge link list --state held")
    if found["dead"]:
        say("refused by the network: phr bridge dead list")
    for name, code in held.items():
        say(f"release {name} was refused by the city's platform ({code}): phr release list")


@app.command()
def push(
    since: Annotated[
        str | None,
        typer.Option(help="Also what was measured since this day (YYYY-MM-DD), before link or consent, is told now."),
    ] = None,
    resident: Annotated[str | None, typer.Option(help="With --since: only of this resident, r-…")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; nothing leaves.")] = False,
    json: Json = False,
) -> None:
    """Send everything that is owed to the network now; exit code 8 when it cannot be reached."""
    config = settings()
    if resident is not None and since is None:
        fail(Exit.USAGE, "no-since", "--resident is for --since: what is owed now is sent of everybody")
    if since is not None:
        _backfill(config, _day(since), resident)
    if dry_run:
        _show_dry(config, json=json)
        return
    with open_pusher(config) as pusher:
        found, waiting = _push(pusher), _waiting(pusher)
    _told(found, waiting, json=json)


@app.command()
def sync(json: Json = False) -> None:
    """Pull what the network has, then push what is owed; exit code 8 when it cannot be reached."""
    config = settings()
    with open_pusher(config) as pusher:
        pulled = pull_once(config, pusher)
        found, waiting = _push(pusher), _waiting(pusher)
    _told(found, waiting, json=json, pull=pulled)


@app.command()
def run(
    pull_every: Annotated[float, typer.Option(min=10, help="Seconds between two pulls.")] = 900.0,
) -> None:
    """Exchange until told to stop (SIGTERM or Ctrl-C)."""
    from cli.bridge_run import serve_bridge

    serve_bridge(settings(), pull_every)


@app.command()
def reconcile(
    day: Annotated[str | None, typer.Option(help="The day, YYYY-MM-DD; default: yesterday.")] = None,
    json: Json = False,
) -> None:
    """Compare what was confirmed of a day with what the network has; exit code 11 when they differ."""
    wanted = _day(day) if day else (datetime.now(ZoneInfo("Asia/Tokyo")) - timedelta(days=1)).date()
    with open_pusher(settings()) as pusher:
        balance = reconcile_once(pusher, wanted)
    failure = _unbalanced(balance)
    if json:
        import msgspec

        why = {"error": {"code": failure.code, "message": failure.message}} if failure else {}
        emit(msgspec.to_builtins(balance) | why)
        if failure:
            raise typer.Exit(failure.exit_code)
    else:
        result(f"{balance.day}: {balance.confirmed} confirmed, {balance.found} found, {balance.patients} patients")
        for one in balance.differences:
            result(f"{one.code:12} {one.identifier} ours {one.ours or '-'} theirs {one.theirs or '-'}")
        if balance.unasked:
            say(f"{balance.unasked} patients may not be asked about now")
    if failure:
        raise failure


def _unbalanced(balance: Balance) -> Fail | None:
    if balance.failed:
        return Fail(Exit.NETWORK, next(iter(balance.failed)), "the network did not answer for every patient")
    if balance.differences:
        return Fail(Exit.DAMAGED, "differs", f"{len(balance.differences)} Observations differ")
    return None


def pull_once(config: Settings, pusher: Pusher) -> dict[str, Any]:
    """One pull of everybody with the pusher's client; counts and why it stopped, if it did."""
    from cli.store import os_user
    from engine.store.repo_facts import By
    from fhir_bridge.imports.originals import Originals
    from fhir_bridge.linking import Reach
    from fhir_bridge.pull import pull_all
    from fhir_bridge.sync import note_sync

    reach = Reach(
        engine=pusher.engine, server=pusher.client, network=pusher.scope.network, base=config.bridge.url or "",
        by=By(pusher.scope.network, os_user()), now=pusher.clock, test_patients=pusher.scope.test_patients,
    )  # fmt: skip
    whole = pull_all(reach, Originals(config.root / "originals"))
    found = {"people": len(whole.people), "looked_up": len(whole.looked_up), "stopped": whole.stopped}
    note_sync(pusher, "pull", whole.stopped or f"{len(whole.people)} people")
    return found


def reconcile_once(pusher: Pusher, day: date) -> Balance:
    """The balance of a day, kept for the status."""
    from fhir_bridge.push_reconcile import reconcile as balance_of
    from fhir_bridge.sync import note_sync

    balance = balance_of(pusher.engine, pusher.client, pusher.scope, day, pusher.clock)
    outcome = "even" if balance.even else f"{len(balance.differences)} differ, {sum(balance.failed.values())} failed"
    note_sync(pusher, "reconcile", f"{day}: {outcome}")
    return balance


def _push(pusher: Pusher) -> dict[str, int]:
    from fhir_bridge.sync import note_sync

    found = dict(pusher.push())
    note_sync(pusher, "push", ", ".join(f"{count} {name}" for name, count in sorted(found.items())))
    return found


def _told(found: dict[str, int], waiting: int, *, json: bool, pull: dict[str, Any] | None = None) -> None:
    """What came of it, and why not all did; whatever is neither a state nor a count is a reason of the network's."""
    trouble = [name for name in found if name not in _STATES and found[name]]
    if pull is not None and pull["stopped"]:
        trouble.append(pull["stopped"])
    if json:
        why = {"code": trouble[0], "message": _AWAY} if trouble else None
        emit({**found, **({"pull": pull} if pull else {}), **({"error": why} if why else {}), "waiting": waiting})
    else:
        if pull is not None:
            result(f"pull: {pull['people']} people")
        result(", ".join(f"{count} {name}" for name, count in sorted(found.items()) if count) or "nothing was sent")
    if found.get("dead"):
        say(f"{found['dead']} refused by the network: phr bridge dead list")
    if waiting:
        say(f"{waiting} wait for a later try: phr bridge status")
    if trouble and json:
        say(f"phr: {_AWAY} [{trouble[0]}]")
        raise typer.Exit(Exit.NETWORK)
    if trouble:
        fail(Exit.NETWORK, trouble[0], _AWAY)


def _waiting(pusher: Pusher) -> int:
    """How many Observations are owed still."""
    from engine.store import repo_push
    from engine.store.database import read

    with read(pusher.engine) as connection:
        counts = repo_push.counts(connection, pusher.scope.network)
    return counts.get("pending", 0) + counts.get("sent", 0)


def _row(name: str, said: str) -> None:
    result(f"{name:12}  {said}")


def _backfill(config: Settings, since: date, resident: str | None) -> None:
    from engine.store import repo_links
    from fhir_bridge.plan_debts import backfill

    at = datetime.combine(since, datetime.min.time(), ZoneInfo("Asia/Tokyo"))
    scope = scope_of(config)
    with transaction(writes=True) as connection:
        if resident is not None:
            people = [resident_of(connection, resident).id]
        else:
            people = [link.resident for link in repo_links.linked(connection, scope.network)]
        backfill(connection, scope, people, at, datetime.now(UTC))


def _show_dry(config: Settings, *, json: bool) -> None:
    from fhir_bridge.push_status import would_send

    with transaction(writes=True) as connection:
        found = would_send(connection, scope_of(config), datetime.now(UTC), _MOST_SHOWN)
        connection.rollback()
    if json:
        emit(found)
        return
    result(f"{found['count']} would be sent")
    for one in found["first"]:
        result(f"{one['wants']:16} {one['identifier']} ({one['patient']})")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(Exit.USAGE, "bad-date", f"not a day: {text} (write it as 2026-11-21)")

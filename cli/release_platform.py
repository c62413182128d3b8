"""`phr release publish`, `verify`, `withdraw` and `context`: a stored release on its way to the city's platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Fail, emit, fail, result, say
from cli.platform_wiring import about_of, open_publisher, where_of
from cli.release_draws import drawn_before
from cli.release_one import by_of, release_of
from cli.store import plain, transaction
from cli.wiring import settings

if TYPE_CHECKING:
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_batches import Due
    from engine.store.repo_statistics import Kept
    from fhir_bridge.platform import Publisher
    from fhir_bridge.platform_entities import Batch
    from fhir_bridge.platform_look import Look
    from fhir_bridge.platform_shapes import ReleaseShape

When = Annotated[str, typer.Argument(metavar="PERIOD", help="Half a fiscal year: 2026H1 is April to September 2026.")]
Which = Annotated[str | None, typer.Option("--unit", help="Publishing unit; needed only where there are several.")]
Who = Annotated[str | None, typer.Option("--by", help="Who does it; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def publish(
    period: When, unit: Which = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Say the numbers of a published release once more: verify found others.")
    ] = False,
    by: Who = None, json: Json = False,
) -> None:  # fmt: skip
    """Send a prepared release to the city's platform; exit 8: it goes on by itself (phr bridge run), 5: refused."""
    from engine.refusal import Refusal
    from fhir_bridge.platform_entities import batches_of
    from fhir_bridge.platform_orders import order_publishing

    config = settings()
    where_of(config)
    with transaction(writes=True) as connection:
        kept, content = _release(connection, unit, period)
        drawn_before(connection, config)
        batches = _made(batches_of(content, kept.sha256, about_of(config, content, kept.prepared_at)))
        refusal = order_publishing(connection, kept, batches, by_of(by), datetime.now(UTC), anew=anew)
    if isinstance(refusal, Refusal):
        fail(Exit.ALREADY if refusal.code == "already-complete" else Exit.REFUSED, refusal.code, refusal.message)
    with open_publisher(config) as publisher:
        found = publisher.publish()
        _told(publisher, kept, found, json=json)


def verify(period: When, unit: Which = None, by: Who = None, json: Json = False) -> None:
    """Read a release back from the platform and compare every cell with the stored one; exit 11 when they differ."""
    from fhir_bridge.client_answers import Failure
    from fhir_bridge.platform_look import look
    from fhir_bridge.platform_orders import note_verified

    config = settings()
    with open_publisher(config) as publisher:
        with transaction() as connection:
            kept, content = _release(connection, unit, period)
        gone = kept.state == "withdrawn"
        if kept.state != "complete" and not gone:
            fail(Exit.REFUSED, "not-complete", f"{kept.id} is {kept.state}: there is nothing whole to compare with yet")
        seen = look(
            publisher.client, content, kept.sha256, "withdrawn" if gone else "complete", withdrawn=gone
        )  # fmt: skip
        if isinstance(seen, Failure):
            fail(Exit.NETWORK, seen.code, f"the platform did not answer: {seen.outcome or seen.code}")
    with transaction(writes=True) as connection:
        note_verified(connection, kept, by_of(by), datetime.now(UTC), code=seen.code)
    _seen(kept, seen, json=json)


def withdraw(
    period: When, reason: Annotated[str, typer.Option(help="Why it is wrong; kept with the release.")],
    unit: Which = None, by: Who = None, json: Json = False,
) -> None:  # fmt: skip
    """Withdraw a release whole and for good: its entity says so, its cells lose their numbers; none is drawn again."""
    from engine.refusal import Refusal
    from fhir_bridge.platform_entities import withdrawal_of
    from fhir_bridge.platform_orders import order_withdrawal

    config, why = settings(), plain(reason, "--reason")
    with transaction(writes=True) as connection:
        kept, content = _release(connection, unit, period)
        if kept.state != "prepared":
            where_of(config)
        batches = _made(withdrawal_of(content, kept.sha256, about_of(config, content, kept.prepared_at)))
        state = order_withdrawal(connection, kept, batches, why, by_of(by), datetime.now(UTC))
    if isinstance(state, Refusal):
        fail(Exit.ALREADY, state.code, state.message)
    if state == "withdrawn":
        _say_state(kept, state, Counter(), json=json)
        say("nothing of it had left the house")
        return
    with open_publisher(config) as publisher:
        found = publisher.publish()
        _told(publisher, kept, found, json=json)


def context() -> None:
    """Print our JSON-LD context, to be served at platform.context for a platform that speaks NGSI-LD."""
    from fhir_bridge.platform_context import own_context

    emit(own_context())


def _release(connection: Connection, unit: str | None, period: str) -> tuple[Kept, ReleaseShape]:
    """The release that is meant, and what is in it."""
    from engine.refusal import Refusal
    from fhir_bridge.platform_trial import read_stored

    kept = release_of(connection, unit, period)
    content = read_stored(kept.content, kept.sha256, test=False)
    if isinstance(content, Refusal):
        fail(Exit.DAMAGED, content.code, content.message)
    return kept, content


def _made(batches: tuple[Batch, ...] | Refusal) -> Sequence[Batch]:
    if not isinstance(batches, tuple):
        fail(Exit.CONFIGURATION, batches.code, f"{batches.field or 'release'}: {batches.message}")
    return batches


def _told(publisher: Publisher, kept: Kept, found: Counter[str], *, json: bool) -> None:
    """Where the release is now; why it is not there yet, if it is not."""
    from engine.store import repo_batches
    from engine.store.database import read
    from engine.store.repo_batches import UNDER_WAY

    with read(publisher.engine) as connection:
        current, waiting = repo_batches.stored(connection, kept.id), repo_batches.waiting(connection, kept.id)
    state = current.state if current is not None else kept.state
    _say_state(kept, state, found, json=json, why=_why(waiting) if state in UNDER_WAY else None)


def _why(waiting: Sequence[Due]) -> Fail:
    """Why a release is still on its way."""
    for row in waiting:
        if row.state == "parked":
            message = f"the platform refused it for good; nothing more is sent: {row.outcome or row.code}"
            return Fail(Exit.REFUSED, row.code or "parked", message)
    code = next((row.code for row in waiting if row.state == "pending" and row.code), "waiting")
    return Fail(Exit.NETWORK, code, "the platform has not taken all of it; what is owed waits: phr bridge run")


def _say_state(kept: Kept, state: str, found: Counter[str], *, json: bool, why: Fail | None = None) -> None:
    if json:
        error = {"error": {"code": why.code, "message": why.message}} if why else {}
        emit({"release": kept.id, "state": state, "sha256": kept.sha256, "requests": dict(found)} | error)
        if why:
            raise typer.Exit(why.exit_code)
        return
    result(f"{kept.id}: {state}")
    result(f"sha256 {kept.sha256}")
    if why:
        raise why


def _seen(kept: Kept, seen: Look, *, json: bool) -> None:
    if json:
        import msgspec

        error = {"error": {"code": seen.code, "message": seen.said}} if seen.code else {}
        emit({"release": kept.id, "sha256": kept.sha256} | msgspec.to_builtins(seen) | error)
        if seen.code:
            raise typer.Exit(Exit.DAMAGED)
        return
    result(f"{kept.id}: {seen.count} cells on the platform")
    result(f"ours   {seen.ours}")
    result(f"theirs {seen.theirs}")
    if seen.code:
        fail(Exit.DAMAGED, seen.code, f"the platform holds something else: {seen.said}")
    say("every cell is as it is stored")

"""`phr id`: who is known to the city's identity provider as whom, and whether the provider can be used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction
from cli.wiring import secret, settings

if TYPE_CHECKING:
    from cli.wiring import Settings
    from engine.store.database import Connection
    from engine.web.oidc import OneId

app = typer.Typer(help="The city's ID: who is linked, and whether its provider answers.", no_args_is_help=True)

Holder = Annotated[str, typer.Argument(metavar="PERSON", help="Id of a resident (r-…) or family member (m-…).")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def provider_of(config: Settings) -> OneId | None:
    """The identity provider of the settings, None without one; exit code 10 when it cannot be used as configured."""
    chosen = config.one_id
    if chosen.issuer is None:
        return None
    from engine.one_id import Client, client_refusal
    from engine.web.oidc import OneId

    client = Client(
        issuer=chosen.issuer, client_id=chosen.client_id or "", secret=secret(chosen.secret_file), card=chosen.card
    )
    refusal = client_refusal(client)
    if refusal is not None:
        fail(Exit.CONFIGURATION, refusal.code, f"one_id: {refusal.message}")
    try:
        return OneId(client, ca_file=chosen.ca_file)
    except OSError as error:
        fail(Exit.CONFIGURATION, "bad-ca", f"one_id.ca_file cannot be used: {error.strerror or error}")


@app.command()
def link(
    person: Holder,
    subject: Annotated[str, typer.Option(help="The pairwise subject, as the provider's operator told it.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Link somebody to a subject of the provider, where they cannot do so with a code; exit code 4 if it is so."""
    from engine.refusal import Refusal
    from engine.store import repo_one_id
    from engine.store.filing import By as Answerable
    from engine.store.repo_one_id import Subject

    issuer, client_id = _house()
    if not (subject.isascii() and subject.isprintable() and 0 < len(subject) <= 255):  # noqa: PLR2004 - OIDC's own
        fail(Exit.USAGE, "bad-subject", "a subject is printable ASCII of at most 255 characters")
    with transaction(writes=True) as connection:
        _known(connection, person)
        who = Subject(issuer, client_id, subject)
        if repo_one_id.holder_of(connection, who) == person:
            fail(Exit.ALREADY, "already-linked", "that ID is linked to this record already")
        made = repo_one_id.link(
            connection, who, person, "operator", datetime.now(UTC), Answerable(actor(by), os_user())
        )
    # The audit entry of a refusal is kept: the transaction ended before the command fails.
    if isinstance(made, Refusal):
        fail(Exit.REFUSED, made.code, made.message)
    emit({"person": person, "link": made.seq}) if json else result(f"{person}: linked")


@app.command()
def unlink(
    person: Holder,
    reason: Annotated[Literal["reissued", "lost", "wrong", "asked"], typer.Option(help="Why the link ends.")],
    by: By = None,
    json: Json = False,
) -> None:
    """End somebody's link; whoever is signed in by it is signed out at once."""
    from engine.store import repo_one_id
    from engine.store.filing import By as Answerable

    with transaction(writes=True) as connection:
        _known(connection, person)
        now, mine = datetime.now(UTC), Answerable(actor(by), os_user())
        living = [one for one in repo_one_id.links_of(connection, person) if one.ended_at is None]
        for one in living:
            repo_one_id.unlink(connection, one.seq, person, reason, now, mine)
    if not living:
        fail(Exit.NOT_FOUND, "not-linked", f"{person} is not linked")
    emit({"person": person, "ended": len(living)}) if json else result(f"{person}: unlinked")


@app.command("list")
def list_(
    person: Annotated[str | None, typer.Option(help="Only this person, with what ended.")] = None, json: Json = False
) -> None:
    """List who is linked since when; never as whom: a subject is nobody's business here."""
    from engine.store import repo_one_id

    with transaction() as connection:
        if person is None:
            links = repo_one_id.living(connection)
        else:
            _known(connection, person)
            links = repo_one_id.links_of(connection, person)
    shown = [_shown(one) for one in links]
    if json:
        emit({"links": shown})
        return
    for one in shown:
        ended = f"  ended {one['ended']}: {one['reason']}" if one["ended"] else ""
        result(f"{one['person']}  {one['how']}  {one['since']}{ended}")
    if not shown:
        say("nobody is linked")


@app.command()
def status(json: Json = False) -> None:
    """Ask the provider for what it says of itself and its keys; exit code 8 when it does not answer, 10 without one."""
    from engine.refusal import Refusal
    from engine.store import repo_one_id

    one_id = provider_of(settings())
    if one_id is None:
        fail(Exit.CONFIGURATION, "no-provider", "one_id.issuer is not set: residents sign in by code and card")
    now = datetime.now(UTC)
    try:
        keys = one_id.keys(now)
        provider = one_id.provider(now)
    finally:
        one_id.close()
    for told in (provider, keys):
        if isinstance(told, Refusal):
            silent = told.code == "provider-down"
            fail(Exit.NETWORK if silent else Exit.CONFIGURATION, told.code, told.message)
    assert not isinstance(provider, Refusal)
    assert not isinstance(keys, Refusal)
    with transaction() as connection:
        linked = len(repo_one_id.living(connection))
    found = {
        "issuer": provider.issuer, "keys": len(keys.held), "names_itself": provider.says_issuer,
        "signs_out": provider.end_session is not None, "card": one_id.client.card, "linked": linked,
    }  # fmt: skip
    if json:
        emit(found)
        return
    for name, value in found.items():
        result(f"{name}: {value}")


def _house() -> tuple[str, str]:
    """Issuer and client id of the settings; exit code 10 without them."""
    chosen = settings().one_id
    if chosen.issuer is None or chosen.client_id is None:
        fail(Exit.CONFIGURATION, "no-provider", "one_id.issuer and one_id.client_id are not set")
    return chosen.issuer, chosen.client_id


def _known(connection: Connection, person: str) -> None:
    """Somebody who can be linked; exit code 3 for everybody else."""
    from engine.contract.ids import is_id
    from engine.store import repo_family, repo_residents

    if is_id(person, "m"):
        found: object = repo_family.get(connection, person)
    else:
        found = repo_residents.get(connection, person) if is_id(person, "r") else None
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-person", f"there is no resident or family member {person!r}")


def _shown(one: Any) -> dict[str, Any]:
    return {
        "person": one.holder, "how": one.how, "by": one.by, "since": one.at.isoformat(timespec="seconds"),
        "ended": one.ended_at.isoformat(timespec="seconds") if one.ended_at else None, "reason": one.reason,
    }  # fmt: skip

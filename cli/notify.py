"""`phr notify`: how residents are told that there is a message, whether it works, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import transaction
from cli.wiring import Settings, ensure_home, secret, settings

if TYPE_CHECKING:
    from engine.notify.line import Line
    from engine.notify.mail import Mail
    from engine.notify.outlets import Outlets

app = typer.Typer(help="Telling residents that there is a message.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_WEEK: Final = timedelta(days=7)


@app.command()
def status(json: Json = False) -> None:
    """Show which ways are configured, and what became of the notices of the last seven days."""
    from engine.store import repo_notices

    outlets = outlets_of(settings())
    ways = sorted(outlets.sinks) if outlets else []
    with transaction() as connection:
        found = repo_notices.counts(connection, datetime.now(UTC), _WEEK)
    if json:
        emit({"ways": ways, "notices": found})
        return
    result(f"ways: {', '.join(ways) or 'none'}")
    for state, count in sorted(found.items()):
        result(f"{state:10} {count}")


@app.command("test")
def try_(
    channel: Annotated[str, typer.Argument(help="mail or line.")],
    address: Annotated[str, typer.Argument(help="A mail address or a LINE user id of your own.")],
    json: Json = False,
) -> None:
    """Send the one message there is to an address of your own; exit code 8 when the other side does not take it."""
    from engine.notify.message import message_of
    from engine.notify.port import Failed

    outlets = outlets_of(settings())
    sink = outlets.sinks.get(channel) if outlets and channel != "push" else None
    if outlets is None or sink is None:
        fail(Exit.CONFIGURATION, "not-configured", f"{channel!r} is not configured; see the settings notify.*")
    now = datetime.now(UTC)
    outcome = sink.send(address, message_of("ja", outlets.base, f"test:{now.isoformat()}"))
    if isinstance(outcome, Failed):
        fail(Exit.NETWORK, outcome.code, f"{channel} did not take it: {outcome.code}")
    if json:
        emit({"channel": channel, "sent": True})
    else:
        say(f"{channel}: taken")


def outlets_of(config: Settings) -> Outlets | None:
    """The ways out that are configured, None without the pages' address; fails with exit code 10 for half of one."""
    said = config.notify
    if said.base is None:
        if any((said.smtp, said.line_token_file, said.push_contact)):
            fail(Exit.CONFIGURATION, "no-base", "notify.base, the pages' address for residents, is not set")
        return None
    if not said.base.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        fail(Exit.CONFIGURATION, "bad-base", "notify.base must begin with https://")
    from engine.notify.outlets import Outlets, push_of
    from engine.sealing import key_of

    home = ensure_home(config)
    push = push_of(home, said.push_contact) if said.push_contact else None
    return Outlets(base=said.base.rstrip("/"), key=key_of(home), mail=_mail(config), line=_line(config), push=push)


def _mail(config: Settings) -> Mail | None:
    said = config.notify
    if said.smtp is None:
        return None
    if said.smtp_from is None:
        fail(Exit.CONFIGURATION, "no-sender", "notify.smtp_from, the address mail comes from, is not set")
    from urllib.parse import urlsplit

    from engine.notify.mail import Mail, Server

    place = urlsplit(said.smtp)
    if place.scheme not in {"smtp", "smtps"} or not place.hostname:
        fail(Exit.CONFIGURATION, "bad-smtp", "notify.smtp must be smtps://host or smtp://host")
    if said.smtp_plain and place.hostname not in {"127.0.0.1", "localhost", "::1"}:
        fail(Exit.CONFIGURATION, "smtp-plain", "notify.smtp_plain is only for a server on this machine")
    return Mail(
        Server(
            url=said.smtp, sender=said.smtp_from, username=said.smtp_username,
            password=secret(said.smtp_password_file), ca_file=said.smtp_ca_file, plain=said.smtp_plain,
        )
    )  # fmt: skip


def _line(config: Settings) -> Line | None:
    said = config.notify
    token, signing = secret(said.line_token_file), secret(said.line_secret_file)
    if token is None and signing is None:
        return None
    if not token or not signing:
        fail(Exit.CONFIGURATION, "half-line", "LINE needs both notify.line_token_file and notify.line_secret_file")
    from engine.notify.line import API, Channel, Line

    return Line(Channel(token=token, secret=signing, api=(said.line_api or API).rstrip("/")))

"""`phr consent`: what a resident said yes and no to; without a yes nothing is done."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.consent_paper import outdated, paper
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, plain, resident_of, transaction
from cli.wiring import language, open_seal, settings

if TYPE_CHECKING:
    from engine.consent import Event

LAST_YEAR = 2200
app = typer.Typer(help="What residents said yes and no to.", no_args_is_help=True)
app.command()(paper)
app.command()(outdated)

Who = Annotated[str, typer.Option("--resident", help="Resident id.")]
Purpose = Annotated[str, typer.Option(help="record, advice, nurse-review … (`phr consent purposes` lists them).")]
Recipient = Annotated[str | None, typer.Option(help="Only for this recipient.")]
Kind = Annotated[str | None, typer.Option(help="Only for this kind of measurement or topic of advice.")]
Until = Annotated[str | None, typer.Option(help="Last day (2027-03-31), or an instant with offset.")]
Via = Annotated[str, typer.Option("--channel", help="How it was said: desk, page, paper …")]
By = Annotated[str | None, typer.Option(help="Who writes it down; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def grant(
    resident: Who, purpose: Purpose, recipient: Recipient = None, kind: Kind = None, until: Until = None,
    channel: Via = "desk", by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Write down a yes, with the words the resident was shown."""
    _write(resident, purpose, True, {"recipient": recipient, "kind": kind, "until": until}, (channel, by), json=json)


@app.command()
def withdraw(
    resident: Who, purpose: Purpose, recipient: Recipient = None, kind: Kind = None, channel: Via = "desk",
    by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Write down a no; it holds from this moment."""
    _write(resident, purpose, False, {"recipient": recipient, "kind": kind, "until": None}, (channel, by), json=json)


@app.command("list")
def list_(resident: Who, json: Json = False) -> None:
    """Show what holds now, for every purpose ever spoken about; all others are a no."""
    import msgspec

    from engine.consent import standing
    from engine.store import repo_consents

    with transaction() as connection:
        found = standing(repo_consents.history(connection, resident_of(connection, resident).id), datetime.now(UTC))
    if json:
        emit({"resident": resident, "consents": msgspec.to_builtins(found)})
        return
    for item in found:
        answer = "yes" if item.granted else "no "
        end = f"until {item.until.isoformat()}" if item.until else ""
        old = "" if item.text_current else "(the words have changed: ask again)"
        result(f"{answer} {item.purpose:16} {item.recipient or '-':16} {item.kind or '-':16} {item.code} {end}{old}")
    if not found:
        say("no consent: nothing is recorded or shown")


@app.command()
def history(resident: Who, json: Json = False) -> None:
    """Show everything the resident ever said, oldest first."""
    import msgspec

    from engine.store import repo_consents

    with transaction() as connection:
        found = repo_consents.history(connection, resident_of(connection, resident).id)
    if json:
        emit({"resident": resident, "events": msgspec.to_builtins(found)})
        return
    for event in found:
        result(_line(event))


@app.command()
def purposes(json: Json = False) -> None:
    """List the purposes with the words a resident is shown."""
    from engine.consent_texts import TEXTS, text_hash

    ja = language(settings()) == "ja"
    if json:
        emit({"purposes": [_purpose(text, text_hash(text.purpose)) for text in TEXTS.values()]})
        return
    for text in TEXTS.values():
        result(f"{text.purpose:16} {text.label_ja if ja else text.label_en}: {text.ja if ja else text.en}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A FHIR R4 Consent, or a Bundle with some (JSON).", metavar="FILE")],
    resident: Who, by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Take in FHIR Consents: a yes only as exactly as it is written, a no always; the same one twice adds nothing."""
    import msgspec

    from engine.refusal import Refusal
    from engine.store.filing import By as Signed
    from fhir_bridge.imports.consent_filing import take_in

    try:
        data = file.read_bytes()
    except OSError as error:
        fail(Exit.NOT_FOUND, "no-file", f"{file} cannot be read: {error.strerror}")
    seal = open_seal(settings())
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        signed = Signed(actor(by), os_user())
        taken = take_in(connection, person, data, datetime.now(UTC), signed, seal)
        if isinstance(taken, Refusal):
            fail(Exit.USAGE, taken.code, taken.message)
    if json:
        emit(msgspec.to_builtins(taken))
    else:
        for event in taken.written:
            result(_line(event))
        say(f"{len(taken.written)} written, {taken.known} known already, {taken.others} other resources passed over")
    if taken.refused:
        first = taken.refused[0]
        more = f" and {len(taken.refused) - 1} more" if len(taken.refused) > 1 else ""
        fail(Exit.REFUSED, first.code, f"consent {first.place}: {first.message}{more}; what is listed was taken")


def _write(
    resident: str, purpose: str, granted: bool, scope: dict[str, str | None], how: tuple[str, str | None], *, json: bool
) -> None:
    import msgspec

    from engine.consent import Event, say
    from engine.refusal import Refusal
    from engine.store import repo_closing, repo_consents

    now, (channel, by) = datetime.now(UTC), how
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        draft = Event(
            resident=person.id, purpose=purpose, granted=granted, at=now, until=_until(scope["until"]),  # type: ignore[arg-type]
            recipient=scope["recipient"], kind=scope["kind"], actor=actor(by), channel=plain(channel, "--channel"),
        )  # fmt: skip
        said = say(draft)
        if isinstance(said, Refusal):
            fail(Exit.USAGE, said.code, said.message)
        if (closing := repo_closing.stands_against(connection, said)) is not None:
            fail(Exit.REFUSED, closing.code, closing.message)
        stored = repo_consents.append(connection, said, os_user=os_user(), seal=open_seal(settings()))
    emit(msgspec.to_builtins(stored)) if json else result(_line(stored))


def _until(text: str | None) -> datetime | None:
    """The end of a last day in the region's zone, or an instant with its offset."""
    if text is None:
        return None
    try:
        last = date.fromisoformat(text)
    except ValueError:
        return _instant(text)
    if last.year > LAST_YEAR:
        fail(Exit.USAGE, "bad-until", f"the end must lie before {LAST_YEAR}")
    return datetime.combine(last + timedelta(days=1), time.min, ZoneInfo("Asia/Tokyo"))


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        fail(Exit.USAGE, "bad-until", "write the end as 2027-03-31 or 2027-03-31T12:00:00+09:00")
    if found.year > LAST_YEAR:
        fail(Exit.USAGE, "bad-until", f"the end must lie before {LAST_YEAR}")
    return found


def _line(event: Event) -> str:
    answer = "yes" if event.granted else "no "
    end = f"  until {event.until.isoformat()}" if event.until else ""
    scope = f"{event.recipient or '-':16} {event.kind or '-':16}"
    return f"{event.at.isoformat()}  {answer} {event.purpose:16} {scope} {event.actor} {event.channel}{end}"


def _purpose(text: Any, hash_: str) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(text)
    return fields | {"text_hash": hash_}

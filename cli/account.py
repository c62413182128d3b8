"""`phr account`: everything of a person taken out and brought in, and an account closed and erased."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.account_due import files_of
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import open_seal, open_store, settings

if TYPE_CHECKING:
    from engine.closing import Closing
    from engine.locale import Language
    from engine.refusal import Refusal
    from engine.store.database import Engine
    from engine.takeout import Manifest

app = typer.Typer(help="Take a person's record out or in, close an account.", no_args_is_help=True)
Who = Annotated[str, typer.Option("--resident", help="The resident's id, r-…")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
# A free reason could name a person: these are all there are.
REASONS: Final = ("asked-at-desk", "registered-twice", "court-order", "test-person")
_EXITS: Final = {
    "erased": Exit.ALREADY, "already-asked": Exit.ALREADY, "id-taken": Exit.ALREADY, "already-here": Exit.ALREADY,
    "household-taken": Exit.ALREADY, "not-asked": Exit.NOT_FOUND, "unknown-household": Exit.NOT_FOUND,
    "bad-days": Exit.USAGE, "not-ours": Exit.USAGE, "newer": Exit.USAGE, "unknown-municipality": Exit.USAGE,
    "too-late": Exit.REFUSED, "not-due": Exit.REFUSED, "erased-here": Exit.REFUSED,
}  # fmt: skip


@app.command()
def close(
    resident: Who,
    days: Annotated[int | None, typer.Option(help="Days in which it can be taken back; default 14.", min=1)] = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="Erase now; nothing can be taken back.")] = False,
    reason: Annotated[str | None, typer.Option(help=f"Why at once: {', '.join(REASONS)}.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Close an account: consents, sending and signing in end now, everything is erased when the days are over."""
    from engine.closing import GRACE_DAYS
    from engine.closing_store import ask_to_close, erase
    from engine.store import filing
    from engine.store.database import StoreError

    if at_once and (reason not in REASONS or days is not None):
        fail(Exit.USAGE, "reason", f"--at-once needs --reason, one of {', '.join(REASONS)}, and no --days")
    config, now = settings(), datetime.now(UTC)
    who, seal = filing.By(actor(by), os_user()), open_seal(config)
    channel = f"at-once {reason}" if at_once else "desk"
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        wait = 0 if at_once else GRACE_DAYS if days is None else days
        asked = _held(ask_to_close(connection, person, now, who, seal, channel=channel, days=wait))
    if at_once:
        engine = open_store(config)
        try:
            asked = _held(erase(engine, resident, now, who, seal, files_of(config)))
            asked = _scrubbed(engine, asked, now)
        except OSError as error:
            fail(Exit.CONFIGURATION, "files", f"the files cannot be removed: {error.strerror or error}")
        except StoreError as error:
            fail(Exit.NETWORK, error.code, error.message)
        finally:
            engine.dispose()
    _tell(asked, json=json)


@app.command("take-back")
def take_back(resident: Who, by: By = None, json: Json = False) -> None:
    """Take a closing back as long as it waits; every consent has to be given anew."""
    from engine.closing_store import take_it_back
    from engine.store import filing

    with transaction(writes=True) as connection:
        done = take_it_back(connection, resident, datetime.now(UTC), filing.By(actor(by), os_user()))
        closing = _held(done)
    _tell(closing, json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the accounts that close or were closed, and which gateways have not yet forgotten."""
    from engine.store import repo_closing, repo_forget

    with transaction() as connection:
        found = repo_closing.listed(connection)
        orders = {one.resident: repo_forget.of(connection, one.resident) for one in found}
    if json:
        emit({"closings": [_shown(one) | {"gateways": {order.gateway: order.state for order in orders[one.resident]}}
                           for one in found]})  # fmt: skip
        return
    for one in found:
        waiting = [order.gateway for order in orders[one.resident] if order.state != "done"]
        rest = f"  not yet forgotten by {' '.join(waiting)}" if waiting else ""
        result(f"{one.resident}  {one.state}  {_day(one.due_at)}{rest}")
    if not found:
        say("no account is being closed")


@app.command()
def erase(json: Json = False) -> None:
    """Erase every account whose days are over, and write the database's files anew without what was erased."""
    from engine.closing_store import erase_due, scrub_all
    from engine.store import filing
    from engine.store.database import StoreError

    config, now = settings(), datetime.now(UTC)
    engine = open_store(config)
    try:
        done = erase_due(engine, now, filing.By(os_user(), os_user()), open_seal(config), files_of(config))
        scrubbed = scrub_all(engine, now)
    except StoreError as error:
        fail(Exit.NETWORK, error.code, error.message)
    finally:
        engine.dispose()
    if json:
        emit({"erased": [one.resident for one in done], "scrubbed": scrubbed.done})
    else:
        for one in done:
            result(one.resident)
        say(f"{len(done)} erased")
    if not scrubbed.done:
        fail(Exit.NETWORK, scrubbed.code, "somebody still reads the database: run it again to clear its files")


@app.command("take-out")
def take_out(
    resident: Who,
    out: Annotated[Path, typer.Option(help="The file to write, .zip.")],
    lang: Annotated[str | None, typer.Option(help="ja or en; the resident's own without.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write everything of a resident into one archive: FHIR, tables, and the records for another Minato PHR."""
    from engine.store import filing
    from engine.takeout_store import note_takeout, write_takeout
    from fhir_bridge.takeout import bundle_of

    config, now = settings(), datetime.now(UTC)
    seal = open_seal(config)
    half = _beside(out)
    try:
        # Years of values take seconds: nobody's readings wait for them.
        with transaction() as connection, half.open("wb") as target:
            person = resident_of(connection, resident)
            spoken: Language = "en" if (lang or person.language).lower().startswith("en") else "ja"
            made = write_takeout(connection, target, person, now, spoken, seal, bundle_of)
        with transaction(writes=True) as connection:
            note_takeout(connection, made, filing.By(actor(by), os_user()), now)
            # What cannot be written did not leave: an error here undoes the entry.
            half.replace(out)
    except OSError as error:
        fail(Exit.USAGE, "cannot-write", f"cannot write {out.name}: {error.strerror}")
    finally:
        half.unlink(missing_ok=True)
    _tell_taken_out(made, out, json=json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive that was taken out.")],
    household: Annotated[str | None, typer.Option(help="A household of this house they move into.")] = None,
    keep_consents: Annotated[
        bool, typer.Option("--keep-consents", help="They say that all they agreed to there holds here as well.")
    ] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Bring a take-out in: the same records under the same ids; consents but `record` end, unless --keep-consents."""
    import msgspec

    from engine.refusal import Refusal
    from engine.store import filing
    from engine.store.database import StoreError
    from engine.takeout_opening import opened
    from engine.takeout_taking import take

    config, now = settings(), datetime.now(UTC)
    who, seal, engine = filing.By(actor(by), os_user()), open_seal(config), open_store(config)
    try:
        with file.open("rb") as stream:
            found = opened(stream)
            done = found if isinstance(found, Refusal) else take(
                engine, found, now, who, seal, household=household, keep_consents=keep_consents
            )  # fmt: skip
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"cannot read {file.name}: {error.strerror}")
    except StoreError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    finally:
        engine.dispose()
    if isinstance(done, Refusal):
        fail(_EXITS.get(done.code, Exit.DAMAGED), done.code, done.message)
    if json:
        emit(msgspec.to_builtins(done))
        return
    result(done.resident)
    say(", ".join(f"{name} {count}" for name, count in done.counts.items()))
    if done.ended:
        say(f"agreed to elsewhere, ended here: {', '.join(done.ended)}")


@app.command()
def inactive(
    months: Annotated[
        int | None, typer.Option(help="The policy: after so many months an account is closed.", min=13)
    ] = None,
    close_them: Annotated[
        bool, typer.Option("--close", help="Close what the policy says; 90 days to come back.")
    ] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """List the accounts nobody used for a year, to be told so; none is closed unless --months and --close say it."""
    from engine.closing import inactivity
    from engine.store import repo_closing

    if close_them and months is None:
        fail(Exit.USAGE, "no-policy", "--close needs --months")
    now = datetime.now(UTC)
    with transaction() as connection:
        used = repo_closing.last_used(connection)
        gone = {one.resident for one in repo_closing.listed(connection) if one.state == "asked"}
    judged = {
        who: inactivity(at, now, close_after_months=months) for who, at in sorted(used.items()) if who not in gone
    }
    found = {who: one for who, one in judged.items() if one.step != "none"}
    closed = _close_all([who for who, one in found.items() if one.step == "close"], now, by) if close_them else []
    if json:
        emit({"inactive": [{"resident": who, "since": one.since.isoformat(), "step": one.step}
                           for who, one in found.items()], "closed": closed})  # fmt: skip
        return
    for who, one in found.items():
        result(f"{who}  {_day(one.since)}  {one.step}")
    if not found:
        say("everybody was heard of within a year")


def _close_all(residents: list[str], now: datetime, by: str | None) -> list[str]:
    from engine.closing import MOST_DAYS
    from engine.closing_store import ask_to_close
    from engine.store import filing

    who, seal = filing.By(actor(by), os_user()), open_seal(settings())
    with transaction(writes=True) as connection:
        for resident in residents:
            person = resident_of(connection, resident)
            _held(ask_to_close(connection, person, now, who, seal, channel="inactive", days=MOST_DAYS))
    return residents


def _held(done: Closing | Refusal) -> Closing:
    from engine.refusal import Refusal

    if isinstance(done, Refusal):
        fail(_EXITS.get(done.code, Exit.REFUSED), done.code, done.message)
    return done


def _scrubbed(engine: Engine, closing: Closing, now: datetime) -> Closing:
    import msgspec

    from engine.closing_store import scrub_all

    if scrub_all(engine, now).done:
        return msgspec.structs.replace(closing, scrubbed_at=now)
    say("somebody still reads the database: `phr account erase` clears its files")
    return closing


def _beside(out: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    except OSError as error:
        fail(Exit.USAGE, "cannot-write", f"cannot write beside {out.name}: {error.strerror}")
    os.close(handle)
    return Path(name)


def _day(at: datetime) -> str:
    """The day in the region, as the resident's own page says it."""
    from engine.officehours import ZONE

    return f"{at.astimezone(ZONE):%Y-%m-%d}"


def _tell(closing: Closing, *, json: bool) -> None:
    if json:
        emit(_shown(closing))
    elif closing.state == "asked":
        result(f"{closing.resident}  erased on {_day(closing.due_at)}; until then: phr account take-back")
    else:
        result(f"{closing.resident}  {closing.state}")


def _shown(closing: Closing) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(closing)
    return found


def _tell_taken_out(made: Manifest, out: Path, *, json: bool) -> None:
    records = {one.name: one.records for one in made.files if one.records is not None}
    if json:
        emit({"resident": made.resident, "file": str(out), "records": records})
    else:
        result(str(out))
        say(f"{len(made.files)} files, {sum(records.values())} records")

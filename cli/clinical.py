"""`phr clinical`: check-ups, laboratory values, illnesses and medicines of a resident, as facts with their source."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from random import SystemRandom
from typing import IO, TYPE_CHECKING, Annotated, NoReturn

import typer

from cli.clinical_documents import import_document
from cli.clinical_show import ZONE, fact_json, span, spoken, tell, tell_answers, tell_entries, tell_report
from cli.clinical_verdicts import verdicts
from cli.clinical_words import word
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, judge, os_user, plain, resident_of, transaction
from cli.wiring import language, open_store, settings

if TYPE_CHECKING:
    from engine.clinical import Fact
    from engine.imports.checkups import Layout
    from engine.people import Resident
    from engine.refusal import Refusal
    from engine.store.database import Connection

app = typer.Typer(help="Check-ups, blood tests, illnesses and medicines of a resident.", no_args_is_help=True)
Resident_ = Annotated[str, typer.Option("--resident", help="Whose they are, r-…")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "iso", "era")


@app.command()
def add(
    what: Annotated[list[str], typer.Argument(help="Code and value, several in a row: hba1c 6.1 has.ckd no")],
    resident: Resident_,
    on: Annotated[str | None, typer.Option(help="The day it was measured or true; default: now.")] = None,
    until: Annotated[str | None, typer.Option(help="The day from which it holds no more, if known.")] = None,
    unit: Annotated[str | None, typer.Option(help="Another unit than the usual one, for example mmol/L.")] = None,
    source: Annotated[str, typer.Option(help="hospital, lab, checkup, nurse, resident or family.")] = "nurse",
    channel: Annotated[str, typer.Option(help="How it came: nurse-phone, paper, page or cli.")] = "cli",
    by: By = None,
    json: Json = False,
) -> None:
    """Record facts of one resident; `phr clinical codes` names what there is."""
    from engine import clinical_taking
    from engine.refusal import Refusal
    from engine.store.repo_facts import By

    now = datetime.now(UTC)
    draft = _draft(resident, source, channel, actor(by), now)
    drafts = _read(draft, what, unit, _day(on, "--on") or now, _day(until, "--until"))
    how = clinical_taking.Taking(
        by=By(draft.actor, os_user()), channel=draft.channel, now=now, rng=SystemRandom()
    )  # fmt: skip
    with transaction(writes=True) as connection:
        added = clinical_taking.add(connection, resident_of(connection, resident), drafts, how)
        if isinstance(added, Refusal):
            refuse(added)
        judge(connection, resident)
    tell(added.stored, added.already, json=json)


@app.command("list")
def list_(
    resident: Resident_,
    every: Annotated[bool, typer.Option("--all", help="Also what was followed, is stale or was taken back.")] = False,
    json: Json = False,
) -> None:
    """Show what is recorded, with who said it, when and until when; then what other houses told."""
    from engine.care_entries import current
    from engine.clinical import holds, standing
    from engine.store import repo_entries, repo_facts

    now = datetime.now(UTC)
    with transaction() as connection:
        person = resident_of(connection, resident)
        rows = repo_facts.of_one(connection, person.id)
        told = repo_entries.of(connection, person.id)
    told = told if every else current(told, now)
    newest = [said[-1] for said in standing(rows, now).values()]
    shown = rows if every else sorted(newest, key=lambda fact: fact.code)
    if json:
        from msgspec import to_builtins

        emit({"facts": [fact_json(fact, now) for fact in shown], "entries": [to_builtins(one) for one in told]})
        return
    lang = language(settings())
    for fact in shown:
        old = "" if holds(fact, now) else f"  ({word(lang, 'stale')})"
        back = f"  -> {fact.retracts}" if fact.retracts else ""
        result(f"{fact.id}  {spoken(fact, lang)}  {span(fact, lang)}  {fact.source} {fact.actor}{old}{back}")
    tell_entries(told, lang)
    if not shown and not told:
        say(word(lang, "none"))


@app.command()
def answers(resident: Resident_, json: Json = False) -> None:
    """Show every answer that can forbid an advice: yes, no or not asked, who said it, when and until when."""
    from engine.clinical import picture_of
    from engine.store import repo_facts
    from engine.vocabulary import ANSWERS

    now = datetime.now(UTC)
    with transaction() as connection:
        person = resident_of(connection, resident)
        rows = repo_facts.of_one(connection, person.id)
    picture = picture_of(rows, person, now)
    tell_answers({name: picture[name] for name in sorted(ANSWERS)}, {fact.id: fact for fact in rows}, now, json=json)


@app.command()
def retract(
    fact: Annotated[str, typer.Argument(help="The fact, f-… (phr clinical list)")],
    channel: Annotated[str, typer.Option(help="How it came: nurse-phone, paper, page or cli.")] = "cli",
    by: By = None,
    json: Json = False,
) -> None:
    """Take a fact back: it stays in the record and counts no more."""
    from engine.refusal import Refusal
    from engine.store import repo_facts

    now, who = datetime.now(UTC), repo_facts.By(actor(by), os_user())
    with transaction(writes=True) as connection:
        back = repo_facts.retract(connection, fact, who, plain(channel, "--channel"), now, SystemRandom())
        if isinstance(back, Refusal):
            fail(Exit.ALREADY if back.code == "already-retracted" else Exit.NOT_FOUND, back.code, back.message)
        judge(connection, back.resident)
    lang = language(settings())
    if json:
        emit(fact_json(back, now))
    else:
        result(word(lang, "taken-back", what=spoken(back, lang), when=f"{back.at.astimezone(ZONE):%Y-%m-%d}"))


@app.command()
def codes(json: Json = False) -> None:
    """List everything that can be recorded: code, unit, what it is."""
    from engine.clinical_codes import catalogue

    lang = language(settings())
    if json:
        emit({"codes": [{"code": code.code, "sort": code.sort, "unit": code.unit, "ja": code.ja, "en": code.en,
                         "jlac10": list(code.jlac10)} for code in catalogue().values()]})  # fmt: skip
        return
    for code in catalogue().values():
        result(f"{code.code:26} {code.unit or code.sort:18} {code.ja if lang == 'ja' else code.en}")


app.command()(verdicts)
app.command("document")(import_document)


@app.command("import")
def import_(
    csv: Annotated[Path, typer.Option("--csv", help="Check-up results, one person and day a row.")],
    resident: Annotated[str | None, typer.Option(help="Whose file it is, if it is one person's.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file that names the columns.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, record nothing.")] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Import check-up results; what cannot be read or filed is refused with its line and reason."""
    from engine import clinical_taking
    from engine.imports import checkups
    from engine.imports.model import FileError
    from engine.store.database import StoreError, read
    from engine.store.repo_facts import By

    engine = open_store(settings())
    try:
        layout = _layout(mapping)
        with read(engine) as connection:
            only = _only(connection, resident)
        with _opened(csv) as stream:
            sheet = checkups.sheet(stream, ZONE, layout)
            how = clinical_taking.Taking(
                by=By(actor(by), os_user()), channel="import", now=datetime.now(UTC), rng=SystemRandom(), only=only
            )  # fmt: skip
            report = clinical_taking.take(engine, sheet, how, dry_run=dry_run)
    except FileError as error:
        fail(Exit.USAGE, error.code, error.message)
    except StoreError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    finally:
        engine.dispose()
    tell_report(report, dry_run=dry_run, json=json)


def refuse(refusal: Refusal) -> NoReturn:
    """Stop with what the engine refused: exit code 9 without consent, 5 for somebody inactive, else 2."""
    if refusal.code == "no-consent":
        from cli.imports import no_consent

        no_consent(refusal.message.split(" ", maxsplit=1)[0])
    where = f"{refusal.field}: " if refusal.field else ""
    fail(Exit.REFUSED if refusal.code == "inactive" else Exit.USAGE, refusal.code, f"{where}{refusal.message}")


def _draft(resident: str, source: str, channel: str, who: str, now: datetime) -> Fact:
    from engine.clinical import SOURCES, Fact

    if source not in SOURCES:
        fail(Exit.USAGE, "unknown-source", f"--source is one of {', '.join(SOURCES)}")
    known = next(one for one in SOURCES if one == source)
    return Fact(resident=resident, code="", value="", at=now, source=known, actor=who,
                channel=plain(channel, "--channel"), recorded_at=now)  # fmt: skip


def _read(draft: Fact, what: list[str], unit: str | None, at: datetime, until: datetime | None) -> list[Fact]:
    """Code and value in turn; all of them can be recorded or none is."""
    import msgspec

    from engine.clinical import record
    from engine.clinical_codes import named
    from engine.refusal import Refusal

    if len(what) % 2:
        fail(Exit.USAGE, "missing-value", "write a code and its value in turn: hba1c 6.1 has.ckd no")
    found = []
    for name, value in zip(what[::2], what[1::2], strict=True):
        code = named(name)
        if code is None:
            fail(Exit.USAGE, "unknown-code", f"{name} is nothing that can be recorded; see phr clinical codes")
        fact = record(msgspec.structs.replace(draft, code=code.code, at=at, until=until), value, unit)
        if isinstance(fact, Refusal):
            refuse(fact)
        found.append(fact)
    return found


def _day(text: str | None, option: str) -> datetime | None:
    """The beginning of a day, or the minute, that was named."""
    from engine.imports.moments import moment

    if text is None:
        return None
    found = moment(text, _FORMATS, ZONE, time())
    if found is None:
        fail(Exit.USAGE, "unreadable-date", f"{option}: not a day: {text} (write 2026-11-21)")
    return found


def _layout(mapping: Path | None) -> Layout | None:
    from engine.imports.checkups import parse

    if mapping is None:
        return None
    try:
        return parse(mapping.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        fail(Exit.NOT_FOUND, "cannot-read", f"cannot read {mapping.name}")


def _only(connection: Connection, resident: str | None) -> Resident | None:
    from engine.clinical_taking import may_take

    if resident is None:
        return None
    person = resident_of(connection, resident)
    refusal = may_take(connection, person, datetime.now(UTC))
    if refusal is not None:
        refuse(refusal)
    return person


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"cannot read {path.name}: {error.strerror}")

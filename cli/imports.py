"""`phr import`: other programs' exports, through the same intake as the devices."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from cli.entry_words import entry_word, reason
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, refuse_inactive, resident_of
from cli.wiring import language, open_store, settings

if TYPE_CHECKING:
    from engine.imports.mapping import Mapping
    from engine.imports.model import FileError, Item
    from engine.store.database import Engine
    from engine.taking import Report, Source

app = typer.Typer(help="Take in other programs' exports.", no_args_is_help=True)
# The file is not (all) readable, or it is readable but not what was named.
_USAGE = {"not-apple-health", "not-csv", "no-mapping", "no-header", "bad-mapping", "bad-encoding", "not-fhir",
          "not-fitbit", "not-health-connect", "several-people", "encrypted"}  # fmt: skip
_SQLITE = b"SQLite format 3\0"
_MOST_BYTES = 4 << 30

File = Annotated[Path, typer.Argument(help="The exported file.", metavar="FILE")]
Resident = Annotated[str, typer.Option(help="Whose data it is, r-…")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, record nothing.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
MappingOption = Annotated[str | None, typer.Option(help="A TOML file, or the name of a shipped mapping.")]
Person = Annotated[str | None, typer.Option(help="Which person of the file it is, where it holds several.")]
Job = Callable[["Work"], "Iterator[Item]"]


class Work:
    """One import under way: the opened file, whose it is, and what is not read, counted."""

    def __init__(self, path: Path, stream: IO[bytes], zone: ZoneInfo, now: datetime, stack: ExitStack) -> None:
        self.path, self.stream, self.zone, self.now, self.stack = path, stream, zone, now, stack
        self.skipped: Counter[str] = Counter()


@app.command()
def csv(
    file: File, resident: Resident, mapping: MappingOption = None, person: Person = None, dry_run: DryRun = False,
    by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Import a CSV file by a mapping of its columns; known exports are recognised by their header."""
    chosen = None if mapping is None else _mapping(mapping)
    _table("csv", file, resident, chosen, person, dry_run=dry_run, by=by, json=json)


@app.command()
def openscale(file: File, resident: Resident, dry_run: DryRun = False, by: By = None, json: Json = False) -> None:
    """Import the CSV export of openScale."""
    _table("openscale", file, resident, _mapping("openscale"), None, dry_run=dry_run, by=by, json=json)


@app.command("apple-health")
def apple_health(file: File, resident: Resident, dry_run: DryRun = False, by: By = None, json: Json = False) -> None:
    """Import Apple Health's export.zip, or the export.xml in it."""
    from engine.imports import apple

    _run("apple-health", file, resident, lambda work: apple.records(work.stream, work.zone, work.now, work.skipped),
         dry_run=dry_run, by=by, json=json)  # fmt: skip


@app.command("health-connect")
def health_connect(file: File, resident: Resident, dry_run: DryRun = False, by: By = None, json: Json = False) -> None:
    """Import Android's Health Connect export (zip or .db), or Fitbit's files from Google Takeout (zip or .json)."""
    _run("health-connect", file, resident, _google, dry_run=dry_run, by=by, json=json)


@app.command()
def fhir(
    file: File, resident: Resident,
    subject: Annotated[str | None, typer.Option(help="The file's Patient reference that is this resident.")] = None,
    dry_run: DryRun = False, by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Import FHIR R4 Observations: a Bundle, or one resource a line."""
    from engine.imports import fhir as parser

    _run("fhir", file, resident,
         lambda work: parser.records(work.stream, work.zone, work.now, work.skipped, resident, subject),
         dry_run=dry_run, by=by, json=json)  # fmt: skip


def _table(
    form: str, file: Path, resident: str, mapping: Mapping | None, person: str | None, *,
    dry_run: bool, by: str | None, json: bool,
) -> None:  # fmt: skip
    from engine.imports import table

    choice = table.Choice(mapping, person)
    _run(form, file, resident, lambda work: table.records(work.stream, work.zone, work.now, work.skipped, choice),
         dry_run=dry_run, by=by, json=json)  # fmt: skip


def _mapping(name: str) -> Mapping:
    from engine.imports.mapping import parse, shipped
    from engine.imports.model import FileError

    if name in shipped():
        return shipped()[name]
    try:
        return parse(Path(name).read_text(encoding="utf-8"), Path(name).stem)
    except FileError as error:
        fail(Exit.USAGE, error.code, error.message)
    except (OSError, UnicodeDecodeError):
        fail(Exit.USAGE, "no-mapping", f"no mapping {name!r}; shipped ones are {', '.join(shipped())}")


def _google(work: Work) -> Iterator[Item]:
    """Health Connect's database, bare or zipped, else Fitbit's JSON files."""
    from engine.imports import fitbit, health_connect
    from engine.imports.archive import is_zip, members
    from engine.store.foreign_sqlite import opened

    database = work.path
    start = work.stream.read(len(_SQLITE))
    work.stream.seek(0)
    if start != _SQLITE:
        if not is_zip(work.stream):
            return fitbit.records(work.stream, work.zone, work.now, work.skipped, name=work.path.name)
        archive, found = members(work.stream, lambda name: name.lower().endswith(".db"))
        if not found:
            return fitbit.records(work.stream, work.zone, work.now, work.skipped)
        database = _unpacked(archive, found[0], Path(work.stack.enter_context(tempfile.TemporaryDirectory())))
    source = work.stack.enter_context(opened(database))
    return health_connect.records(source, work.zone, work.now, work.skipped)


def _unpacked(archive: Any, info: Any, folder: Path) -> Path:
    """The database in a private folder under a name of ours: SQLite reads no streams."""
    from engine.imports.archive import Member
    from engine.imports.model import FileError

    if info.file_size > _MOST_BYTES:
        raise FileError("too-large", "a database of more than 4 GiB")
    path = folder / "export.db"
    try:
        with path.open("wb") as out:
            shutil.copyfileobj(Member(archive, info), out)
    except OSError as error:
        fail(Exit.CONFIGURATION, "no-space", f"cannot unpack the database: {error.strerror}")
    return path


def _run(form: str, file: Path, resident: str, job: Job, *, dry_run: bool, by: str | None, json: bool) -> None:
    from engine.imports.model import FileError
    from engine.sameness import NoConsentError
    from engine.store.database import StoreError
    from engine.taking import take

    now, config = datetime.now(UTC), settings()
    engine = open_store(config)
    try:
        source = _source(engine, form, resident, actor(by), now)
        with ExitStack() as stack:
            stream = stack.enter_context(_opened(file))
            work = Work(file, stream, source.zone, now, stack)
            told = stack.enter_context(_progress(file, stream, language(config)))
            report = take(engine, source, job(work), now, dry_run=dry_run, told=told)
    except FileError as error:
        _refuse(error)
    except NoConsentError:
        no_consent(resident)
    except StoreError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    finally:
        engine.dispose()
    _tell(report, work, source, language(config), dry_run=dry_run, json=json)
    _leave(report)


def _source(engine: Engine, form: str, resident: str, who: str, now: datetime) -> Source:
    """Who and where; consent is asked for before a byte of the file is read."""
    from engine.store import repo_measured
    from engine.store.database import read
    from engine.taking import Source, may_record

    with read(engine) as connection:
        person = resident_of(connection, resident)
        zone = ZoneInfo(repo_measured.zone_of(connection, person.id) or settings().gateway.zone)
        refuse_inactive(person)
        if not may_record(connection, person, now):
            no_consent(resident)
    return Source(person, form, zone, who, os_user())


def no_consent(resident: str) -> NoReturn:
    """Stop because the resident has not agreed to be recorded, with the command that changes it."""
    how = f"phr consent grant --resident {resident} --purpose record"
    fail(Exit.NO_CONSENT, "no-consent", f"{resident} has not agreed to be recorded: {how}")


def _refuse(error: FileError) -> NoReturn:
    where = f" (line {error.line})" if error.line else ""
    fail(Exit.USAGE if error.code in _USAGE else Exit.DAMAGED, error.code, f"{error.message}{where}")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        stream = path.open("rb")
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"cannot read {path.name}: {error.strerror}")
    with stream:
        yield stream


@contextmanager
def _progress(path: Path, stream: IO[bytes], lang: str) -> Iterator[Callable[[], None]]:
    """What to call after each batch: it moves a bar on a terminal and does nothing anywhere else."""
    import sys

    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(entry_word(lang, "reading"), total=max(path.stat().st_size, 1))
        yield lambda: bar.update(task, completed=stream.tell())


def _tell(report: Report, work: Work, source: Source, lang: str, *, dry_run: bool, json: bool) -> None:
    if json:
        emit(_facts(report, work, source, dry_run=dry_run))
        return
    zone = source.zone
    taken = sum(report.refused.values()) + sum(report.faults.values())
    result(entry_word(lang, "counts", accepted=report.accepted, duplicate=report.duplicate, refused=taken))
    if report.first and report.last:
        first, last = (f"{at.astimezone(zone):%Y-%m-%d}" for at in (report.first, report.last))
        result(entry_word(lang, "span", first=first, last=last))
        result(entry_word(lang, "kinds", kinds=_kinds(report.kinds, lang)))
    unread = Counter({name: count for name, count in work.skipped.items() if name != "today"})
    if unread:
        say(entry_word(lang, "skipped", kinds=_listed(unread)))
    if work.skipped["today"]:
        say(entry_word(lang, "today", count=work.skipped["today"]))
    for code, count in (report.refused + report.faults).most_common():
        say(f"{reason(lang, code)} [{code}]: {count}")
    for problem in report.problems:
        why = reason(lang, problem.code)
        say(entry_word(lang, "line", line=problem.line, reason=why, code=problem.code, text=problem.text).rstrip())
    if report.damage:
        key = "damage-dry" if dry_run else "damage"
        say(entry_word(lang, key, line=report.damage.line, code=report.damage.code))
    if dry_run:
        say(entry_word(lang, "dry"))


def _kinds(counts: Counter[str], lang: str) -> str:
    from engine.contract.kinds import KINDS

    return ", ".join(f"{getattr(KINDS[kind], lang)} {count}" for kind, count in counts.most_common())


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(12))


def _facts(report: Report, work: Work, source: Source, *, dry_run: bool) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(report)
    head = {"resident": source.person.id, "format": source.form, "file": work.path.name, "dry_run": dry_run}
    return head | found | {"skipped": dict(work.skipped)}


def _leave(report: Report) -> None:
    """The exit code of an import that went through: damaged, all refused, or nothing there at all."""
    if report.damage:
        raise typer.Exit(int(Exit.DAMAGED))
    if report.accepted or report.duplicate:
        return
    raise typer.Exit(int(Exit.REFUSED if report.refused or report.faults else Exit.NOT_FOUND))

"""`phr clinical document`: an eCheckup, JP-CLINS, 特定健診 or HL7 v2 document or an SS-MIX2 folder, into facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import msgspec
import typer

from cli.clinical_show import ZONE, span, spoken
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of
from cli.wiring import language, open_store, settings

if TYPE_CHECKING:
    from engine.people import Resident
    from engine.refusal import Refusal
    from engine.store.database import Engine
    from fhir_bridge.imports.filing import Outcome
    from fhir_bridge.imports.model import Report

WORDS: Final[dict[str, tuple[str, str]]] = {
    "stored": ("記録しました: {what} ({when})", "recorded: {what} ({when})"),
    "told": ("控えました: {sort} {name} {detail} ({when})", "kept: {sort} {name} {detail} ({when})"),
    "wrong": ("取り消されました: {sort} {name}", "taken back: {sort} {name}"),
    "counts": (
        "文書 {documents}: 項目 {read}、記録 {stored}、控え {entries}、既存 {already}、取消 {back}、拒否 {refused}",
        "{documents} documents: {read} items, {stored} new, {entries} kept, {already} old, {back} back, {refused} no",
    ),
    "left": ("記録にしない項目: {name} {code} × {count} [{reason}]", "not a fact: {name} {code} × {count} [{reason}]"),
    "refused": ("{place}: {message} [{code}]", "{place}: {message} [{code}]"),
    "files": ("読まないファイル: {name} × {count}", "files not read: {name} × {count}"),
    "kept": ("もとの文書は 保管しました。", "the originals are kept"),
    "dry": ("ためしです。なにも 記録していません。", "a dry run: nothing was recorded"),
}
SORTS: Final[dict[str, tuple[str, str]]] = {
    "medication": ("薬", "medicine"), "condition": ("病名", "condition"), "allergy": ("アレルギー", "allergy"),
    "report": ("検査報告", "report"), "document": ("文書", "document"),
}  # fmt: skip
_REFUSED: Final = frozenset({"other-person", "no-person", "several-people", "older-edition", "inactive"})
_USAGE: Final = frozenset({"unknown-form", "not-fhir", "not-cda", "not-ss-mix2", "too-large", "too-many-entries"})
_STEP: Final = 1 << 20


class Taken(msgspec.Struct, frozen=True):
    """One document of an import: where it stood, what was understood and what became of it, or why it was refused."""

    place: str
    report: Report | None = None
    outcome: Outcome | None = None
    refusal: Refusal | None = None


def import_document(
    path: Annotated[Path, typer.Argument(help="A document, or one patient's folder of an SS-MIX2 storage.")],
    resident: Annotated[str, typer.Option("--resident", help="Whose it is, r-…; the document must say the same.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, record nothing.")] = False,
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Import clinical documents; each is somebody's as a whole or refused with the place, and its original is kept."""
    from engine.store.database import StoreError, read

    engine = open_store(settings())
    try:
        with read(engine) as connection:
            person = resident_of(connection, resident)
        documents, left = _documents(path)
        taken = [_one(engine, place, data, person, actor(by), dry_run=dry_run) for place, data in documents]
    except StoreError as error:
        fail(Exit.NETWORK if error.code == "busy" else Exit.DAMAGED, error.code, error.message)
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"{_shown(path.name)}: {error.strerror}")
    finally:
        engine.dispose()
    if len(taken) == 1 and taken[0].refusal is not None and not path.is_dir():
        _refuse(taken[0].refusal)
    _tell(taken, left, dry_run=dry_run, json=json)
    _leave(taken)


def _documents(path: Path) -> tuple[Iterator[tuple[str, bytes]], tuple[tuple[str, int], ...]]:
    """The documents at `path`, read one by one, and the files of a folder that are not, counted."""
    from fhir_bridge.imports.model import DocumentError
    from fhir_bridge.imports.ssmix2 import chosen

    if not path.is_dir():
        return iter([(_shown(path.name), _bytes(path))]), ()
    inside = (one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file() and not one.is_symlink())
    try:
        found = chosen(inside)
    except DocumentError as error:
        where = f"{_shown(error.place)}: " if error.place else ""
        fail(Exit.REFUSED if error.code in _REFUSED else Exit.USAGE, error.code, f"{where}{error.message}")
    return ((_shown(one.path), _bytes(path / one.path)) for one in found.files), found.left


def _shown(name: str) -> str:
    """A file's name as it can be told: one in another coding than this computer's holds halves of characters."""
    return name.encode(errors="replace").decode()


def _bytes(path: Path) -> bytes:
    """The file, at most a little more than a document may have."""
    from fhir_bridge.imports.model import MOST_BYTES

    with path.open("rb") as stream:
        return stream.read(MOST_BYTES + _STEP)


def _one(engine: Engine, place: str, data: bytes, person: Resident, who: str, *, dry_run: bool) -> Taken:
    from engine.refusal import Refusal
    from engine.store.repo_facts import By
    from fhir_bridge.imports.filing import Filing, file_document
    from fhir_bridge.imports.model import Entering
    from fhir_bridge.imports.originals import Originals
    from fhir_bridge.imports.reading import read_document

    now = datetime.now(UTC)
    report = read_document(data, Entering(resident=person, actor=who, now=now, zone=ZONE), place)
    if isinstance(report, Refusal):
        return Taken(place, refusal=report)
    how = Filing(
        by=By(who, os_user()), now=now, rng=SystemRandom(), originals=Originals(settings().root / "originals")
    )  # fmt: skip
    outcome = file_document(engine, report, data, person.id, how, dry_run=dry_run)
    if isinstance(outcome, Refusal):
        return Taken(place, report, refusal=outcome)
    return Taken(place, report, outcome)


def _refuse(refusal: Refusal) -> NoReturn:
    """Stop with why a document was refused: its place, and an exit code by kind."""
    if refusal.code == "no-consent":
        from cli.imports import no_consent

        no_consent(refusal.message.split(" ", maxsplit=1)[0])
    where = f"{refusal.field}: " if refusal.field else ""
    fail(_exit(refusal), refusal.code, f"{where}{refusal.message}")


def _exit(refusal: Refusal) -> Exit:
    if refusal.code == "no-consent":
        return Exit.NO_CONSENT
    if refusal.code in _REFUSED:
        return Exit.REFUSED
    return Exit.USAGE if refusal.code in _USAGE else Exit.DAMAGED


def _tell(taken: list[Taken], left: tuple[tuple[str, int], ...], *, dry_run: bool, json: bool) -> None:
    if json:
        emit({"documents": [_facts(one) for one in taken], "files_left": dict(left), "dry_run": dry_run})
        return
    lang = language(settings())
    outcomes = [one.outcome for one in taken if one.outcome is not None]
    for outcome in outcomes:
        _tell_stored(outcome, lang)
    result(_word(lang, "counts", documents=len(taken), read=sum(one.report.read for one in taken if one.report),
                 stored=sum(len(one.stored) for one in outcomes), entries=sum(len(one.entries) for one in outcomes),
                 already=sum(one.already for one in outcomes), back=sum(one.taken_back for one in outcomes),
                 refused=sum(one.refusal is not None for one in taken)))  # fmt: skip
    for one in taken:
        if one.refusal is not None:
            place = one.refusal.field or one.place
            say(_word(lang, "refused", place=place, message=one.refusal.message, code=one.refusal.code))
        for unknown in one.report.unknown if one.report else ():
            say(_word(lang, "left", name=unknown.name, code=unknown.code, count=unknown.count, reason=unknown.reason))
    for name, count in left:
        say(_word(lang, "files", name=name, count=count))
    say(_word(lang, "dry" if dry_run else "kept"))


def _tell_stored(outcome: Outcome, lang: str) -> None:
    for fact in outcome.stored:
        result(_word(lang, "stored", what=spoken(fact, lang), when=span(fact, lang)))
    for entry in outcome.entries:
        sort = SORTS[entry.sort][0 if lang == "ja" else 1]
        when = "-" if entry.at is None else f"{entry.at.astimezone(ZONE):%Y-%m-%d}"
        key = "wrong" if entry.status == "wrong" else "told"
        result(_word(lang, key, sort=sort, name=entry.name, detail=entry.detail, when=when))


def _facts(one: Taken) -> dict[str, Any]:
    """One document for machines."""
    found: dict[str, Any] = {"place": one.place}
    if one.refusal is not None:
        found["refused"] = msgspec.to_builtins(one.refusal)
    if one.report is not None:
        found |= {
            "form": one.report.form, "source_id": one.report.source_id, "channel": one.report.channel,
            "items": one.report.items, "read": one.report.read, "kept": one.report.kept,
            "unknown": msgspec.to_builtins(one.report.unknown),
            "others": dict(one.report.others),
        }  # fmt: skip
    if one.outcome is not None:
        found |= {
            "stored": msgspec.to_builtins(one.outcome.stored), "already": one.outcome.already,
            "taken_back": one.outcome.taken_back, "new": one.outcome.kept,
            "entries": msgspec.to_builtins(one.outcome.entries),
        }  # fmt: skip
    return found


def _leave(taken: list[Taken]) -> None:
    """The exit code: what was refused first, else 4 for nothing new and 3 for nothing understood."""
    refused = next((one.refusal for one in taken if one.refusal is not None), None)
    if refused is not None:
        raise typer.Exit(int(_exit(refused)))
    outcomes = [one.outcome for one in taken if one.outcome is not None]
    if any(one.stored or one.taken_back or one.entries for one in outcomes):
        return
    before = any(one.already or not one.kept for one in outcomes)
    raise typer.Exit(int(Exit.ALREADY if before else Exit.NOT_FOUND))


def _word(lang: str, key: str, **values: object) -> str:
    return WORDS[key][0 if lang == "ja" else 1].format(**values)

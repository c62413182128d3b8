"""`phr release files`: a stored release as open data, all or nothing, and never other bytes under the same name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.release_draws import drawn_before
from cli.release_one import by_of, release_of
from cli.store import transaction
from cli.wiring import Settings, language, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.store.database import Connection
    from engine.store.repo_statistics import Kept
    from fhir_bridge.open_data import File

_ZONE = ZoneInfo("Asia/Tokyo")
_WORDS = {
    "made": ("{count} 個の ファイルを {folder} に 書きました。", "{count} files are written to {folder}"),
    "same": ("{count} 個は もう 同じ 内容で ありました。", "{count} were there already, with the same content"),
    "hash": ("原本の SHA-256: {sha256}", "SHA-256 of the original: {sha256}"),
}


def files(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="Half a fiscal year: 2026H1 is April to September.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write to; it is made if it is not there.")],
    unit: Annotated[str | None, typer.Option("--unit", help="The publishing unit; without it the only one.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom to ask; default: platform.contact.")] = None,
    by: Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write a prepared release as open data: CSV, JSON-stat, catalogue and method note, all of one hash."""
    from engine.refusal import Refusal
    from engine.store import repo_statistics
    from fhir_bridge.open_data import About, files_of

    config = settings()
    with transaction(writes=True) as connection:
        kept = _release(connection, unit, period)
        drawn_before(connection, config)
        about = About(
            issued=kept.prepared_at.astimezone(_ZONE).date(), contact=contact or config.platform.contact or "",
            licence=config.platform.licence, dataset_url=config.platform.dataset_url,
        )  # fmt: skip
        made = files_of(kept.content, kept.sha256, about)
        if isinstance(made, Refusal):
            fail(
                Exit.DAMAGED if made.code in {"changed", "unreadable"} else Exit.CONFIGURATION, made.code, made.message
            )
        repo_statistics.note(
            connection, "release-files", kept.id, by_of(by), datetime.now(UTC), kept.sha256
        )  # fmt: skip
        written = _save(out, made)
    _tell(config, kept, out, made, written, json=json)


def _release(connection: Connection, unit: str | None, period: str) -> Kept:
    """The release that is meant, if it may be shown."""
    kept = release_of(connection, unit, period)
    if kept.state in {"withdrawing", "withdrawn"}:
        fail(Exit.REFUSED, "withdrawn", f"{kept.id} was withdrawn: {kept.reason or '-'}")
    return kept


def _save(out: Path, made: Sequence[File]) -> int:
    """Writes what is not there yet, each file whole; how many were written. Stops before anything if one is another."""
    from engine.whole_files import put_whole

    try:
        out.mkdir(parents=True, exist_ok=True)
        missing = [file for file in made if not (out / file.name).exists()]
        for file in made:
            if file not in missing and (out / file.name).read_bytes() != file.content:
                fail(
                    Exit.REFUSED, "file-differs", f"{file.name} is there with other content: what was published stands"
                )
        for file in made:
            # What a writer left who was killed: nobody else writes now, the chain is locked since our entry in it.
            for left in out.glob(f".{file.name}.*"):
                left.unlink()
        for file in missing:
            # Everybody may read them: that is what they are for.
            put_whole(out / file.name, file.content, mode=0o666)
    except OSError as error:
        fail(Exit.CONFIGURATION, "cannot-write", f"{out.name} cannot be written: {error.strerror}")
    return len(missing)


def _tell(
    config: Settings, kept: Kept, out: Path, made: Sequence[File], written: int, *, json: bool
) -> None:  # fmt: skip
    if json:
        emit({"release": kept.id, "sha256": kept.sha256, "written": written, "files": [file.name for file in made]})
        return
    place = 0 if language(config) == "ja" else 1
    for file in made:
        result(f"{file.name}  {file.title}")
    result(_WORDS["hash"][place].format(sha256=kept.sha256))
    say(_WORDS["made"][place].format(count=written, folder=out))
    if written < len(made):
        say(_WORDS["same"][place].format(count=len(made) - written))

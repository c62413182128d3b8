"""Everything of mine as files: FHIR, tables for a spreadsheet, the report of the month."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Final, cast

from fastapi import Response
from fastapi.responses import HTMLResponse, StreamingResponse

from engine.carrying import pack
from engine.carrying_store import HEADS, tables_of
from engine.clinical_values import day_of
from engine.export import observations_of
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.report import note_report, report_of
from engine.report_file import html, pdf
from engine.sealing import seal_of
from engine.store.database import Connection, read, write
from engine.store.filing import By
from engine.takeout_store import note_takeout, write_takeout
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import me_of
from engine.web.me.sheet import Sheet, TheSheet

door = Door()
_PAGE: Final = "/me/export"
# Up to this size an export never touches the disk; above it lies in a file without a name until it is sent.
_IN_MEMORY: Final = 1_000_000
_CHUNK: Final = 64 * 1024


@door.page(_PAGE, "mine.see")
def show(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The files there are, in words; it shows no value."""
    del desk, session
    return _page(sheet, None)


@door.form(f"{_PAGE}/tables", "mine.see")
def tables(desk: TheDesk, session: Trusted) -> Response:
    """An archive of tables: values, records, advice, consents, requests, who looked."""
    now = desk.now()
    file = _spooled()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        note(connection, desk, session, "export-tables", now, subject=person.id, detail=sorted(HEADS))
        pack(file, tables_of(connection, person, now, session.lang), now.astimezone(zone_of(connection, person)))
    return _sent(file, "application/zip", f"minato-{_day(desk)}.zip")


@door.form(f"{_PAGE}/fhir", "mine.see")
def fhir(desk: TheDesk, session: Trusted) -> Response:
    """FHIR R4 Observations, one a line: what `phr export fhir` writes and `phr import fhir` reads again."""
    now = desk.now()
    file, count = _spooled(), 0
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        for line in observations_of(connection, person, now):
            file.write(line + b"\n")
            count += 1
        note(connection, desk, session, "export-fhir", now, subject=person.id, detail=[count, None, None])
    return _sent(file, "application/fhir+ndjson", f"minato-{_day(desk)}.ndjson")


@door.form(f"{_PAGE}/takeout", "mine.see")
def takeout(desk: TheDesk, session: Trusted) -> Response:
    """Everything in one archive, which another house of this program can read: what `phr account take-out` writes."""
    now = desk.now()
    file = _spooled()
    # Years of values take seconds: nobody's readings wait for them.
    with read(desk.engine) as connection:
        person = me_of(connection, session)
        made = write_takeout(connection, file, person, now, session.lang, seal_of(desk.home), desk.bundle)
    with write(desk.engine) as connection:
        note_takeout(connection, made, By(session.by, desk.os_user), now)
    return _sent(file, "application/zip", f"minato-all-{_day(desk)}.zip")


@door.form(f"{_PAGE}/report", "mine.see")
def page(desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """The report of this month as one file to read or print."""
    with write(desk.engine) as connection:
        text = _report(connection, desk, sheet, me_of(connection, session))
    return attached(text.encode(), "text/html; charset=utf-8", f"minato-{_day(desk)}.html")


@door.form(f"{_PAGE}/paper", "mine.see")
def paper(desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """The same for paper; where this machine cannot make it the page says so and offers the other."""
    with write(desk.engine) as connection:
        text = _report(connection, desk, sheet, me_of(connection, session))
    made = pdf(text)
    if isinstance(made, Refusal):
        return _page(sheet, made)
    return attached(made, "application/pdf", f"minato-{_day(desk)}.pdf")


def _report(connection: Connection, desk: Desk, sheet: Sheet, person: Resident) -> str:
    session, now = sheet.session, desk.now()
    told = report_of(connection, person, None, now, language=session.lang, home=desk.home)
    note_report(connection, person, told, now, actor=session.by, os_user=desk.os_user)
    return html(told, furigana=sheet.look.furigana and session.lang == "ja")


def _page(sheet: Sheet, wrong: Refusal | None) -> HTMLResponse:
    return sheet.page("me/export.html", here=_PAGE, status=200 if wrong is None else 503, wrong=wrong)


def _spooled() -> IO[bytes]:
    return cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))


def _sent(file: IO[bytes], kind: str, name: str) -> StreamingResponse:
    size = file.tell()
    file.seek(0)
    return StreamingResponse(_parts(file), media_type=kind, headers=_heads(name) | {"Content-Length": str(size)})


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(_CHUNK):
            yield part


def attached(content: bytes, kind: str, name: str) -> Response:
    """A file to keep under that name."""
    return Response(content, media_type=kind, headers=_heads(name))


def _heads(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _day(desk: Desk) -> str:
    return day_of(desk.now()).isoformat()

"""`phr bridge link`: which patient of the medical network a resident is, and who decided it."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.bridge_pull import reaching
from cli.exits import Exit
from cli.output import Fail, emit, fail, result, say
from cli.store import actor, judge, os_user, plain, resident_of, transaction
from cli.wiring import Settings, open_store, settings

if TYPE_CHECKING:
    from engine.care_links import Found, Link
    from engine.people import Resident
    from engine.refusal import Refusal
    from engine.store.database import Connection

app = typer.Typer(help="Which patient of the medical network a resident is.", no_args_is_help=True)
Whose = Annotated[str, typer.Argument(metavar="RESIDENT", help="r-…")]
Why = Annotated[str, typer.Option("--reason", help="Why, in one line.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Later = Annotated[bool, typer.Option("--later", help="Only write the number down; the next pull looks it up.")]
System = Annotated[str | None, typer.Option(help="Identifier system of the number; default: the configured one.")]
_EXITS = {"bad-number": Exit.USAGE, "no-reason": Exit.USAGE, "unknown-end": Exit.USAGE, "not-shown": Exit.NOT_FOUND,
          "no-link": Exit.NOT_FOUND, "already-linked": Exit.ALREADY, "no-consent": Exit.NO_CONSENT,
          "no-record": Exit.NO_CONSENT}  # fmt: skip
_ROWS = 20_000


@app.command()
def propose(
    resident: Whose, number: Annotated[str, typer.Argument(help="The patient number at the network.")],
    system: System = None, later: Later = False,
    again: Annotated[bool, typer.Option("--again", help="Although a person refused this number before.")] = False,
    by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Write down a resident's patient number and look it up; beyond doubt they are linked, else a person decides."""
    config, who = settings(), actor(by)
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        stored = _proposed(connection, config, person, number, system, who, again=again)
    found = stored if later or not config.bridge.url else _looked_up(config, stored)
    _tell(found, json=json)
    if not config.bridge.url:
        say("no network is configured (bridge.url): nothing was looked up")


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="proposed, held, linked, refused or ended.")] = None,
    json: Json = False,
) -> None:
    """List the links, those that changed last first."""
    from engine.store import repo_links

    name = settings().bridge.name
    states = [one for one in repo_links.STATES if state in {None, one}]
    if not states:
        fail(Exit.USAGE, "unknown-state", f"--state: one of {', '.join(repo_links.STATES)}")
    with transaction() as connection:
        found = repo_links.listed(connection, name, states=states)
    if json:
        emit({"links": [_shown(link) for link in found]})
        return
    for link in found:
        result(_line(link))
    if not found:
        say("no link")


@app.command()
def show(resident: Whose, json: Json = False) -> None:
    """Show a link with what both houses say of the person."""
    from engine.care_links import differing

    with transaction() as connection:
        person = resident_of(connection, resident)
        link = _link(connection, person.id)
    if json:
        emit(_shown(link) | {"patients": [_patient(one) | {"differs": differing(person, one)} for one in link.found]})
        return
    result(_line(link))
    kana = f"{person.family_kana} {person.given_kana}".strip()
    result(f"  here   {kana}  {person.birth_date}  {person.sex}")
    for one in link.found:
        marks = [name for name, holds in (("inactive", not one.active), ("deceased", one.deceased),
                                          ("merged", bool(one.replaced_by))) if holds]  # fmt: skip
        differs = ", ".join(differing(person, one)) or "nothing"
        result(f"  there  {' / '.join(one.kana) or '-'}  {one.birth or '-'}  {one.sex or '-'}  {one.remote_id}"
               f"  differs: {differs}{''.join(f'  {mark}' for mark in marks)}")  # fmt: skip


@app.command()
def accept(
    resident: Whose, reason: Why,
    patient: Annotated[str | None, typer.Option(help="Which of the patients found; default: the only one.")] = None,
    by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Link a held resident after somebody made sure that both are the same person."""
    from engine import care_links

    def decide(link: Link, now: datetime) -> Link | Refusal:
        only = link.found[0].remote_id if len(link.found) == 1 else ""
        return care_links.accept(link, patient or only, reason, actor(by), now)

    _tell(_change(resident, "accept", by, decide), json=json)


@app.command()
def refuse(resident: Whose, reason: Why, by: By = None, json: Json = False) -> None:
    """Say that the patient with the number is not this resident."""
    from engine import care_links

    _tell(_change(resident, "refuse", by, lambda link, now: care_links.refuse(link, reason, actor(by), now)), json=json)


@app.command()
def end(
    resident: Whose,
    why: Annotated[str, typer.Option(help="ended, moved, or wrong-person: then all that was told is taken back.")],
    reason: Annotated[str, typer.Option("--reason", help="More about it, in one line.")] = "",
    by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """End a link; nothing is sent or asked any more."""
    from engine import care_links

    if why not in care_links.ENDS:
        fail(Exit.USAGE, "unknown-end", f"--why: one of {', '.join(care_links.ENDS)}")
    ended = _change(resident, "end", by, lambda link, now: care_links.end(link, why, reason, actor(by), now))
    _tell(ended, json=json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header: resident,number and perhaps system.")],
    by: By = None, json: Json = False,
) -> None:  # fmt: skip
    """Write down the patient numbers of many residents; the next pull looks them up. A bad line costs only itself."""
    config, who = settings(), actor(by)
    counts: Counter[str] = Counter()
    faults: list[dict[str, Any]] = []
    rows = _rows(file)
    with transaction(writes=True) as connection:
        for line, row in rows:
            made = _one_row(connection, config, row, who)
            if isinstance(made, str):
                faults.append({"line": line, "code": made})
            else:
                counts[made.state] += 1
    if json:
        emit({"links": dict(counts), "faults": faults})
    else:
        for state, count in sorted(counts.items()):
            result(f"{state}: {count}")
        for fault in faults:
            say(f"line {fault['line']}: {fault['code']}")
    if faults and not counts:
        fail(Exit.USAGE, "nothing-taken", "no line could be taken")


def _proposed(
    connection: Connection, config: Settings, person: Resident, number: str, system: str | None, who: str, *,
    again: bool = False,
) -> Link:  # fmt: skip
    from engine import care_links
    from engine.refusal import Refusal
    from engine.store import repo_links, repo_owing
    from engine.store.repo_facts import By as Who

    now = datetime.now(UTC)
    value = care_links.number_of(number)
    if isinstance(value, Refusal):
        _refuse(value)
    name = plain(system, "--system") if system else config.bridge.system
    draft = care_links.Link(
        resident=person.id, network=config.bridge.name, system=name, value=value, by=who, at=now
    )  # fmt: skip
    before = repo_links.get(connection, person.id, config.bridge.name)
    after = care_links.propose(draft, before, again=again)
    if isinstance(after, Refusal):
        _refuse(after)
    if after == before:
        return after
    if not again and before is not None and before.reason == care_links.WRONG and before.remote_id is not None:
        left = repo_owing.standing_elsewhere(connection, person.id, before.network, before.remote_id)
        if left:
            # A new link would forget that the old one was a mistake, and leave a stranger's record as it is.
            fail(Exit.REFUSED, "not-taken-back", f"{left} values still stand with the wrong patient: phr bridge push")
    stored = repo_links.put(connection, after, "propose", Who(who, os_user()), now)
    if isinstance(stored, Refusal):
        _refuse(stored)
    return stored


def _looked_up(config: Settings, link: Link) -> Link:
    from engine.store import repo_links
    from engine.store.database import read
    from fhir_bridge.linking import look_up

    engine = open_store(config)
    try:
        with reaching(engine, config) as reach:
            look_up(reach, link.resident)
        with read(engine) as connection:
            return repo_links.get(connection, link.resident, link.network) or link
    finally:
        engine.dispose()


def _change(resident: str, action: str, by: str | None, decide: Any) -> Link:
    """One decision of a person about a link, with all that follows of it."""
    from engine.care_links import WRONG
    from engine.refusal import Refusal
    from engine.store import repo_links, repo_pulled
    from engine.store.repo_facts import By as Who

    now, who = datetime.now(UTC), Who(actor(by), os_user())
    with transaction(writes=True) as connection:
        link = _link(connection, resident_of(connection, resident).id)
        after = decide(link, now)
        stored = after if isinstance(after, Refusal) else repo_links.put(connection, after, action, who, now)
        if isinstance(stored, Refusal):
            _refuse(stored)
        if stored.state == "ended" and stored.reason == WRONG:
            mark = f"mistaken-{stored.version}"
            repo_pulled.take_back(connection, link.network, link.resident, mark, who, now, SystemRandom())
            judge(connection, link.resident)
    return stored


def _link(connection: Connection, resident: str) -> Link:
    from engine.store import repo_links

    found = repo_links.get(connection, resident, settings().bridge.name)
    if found is None:
        fail(Exit.NOT_FOUND, "no-link", f"no patient number of {resident} is known: phr bridge link propose")
    return found


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of a list of numbers, UTF-8 or as Japanese office programs write it; exit code 2 for anything else."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"{file.name}: {error.strerror}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp932", errors="replace")
    try:
        reader = csv.DictReader(text.splitlines(), restval="", strict=True)
        if not {"resident", "number"} <= set(reader.fieldnames or ()):
            fail(Exit.USAGE, "no-header", f"{file.name}: the first line must be resident,number[,system]")
        rows = [(reader.line_num, {key: value for key, value in row.items() if isinstance(key, str)}) for row in reader]
    except csv.Error as error:
        fail(Exit.USAGE, "not-csv", f"{file.name}: {error}")
    if len(rows) > _ROWS:
        fail(Exit.USAGE, "too-many", f"{file.name}: at most {_ROWS} lines at a time")
    return rows


def _one_row(connection: Connection, config: Settings, row: dict[str, str], who: str) -> Link | str:
    """The link of one line, or the code why there is none; whatever is refused is refused before it is written."""
    try:
        person = resident_of(connection, row["resident"].strip())
        return _proposed(connection, config, person, row["number"], row.get("system", "").strip() or None, who)
    except Fail as failure:
        return failure.code


def _refuse(refusal: Refusal) -> NoReturn:
    fail(_EXITS.get(refusal.code, Exit.REFUSED), refusal.code, refusal.message)


def _tell(link: Link, *, json: bool) -> None:
    if json:
        emit(_shown(link))
        return
    result(_line(link))
    if link.state == "held":
        say(f"a person has to decide: phr bridge link show {link.resident}")
    if link.state == "proposed" and link.reason in {"no-consent", "no-record"}:
        purpose, to = ("care-share", f" --recipient {link.network}") if link.reason == "no-consent" else ("record", "")
        say(f"not looked up before a yes: phr consent grant --resident {link.resident} --purpose {purpose}{to}")


def _line(link: Link) -> str:
    note = f"  {link.note}" if link.note else ""
    reason = f" ({link.reason})" if link.reason else ""
    return f"{link.resident}  {link.value}  {link.state}{reason}  {link.remote_id or '-'}  {link.by}{note}"


def _shown(link: Link) -> dict[str, Any]:
    return {
        "resident": link.resident, "network": link.network, "system": link.system, "number": link.value,
        "patient": link.remote_id, "state": link.state, "reason": link.reason, "note": link.note, "by": link.by,
        "at": link.at.isoformat(), "version": link.version,
    }  # fmt: skip


def _patient(found: Found) -> dict[str, Any]:
    return {
        "patient": found.remote_id, "kana": found.kana, "names": found.names, "birth": found.birth, "sex": found.sex,
        "active": found.active, "deceased": found.deceased, "replaced_by": found.replaced_by or None,
    }  # fmt: skip

"""`phr exchange`: the city's own health system, by files and no network: its lists in, the work with residents out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from cli.exits import Exit
from cli.letters_files import opened
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction

if TYPE_CHECKING:
    from engine.exchange_csv import Torn
    from engine.exchange_giving import Gave
    from engine.exchange_mapping import Mapping
    from engine.exchange_taking import Report
    from engine.refusal import Refusal
    from engine.store.filing import By as Signed
    from engine.store.repo_exchange import Proposal

app = typer.Typer(help="Files from and for the city's own health system.", no_args_is_help=True)

Which = Annotated[str, typer.Option("--mapping", help="A shipped example or a file: how the city's system writes.")]
Town = Annotated[str, typer.Option(help="Local-government code of the town whose files these are.")]
By = Annotated[str | None, typer.Option("--by", help="Who does it; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")]
HOME_TOWN = "062049"
_SEEN = 20
_EXITS = {
    "unknown-mapping": Exit.NOT_FOUND, "bad-mapping": Exit.CONFIGURATION, "unknown-proposal": Exit.NOT_FOUND,
    "unknown-answer": Exit.USAGE, "no-home": Exit.USAGE, "unknown-town": Exit.NOT_FOUND, "busy": Exit.ALREADY,
    "unusable-folder": Exit.CONFIGURATION,
}  # fmt: skip


@app.command("in")
def in_(
    file: Annotated[Path, typer.Argument(help="The city's list, under the name its mapping asks for.")],
    mapping: Which,
    town: Town = HOME_TOWN,
    dry_run: Dry = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Take in a list of residents; nobody takes part because of it, and nobody is deleted."""
    from engine.exchange_csv import MOST_BYTES, Torn
    from engine.exchange_taking import Given, take

    how = _mapping(mapping, town)
    try:
        if file.stat().st_size > MOST_BYTES:
            fail(Exit.REFUSED, "too-large", f"{file.name} is larger than {MOST_BYTES >> 20} MiB")
        content = file.read_bytes()
    except OSError as error:
        fail(Exit.NOT_FOUND, "unreadable", f"cannot read {file.name}: {error.strerror}")
    given = Given(name=file.name, content=content, town=town, mapping=how, by=_by(by))
    with opened() as engine:
        made = take(engine, given, datetime.now(UTC), SystemRandom(), dry=dry_run)
    if isinstance(made, Torn):
        _torn(file.name, made)
    _tell(made, dry=dry_run, json=json)


@app.command()
def out(
    to: Annotated[Path, typer.Option("--to", help="The folder the city's system reads.")],
    mapping: Which,
    town: Town = HOME_TOWN,
    dry_run: Dry = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Write what the city does not know yet of the work with its residents; no value and no address."""
    from engine.exchange_csv import Torn
    from engine.exchange_giving import Giving, give, waiting

    giving = Giving(town=town, mapping=_mapping(mapping, town), folder=to, by=_by(by))
    now = datetime.now(UTC)
    try:
        with opened() as engine:
            gave = waiting(engine, giving, now) if dry_run else give(engine, giving, now)
    except OSError as error:
        fail(Exit.USAGE, "not-written", f"cannot write into {to.name}: {error.strerror}; the next run writes it")
    if isinstance(gave, Torn):
        _torn("out", gave)
    _given(gave, dry=dry_run, json=json)


@app.command()
def run(
    folder: Annotated[Path, typer.Option("--folder", help="The folder with in, out, refused and reports.")],
    mapping: Which,
    town: Town = HOME_TOWN,
    keep: Annotated[bool, typer.Option("--keep", help="Keep taken lists; they name the whole town.")] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Take every list of a folder and write what is new for the city: for cron or a systemd timer, nightly."""
    import msgspec

    from engine.exchange_csv import Torn
    from engine.exchange_folder import Place, Ran
    from engine.exchange_folder import run as ran

    place = Place(folder=folder, town=town, mapping=_mapping(mapping, town), by=_by(by), keep=keep)
    with opened() as engine:
        done = ran(engine, place, datetime.now(UTC), SystemRandom())
    if not isinstance(done, Ran):
        _refuse(done)
    if json:
        lists = [{"file": name} | msgspec.to_builtins(made) for name, made in done.lists]
        emit({"clean": done.clean, "lists": lists, "out": msgspec.to_builtins(done.gave)})
    for name, made in () if json else done.lists:
        if isinstance(made, Torn):
            result(f"{name}: refused, line {made.line}: {made.message} [{made.code}]")
        else:
            result(f"{name}: " + ("already taken" if made.already else _counts(made.counts)))
    if not json and not isinstance(done.gave, Torn):
        _given(done.gave, dry=False, json=False)
    if not done.clean:
        fail(Exit.REFUSED, "refused", "a file was refused; see reports and refused in the folder")


@app.command()
def proposals(
    town: Annotated[str | None, typer.Option(help="Only of this town.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Whom the newest whole list did not name.")] = False,
    json: Json = False,
) -> None:
    """Show what a person has to decide; both sides stand on the desk's page."""
    from engine.store import repo_exchange

    towns = None if town is None else frozenset({town})
    with transaction() as connection:
        gone = [(one.resident, one.missing_since) for _, one in repo_exchange.missing(connection, towns)]
        waits = repo_exchange.proposals(connection, towns)
    if missing and json:
        emit({"missing": [{"resident": name, "since": str(day)} for name, day in gone]})
    elif missing:
        for name, day in gone:
            result(f"{name}  {day}")
    else:
        _list(waits, json=json)


@app.command()
def decide(
    proposal: Annotated[int, typer.Argument(min=1, max=10**12, help="Its number (phr exchange proposals).")],
    answer: Annotated[
        Literal["accept", "keep", "unlink"],
        typer.Argument(help="accept: the list is right; keep: it is not; unlink: it is somebody else."),
    ],
    home: Annotated[
        Literal["along", "new", "none"] | None, typer.Option(help="For a move: the home goes along, a new one, none.")
    ] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Decide what the city's list says of a resident."""
    from engine.exchange_deciding import Decision, Done
    from engine.exchange_deciding import decide as decided
    from engine.store import repo_exchange

    with transaction(writes=True) as connection:
        found = repo_exchange.get(connection, proposal)
        decision = Decision(
            seq=proposal, version=found.version if found else 0, answer=answer, by=_by(by), home=home or ""
        )  # fmt: skip
        done = decided(connection, decision, datetime.now(UTC), SystemRandom())
    if not isinstance(done, Done):
        _refuse(done)
    rest = None if done.act is None else {"became": done.act.became, "what": done.act.what}
    told = {"proposal": proposal, "resident": done.proposal.resident, "state": done.state, "rest": rest}
    emit(told) if json else result(f"{done.proposal.resident}: {done.state}")
    if rest is not None and not json:
        say(f"the rest of the row: {rest['became']} {' '.join(rest['what'])}")


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the newest files, in and out."""
    from engine.store import repo_exchange

    with transaction() as connection:
        found = repo_exchange.runs(connection)
    if json:
        import msgspec

        emit({"runs": [msgspec.to_builtins(one) for one in found]})
        return
    for one in found:
        name = one.told.get("file", "-")
        result(f"{one.seq}  {one.at:%Y-%m-%d %H:%M}  {one.municipality_code}  {one.direction}  {name}  {one.rows}")


@app.command()
def show(seq: Annotated[int, typer.Argument(min=1, max=10**12, help="Number of the run.")], json: Json = False) -> None:
    """Show one file: what became of its rows, and which were refused why."""
    from engine.store import repo_exchange

    with transaction() as connection:
        found = repo_exchange.run_at(connection, seq)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-run", f"there is no run {seq}; `phr exchange list` shows them")
    if json:
        import msgspec

        emit(msgspec.to_builtins(found))
        return
    result(f"{found.told.get('file', '-')}  {found.mapping}  {found.sha256}")
    result(_counts(found.told.get("counts", {"lines": found.rows})))
    for line, code, field in found.told.get("refused", []):
        result(f"line {line}: {code}" + (f" ({field})" if field else ""))


def _list(waits: list[Proposal], *, json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"proposal": one.seq, "version": one.version, "town": one.municipality_code, "resident": one.resident,
         "number": one.number, "sort": one.sort, "reason": one.reason, "at": one.at}
        for one in waits
    ]  # fmt: skip
    if json:
        emit({"proposals": rows})
        return
    for row in rows:
        result("  ".join(str(row[key] or "-") for key in ("proposal", "resident", "number", "sort", "reason")))
    if not rows:
        say("nothing waits")


def _mapping(name: str, town: str) -> Mapping:
    from engine.exchange_mapping import load
    from engine.municipalities import REGION
    from engine.refusal import Refusal

    if town not in REGION:
        fail(Exit.NOT_FOUND, "unknown-town", f"{town!r} is no municipality of this region ({', '.join(REGION)})")
    found = load(name)
    if isinstance(found, Refusal):
        _refuse(found)
    return found


def _by(by: str | None) -> Signed:
    from engine.store.filing import By

    return By(actor(by), os_user())


def _tell(made: Report, *, dry: bool, json: bool) -> None:
    if json:
        import msgspec

        emit(msgspec.to_builtins(made) | {"dry_run": dry})
        return
    if made.already:
        result(f"{made.file}: taken before; nothing was added")
        return
    for act in made.acts:
        why = f" ({act.reason})" if act.reason else ""
        result(f"line {act.line}: {act.resident} {act.became} {' '.join(act.what)}{why}")
    for fault in made.refused[:_SEEN]:
        result(f"line {fault.line}: refused {fault.code}" + (f" ({fault.field})" if fault.field else ""))
    if len(made.refused) > _SEEN:
        result(f"… and {len(made.refused) - _SEEN} more refused rows")
    for resident, day in made.missing:
        result(f"{resident}: not on the list since {day}")
    say(("would be: " if dry else "") + _counts(made.counts))
    if made.ignored:
        say(f"columns that mean nothing to this mapping: {', '.join(made.ignored)}")


def _given(gave: Gave, *, dry: bool, json: bool) -> None:
    if json:
        emit({"files": gave.files, "counts": gave.counts, "dry_run": dry})
        return
    for name, count in gave.files.items():
        result(f"{name}: {count} lines")
    say(("would be: " if dry else "") + _counts(gave.counts))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.items())


def _torn(name: str, torn: Torn) -> NoReturn:
    where = f", line {torn.line}" if torn.line else ""
    fail(Exit.REFUSED, torn.code, f"{name}{where}: {torn.message}; nothing of it was taken")


def _refuse(refusal: Refusal) -> NoReturn:
    fail(_EXITS.get(refusal.code, Exit.REFUSED), refusal.code, refusal.message)

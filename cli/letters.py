"""`phr letters`: reports and referrals on paper, as one file for window envelopes; where each letter is; replies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from cli.days import day_of
from cli.exits import Exit
from cli.letters_files import first_of, opened, refuse_unwritable, write_whole
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import settings

if TYPE_CHECKING:
    from engine.letters_batch import Made
    from engine.letters_store import Wish
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_letters import Letter

app = typer.Typer(help="Letters to residents who read paper: make, print, post, take in replies.", no_args_is_help=True)

Batch = Annotated[int, typer.Argument(help="Number of the batch, as `phr letters list` shows it.")]
Code = Annotated[str, typer.Argument(help="The code beside the QR code of the reply form.")]
By = Annotated[str | None, typer.Option("--by", help="Who does it; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Out = Annotated[Path, typer.Option("--out", help="The PDF to write.")]
_EXITS = {
    "nothing-new": Exit.ALREADY, "replied": Exit.ALREADY, "unknown-town": Exit.NOT_FOUND,
    "unknown-batch": Exit.NOT_FOUND, "unknown-code": Exit.NOT_FOUND, "pdf-library": Exit.CONFIGURATION,
    "no-font": Exit.CONFIGURATION, "bad-letters": Exit.CONFIGURATION, "too-small-envelope": Exit.CONFIGURATION,
    "too-small-window": Exit.CONFIGURATION, "too-far-window": Exit.CONFIGURATION, "changed": Exit.REFUSED,
    "nobody-left": Exit.REFUSED,
}  # fmt: skip


@app.command()
def make(
    out: Out,
    sort: Annotated[Literal["month", "referral"], typer.Option(help="The month's report, or see a doctor.")] = "month",
    town: Annotated[str | None, typer.Option(help="Municipality code; default: the only one with letters.")] = None,
    month: Annotated[str | None, typer.Option(help="A month that is over (2026-10); default: the last one.")] = None,
    resident: Annotated[list[str] | None, typer.Option(help="Only this resident, on whatever channel.")] = None,
    to: Annotated[str | None, typer.Option(help="Write to this address: for one resident, also a hidden one.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write a batch of letters as one PDF, sorted by postcode; whoever was written this before is not again."""
    from engine.letters_batch import Made
    from engine.letters_batch import make as made_of
    from engine.store.filing import By as Signed

    now = datetime.now(UTC)
    wish = _wish(sort, town, month, resident or [], to, now)
    refuse_unwritable(out)
    with opened() as engine:
        made = made_of(engine, wish, Signed(actor(by), os_user()), now, SystemRandom(), settings().root)
    if not isinstance(made, Made):
        _refuse(made)
    # The batch is stored: should this fail, `again` writes the same file.
    write_whole(out, made.content)
    emit(_made(made, out)) if json else result(str(out))
    if not json:
        say(f"batch {made.batch.seq}: {made.batch.letters} letters, {made.batch.pages} pages")
        if not made.verified:
            say("the envelope's window is an assumption: print one page, hold it in the envelope against the light,")
            say("then write [envelope] verified = true into letters.toml")
        for code in sorted(set(made.left.values())):
            people = sorted(name for name, why in made.left.items() if why == code)
            say(f"not written to ({code}): {len(people)}: {' '.join(people[:5])}{' …' if len(people) > 5 else ''}")  # noqa: PLR2004


@app.command()
def again(batch: Batch, out: Out, json: Json = False) -> None:
    """Write a batch once more: the same bytes, without those who may not be written to any more."""
    from engine.letters_batch import Again
    from engine.letters_batch import again as drawn

    refuse_unwritable(out)
    with opened() as engine:
        found = drawn(engine, batch, datetime.now(UTC), settings().root)
    if not isinstance(found, Again):
        _refuse(found)
    write_whole(out, found.content)
    if json:
        emit({"batch": batch, "file": str(out), "same": found.same, "left": found.left})
        return
    result(str(out))
    say("the same file, byte for byte" if found.same else f"another file: {len(found.left)} left out")


@app.command("list")
def list_(
    batch: Annotated[int | None, typer.Option(help="The letters of this batch.")] = None,
    resident: Annotated[str | None, typer.Option(help="The letters to this resident.")] = None,
    returned: Annotated[bool, typer.Option("--returned", help="What came back: people nobody reached.")] = False,
    json: Json = False,
) -> None:
    """Show the batches with how many letters are where; or the letters of one batch or resident."""
    from engine.store import repo_letters

    with transaction() as connection:
        if batch is not None or resident is not None or returned:
            _list_letters(_letters(connection, batch, resident), json=json)
            return
        found = repo_letters.batches(connection, None)
        states = repo_letters.states(connection, [one.seq for one in found])
        ways = repo_letters.channels(connection, None)
    if json:
        import msgspec

        rows = [msgspec.to_builtins(one) | {"states": states.get(one.seq, {})} for one in found]
        emit({"batches": rows, "channels": ways})
        return
    for one in found:
        counts = ", ".join(f"{state} {count}" for state, count in sorted(states.get(one.seq, {}).items()))
        result(f"{one.seq}  {one.municipality_code}  {one.sort}  {one.period}  {one.letters}  {counts}")
    say("channels: " + ", ".join(f"{way} {count}" for way, count in sorted(ways.items())))


@app.command()
def printed(batch: Batch, by: By = None, json: Json = False) -> None:
    """Note that a batch is on paper."""
    from engine.store import repo_letters
    from engine.store.filing import By as Signed

    with transaction(writes=True) as connection:
        _known_batch(connection, batch)
        who = Signed(actor(by), os_user())
        done = repo_letters.move_batch(connection, batch, "printed", datetime.now(UTC), who)
    _moved(batch, "printed", done, json=json)


@app.command()
def sent(batch: Batch, by: By = None, json: Json = False) -> None:
    """Note that a batch was posted; it stands in each resident's contacts."""
    from engine.letters_batch import send
    from engine.store.filing import By as Signed

    with transaction(writes=True) as connection:
        _known_batch(connection, batch)
        done = send(connection, batch, datetime.now(UTC), Signed(actor(by), os_user()), SystemRandom())
    _moved(batch, "sent", done, json=json)


@app.command()
def returned(
    code: Code,
    reason: Annotated[
        Literal["unknown", "moved", "unclaimed", "refused", "other"], typer.Option(help="What the post wrote on it.")
    ] = "unknown",
    by: By = None,
    json: Json = False,
) -> None:
    """Note that the post brought a letter back; nothing is written to that address until it changes."""
    from engine.store import repo_letters
    from engine.store.filing import By as Signed

    with transaction(writes=True) as connection:
        letter = _letter(connection, code)
        who = Signed(actor(by), os_user())
        if not repo_letters.move(connection, letter, "returned", datetime.now(UTC), who, reason):
            fail(Exit.ALREADY, letter.state, f"letter {code} is {letter.state}")
    emit({"code": letter.code, "resident": letter.resident, "reason": reason}) if json else result(letter.resident)
    if not json:
        say("nobody reached them: call, or ask for the new address")


@app.command()
def reply(
    code: Code,
    tick: Annotated[
        list[str] | None,
        typer.Option(help="What is ticked: fine, call, moved, stop, seen, planned or declined; repeatable."),
    ] = None,
    seen_on: Annotated[str | None, typer.Option(help="Day of the visit to the doctor (2026-11-02).")] = None,
    words: Annotated[str, typer.Option(help="What is written on it.")] = "",
    by: By = None,
    json: Json = False,
) -> None:
    """Take in a reply form: a request, the end of letters, a visit to the doctor; only what it says."""
    from engine.letters_answer import Done, answer
    from engine.letters_reply import Reply, read_reply
    from engine.officehours import ZONE
    from engine.store.filing import By as Signed

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        letter = _letter(connection, code)
        said = read_reply(letter.sort, tick or [], day_of(seen_on, "--seen-on"), words, now.astimezone(ZONE).date())
        if not isinstance(said, Reply):
            _refuse(said)
        done = answer(connection, letter, said, now, Signed(actor(by), os_user()), SystemRandom())
        if not isinstance(done, Done):
            _refuse(done)
    if json:
        emit({"code": letter.code, "resident": letter.resident, "request": done.request, "stopped": done.stopped,
              "visit": done.visit})  # fmt: skip
        return
    result(letter.resident)
    for words_ in (f"request {done.request}" if done.request else "", "letters stop" if done.stopped else "",
                   f"doctor: {done.visit}" if done.visit else ""):  # fmt: skip
        if words_:
            say(words_)


def _wish(
    sort: Literal["month", "referral"], town: str | None, month: str | None, residents: list[str], to: str | None,
    now: datetime,
) -> Wish:  # fmt: skip
    from engine.letters_store import Wish
    from engine.officehours import ZONE

    if to is not None and len(residents) != 1:
        fail(Exit.USAGE, "one-resident", "--to says where one resident is written to: name one with --resident")
    first = first_of(month, now.astimezone(ZONE).date())
    with transaction() as connection:
        people = [resident_of(connection, one) for one in residents]
        code = town or _only_town(connection, {one.municipality_code for one in people})
    return Wish(town=code, sort=sort, month=first, residents=frozenset(residents), to=to)


def _only_town(connection: Connection, named: set[str]) -> str:
    from engine.store import repo_letters, repo_places

    towns = named or {code for code in repo_places.municipalities(connection) if repo_letters.readers(connection, code)}
    if not towns:
        fail(Exit.ALREADY, "nothing-new", "nobody is written to on paper (phr resident edit --channel letter)")
    if len(towns) > 1:
        fail(Exit.USAGE, "which-town", f"one batch, one town: name it with --town ({', '.join(sorted(towns))})")
    return towns.pop()


def _letter(connection: Connection, code: str) -> Letter:
    from engine.letters import read_code
    from engine.store import repo_letters

    read = read_code(code)
    if not isinstance(read, str):
        _refuse(read)
    found = repo_letters.by_code(connection, read)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-code", f"there is no letter {code}")
    return found


def _letters(connection: Connection, batch: int | None, resident: str | None) -> list[Letter]:
    from engine.store import repo_letters

    if batch is not None:
        _known_batch(connection, batch)
        return repo_letters.of_batch(connection, batch)
    if resident is not None:
        return repo_letters.of_resident(connection, resident_of(connection, resident).id)
    return repo_letters.returned(connection, None)


def _list_letters(found: list[Letter], *, json: bool) -> None:
    """Which letter is where; what it told stays in it."""
    rows: list[dict[str, Any]] = [
        {"code": one.code, "resident": one.resident, "sort": one.sort, "about": one.about, "state": one.state,
         "batch": one.batch, "reason": one.reason}
        for one in found
    ]  # fmt: skip
    if json:
        emit({"letters": rows})
        return
    for row in rows:
        result("  ".join(str(row[key] or "-") for key in ("code", "resident", "sort", "about", "state", "reason")))
    if not rows:
        say("no letter")


def _known_batch(connection: Connection, batch: int) -> None:
    from engine.store import repo_letters

    if repo_letters.batch_of(connection, batch) is None:
        fail(Exit.NOT_FOUND, "unknown-batch", f"there is no batch {batch}; `phr letters list` shows them")


def _moved(batch: int, to: str, residents: list[str], *, json: bool) -> None:
    if not residents:
        fail(Exit.ALREADY, to, f"no letter of batch {batch} was left to be {to}")
    emit({"batch": batch, to: len(residents)}) if json else result(f"batch {batch}: {len(residents)} {to}")


def _made(made: Made, out: Path) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(made.batch)
    return {"file": str(out), "left": made.left, "envelope_verified": made.verified} | told


def _refuse(refusal: Refusal) -> NoReturn:
    fail(_EXITS.get(refusal.code, Exit.USAGE), refusal.code, refusal.message)

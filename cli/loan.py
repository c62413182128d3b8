"""`phr loan`: scales, blood-pressure meters, pedometers, mirrors and gateways that the town lends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar

import typer

from cli.days import day_of
from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, resident_of, transaction
from cli.wiring import language, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.loans import Loan
    from engine.loans_view import Held
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.repo_facts import By as Who

app = typer.Typer(help="What the town lends: out, back, due, overdue.", no_args_is_help=True)
T = TypeVar("T")
Asset = Annotated[str, typer.Argument(help="Number on the label.")]
By = Annotated[str | None, typer.Option(help="Who is answerable; default: the user of this computer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Town = Annotated[str | None, typer.Option("--municipality", help="Only this town, by its 6-digit code.")]
Remark = Annotated[str, typer.Option(help="A remark in one line.")]
Device = Annotated[str | None, typer.Option(help="Which device of the home it is, d-…")]
Gateway = Annotated[str | None, typer.Option(help="Which gateway it is, g-…")]
_EXITS = {
    "unknown-asset": Exit.NOT_FOUND, "unknown-resident": Exit.NOT_FOUND, "already-out": Exit.ALREADY,
    "not-out": Exit.ALREADY, "already-cleared": Exit.ALREADY, "already-wiped": Exit.ALREADY,
    "device-taken": Exit.ALREADY, "asset": Exit.USAGE, "address": Exit.USAGE, "remark": Exit.USAGE, "due": Exit.USAGE,
    "which-device": Exit.USAGE, "which-gateway": Exit.USAGE, "foreign-municipality": Exit.USAGE,
}  # fmt: skip


@app.command()
def out(
    asset: Asset,
    resident: Annotated[str, typer.Option("--to", help="Who borrows it, r-…")],
    sort: Annotated[Literal["scale", "pressure", "pedometer", "mirror", "gateway"], typer.Option(help="What it is.")],
    due: Annotated[str | None, typer.Option(help="Last day (2027-05-31); default: the usual time.")] = None,
    address: Annotated[str, typer.Option(help="Bluetooth address on the label; known from then on.")] = "",
    device: Device = None,
    gateway: Gateway = None,
    remark: Remark = "",
    by: By = None,
    json: Json = False,
) -> None:
    """Lend a thing; what it remembers from before is never the borrower's."""
    from engine.loans import read_address, read_remark
    from engine.loans_store import Wish, lend

    day = day_of(due, "--due")
    with transaction(writes=True) as connection:
        person = resident_of(connection, resident)
        wish = Wish(
            asset=_asset(asset), sort=sort, resident=person.id, due=day, address=_good(read_address(address)),
            device=device, gateway=gateway, remark=_good(read_remark(remark)),
        )  # fmt: skip
        made = _good(lend(connection, wish, datetime.now(UTC), _who(by)))
    _tell(made, json)


@app.command("return")
def return_(
    asset: Asset,
    ended: Annotated[Literal["returned", "lost", "broken"], typer.Option("--as", help="What became of it.")]
    = "returned",
    cleared: Annotated[bool, typer.Option(help="Its own memory is cleared, or it has none.")] = False,
    unused: Annotated[bool, typer.Option(help="It was never connected in the home.")] = False,
    device: Device = None,
    gateway: Gateway = None,
    remark: Remark = "",
    by: By = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Take a thing back: its slots end now, and the gateways are told to give it up once all is handed over."""
    from engine.loans import read_remark
    from engine.loans_store import Back, take_back

    back = Back(
        ended=ended, cleared=cleared, unused=unused, device=device, gateway=gateway, remark=_good(read_remark(remark))
    )
    with transaction(writes=True) as connection:
        done = _good(take_back(connection, _known(connection, asset), back, datetime.now(UTC), _who(by)))
    _tell(done, json)
    if not json:
        _next_steps(done)


@app.command()
def extend(
    asset: Asset,
    due: Annotated[str, typer.Argument(metavar="DAY", help="New last day: 2027-05-31.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Change the day on which a thing is due."""
    from engine.loans_store import extend as extend_to

    day = day_of(due, "DAY")
    assert day is not None
    with transaction(writes=True) as connection:
        done = _good(extend_to(connection, _known(connection, asset), day, datetime.now(UTC), _who(by)))
    _tell(done, json)


@app.command()
def name(asset: Asset, device: Device = None, gateway: Gateway = None, by: By = None, json: Json = False) -> None:
    """Say which device or gateway of the borrower's home the lent thing is."""
    from engine.loans_store import name as name_it

    if (device is None) == (gateway is None):
        fail(Exit.USAGE, "nothing-named", "say either --device or --gateway")
    with transaction(writes=True) as connection:
        done = _good(name_it(connection, _known(connection, asset), device, gateway, datetime.now(UTC), _who(by)))
    _tell(done, json)


@app.command()
def clear(asset: Asset, by: By = None, json: Json = False) -> None:
    """Note that the memory of a thing that came back is cleared."""
    from engine.loans_store import clear as clear_it

    with transaction(writes=True) as connection:
        done = _good(clear_it(connection, _known(connection, asset), datetime.now(UTC), _who(by)))
    _tell(done, json)


@app.command()
def wiped(
    asset: Asset,
    remark: Annotated[str, typer.Option(help="How it is known that nothing is left: reset by hand, destroyed.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Note that nothing is left on a gateway that will never answer."""
    from engine.loans import read_remark
    from engine.loans_store import wipe_by_hand

    why = _good(read_remark(remark))
    if why is None:
        fail(Exit.USAGE, "remark", "say how it is known that nothing is left")
    with transaction(writes=True) as connection:
        done = _good(wipe_by_hand(connection, _known(connection, asset), why, datetime.now(UTC), _who(by)))
    _tell(done, json)


@app.command("list")
def list_(municipality: Town = None, by: By = None, json: Json = False) -> None:
    """List what is out or not wiped yet, what is to be collected first, then by due day."""
    from engine.loans_view import unsettled

    _list("loans-view", unsettled, municipality, by, json=json)


@app.command()
def overdue(municipality: Town = None, by: By = None, json: Json = False) -> None:
    """List whom to call: what is overdue, and what the borrower will not bring back themselves."""
    from engine.loans_view import overdue as overdue_of

    _list("loans-view", overdue_of, municipality, by, json=json)


@app.command()
def show(asset: Asset, by: By = None, json: Json = False) -> None:
    """Show the newest loan of a thing and what is left to wipe."""
    from engine.store import audit

    with transaction(writes=True) as connection:
        loan = _known(connection, asset)
        audit.note(connection, "loan-view", loan.resident, _who(by), datetime.now(UTC), [loan.asset])
    _tell(loan, json)
    if not json:
        _next_steps(loan)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file; must not exist.")],
    municipality: Town = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Write the inventory for a spreadsheet: every thing that was ever lent, and where it is."""
    from engine.carrying import write_table
    from engine.loans_view import HEAD, rows, stock
    from engine.store import audit

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        found = rows(stock(connection, _towns(municipality), now))
        try:
            with file.open("xb") as made:
                write_table(made, HEAD, found)
        except FileExistsError:
            fail(Exit.ALREADY, "file-exists", f"{file} is there already")
        except OSError as error:
            fail(Exit.USAGE, "unwritable", f"{file}: {error.strerror}")
        audit.note(connection, "export-loans", municipality or "all", _who(by), now, [row[0] for row in found])
    emit({"things": len(found), "file": str(file)}) if json else result(f"{len(found)}  {file}")


def _list(action: str, listed: Any, municipality: str | None, by: str | None, *, json: bool) -> None:
    from engine.store import audit

    now = datetime.now(UTC)
    with transaction(writes=True) as connection:
        found: Sequence[Held] = listed(connection, _towns(municipality), now)
        audit.note(connection, action, municipality or "all", _who(by), now, [one.loan.asset for one in found])
    if json:
        emit({"loans": [_shape(one.loan) | {"when": one.when, "collect": one.collect or None} for one in found]})
        return
    for one in found:
        phone = one.person.phone if one.person and one.when in {"overdue", "collect"} else None
        told = _words(f"loan.when.{one.when}") if one.when else _words("loan.state.wiping")
        result(f"{_line(one.loan)}  {told}{f'  {phone}' if phone else ''}")
    if not found:
        say(_words("loan.none"))


def _asset(text: str) -> str:
    from engine.loans import read_asset

    return _good(read_asset(text))


def _known(connection: Connection, text: str) -> Loan:
    from engine.store import repo_loans

    found = repo_loans.newest(connection, _asset(text))
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-asset", f"{text} was never lent")
    return found


def _towns(code: str | None) -> list[str] | None:
    from engine.municipalities import REGION

    if code is not None and code not in REGION:
        fail(Exit.USAGE, "foreign-municipality", f"municipalities are {', '.join(REGION)}")
    return None if code is None else [code]


def _who(by: str | None) -> Who:
    from engine.store.repo_facts import By as Who

    return Who(actor(by), os_user())


def _good(found: T | Refusal) -> T:
    from engine.refusal import Refusal

    if isinstance(found, Refusal):
        _refuse(found)
    return found


def _refuse(refusal: Refusal) -> NoReturn:
    hint = {"which-device": "say --device, or --unused: ", "which-gateway": "say --gateway, or --unused: "}
    fail(_EXITS.get(refusal.code, Exit.REFUSED), refusal.code, hint.get(refusal.code, "") + refusal.message)


def _tell(loan: Loan, json: bool) -> None:
    if json:
        emit(_shape(loan))
    else:
        result(f"{_line(loan)}  {_words(f'loan.state.{loan.state}')}")


def _next_steps(loan: Loan) -> None:
    """What is left before the next borrower may have it."""
    if loan.returned_at is None:
        return
    for order in loan.orders:
        if order.state != "done":
            say(f"{order.gateway}: {_words(f'loan.told.{order.state}', left=order.left)}")
    if not loan.is_cleared:
        say(_words(f"loan.clear.{loan.sort}"))


def _line(loan: Loan) -> str:
    return f"{loan.asset}  {_words(f'loan.sort.{loan.sort}')}  {loan.resident}  {loan.due_on.isoformat()}"


def _shape(loan: Loan) -> dict[str, Any]:
    from msgspec import to_builtins

    hidden = {"seq", "tell_at", "version"}
    shape = {name: value for name, value in to_builtins(loan).items() if name not in hidden}
    return shape | {"state": loan.state, "cleared": loan.is_cleared}


def _words(key: str, **values: object) -> str:
    from engine.locale import text

    return text("en" if language(settings()) == "en" else "ja", "nurse", f"desk.{key}", **values)

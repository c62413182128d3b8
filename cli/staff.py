"""`phr staff`: who works at the desk, in which role, for which towns; and their first sign-in."""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.store import actor, os_user, transaction
from cli.wiring import Settings, settings

if TYPE_CHECKING:
    from engine.refusal import Refusal
    from engine.store.database import Connection
    from engine.store.filing import By
    from engine.store.repo_codes import Issued
    from engine.store.repo_staff import Member

app = typer.Typer(help="Accounts of the staff at the desk.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Who = Annotated[str, typer.Argument(help="Login or id, s-…")]
By_ = Annotated[str | None, typer.Option("--by", help="Who is answerable; default: the user of this computer.")]


@app.command()
def add(
    login: Annotated[str, typer.Option(help="What they type to sign in.")],
    name: Annotated[str, typer.Option(help="What residents and colleagues read.")],
    role: Annotated[list[str], typer.Option(help="A role; repeatable. `phr staff roles` lists them.")],
    town: Annotated[list[str], typer.Option(help="A municipality's code; repeatable.")],
    by: By_ = None,
    json: Json = False,
) -> None:
    """Make an account and print the link by which its owner sets a password and a second factor, once, in 3 days."""
    from engine.contract.ids import new_id
    from engine.refusal import Refusal
    from engine.staffing import Form, drafted, invite
    from engine.store import repo_staff

    now, rng, answerable = datetime.now(UTC), SystemRandom(), _by(by)
    made = drafted(Form(name=name, roles=tuple(role), towns=tuple(town)), login, new_id("s", rng), now)
    if isinstance(made, Refusal):
        _refuse(made)
    with transaction(writes=True) as connection:
        stored = repo_staff.add(connection, made, answerable)
        if isinstance(stored, Refusal):
            _refuse(stored, Exit.ALREADY)
        link = invite(connection, stored, now, answerable, rng)
    _tell_link(stored, link, json=json)


@app.command("list")
def list_(json: Json = False) -> None:
    """List every account."""
    from engine.store import repo_staff

    with transaction() as connection:
        found = repo_staff.listed(connection)
    if json:
        emit({"staff": [_told(member) for member in found]})
        return
    for one in found:
        towns = ",".join(sorted(one.municipalities))
        result(f"{one.id}  {one.login:16} {_state(one):8} {','.join(sorted(one.roles)):20} {towns}  {one.name}")
    if not found:
        say("nobody has an account; `phr staff add` makes one")


@app.command()
def roles(
    who: Who,
    role: Annotated[list[str] | None, typer.Option(help="The roles from now on; repeatable.")] = None,
    town: Annotated[list[str] | None, typer.Option(help="The towns from now on; repeatable.")] = None,
    by: By_ = None,
    json: Json = False,
) -> None:
    """Show what somebody may do, or give them other roles or towns; that signs them out."""
    from engine.access import rights_of
    from engine.refusal import Refusal
    from engine.staffing import Form, amended

    with transaction(writes=bool(role or town)) as connection:
        found = _member(connection, who)
        if role or town:
            said = Form(
                name=found.name, roles=tuple(role or found.roles), towns=tuple(town or found.municipalities),
                team=found.team or "",
            )  # fmt: skip
            changed = amended(found, said)
            if isinstance(changed, Refusal):
                _refuse(changed)
            found = _store(connection, found, changed, by)
    rights = sorted(rights_of(found.roles))
    if json:
        emit(_told(found) | {"rights": rights})
        return
    result(f"{found.id}  {found.login}  {','.join(sorted(found.roles))}  {','.join(sorted(found.municipalities))}")
    result(f"  may: {', '.join(rights)}")


@app.command()
def disable(who: Who, by: By_ = None, json: Json = False) -> None:
    """Close an account: nobody signs in with it, and whoever is signed in is signed out."""
    _switch(who, by, active=False, json=json)


@app.command()
def enable(who: Who, by: By_ = None, json: Json = False) -> None:
    """Open a closed account again, with the password it had."""
    _switch(who, by, active=True, json=json)


@app.command()
def reset(who: Who, by: By_ = None, json: Json = False) -> None:
    """Print a new enrolment link; the password and the second factor they had open nothing any more."""
    from engine.staffing import invite

    with transaction(writes=True) as connection:
        found = _member(connection, who)
        link = invite(connection, found, datetime.now(UTC), _by(by), SystemRandom())
    _tell_link(found, link, json=json)


def _switch(who: str, by: str | None, *, active: bool, json: bool) -> None:
    from engine.staffing import switched

    with transaction(writes=True) as connection:
        found = _member(connection, who)
        changed = switched(found, active=active)
        if changed == found:
            fail(Exit.ALREADY, "no-change", f"the account {found.login} is {_state(found)} already")
        found = _store(connection, found, changed, by)
    if json:
        emit(_told(found))
    else:
        result(f"{found.id}  {found.login}  {_state(found)}")


def _store(connection: Connection, before: Member, changed: Member, by: str | None) -> Member:
    from engine.refusal import Refusal
    from engine.store import repo_staff

    if changed == before:
        return before
    stored = repo_staff.change(connection, changed, datetime.now(UTC), _by(by))
    if isinstance(stored, Refusal):
        _refuse(stored, Exit.REFUSED)
    return stored


def _member(connection: Connection, who: str) -> Member:
    from engine.identity_staff import login_of
    from engine.store import repo_staff

    found = repo_staff.get(connection, who) or repo_staff.by_login(connection, login_of(who))
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-staff", f"there is no account {who!r}; `phr staff list` shows them")
    return found


def _tell_link(member: Member, link: Issued, *, json: bool) -> None:
    address = f"{base_of(settings())}/enrol?token={link.secret}"
    if json:
        emit(_told(member) | {"enrol": address, "until": link.until.isoformat(timespec="seconds")})
        return
    result(address)
    say(f"{member.id} {member.login}: give this link to {member.name} and nobody else; it works once, for 3 days")


def base_of(config: Settings) -> str:
    """How a browser reaches the desk: where it runs now, else where the settings say it will."""
    try:
        running = (config.root / "web" / "address").read_text(encoding="ascii").strip()
    except OSError:
        running = ""
    if config.web.https and config.web.called:
        return f"https://{config.web.called[0]}"
    return running or f"http://{config.web.host}:{config.web.port}"


def _told(member: Member) -> dict[str, Any]:
    return {
        "id": member.id, "login": member.login, "name": member.name, "roles": sorted(member.roles),
        "towns": sorted(member.municipalities), "team": member.team, "state": _state(member),
    }  # fmt: skip


def _state(member: Member) -> str:
    return "closed" if not member.active else "ready" if member.enrolled else "invited"


def _by(by: str | None) -> By:
    from engine.store.filing import By

    return By(actor(by), os_user())


def _refuse(refusal: Refusal, code: Exit = Exit.USAGE) -> NoReturn:
    fail(code, refusal.code, refusal.message)

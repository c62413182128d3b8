"""Closing an account: consents, sessions and notices end at once, the rows two weeks later, the files after them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from engine.closing import GRACE_DAYS, Closing, ask, take_back
from engine.consent import PURPOSES, Event, say
from engine.people import Resident
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import (
    audit,
    erasing,
    repo_closing,
    repo_consents,
    repo_forget,
    repo_grants,
    repo_notices,
    repo_sessions,
)
from engine.store.database import Connection, Engine, read, write
from engine.store.erasing_scrub import Scrubbed, scrub
from engine.store.filing import By
from engine.store.instants import to_micros

CHANNEL: Final = "page"
_NOTICES: Final = 10_000
# What removes the person's files, by id; it is called again where the program died in between.
Files = Callable[[str], int]


def ask_to_close(
    connection: Connection, person: Resident, now: datetime, by: By, seal: Seal, *,
    channel: str = CHANNEL, days: int = GRACE_DAYS,
) -> Closing | Refusal:  # fmt: skip
    """The wish to close: from now on nothing is recorded, shown to others or sent, and everybody is signed out."""
    audit.take_turn(connection)
    made = ask(repo_closing.get(connection, person.id), person.id, now, by=by.actor, channel=channel, days=days)
    if isinstance(made, Refusal):
        return made
    _withdraw(connection, person.id, now, by, channel, seal)
    repo_sessions.end_of(connection, person.id, now)
    for grant in repo_grants.of(connection, person.id):
        repo_grants.revoke(connection, grant, by, now)
    for one in repo_notices.of(connection, person.id, _NOTICES):
        if one.state == repo_notices.WAITING:
            repo_notices.settle(connection, one.seq, "withdrawn", now, one.channel, "closing")
    # One goes out: whoever asked may hold a stolen session, and two weeks are there to take it back.
    repo_notices.owe(connection, person.id, "closing", str(to_micros(now)), now)
    repo_closing.put(connection, made)
    _note(connection, "account-close", person.id, now, by, [to_micros(made.due_at)])
    return made


def take_it_back(connection: Connection, resident: str, now: datetime, by: By) -> Closing | Refusal:
    """The account stays; each consent waits for a new yes."""
    audit.take_turn(connection)
    made = take_back(repo_closing.get(connection, resident), now)
    if not isinstance(made, Refusal):
        repo_closing.put(connection, made)
        _note(connection, "account-take-back", resident, now, by, [])
    return made


def erase(engine: Engine, resident: str, now: datetime, by: By, seal: Seal, files: Files) -> Closing | Refusal:
    """Erases everything of a resident whose closing is due, and tells the gateways; files first, then the rows.

    Refused not-asked or not-due. What it leaves in the database's files goes by `scrub_all`.
    """
    with read(engine) as connection:
        waiting = _waiting(repo_closing.get(connection, resident), resident, now)
    if isinstance(waiting, Refusal):
        return waiting
    files(resident)
    with write(engine) as connection:
        audit.take_turn(connection)
        waiting = _waiting(repo_closing.get(connection, resident), resident, now)
        if isinstance(waiting, Refusal):
            return waiting
        gone = erasing.erase_rows(connection, erasing.scope_of(connection, resident, seal))
        made = msgspec.structs.replace(
            waiting, state="erased", erased_at=now, counts=gone.tables, sent=gone.sent, slots=gone.slots
        )
        repo_closing.put(connection, made)
        others = set(gone.gateways) - set(gone.emptied)
        repo_forget.order(connection, resident, others, now)
        repo_forget.order(connection, resident, gone.emptied, now, alone=True)
        _note(connection, "account-erase", resident, now, by, sorted(gone.tables.items()))
    # What came in by another program while the rows went.
    files(resident)
    return made


def erase_due(engine: Engine, now: datetime, by: By, seal: Seal, files: Files) -> list[Closing]:
    """Erases every account whose time is over; one whose files cannot be removed stays due and holds up nobody else."""
    with read(engine) as connection:
        waiting = repo_closing.due(connection, now)
    done = []
    for one in waiting:
        with suppress(OSError):
            erased = erase(engine, one.resident, now, by, seal, files)
            done += [erased] if isinstance(erased, Closing) else []
    return done


def scrub_all(engine: Engine, now: datetime) -> Scrubbed:
    """Takes what erased accounts left out of the database's files, and notes when; not done while it is read."""
    with read(engine) as connection:
        waiting = repo_closing.unscrubbed(connection)
    if not waiting:
        return Scrubbed(True)
    with write(engine) as connection:
        late = [erasing.sweep(connection, one.resident) for one in waiting]
    done = scrub(engine, frozenset(name for one in waiting for name in one.counts).union(*late))
    if done.done:
        with write(engine) as connection:
            for one in waiting:
                repo_closing.put(connection, msgspec.structs.replace(one, scrubbed_at=now))
    return done


def _waiting(found: Closing | None, resident: str, now: datetime) -> Closing | Refusal:
    if found is None or found.state != "asked":
        return Refusal("not-asked", f"nobody asked for {resident} to be closed")
    if not found.due(now):
        return Refusal("not-due", f"{resident} may still take it back until {found.due_at.isoformat()}")
    return found


def _withdraw(connection: Connection, resident: str, now: datetime, by: By, channel: str, seal: Seal) -> None:
    """A no to everything that was ever agreed to, for everybody it was agreed to for."""
    agreed = {event.purpose for event in repo_consents.history(connection, resident) if event.granted}
    for purpose in (one for one in PURPOSES if one in agreed):
        said = say(Event(resident=resident, purpose=purpose, granted=False, at=now, actor=by.actor, channel=channel))
        assert isinstance(said, Event)  # a no for everybody fits every purpose
        repo_consents.append(connection, said, os_user=by.os_user, seal=seal)


def _note(connection: Connection, action: str, subject: str, now: datetime, by: By, detail: Sequence[object]) -> None:
    audit.note(connection, action, subject, by, now, detail)

"""A reply form in somebody's hand becomes what it says, and nothing else: a request, a channel, a word on a visit."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Final

import msgspec

from engine.letters_reply import VISITS, Reply, Tick
from engine.locale import Language, text
from engine.people import Resident
from engine.refusal import Refusal
from engine.requests import MOST, Kind
from engine.store import audit, repo_contacts, repo_letters, repo_requests, repo_residents
from engine.store.database import Connection
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.repo_letters import Letter

# A tick that somebody has to answer, and the words of the request.
_WISHES: Final[dict[Tick, str]] = {"call": "called", "moved": "changed"}


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply did: the request it became, whether letters stopped, and what was said of a visit to the doctor."""

    letter: Letter
    request: str | None = None
    stopped: bool = False
    visit: str | None = None


def answer(connection: Connection, letter: Letter, reply: Reply, now: datetime, by: By, rng: Random) -> Done | Refusal:
    """Takes in a reply that `read_reply` let through; refused as replied, or unknown-resident after an erasure."""
    person = repo_residents.get(connection, letter.resident)
    if person is None:
        return Refusal("unknown-resident", f"{letter.resident} is not here any more")
    if not repo_letters.move(connection, letter, "replied", now, by, reason=letter.reason):
        return Refusal("replied", "this reply was typed in already", "code")
    repo_contacts.add(
        connection, resident=person.id, by=by.actor, how="letter", outcome="reached", text="", now=now, rng=rng,
        os_user=by.os_user,
    )  # fmt: skip
    visit = next((tick for tick in VISITS if tick in reply.ticks), None)
    noted = visit is not None and repo_letters.note_visit(connection, letter.about, visit, reply.seen_on, now, by)
    request = _ask(connection, person, _lines(person, reply, None if noted else visit), reply, now, by, rng)
    stopped = "stop" in reply.ticks and _stop(connection, person, now, by)
    return Done(letter=letter, request=request, stopped=stopped, visit=visit)


def _lines(person: Resident, reply: Reply, visit: str | None) -> list[str]:
    """What somebody has to answer, or to write down because no follow-up of the referral is kept for it."""
    lang: Language = person.language
    keys = [key for tick, key in _WISHES.items() if tick in reply.ticks] + ([f"went.{visit}"] if visit else [])
    day = "" if reply.seen_on is None else reply.seen_on.isoformat()
    lines = [text(lang, "resident", f"letters.{key}", **({"day": day} if key == "went.seen" else {})) for key in keys]
    return [*lines, *([reply.words] if reply.words else [])]


def _ask(
    connection: Connection, person: Resident, lines: list[str], reply: Reply, now: datetime, by: By, rng: Random
) -> str | None:
    """One request for all of it: a call where one is wished for, else a question."""
    if not lines:
        return None
    kind: Kind = "call" if "call" in reply.ticks else "ask"
    made = repo_requests.add(connection, person, kind, "\n".join(lines)[:MOST], None, now, rng)
    entry = audit.Entry(
        at=to_micros(now), actor=by.actor, os_user=by.os_user, action="request-add", subject=made.id, detail_hash=""
    )
    audit.append(connection, entry)
    return made.id


def _stop(connection: Connection, person: Resident, now: datetime, by: By) -> bool:
    """Whether letters went to them until now, and go no more."""
    if person.channel != "letter":
        return False
    changed = msgspec.structs.replace(person, channel="none", version=person.version + 1)
    done = repo_residents.edit(connection, changed, now, actor=by.actor, os_user=by.os_user)
    return isinstance(done, Resident)

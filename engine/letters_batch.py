"""A batch of letters: gathered, drawn, looked at once more and stored as one; whoever was written to is not again.

Drawing takes its time, and nothing is held meanwhile: who died, hid or said no in between is left out when the letters
are stored, and the file is drawn anew. What is stored can be printed again from the store alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from engine.letters import Said, in_post_order, new_code
from engine.letters_file import pages_of, pdf
from engine.letters_sender import Sender, Stationery, stationery_of
from engine.letters_store import Wish, gates, months, referrals
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_contacts, repo_letters, repo_places, repo_residents
from engine.store.database import Connection, Engine, read, write
from engine.store.filing import By
from engine.store.repo_letters import Batch

# So often a batch is drawn anew because somebody's situation changed meanwhile.
_TRIES: Final = 3


class _OvertakenError(Exception):
    """Something changed while the file was drawn."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A batch with its file; `left` is who was not written to, with the reason code.

    `verified` is that somebody measured the envelope it is laid out for.
    """

    batch: Batch
    content: bytes
    left: dict[str, str]
    verified: bool = False


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """A batch drawn again; `same` where it is the same file byte for byte, `left` who is not written to any more."""

    content: bytes
    same: bool
    left: dict[str, str]


def gather(
    connection: Connection, wish: Wish, now: datetime, home: Path | None, rng: Random
) -> tuple[list[Said], dict[str, str]]:
    """The letters there are to write, in the order of the post, and why not to everybody else.

    Reasons are those of `engine.letters_store.gates`, `already` for who was written this before, `nothing` for who
    has no referral to be written about.
    """
    people = _people(connection, wish)
    given, left = gates(connection, people, wish, now)
    told = repo_letters.told(connection, [one.person.id for one in given], wish.sort)
    found: list[Said] = []
    for one in given:
        name = one.person.id
        if wish.sort == "month" and (name, f"{wish.month:%Y-%m}") in told:
            left[name] = "already"
            continue
        if wish.sort == "month":
            written = [months(connection, one, wish, now, home)]
        else:
            written = referrals(connection, one, now, home)
        fresh = [said for said in written if (said.resident, said.about) not in told]
        if not fresh:
            left[name] = "already" if written else "nothing"
        found += [msgspec.structs.replace(said, code=new_code(rng)) for said in fresh]
    return sorted(found, key=in_post_order), left


def make(engine: Engine, wish: Wish, by: By, now: datetime, rng: Random, home: Path | None) -> Made | Refusal:
    """Makes and stores a batch with its file; pass `random.SystemRandom()` in production.

    Refused: month-not-over, unknown-town, one-resident (`to` is for one alone), nothing-new with the reasons in the
    message, changed (others made letters meanwhile), and as the file or the stationery is refused.
    """
    stationery = _asked(engine, wish, now, home)
    if isinstance(stationery, Refusal):
        return stationery
    for _ in range(_TRIES):
        with read(engine) as connection:
            sender = _sender(connection, stationery, wish.town)
            letters, left = gather(connection, wish, now, home, rng)
        if not letters:
            return Refusal("nothing-new", f"there is no letter to write: {_why(left)}")
        content = pdf(letters, sender, stationery.envelope, now)
        if isinstance(content, Refusal):
            return content
        try:
            batch = _stored(engine, letters, content, wish, now, by)
        except _OvertakenError:
            continue
        return Made(batch=batch, content=content, left=left, verified=stationery.envelope.verified)
    return Refusal("changed", "people's situations or letters changed while this was made; try again")


def again(engine: Engine, seq: int, now: datetime, home: Path | None) -> Again | Refusal:
    """A batch once more from what its letters told, without those who may not be written to any more.

    Refused: unknown-batch, nobody-left, and as the file or the stationery is refused.
    """
    stationery = stationery_of(home)
    if isinstance(stationery, Refusal):
        return stationery
    with read(engine) as connection:
        batch = repo_letters.batch_of(connection, seq)
        if batch is None:
            return Refusal("unknown-batch", f"there is no batch {seq}")
        letters = [one.said for one in repo_letters.of_batch(connection, seq)]
        left = _gone(connection, letters, now)
        sender = _sender(connection, stationery, batch.municipality_code)
    kept = [said for said in letters if said.resident not in left]
    if not kept:
        return Refusal("nobody-left", f"nobody of batch {seq} may be written to any more: {_why(left)}")
    content = pdf(kept, sender, stationery.envelope, batch.at)
    if isinstance(content, Refusal):
        return content
    return Again(content=content, same=hashlib.sha256(content).hexdigest() == batch.sha256, left=left)


def send(connection: Connection, seq: int, now: datetime, by: By, rng: Random) -> list[str]:
    """Notes that a batch was posted; each letter is an attempt to reach its resident, and stands in their contacts."""
    sent = repo_letters.move_batch(connection, seq, "sent", now, by)
    for resident in sent:
        repo_contacts.add(
            connection, resident=resident, by=by.actor, how="letter", outcome="message", text="", now=now, rng=rng,
            os_user=by.os_user,
        )  # fmt: skip
    return sent


def _asked(engine: Engine, wish: Wish, now: datetime, home: Path | None) -> Stationery | Refusal:
    with read(engine) as connection:
        towns = repo_places.municipalities(connection)
    if wish.town not in towns:
        return Refusal("unknown-town", f"{wish.town} is no municipality of this region", "town")
    if wish.to is not None and len(wish.residents) != 1:
        return Refusal("one-resident", "an address is said for one resident", "to")
    if wish.sort == "month" and _next(wish.month) > now.astimezone(ZONE).date():
        return Refusal("month-not-over", f"{wish.month:%Y-%m} is not over", "month")
    return stationery_of(home)


def _people(connection: Connection, wish: Wish) -> list[Resident]:
    if not wish.residents:
        return repo_letters.readers(connection, wish.town)
    named = repo_residents.get_many(connection, wish.residents)
    return [person for person in named if person.municipality_code == wish.town]


def _stored(engine: Engine, letters: Sequence[Said], content: bytes, wish: Wish, now: datetime, by: By) -> Batch:
    """All of the batch or, where anything changed since it was gathered, nothing of it: raises _OvertakenError."""
    with write(engine) as connection:
        if not _still(connection, letters, wish, now):
            raise _OvertakenError
        kept = repo_letters.keep(connection, letters, _batch(letters, content, wish, by, now), by)
        if kept is None:
            raise _OvertakenError
    return kept


def _still(connection: Connection, letters: Sequence[Said], wish: Wish, now: datetime) -> bool:
    """Whether everybody may still be written to, at the address on the letter."""
    people = repo_residents.get_many(connection, {said.resident for said in letters})
    given, _ = gates(connection, people, wish, now)
    to = {one.person.id: one.to for one in given}
    return all(to.get(said.resident) == said.to for said in letters)


def _gone(connection: Connection, letters: Sequence[Said], now: datetime) -> dict[str, str]:
    """Who of these may not be written to any more; an address that changed since is a reason, too."""
    left: dict[str, str] = {}
    people = {one.id: one for one in repo_residents.get_many(connection, {said.resident for said in letters})}
    for said in letters:
        person = people.get(said.resident)
        if person is None:
            left[said.resident] = "inactive"
            continue
        wish = Wish(town=person.municipality_code, sort=said.sort, month=date.min)
        given, why = gates(connection, [person], wish, now)
        left |= why
        if given and given[0].to != said.to:
            left[said.resident] = "other-address"
    return left


def _batch(letters: Sequence[Said], content: bytes, wish: Wish, by: By, now: datetime) -> Batch:
    return Batch(
        seq=0, municipality_code=wish.town, sort=wish.sort,
        period=f"{wish.month:%Y-%m}" if wish.sort == "month" else now.date().isoformat(), letters=len(letters),
        pages=pages_of(content), sha256=hashlib.sha256(content).hexdigest(), by=by.actor, at=now,
    )  # fmt: skip


def _sender(connection: Connection, stationery: Stationery, town: str) -> Sender:
    return stationery.of(town, repo_places.municipalities(connection).get(town, town))


def _why(left: dict[str, str]) -> str:
    codes = list(left.values())
    return ", ".join(f"{code} {codes.count(code)}" for code in sorted(set(codes))) or "nobody is written to on paper"


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)

"""A person's word on what the city's list says of a resident: the same person or not, right or not; carried out.

Whoever decides has both sides before them: what the list tells is then taken as a whole, or the resident stays as here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from random import Random
from typing import Final, Literal, get_args

import msgspec

from engine import life, life_store
from engine.exchange import HAPPENS, LIVES, Verdict, changes, hidden, standing_gone
from engine.exchange_rows import Line, Said
from engine.exchange_taking import Act, carry_out, consider, edit, known_as
from engine.life_typed import NEW, NONE, Typed
from engine.life_typed import read as read_typed
from engine.officehours import ZONE
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import audit, repo_exchange, repo_life, repo_protection, repo_residents
from engine.store.database import Connection
from engine.store.filing import By
from engine.store.repo_exchange import Proposal, State

Answer = Literal["accept", "keep", "unlink"]
ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)
ALONG: Final = "along"
HOMES: Final = (ALONG, NEW, NONE)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says to proposal `seq` as they saw it (`version`); `home` is where a move within leads.

    accept: the list is right, and it is this person. keep: it is this person, and what stands here stays. unlink: it is
    somebody else.
    """

    seq: int
    version: int
    answer: Answer
    by: By
    home: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision did; `act` is what the rest of the row then came to, where there was one."""

    proposal: Proposal
    state: State
    act: Act | None = None


def decide(connection: Connection, decision: Decision, now: datetime, rng: Random) -> Done | Refusal:
    """Carries a decision out, or says why not and has changed nothing.

    Refused: `unknown-proposal`, `conflict` (decided or changed meanwhile), `unknown-answer`, `taken` (the number or
    resident is linked otherwise), `not-shielded`, `no-home`, `no-event`, and as life events are refused.
    """
    audit.take_turn(connection)
    turn = connection.begin_nested()
    done = _decided(connection, decision, now, rng)
    turn.rollback() if isinstance(done, Refusal) else turn.commit()
    return done


def _decided(connection: Connection, decision: Decision, now: datetime, rng: Random) -> Done | Refusal:
    proposal = _open(connection, decision)
    if isinstance(proposal, Refusal):
        return proposal
    person = repo_residents.get(connection, proposal.resident)
    assert person is not None  # a proposal goes with its resident
    said = hidden(_words(proposal), shielded=bool(repo_protection.shielded(connection, [person.id], now)))
    if decision.answer == "unlink":
        return _unlinked(connection, proposal, decision, now)
    if proposal.sort == "link":
        return _linked(connection, proposal, person, said, decision, now, rng)
    resolved = _resolved(connection, proposal, person, said, decision, now, rng)
    if isinstance(resolved, Refusal):
        return resolved
    repo_exchange.tell(connection, proposal.municipality_code, resolved)
    state: State = "accepted" if decision.answer == "accept" else "kept"
    repo_exchange.settle(connection, proposal, state, decision.by, now)
    return Done(proposal=proposal, state=state, act=_rest(connection, proposal, said, resolved, decision.by, now, rng))


def _open(connection: Connection, decision: Decision) -> Proposal | Refusal:
    """The proposal as whoever decides saw it."""
    proposal = repo_exchange.get(connection, decision.seq)
    if proposal is None:
        return Refusal("unknown-proposal", f"there is no proposal {decision.seq}")
    if proposal.state != "open" or proposal.version != decision.version:
        return Refusal("conflict", "this was decided or has changed meanwhile; look at it again")
    if decision.answer not in answers(proposal):
        return Refusal("unknown-answer", f"answers are {', '.join(answers(proposal))}", "answer")
    return proposal


def _words(proposal: Proposal) -> Said:
    assert proposal.said is not None  # kept for as long as it is open
    return proposal.said


def answers(proposal: Proposal) -> tuple[Answer, ...]:
    """What can be said to a proposal: of an unknown number only whose it is."""
    return ("accept", "unlink") if proposal.sort == "link" else ANSWERS


def alike(waits: Iterable[Proposal], people: Mapping[str, Resident]) -> list[Proposal]:
    """The questions of whom it is that have but one answer on either side, where the name is the same too.

    They may be shown together; a person still says of each that it is so.
    """
    links = [one for one in waits if one.sort == "link" and one.resident in people]
    numbers, residents = Counter(one.number for one in links), Counter(one.resident for one in links)
    found = []
    for one in links:
        person, said = people[one.resident], one.said
        same = said and (said.family, said.given) == (person.family_name, person.given_name)
        if same and numbers[one.number] == residents[one.resident] == 1:
            found.append(one)
    return found


def writes_life(proposal: Proposal, answer: str) -> bool:
    """Whether this answer records or takes back what happened in somebody's life."""
    return proposal.sort in LIVES and answer == "accept"


def _linked(
    connection: Connection, proposal: Proposal, person: Resident, said: Said, decision: Decision, now: datetime,
    rng: Random,
) -> Done | Refusal:  # fmt: skip
    """The number is this resident's: their register's words are taken, and the rest of the row is looked at."""
    town = proposal.municipality_code
    held = repo_exchange.number(connection, town, said.number)
    if held is not None and held.resident != person.id:
        return Refusal("taken", f"{said.number} is known as another resident's")
    fields = changes(said, known_as(connection, person, None, now, shared=False))
    refused = edit(connection, person.id, said, fields, decision.by, now)
    if refused is not None:
        return refused
    start = msgspec.structs.replace(said, state="lives", on=None, to=None, shielded=False)
    repo_exchange.link(connection, town, person.id, start, decision.by, now)
    repo_exchange.settle(connection, proposal, "accepted", decision.by, now)
    _overtake(connection, proposal, decision.by, now)
    rest = _rest(connection, proposal, said, start, decision.by, now, rng)
    return Done(proposal=proposal, state="accepted", act=rest)


def _rest(
    connection: Connection, proposal: Proposal, said: Said, base: Said, by: By, now: datetime, rng: Random
) -> Act | None:
    """What the same row still asks for once its doubt is answered; a lesser doubt waits anew."""
    if said == base:
        return None
    person = repo_residents.get(connection, proposal.resident)
    assert person is not None  # a proposal goes with its resident
    known = known_as(connection, person, base, now, shared=False)
    return consider(connection, proposal.municipality_code, Line(0, said), known, by, now, rng)


def _overtake(connection: Connection, proposal: Proposal, by: By, now: datetime) -> None:
    """Whose number it could have been, and which number could have been theirs, is no question any more."""
    for other in repo_exchange.near(connection, proposal):
        repo_exchange.settle(connection, other, "gone", by, now)


def _unlinked(connection: Connection, proposal: Proposal, decision: Decision, now: datetime) -> Done:
    """It is somebody else: the number, if it was this resident's, is nobody's until the next list."""
    town = proposal.municipality_code
    if proposal.sort != "link":
        repo_exchange.unlink(connection, town, proposal.number, proposal.resident, decision.by, now)
    repo_exchange.settle(connection, proposal, "refused", decision.by, now)
    return Done(proposal=proposal, state="refused")


def _resolved(
    connection: Connection, proposal: Proposal, person: Resident, said: Said, decision: Decision, now: datetime,
    rng: Random,
) -> Said | Refusal:  # fmt: skip
    """Carries out the answer to this doubt alone; what the list counts as having told from now on."""
    held = repo_exchange.number(connection, proposal.municipality_code, proposal.number)
    base = said if held is None or held.said is None else held.said
    about_life = proposal.sort in LIVES
    fields = said if proposal.sort == "move" or not about_life else base
    life_of = said if about_life else base
    told = msgspec.structs.replace(fields, state=life_of.state, on=life_of.on, to=life_of.to, shielded=said.shielded)
    if decision.answer != "accept":
        return told
    if proposal.sort in {"alive", "back"}:
        refused = _back(connection, person, said, decision.by, now, rng)
        # Whatever the list tells of them now is looked at as of somebody who lives here.
        told = msgspec.structs.replace(told, state="lives", on=None, to=None)
    elif proposal.sort == "move":
        moved_on = said.on if base.on != said.on else None
        refused = _moved(connection, person, said, proposal.municipality_code, moved_on, decision, now, rng)
    elif proposal.sort == "shield":
        refused = _shield(connection, person, now)
    else:
        refused = _taken(connection, proposal, person, said, base, decision.by, now, rng)
    if refused is None and proposal.sort == "move":
        refused = _taken(connection, proposal, person, said, base, decision.by, now, rng)
    return told if refused is None else refused


def _taken(
    connection: Connection, proposal: Proposal, person: Resident, said: Said, base: Said, by: By, now: datetime,
    rng: Random,
) -> Refusal | None:  # fmt: skip
    """The fields as the list has them, or the death or the move away that it tells."""
    happens = HAPPENS.get(said.state) if proposal.sort in {"death", "moved-out"} else None
    known = known_as(connection, person, base, now, shared=False)
    fields = changes(said, known) if happens is None else ()
    return carry_out(connection, person, said, Verdict(kind="taken", fields=fields, happens=happens), by, now, rng)


def _shield(connection: Connection, person: Resident, now: datetime) -> Refusal | None:
    if repo_protection.shielded(connection, [person.id], now):
        return None
    return Refusal("not-shielded", f"write the measure of support down first (phr protect begin {person.id})")


def _moved(
    connection: Connection, person: Resident, said: Said, town: str, moved_on: date | None, decision: Decision,
    now: datetime, rng: Random,
) -> Refusal | None:  # fmt: skip
    """The move as a life event: with the home they live in (`along`), to a new one, or to none we know."""
    if decision.home not in HOMES:
        return Refusal("no-home", f"say where to: {', '.join(HOMES)}", "home")
    to = said.to if said.state == "moved-out" and said.to is not None else town
    if decision.home == ALONG and to == person.municipality_code:
        return None
    on = moved_on or now.astimezone(ZONE).date()
    household = {ALONG: "same", NEW: NEW, NONE: NONE}[decision.home]
    typed = Typed(
        sort="moved-within", since=on.isoformat(), municipality=to,
        household=household,
    )  # fmt: skip
    ready = read_typed(connection, person, typed, decision.by.actor, now, rng)
    done = ready if isinstance(ready, Refusal) else life_store.record(connection, person, ready, decision.by, now, rng)
    return done if isinstance(done, Refusal) else None


def _back(
    connection: Connection, person: Resident, said: Said, by: By, now: datetime, rng: Random
) -> Refusal | None:  # fmt: skip
    """They live (there) after all: the death was a mistake, the move away is over."""
    event = standing_gone(repo_life.situation(connection, person.id))
    if event is None:
        return Refusal("no-event", f"{person.id} is {person.status}, and no event says since when")
    if event.sort == "death":
        done = life_store.take_back(connection, event, "city-list", by, now, rng)
        return done if isinstance(done, Refusal) else None
    gone, today = event.since.astimezone(ZONE).date(), now.astimezone(ZONE).date()
    day = said.on if said.on is not None and gone < said.on <= today else today
    if day <= gone:
        # They were not away for a day.
        back = life_store.take_back(connection, event, "city-list", by, now, rng)
        return back if isinstance(back, Refusal) else None
    until = life.ending(day.isoformat(), ZONE)
    ended = until if isinstance(until, Refusal) else life_store.end(connection, event, until, by, now, rng)
    return ended if isinstance(ended, Refusal) else None

"""Following up referrals: whom the page asks, whom a nurse telephones, and the day's round that puts the questions.

Asked after is only who still wants advice on that topic, lives here and is not in hospital; a nurse sees only who lets
nurses look. Nothing of that ends a referral: it waits. One that rests on somebody else's reading is void.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from random import Random
from typing import Final

import msgspec

from engine.consent import permits
from engine.decisions import open_to_nurses
from engine.people import Resident
from engine.referrals import Answer, Referral, Why, policy, put, stands, to_put, unreached, why
from engine.refusal import Refusal
from engine.review import tier
from engine.rules import FlagRule, load_catalogue
from engine.situation import refuses
from engine.store import (
    audit,
    repo_advice,
    repo_consents,
    repo_contacts,
    repo_life,
    repo_notices,
    repo_protection,
    repo_referrals,
    repo_residents,
)
from engine.store.database import Connection, Engine, read, write
from engine.store.filing import misfiled
from engine.store.repo_referrals import Kept, today_of

# Of which kind the notice of a question is.
KIND: Final = "doctor-visit"
_TOGETHER: Final = 100


class ToCall(msgspec.Struct, frozen=True, kw_only=True):
    """A referral on the nurses' list and why; `hint` is the day of a hospital's or laboratory's record after it.

    Of whom a measure of support hides, `person` is without address and telephone.
    """

    person: Resident
    referral: Referral
    why: Why
    hint: date | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a round did: rows made for older deliveries, questions put, referrals that became void or live again."""

    followed: int = 0
    put: int = 0
    void: int = 0
    live: int = 0


def questions(connection: Connection, person: Resident, now: datetime) -> list[Referral]:
    """What this resident is asked on their page now: one referral a topic, the gravest first."""
    rows = [
        one
        for one in repo_referrals.of_resident(connection, person.id)
        if stands(one.referral, today_of(now), one.channel)
    ]
    found: dict[str, Referral] = {}
    for one in sorted(_sound(connection, _open(connection, rows, now)), key=_grave):
        found.setdefault(one.referral.topic, one.referral)
    return list(found.values())


def asks_still(connection: Connection, about: str, resident: str, now: datetime) -> bool:
    """Whether the question a notice is `about` still stands."""
    person = repo_residents.get(connection, resident)
    advice = about.partition(":")[0]
    found = repo_referrals.get(connection, advice)
    if person is None or found is None or found.referral.resident != resident:
        return False
    return any(one.topic == found.referral.topic for one in questions(connection, person, now))


def call_list(
    connection: Connection, towns: Collection[str] | None, now: datetime, limit: int | None = None
) -> list[ToCall]:
    """Up to `limit` referrals for which a nurse of these towns (None: all) telephones, the gravest first."""
    today, rules = today_of(now), policy()
    reasons = {
        one.referral.advice: (one, reason)
        for one in repo_referrals.due(connection, towns, today)
        if (reason := why(one.referral, today, one.channel, rules)) is not None
    }
    rows = _open(connection, [one for one, _ in reasons.values()], now)
    agreed = open_to_nurses(connection, {one.referral.resident for one in rows}, now)
    mine = sorted((one for one in rows if one.referral.resident in agreed), key=_grave)
    # Whether the reading was theirs is asked last, of as many as are shown: it reads the evidence.
    found = _sound(connection, mine, limit)
    people = _people(connection, [one.referral.resident for one in found], now)
    hints = repo_referrals.visited(connection, [one.referral for one in found])
    return [
        ToCall(
            person=people[one.referral.resident], referral=one.referral, why=reasons[one.referral.advice][1],
            hint=hints.get(one.referral.advice),
        )
        for one in found
    ]  # fmt: skip


def told_by_phone(
    connection: Connection, advice: str, said: Answer, now: datetime, by: audit.Whose, rng: Random
) -> list[str] | Refusal:
    """Takes in what somebody told a nurse, and keeps the call as a contact; refused as `repo_referrals.say`."""
    done = repo_referrals.say(connection, advice, said, now, by)
    found = repo_referrals.get(connection, advice)
    if not isinstance(done, Refusal) and found is not None:
        repo_contacts.add(
            connection, resident=found.referral.resident, by=by.actor, how="phone", outcome="reached", text="",
            now=now, rng=rng, os_user=by.os_user, advice=advice,
        )  # fmt: skip
    return done


def not_reached(connection: Connection, advice: str, now: datetime, by: audit.Whose, rng: Random) -> date | Refusal:
    """Keeps a telephone call that was not answered as a contact; the day on which they stand on the list again.

    Refused: unknown-referral, ended where nobody waits for a call, conflict.
    """
    found = repo_referrals.get(connection, advice)
    if found is None:
        return Refusal("unknown-referral", f"{advice} is followed up by nobody")
    one, today = found.referral, today_of(now)
    if why(one, today, found.channel, policy()) is None:
        return Refusal("ended", f"nobody waits for a call about {advice}")
    after = unreached(one, today, policy())
    if not repo_referrals.save(connection, after):
        return Refusal("conflict", "somebody else answered at the same moment; look at it again")
    repo_contacts.add(
        connection, resident=one.resident, by=by.actor, how="phone", outcome="absent", text="", now=now, rng=rng,
        os_user=by.os_user, advice=advice,
    )  # fmt: skip
    return after.ask_on


def go_round(engine: Engine, now: datetime) -> Round:
    """Follows what was delivered before, voids what rested on another's reading, puts the day's questions."""
    followed = _follow_all(engine)
    with read(engine) as connection:
        every = repo_referrals.unsettled(connection)
        mistaken = _mistaken(connection, every)
        due = [one for one in repo_referrals.due(connection, None, today_of(now)) if _puts(one, now)]
    void = _in_parts(engine, [one for one in every if _turned(one, mistaken)], _turn)
    asked = _in_parts(engine, due, lambda connection, part: _put(connection, part, now))
    live = sum(one.referral.state == "void" for one in every if _turned(one, mistaken))
    return Round(followed=followed, put=asked, void=void - live, live=live)


def _follow_all(engine: Engine) -> int:
    done, rules = 0, {rule.id for rule in load_catalogue() if isinstance(rule, FlagRule)}
    while True:
        with write(engine) as connection:
            names = repo_referrals.unfollowed(connection, rules)
            items = [item for name in names if (item := repo_advice.get(connection, name)) is not None]
            made = repo_referrals.follow(connection, items)
        done += len(made)
        if not made:
            return done


def _in_parts(engine: Engine, rows: Sequence[Kept], work: Callable[[Connection, Sequence[Kept]], int]) -> int:
    done = 0
    for start in range(0, len(rows), _TOGETHER):
        with write(engine) as connection:
            audit.take_turn(connection)
            done += work(connection, rows[start : start + _TOGETHER])
    return done


def _turned(one: Kept, mistaken: Collection[str]) -> bool:
    return (one.referral.state == "void") != (one.referral.advice in mistaken)


def _turn(connection: Connection, rows: Sequence[Kept]) -> int:
    """Live ones become void and void ones live again, as they were before anybody asked."""
    done = 0
    for one in rows:
        state = "open" if one.referral.state == "void" else "void"
        after = msgspec.structs.replace(
            one.referral, state=state, answered_at=None, by=None, version=one.referral.version + 1
        )
        done += repo_referrals.save(connection, after)
    return done


def _puts(one: Kept, now: datetime) -> bool:
    return to_put(one.referral, today_of(now), one.channel, policy())


def _put(connection: Connection, rows: Sequence[Kept], now: datetime) -> int:
    """Puts questions, each with its notice; who was answered for meanwhile, or may not be asked now, is not."""
    done = 0
    for one in _sound(connection, _open(connection, rows, now)):
        after = put(one.referral, today_of(now), policy())
        if repo_referrals.save(connection, after):
            repo_notices.owe(connection, after.resident, KIND, f"{after.advice}:{after.asked}", now)
            done += 1
    return done


def _open(connection: Connection, rows: Iterable[Kept], now: datetime) -> list[Kept]:
    """Those whose residents are here, not in hospital, and want advice on that topic."""
    known = list(rows)
    names = {one.referral.resident for one in known}
    lives = repo_life.situations(connection, names)
    said = repo_consents.events_of(connection, names, "advice")
    return [
        one
        for one in known
        if refuses(lives[one.referral.resident], "advice", now) is None
        and permits(said.get(one.referral.resident, []), "advice", None, one.referral.topic, now).granted
    ]


def _sound(connection: Connection, rows: Sequence[Kept], limit: int | None = None) -> list[Kept]:
    """Up to `limit` of them, without what rests on a reading that is not surely theirs any more."""
    found: list[Kept] = []
    for one in rows:
        if len(found) == limit:
            break
        if not _mistaken(connection, [one]):
            found.append(one)
    return found


def _mistaken(connection: Connection, rows: Iterable[Kept]) -> frozenset[str]:
    """The ids of those whose evidence names a reading of somebody else; asked one by one, so that none is left out."""
    items = ((one, repo_advice.get(connection, one.referral.advice)) for one in rows)
    return frozenset(one.referral.advice for one, item in items if item is not None and misfiled(connection, [item]))


def _grave(one: Kept) -> tuple[int, datetime, str]:
    return tier(one.referral.severity), one.referral.delivered_at, one.referral.advice


def _people(connection: Connection, names: Sequence[str], now: datetime) -> Mapping[str, Resident]:
    hidden = repo_protection.shielded(connection, names, now)
    found = {}
    for person in repo_residents.get_many(connection, names):
        bare = msgspec.structs.replace(person, address=None, phone=None, emergency_contact=None)
        found[person.id] = bare if person.id in hidden else person
    return found

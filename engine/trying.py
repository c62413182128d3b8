"""The learner in the house: what it would choose is kept, what came of it a week later too; on, it may hold goals back.

In the caller's transaction. Only where the operator's setting and the resident's consent to `learning` say so; it sees
only what safety allowed, and a fault of its own never touches an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from engine.consent import permits
from engine.learning_days import EVERY, Choice, actions_of, available, believe, decide, reward_of, stands, withheld
from engine.learning_model import Posterior
from engine.people import Resident
from engine.picture import history_of, zone_of
from engine.review import ENGINE, Item
from engine.rules import Rule, load_catalogue
from engine.signals import step_days
from engine.standing import Learning
from engine.store import audit, repo_advice, repo_consents, repo_learning, repo_residents, repo_responses, tallies
from engine.store.database import Connection, Engine, StoreError, read, translated, write
from engine.store.instants import to_micros
from engine.store.repo_learning import Believed, Kept

# Choices looked at in one transaction: a reading waits for no more than that.
_PART: Final = 100


def consider(
    connection: Connection,
    person: Resident,
    free: Sequence[str],
    items: Sequence[Item],
    now: datetime,
    mode: Learning | None,
) -> frozenset[str]:
    """The topics of which no goal is said this week; without the resident's yes, and in shadow mode, none.

    `free` are the topics of goals that nothing forbids and nobody asked for. Whoever does not know the operator's
    switch (`mode` None) decides nothing, and keeps what was decided until the engine comes, a week at most. A fault is
    counted (`learning`, `failed`).
    """
    if mode == "off":
        return frozenset()
    try:
        with translated(), connection.begin_nested():
            choice = _choice(connection, person, free, items, now, mode)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - what the learner cannot do must not keep advice from anybody
        tallies.add(connection, {("learning", "failed"): 1})
        return frozenset()
    return withheld(choice, free) if mode != "shadow" else frozenset()


def agreed(connection: Connection, residents: Sequence[str], now: datetime) -> set[str]:
    """Who among them lets us learn from their record."""
    said = repo_consents.events_of(connection, residents, "learning")
    return {name for name, events in said.items() if permits(events, "learning", None, None, now).granted}


def settle(store: Engine, now: datetime) -> int:
    """Looks for what came of choices whose week is over; how many were looked at.

    Of whoever takes their yes back nothing is looked for any more.
    """
    done = 0
    while True:
        with write(store) as connection:
            owing = repo_learning.owing(connection, now, _PART)
            willing = agreed(connection, [one.choice.proposal.resident for one in owing], now)
            for one in owing:
                came = _outcome(connection, one.choice, now) if one.choice.proposal.resident in willing else one.choice
                repo_learning.settle(connection, Kept(one.seq, msgspec.structs.replace(came, rewarded_at=now)))
        done += len(owing)
        if len(owing) < _PART:
            return done


def train(store: Engine, now: datetime, rules: Sequence[Rule] | None = None) -> Believed | None:
    """What is believed of everybody from tonight on, with an audit entry; None while nothing was left to chance."""
    actions = actions_of(tuple(rules) if rules is not None else load_catalogue())
    with read(store) as connection:
        known = lessons(connection, now)
    if not known:
        return None
    posterior = believe(known, actions)
    found = Believed(
        at=now, actions=actions, mean=tuple(posterior.mean.tolist()), people=len(posterior.persons),
        covariance=tuple(tuple(row) for row in posterior.covariance.tolist()), choices=len(known),
    )  # fmt: skip
    with write(store) as connection:
        repo_learning.believe(connection, found)
        digest = audit.detail_hash(msgspec.json.encode([found.actions, found.mean]).decode())
        audit.append(connection, audit.Entry(
            at=to_micros(now), actor=ENGINE, os_user=ENGINE, action="learn", subject="learning-model",
            detail_hash=digest,
        ))  # fmt: skip
    return found


def lessons(connection: Connection, now: datetime) -> list[Choice]:
    """The choices that were left to the lot and whose reward is known, of who agrees today."""
    found = [one for one in repo_learning.every(connection) if not one.shadow and one.reward is not None]
    willing = agreed(connection, sorted({one.proposal.resident for one in found}), now)
    return [one for one in found if one.proposal.resident in willing]


def _choice(
    connection: Connection,
    person: Resident,
    free: Sequence[str],
    items: Sequence[Item],
    now: datetime,
    mode: Learning | None,
) -> Choice | None:
    """The choice that stands, made now where one is due."""
    last = repo_learning.latest(connection, person.id)
    # Held back for two weeks at most: where the learner has nothing to choose among, the house speaks as ever.
    kept = last if last is not None and now < last.due + EVERY else None
    if mode is None and kept is None:
        return None
    if person.id not in agreed(connection, [person.id], now):
        return None
    topics = () if mode is None or stands(last, now) else available(free, items, now)
    if mode is None or not topics:
        return kept
    local = now.astimezone(zone_of(connection, person))
    proposal = decide(_posterior(connection, person.id), person.id, local, items, topics)
    made = Choice(proposal=proposal, shadow=mode != "on")
    repo_learning.add(connection, made)
    return made


def _posterior(connection: Connection, resident: str) -> Posterior:
    """What is believed of this resident: last night's population, and their own weeks until now."""
    actions = actions_of(load_catalogue())
    own = believe(repo_learning.of(connection, resident), actions)
    town = repo_learning.believed(connection)
    if town is None or town.actions != actions:
        return own
    return msgspec.structs.replace(own, mean=np.array(town.mean), covariance=np.array(town.covariance))


def _outcome(connection: Connection, choice: Choice, now: datetime) -> Choice:
    """The choice with what was delivered in its week and what the week brought."""
    person = repo_residents.get(connection, choice.proposal.resident)
    if person is None:
        return choice
    start, items = choice.proposal.at, repo_advice.listed(connection, resident=person.id, states=None, limit=10_000)
    told = [
        one for one in items
        if one.state == "delivered" and one.severity == "routine" and start <= one.updated_at < start + EVERY
    ]  # fmt: skip
    first = min(told, key=lambda one: (one.updated_at, one.id), default=None)
    said = repo_responses.of(connection, [first.id]).get(first.id) if first else None
    zone = zone_of(connection, person)
    steps = step_days(history_of(connection, person.id, min(now, choice.due + EVERY)), zone)
    return msgspec.structs.replace(
        choice, advice=first.id if first else None, delivered_at=first.updated_at if first else None,
        reward=reward_of(steps, start.astimezone(zone).date(), said),
    )  # fmt: skip

"""What the learner chose, what came of it, and what it believes of everybody together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from engine.learning import Proposal
from engine.learning_days import Choice
from engine.store.instants import from_micros, to_micros
from engine.store.tables_points import LEARNING_CHOICE, LEARNING_MODEL

# Lessons of years ago say little about who lives here now, and each person's cost a matrix.
MOST: Final = 20_000


class Believed(msgspec.Struct, frozen=True, kw_only=True):
    """The population's coefficients as of one night: `actions` in the order of their blocks."""

    at: datetime
    actions: tuple[str, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    people: int
    choices: int


class Kept(msgspec.Struct, frozen=True):
    """A choice with the number of its row."""

    seq: int
    choice: Choice


def add(connection: Connection, choice: Choice) -> None:
    """Keeps a new choice."""
    one = choice.proposal
    row = {
        "resident_id": one.resident, "at": to_micros(one.at), "actions": _json(one.actions), "chosen": one.chosen,
        "probabilities": _json(one.probabilities), "features": _json(one.features), "shadow": choice.shadow,
        "reward_due": to_micros(choice.due),
    }  # fmt: skip
    connection.execute(insert(LEARNING_CHOICE).values(row))


def latest(connection: Connection, resident: str) -> Choice | None:
    """The newest choice about this resident."""
    query = select(LEARNING_CHOICE).where(LEARNING_CHOICE.c.resident_id == resident)
    row = connection.execute(query.order_by(LEARNING_CHOICE.c.at.desc()).limit(1)).one_or_none()
    return None if row is None else _choice(row)


def of(connection: Connection, resident: str) -> list[Choice]:
    """Every choice about this resident, oldest first."""
    query = select(LEARNING_CHOICE).where(LEARNING_CHOICE.c.resident_id == resident)
    return [_choice(row) for row in connection.execute(query.order_by(LEARNING_CHOICE.c.at))]


def owing(connection: Connection, now: datetime, limit: int) -> list[Kept]:
    """Choices whose week is over and whose reward nobody looked for yet, oldest first."""
    columns = LEARNING_CHOICE.c
    query = select(LEARNING_CHOICE).where(columns.reward_due <= to_micros(now), columns.rewarded_at.is_(None))
    rows = connection.execute(query.order_by(columns.reward_due, columns.seq).limit(limit))
    return [Kept(row.seq, _choice(row)) for row in rows]


def settle(connection: Connection, kept: Kept) -> None:
    """Keeps what was delivered and what came of it."""
    choice = kept.choice
    values = {
        "advice_id": choice.advice,
        "delivered_at": to_micros(choice.delivered_at) if choice.delivered_at else None,
        "reward": None if choice.reward is None else repr(choice.reward),
        "rewarded_at": to_micros(choice.rewarded_at) if choice.rewarded_at else None,
    }
    connection.execute(update(LEARNING_CHOICE).where(LEARNING_CHOICE.c.seq == kept.seq).values(values))


def every(connection: Connection, most: int = MOST) -> Iterator[Choice]:
    """The newest choices about anybody, newest first."""
    query = select(LEARNING_CHOICE).order_by(LEARNING_CHOICE.c.seq.desc()).limit(most)
    return (_choice(row) for row in connection.execute(query))


def believed(connection: Connection) -> Believed | None:
    """What was believed last night; None before the first."""
    row = connection.execute(select(LEARNING_MODEL).order_by(LEARNING_MODEL.c.seq.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    decode = msgspec.json.decode
    return Believed(
        at=from_micros(row.at), actions=decode(row.actions, type=tuple[str, ...]), people=row.people,
        mean=decode(row.mean, type=tuple[float, ...]), choices=row.choices,
        covariance=decode(row.covariance, type=tuple[tuple[float, ...], ...]),
    )  # fmt: skip


def believe(connection: Connection, found: Believed) -> None:
    """Keeps what is believed from now on; what was believed before stays."""
    row = {
        "at": to_micros(found.at), "actions": _json(found.actions), "mean": _json(found.mean),
        "covariance": _json(found.covariance), "people": found.people, "choices": found.choices,
    }  # fmt: skip
    connection.execute(insert(LEARNING_MODEL).values(row))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _choice(row: Any) -> Choice:
    decode = msgspec.json.decode
    proposal = Proposal(
        resident=row.resident_id, at=from_micros(row.at), actions=decode(row.actions, type=tuple[str, ...]),
        probabilities=decode(row.probabilities, type=tuple[float, ...]), chosen=row.chosen,
        features=decode(row.features, type=tuple[float, ...]),
    )  # fmt: skip
    return Choice(
        proposal=proposal, shadow=bool(row.shadow), advice=row.advice_id,
        delivered_at=from_micros(row.delivered_at) if row.delivered_at is not None else None,
        reward=None if row.reward is None else float(row.reward),
        rewarded_at=from_micros(row.rewarded_at) if row.rewarded_at is not None else None,
    )  # fmt: skip

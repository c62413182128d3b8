"""What became of the advice each rule drafted: counts for those who look after the rules."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from engine.store.tables import ADVICE, ADVICE_EVENT

_WAITING: Final = ("draft", "open", "claimed", "snoozed", "escalated")


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """How many pieces of advice one rule drafted, and how many of them are in each state now.

    `approved` are those signed and not taken back, delivered ones included; `edited` those a person reworded at least
    once, whatever was decided then.
    """

    drafted: int = 0
    waiting: int = 0
    approved: int = 0
    delivered: int = 0
    edited: int = 0
    rejected: int = 0
    superseded: int = 0
    expired: int = 0


def fates(connection: Connection) -> dict[str, Fate]:
    """What became of the advice of every rule that ever drafted any, by rule id."""
    states: dict[str, dict[str, int]] = defaultdict(dict)
    by_state = select(ADVICE.c.rule_id, ADVICE.c.state, func.count().label("n"))
    for row in connection.execute(by_state.group_by(ADVICE.c.rule_id, ADVICE.c.state)):
        states[row.rule_id][row.state] = row.n
    reworded = (
        select(ADVICE.c.rule_id, func.count(ADVICE.c.id.distinct()).label("n"))
        .join(ADVICE_EVENT, ADVICE_EVENT.c.advice_id == ADVICE.c.id)
        .where(ADVICE_EVENT.c.command == "edit")
        .group_by(ADVICE.c.rule_id)
    )
    edited = {row.rule_id: row.n for row in connection.execute(reworded)}
    return {rule: _fate(counts, edited.get(rule, 0)) for rule, counts in sorted(states.items())}


def _fate(counts: dict[str, int], edited: int) -> Fate:
    def of(*states: str) -> int:
        return sum(counts.get(state, 0) for state in states)

    return Fate(
        drafted=sum(counts.values()), waiting=of(*_WAITING), approved=of("approved", "delivered"),
        delivered=of("delivered"), edited=edited, rejected=of("rejected"), superseded=of("superseded"),
        expired=of("expired"),
    )  # fmt: skip

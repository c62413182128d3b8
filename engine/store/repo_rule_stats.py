"""What became of the advice each rule drafted: counts for those who look after the rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, func, select

from engine.review import split_reason
from engine.store.tables import ADVICE, ADVICE_EVENT
from engine.store.tables_desk import ADVICE_RESPONSE

# A rule most of whose advice people turn down is shown to its owner; product policy.
ENOUGH: Final = 20
LOW_PERCENT: Final = 50
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


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What people made of one rule's advice: no resident in it, only counts.

    `kept` was approved as it stood, `edited` in other words; `standing` and `signed` left without a person each time.
    `reasons` counts the codes of rejections, `useful` and `not_for_me` what residents said.
    """

    kept: int = 0
    edited: int = 0
    rejected: int = 0
    standing: int = 0
    signed: int = 0
    waiting: int = 0
    reasons: dict[str, int] = {}
    useful: int = 0
    not_for_me: int = 0

    @property
    def decided(self) -> int:
        """How many a person decided about."""
        return self.kept + self.edited + self.rejected

    @property
    def percent(self) -> int | None:
        """How many of a hundred were approved, edited ones included; None before anybody decided. Rounded down."""
        return None if not self.decided else 100 * (self.kept + self.edited) // self.decided

    @property
    def low(self) -> bool:
        """Whether enough was decided to say that people turn most of it down."""
        accepted = self.kept + self.edited
        return self.decided >= ENOUGH and 100 * accepted < LOW_PERCENT * self.decided


def healths(connection: Connection, towns: Collection[str] | None = None) -> dict[str, Health]:
    """What people made of every rule that drafted anything in these municipalities (None: in all), by rule id."""
    here = ADVICE.c.id.is_not(None) if towns is None else ADVICE.c.municipality_code.in_(sorted(towns))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    reworded = select(ADVICE_EVENT.c.advice_id).where(ADVICE_EVENT.c.command == "edit")
    who = case(
        (ADVICE.c.decided_by.like("p-%"), "standing"), (ADVICE.c.decided_by.like("u-%"), "signed"),
        (ADVICE.c.id.in_(reworded), "edited"), else_="kept",
    )  # fmt: skip
    kind = case(
        (ADVICE.c.state.in_(("approved", "delivered")), who), (ADVICE.c.state == "rejected", "rejected"),
        (ADVICE.c.state.in_(_WAITING), "waiting"), else_="gone",
    ).label("kind")  # fmt: skip
    by_kind = select(ADVICE.c.rule_id, kind, func.count().label("n")).where(here)
    for row in connection.execute(by_kind.group_by(ADVICE.c.rule_id, kind)):
        counts[row.rule_id][row.kind] += row.n
    turned_down = select(ADVICE.c.rule_id, ADVICE.c.reason, func.count().label("n"))
    turned_down = turned_down.where(here, ADVICE.c.state == "rejected").group_by(ADVICE.c.rule_id, ADVICE.c.reason)
    for row in connection.execute(turned_down):
        # Only the code: what somebody wrote beside it may be about a person.
        reasons[row.rule_id][split_reason(row.reason or "")[0]] += row.n
    for row in connection.execute(_responses(here)):
        counts[row.rule_id][row.said] += row.n
    return {rule: _health(found, reasons[rule]) for rule, found in sorted(counts.items())}


def _responses(here: Any) -> Any:
    query = select(ADVICE.c.rule_id, ADVICE_RESPONSE.c.said, func.count().label("n"))
    query = query.join(ADVICE, ADVICE.c.id == ADVICE_RESPONSE.c.advice_id).where(here)
    return query.group_by(ADVICE.c.rule_id, ADVICE_RESPONSE.c.said)


def _health(found: Counter[str], reasons: Counter[str]) -> Health:
    return Health(
        kept=found["kept"], edited=found["edited"], rejected=found["rejected"], standing=found["standing"],
        signed=found["signed"], waiting=found["waiting"], reasons=dict(reasons.most_common()),
        useful=found["useful"], not_for_me=found["not-for-me"],
    )  # fmt: skip


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

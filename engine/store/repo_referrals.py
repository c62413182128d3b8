"""Referrals that were delivered and what became of them, one row each; made where advice becomes delivered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Select, func, or_, select, update

from engine.people import Channel
from engine.referrals import LIVE, Answer, Referral, State, answer, first_ask, policy
from engine.refusal import Refusal
from engine.review_model import Item
from engine.store import audit
from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_places import ZONE
from engine.store.tables import ADVICE, RESIDENT
from engine.store.tables_clinical import FACT
from engine.store.tables_following import REFERRAL

# Whose records tell of a visit to a doctor.
_CARE: Final = ("hospital", "lab")
_ZONE: Final = ZoneInfo(ZONE)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A referral with what decides who asks: the resident's channel and town."""

    referral: Referral
    channel: Channel
    municipality: str


def today_of(now: datetime) -> date:
    """The local day of `now`, by which referrals are asked after."""
    return now.astimezone(_ZONE).date()


def follow(connection: Connection, items: Iterable[Item]) -> list[str]:
    """Keeps a row for each of these delivered items that refers to a doctor; the ids of those that had none.

    Called in the transaction of the delivery itself: no referral goes out that nobody follows up.
    """
    rows = []
    for item in items:
        ask_on = first_ask(item.severity, item.evidence.get("message", ""), today_of(item.updated_at), policy())
        if ask_on is not None:
            rows.append((item, ask_on))
    towns = _towns(connection, {item.resident_id for item, _ in rows})
    made = []
    for item, ask_on in rows:
        row = {
            "advice_id": item.id, "resident_id": item.resident_id, "municipality_code": towns[item.resident_id],
            "state": "open", "delivered_at": to_micros(item.updated_at), "ask_on": ask_on.isoformat(), "asked": 0,
            "seen_on": None, "answered_at": None, "by": None, "version": 1,
        }  # fmt: skip
        made += [item.id] if insert_new(connection, REFERRAL, [row]) else []
    return made


def unfollowed(connection: Connection, rules: Iterable[str], limit: int = 500) -> list[str]:
    """Up to `limit` delivered items of these rules that refer to a doctor and have no row: from before rows were kept.

    `rules` are those that refer at all: of a town's advice they are the small part an index finds.
    """
    message = [ADVICE.c.evidence.contains(f'"message":"{name}"') for name in sorted(policy().routine)]
    refers = or_(ADVICE.c.severity != "routine", *message)
    query = select(ADVICE.c.id).join(REFERRAL, REFERRAL.c.advice_id == ADVICE.c.id, isouter=True)
    mine = ADVICE.c.rule_id.in_(sorted(rules)) & (ADVICE.c.state == "delivered")
    query = query.where(mine, REFERRAL.c.advice_id.is_(None), refers)
    return list(connection.execute(query.order_by(ADVICE.c.id).limit(limit)).scalars())


def get(connection: Connection, advice: str) -> Kept | None:
    """The follow-up of that piece of advice."""
    return next(iter(_read(connection, _all().where(REFERRAL.c.advice_id == advice))), None)


def of_resident(connection: Connection, resident: str) -> list[Kept]:
    """Everything one resident was referred for, oldest first."""
    query = _all().where(REFERRAL.c.resident_id == resident)
    return _read(connection, query.order_by(REFERRAL.c.delivered_at, REFERRAL.c.advice_id))


def due(connection: Connection, towns: Collection[str] | None, today: date) -> list[Kept]:
    """Of active residents of these towns (None: all) what is to be asked today, and every no; the oldest first."""
    come = REFERRAL.c.state.in_((*sorted(LIVE), "declined")) & (REFERRAL.c.ask_on <= today.isoformat())
    query = _all().where(come, RESIDENT.c.status == "active")
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    return _read(connection, query.order_by(REFERRAL.c.ask_on, REFERRAL.c.advice_id))


def unsettled(connection: Connection) -> list[Kept]:
    """Everything that is not answered for good, void rows too: a reading may come back to whose it is."""
    query = _all().where(REFERRAL.c.state.in_((*sorted(LIVE), "void")))
    return _read(connection, query.order_by(REFERRAL.c.resident_id, REFERRAL.c.advice_id))


def save(connection: Connection, after: Referral) -> bool:
    """Stores `after` where the row is still the one it was made from; of two at once one wins."""
    mine = (REFERRAL.c.advice_id == after.advice) & (REFERRAL.c.version == after.version - 1)
    changed = {
        "state": after.state, "ask_on": after.ask_on.isoformat(), "asked": after.asked, "by": after.by,
        "seen_on": None if after.seen_on is None else after.seen_on.isoformat(),
        "answered_at": None if after.answered_at is None else to_micros(after.answered_at), "version": after.version,
    }  # fmt: skip
    return connection.execute(update(REFERRAL).where(mine).values(changed)).rowcount == 1


def say(connection: Connection, advice: str, said: Answer, now: datetime, by: audit.Whose) -> list[str] | Refusal:
    """Takes in an answer, with an audit entry, for this referral and all of its resident's on the same topic.

    One visit to the doctor answers for everything of that topic that was waiting; the ids it answered. Refused as
    `engine.referrals.answer`, unknown-referral, or conflict where somebody answered at the same moment.
    """
    # Of two who answer for several at once neither holds a row the other waits for.
    audit.take_turn(connection)
    found = get(connection, advice)
    if found is None:
        return Refusal("unknown-referral", f"{advice} is followed up by nobody")
    one = found.referral
    alike = [
        other.referral
        for other in of_resident(connection, one.resident)
        if other.referral.topic == one.topic and other.referral.state in LIVE and other.referral.advice != advice
    ]
    after = answer(one, said, now, today_of(now), policy())
    if isinstance(after, Refusal):
        return after
    if not save(connection, after):
        return Refusal("conflict", "somebody else answered at the same moment; look at it again")
    done = [advice]
    for each in alike:
        also = answer(each, said, now, today_of(now), policy())
        done += [each.advice] if isinstance(also, Referral) and save(connection, also) else []
    audit.note(connection, "referral-answer", one.resident, by, now, [*done, said.said])
    return done


def visited(connection: Connection, wanted: Iterable[Referral]) -> dict[str, date]:
    """The newest day of a hospital's or laboratory's record after each of these referrals, by advice id.

    A hint that somebody went, for a nurse to ask about; it ends nothing.
    """
    by_person: dict[str, list[Referral]] = {}
    for one in wanted:
        by_person.setdefault(one.resident, []).append(one)
    names, found = sorted(by_person), dict[str, date]()
    gone = select(FACT.c.retracts).where(FACT.c.retracts.is_not(None))
    for some in parts_of(names):
        mine = FACT.c.resident_id.in_(some) & FACT.c.source.in_(_CARE)
        query = select(FACT.c.resident_id, func.max(FACT.c.at).label("at")).where(mine, FACT.c.id.not_in(gone))
        for row in connection.execute(query.group_by(FACT.c.resident_id)):
            at = from_micros(row.at)
            found |= {one.advice: today_of(at) for one in by_person[row.resident_id] if at > one.delivered_at}
    return found


def counts(connection: Connection, since: datetime, until: datetime, towns: Collection[str] | None) -> dict[State, int]:
    """How many referrals that were delivered in this time (to before `until`) are in which state."""
    staying = (REFERRAL.c.delivered_at >= to_micros(since)) & (REFERRAL.c.delivered_at < to_micros(until))
    query = select(REFERRAL.c.state, func.count()).join(RESIDENT, RESIDENT.c.id == REFERRAL.c.resident_id)
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    return {state: int(count) for state, count in connection.execute(query.where(staying).group_by(REFERRAL.c.state))}


def _all() -> Select[Any]:
    columns = (
        REFERRAL,
        ADVICE.c.topic,
        ADVICE.c.severity,
        RESIDENT.c.channel,
        RESIDENT.c.municipality_code.label("town"),
    )
    query = select(*columns).join(ADVICE, ADVICE.c.id == REFERRAL.c.advice_id)
    return query.join(RESIDENT, RESIDENT.c.id == REFERRAL.c.resident_id)


def _read(connection: Connection, query: Select[Any]) -> list[Kept]:
    return [_kept(row) for row in connection.execute(query).mappings()]


def _kept(row: Any) -> Kept:
    one = Referral(
        advice=row["advice_id"], resident=row["resident_id"], topic=row["topic"], severity=row["severity"],
        state=row["state"], delivered_at=from_micros(row["delivered_at"]), ask_on=date.fromisoformat(row["ask_on"]),
        asked=row["asked"], seen_on=None if row["seen_on"] is None else date.fromisoformat(row["seen_on"]),
        answered_at=None if row["answered_at"] is None else from_micros(row["answered_at"]), by=row["by"],
        version=row["version"],
    )  # fmt: skip
    return Kept(referral=one, channel=row["channel"], municipality=row["town"])


def _towns(connection: Connection, residents: Collection[str]) -> dict[str, str]:
    names, found = sorted(residents), dict[str, str]()
    for some in parts_of(names):
        query = select(RESIDENT.c.id, RESIDENT.c.municipality_code)
        query = query.where(RESIDENT.c.id.in_(some))
        found |= {row.id: row.municipality_code for row in connection.execute(query)}
    return found

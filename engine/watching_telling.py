"""Deciding about an alert, and telling: consent is asked in the transaction that tells, and nobody is told twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from random import Random
from typing import Final

import msgspec

from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.refusal import Refusal
from engine.situation import refuses
from engine.store import audit, repo_contacts, repo_life, repo_notices, repo_watch, repo_watch_alerts
from engine.store.database import Connection
from engine.store.repo_facts import By
from engine.store.repo_watch_alerts import Raised
from engine.watching_decisions import Act, decide

# The kinds of notices; what they are about is `<resident>:<alert>`.
NOTICE: Final = "watch"
BACK: Final = "watch-back"
# By the resident's own word, and what is over without anybody having been heard.
FINE: Final = "fine"
_WELL: Final = frozenset({"heard", "recovered", "reached", FINE})


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a decision: how the alert stands now, and whom it was told by it."""

    alert: Raised
    recipients: tuple[str, ...] = ()


def about(alert: Raised) -> str:
    """What a notice about an alert names; one that was raised anew is another matter."""
    return f"{alert.resident}:{alert.seq}" + (f":{alert.evidence.again}" if alert.evidence.again else "")


def may_be_told(connection: Connection, alert: Raised, now: datetime) -> tuple[str, ...]:
    """Who watches over the resident at this instant and was not told of this alert yet."""
    told = _knowing(connection, alert)
    held = repo_watch.overseers(connection, now, [alert.resident]).get(alert.resident, ())
    return tuple(one for one in held if one not in told)


def tell(connection: Connection, seq: int, recipients: Collection[str], by: By, now: datetime) -> Told | Refusal:
    """Tells these watchers of an alert, each once; nobody is told if one of them may not be at this instant.

    Refused unknown, not-open, over, not-now, device-silent, nobody, no-consent, told-already, and as `refuses` says.
    """
    found = _turn(connection, seq, "tell", now)
    if isinstance(found, Refusal):
        return found
    held = refuses(repo_life.situation(connection, found.resident), "watching", now)
    if held is not None:
        return held
    wanted = sorted(set(recipients))
    wrong = _refused(connection, found, wanted, now)
    if wrong is not None:
        return wrong
    for one in wanted:
        repo_watch_alerts.tell(connection, found.seq, one, by.actor, now)
        if is_id(one, "m"):
            repo_notices.owe(connection, one, NOTICE, about(found), now)
    repo_watch_alerts.change(connection, found, "told", by.actor, None, now)
    audit.note(connection, "watch-told", found.resident, by, now, [found.seq, *wanted])
    return Told(alert=found, recipients=tuple(wanted))


def put_aside(
    connection: Connection, seq: int, act: Act, reason: str, words: str, by: By, now: datetime
) -> Told | Refusal:  # fmt: skip
    """Dismisses or closes an alert, with a reason from the list and words of one's own; nobody is told anything."""
    found = _turn(connection, seq, act, now, reason)
    if isinstance(found, Refusal):
        return found
    said = f"{reason}: {words}" if words else reason
    repo_watch_alerts.change(connection, found, "dismissed" if act == "dismiss" else "told", by.actor, said, now)
    if act == "close":
        latest = repo_watch_alerts.get(connection, seq)
        assert latest is not None  # it was changed a line above
        repo_watch_alerts.end(connection, latest, "closed", now)
    audit.note(connection, f"watch-{act}", found.resident, by, now, [found.seq, reason, words])
    return Told(alert=found)


def call(
    connection: Connection, seq: int, act: Act, words: str, by: By, now: datetime, rng: Random
) -> Told | Refusal:  # fmt: skip
    """Notes that a nurse called: reached ends the alert, and whoever was told reads so; absent leaves it at the top."""
    found = _turn(connection, seq, act, now)
    if isinstance(found, Refusal):
        return found
    repo_contacts.add(
        connection, resident=found.resident, by=by.actor, how="phone",
        outcome="reached" if act == "reached" else "absent", text=words, now=now, rng=rng, os_user=by.os_user,
    )  # fmt: skip
    if act == "reached":
        over(connection, found, "reached", now)
    return Told(alert=found)


def over(connection: Connection, alert: Raised, why: str, now: datetime, *, again: bool = False) -> bool:
    """Ends an alert; whoever was told of it, and still may be, reads once that all is well, if it is.

    `again` where the same person is silent once more: then nobody is told that all is well.
    """
    if not repo_watch_alerts.end(connection, alert, why, now):
        return False
    if why in _WELL and not again and alert.sort != "device-silent":
        held = repo_watch.overseers(connection, now, [alert.resident]).get(alert.resident, ())
        for one in repo_watch_alerts.tellings(connection, [alert.seq]).get(alert.seq, []):
            known = one.recipient in held and repo_watch_alerts.tell_back(connection, alert.seq, one.recipient, now)
            if known and is_id(one.recipient, "m"):
                repo_notices.owe(connection, one.recipient, BACK, about(alert), now)
    return True


def fine(connection: Connection, resident: str, by: By, now: datetime) -> int:
    """Whatever stands about a resident ends by their own word that they are well; how many alerts."""
    audit.take_turn(connection)
    found = repo_watch_alerts.standing(connection, [resident]).get(resident, [])
    people = [one for one in found if one.sort != "device-silent"]
    audit.note(connection, "watch-fine", resident, by, now, [one.seq for one in people])
    return sum(over(connection, one, FINE, now) for one in people)


def still_watches(connection: Connection, recipient: str, named: str, now: datetime, *, back: bool) -> bool:
    """Whether what a notice names may still be said to this person: asked again whenever it is about to go out."""
    number = named.split(":")[1:2]
    alert = repo_watch_alerts.get(connection, int(number[0])) if number and number[0].isdecimal() else None
    if alert is None or about(alert) != named or (alert.ended_at is not None) != back:
        return False
    if refuses(repo_life.situation(connection, alert.resident), "watching", now) is not None:
        return False
    return recipient in repo_watch.overseers(connection, now, [alert.resident]).get(alert.resident, ())


def _knowing(connection: Connection, alert: Raised) -> frozenset[str]:
    """Who was told since the alert was raised, last time."""
    told = repo_watch_alerts.tellings(connection, [alert.seq]).get(alert.seq, [])
    return frozenset(one.recipient for one in told if one.at >= alert.at)


def _turn(connection: Connection, seq: int, act: Act, now: datetime, reason: str = "") -> Raised | Refusal:
    """The alert as nobody else is changing it, if the resident let nurses look and this may be done with it."""
    audit.take_turn(connection)
    found = repo_watch_alerts.get(connection, seq)
    if found is None:
        return Refusal("unknown", f"there is no alert {seq}", "alert")
    if found.resident not in open_to_nurses(connection, [found.resident], now):
        return Refusal("not-open", "the resident does not let nurses look", "alert")
    after = decide(found.state, found.sort, act, reason, ended=found.ended_at is not None)
    return after if isinstance(after, Refusal) else found


def _refused(connection: Connection, alert: Raised, wanted: Iterable[str], now: datetime) -> Refusal | None:
    names = list(wanted)
    if not names:
        return Refusal("nobody", "choose whom to tell", "to")
    told = _knowing(connection, alert)
    held = repo_watch.overseers(connection, now, [alert.resident]).get(alert.resident, ())
    for one in names:
        if one not in held:
            return Refusal("no-consent", f"{one} does not watch over this resident now", "to")
        if one in told:
            return Refusal("told-already", f"{one} was told already", "to")
    return None

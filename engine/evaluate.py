"""From what is stored to what waits in the queue: one resident, one transaction, the same when run twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from random import Random, SystemRandom
from typing import Final

import msgspec

from engine import automatic as signed
from engine import trying
from engine.advice import Draft, assess
from engine.automatic import carry
from engine.consent import permits
from engine.contract.ids import is_id, new_id
from engine.judge import judge
from engine.life_store import come_due
from engine.merging import Change, Create, Supersede, merge
from engine.people import Resident
from engine.picture import signals_of, wish_of, zone_of
from engine.review import ENGINE, LIVE, NEXT_READING, Command, Item, Verb, rank
from engine.rules import AdviceRule, FlagRule, Rule, in_force, load_catalogue
from engine.signals import Signals
from engine.situation import gone, refuses
from engine.standing import Automatic
from engine.store import (
    audit,
    repo_advice,
    repo_consents,
    repo_life,
    repo_outbox,
    repo_residents,
    repo_shows,
    repo_standing,
    tallies,
)
from engine.store.database import Connection, Engine, StoreError, read, translated, write
from engine.store.filing import misfiled, unmistaken
from engine.store.repo_arrivals import last_measured
from engine.unread import set_aside

TOPIC: Final = "evaluate"


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a resident's queue; `skipped` is unknown-resident or inactive when nobody was looked at."""

    created: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    kept: int = 0
    missing: tuple[str, ...] = ()
    skipped: str | None = None


def evaluate(
    connection: Connection,
    resident: str,
    now: datetime,
    *,
    rules: Sequence[Rule] | None = None,
    rng: Random | None = None,
    automatic: Automatic | None = None,
) -> Evaluation:
    """Draft, vet and merge for one resident inside the caller's transaction.

    Without a living consent to `advice` for a topic nothing is drafted for it, and what waits there is withdrawn.
    `automatic` is what the operator lets leave without a person; None, from whoever does not know: nothing.
    """
    # Two that look at one person at once would both find nothing waiting, draft it twice and send it twice.
    audit.take_turn(connection)
    person = repo_residents.get(connection, resident)
    if person is None:
        return Evaluation(skipped="unknown-resident")
    items = repo_advice.listed(connection, resident=resident, states=None, limit=10_000)
    local = now.astimezone(zone_of(connection, person))
    catalogue = in_force(tuple(rules) if rules is not None else load_catalogue(), local.date())
    picture, wish = signals_of(connection, person, now), wish_of(connection, person, now)
    topics = {rule.topic for rule in catalogue if isinstance(rule, FlagRule | AdviceRule)}
    refused = _barred(connection, resident, topics, now)
    held = refuses(repo_life.situation(connection, resident), "advice", now)
    looked = partial(assess, person, picture, catalogue, local, first=not items, wish=wish, refused=refused, held=held)
    found = looked()
    mode = automatic.learning if automatic is not None else None
    if withheld := trying.consider(connection, person, found.free, items, now, mode):
        found = looked(withheld=withheld)
    if found.failed:
        tallies.add(connection, {("draft-failed", rule): 1 for rule in found.failed})
    # What was told on somebody else's readings does not stand in the way of what is true.
    mistaken = misfiled(connection, items)
    standing = [item for item in _awake(connection, items, now) if item.id not in mistaken]
    changes = merge(standing, found.drafts, now, _outdated(standing, found.drafts, catalogue) | found.withdrawn)
    made = [_apply(connection, resident, change, now, rng or SystemRandom()) for change in changes]
    fresh = {draft.rule_id: item_of(draft, "", resident, now) for draft in found.drafts}
    known = signed.Known(connection, person, items, {rule.id: rule for rule in catalogue}, now)
    signed.after_merge(known, fresh, {new for new, _ in made if new}, automatic or Automatic())
    return Evaluation(
        created=tuple(new for new, _ in made if new),
        superseded=tuple(old for _, old in made if old),
        kept=sum(1 for change in made if change == (None, None)),
        missing=tuple(sorted({name for outcome in found.indeterminate for name in outcome.missing})),
    )


def evaluate_next(engine: Engine, now: datetime, automatic: Automatic | None = None) -> str | None:
    """Evaluate the resident who has waited longest, if any, and settle holds that have ended; the resident's id.

    A resident on whom our own code fails is counted (`evaluation`, `failed`) and does not hold up the others.
    """
    with read(engine) as connection:
        idle = not repo_outbox.owes(connection, TOPIC) and not _due(connection, now)
    if idle:
        return None
    with write(engine) as connection:
        audit.take_turn(connection)
        settle(connection, now, automatic)
        debts = repo_outbox.take(connection, TOPIC)
        for debt in debts:
            attempt(connection, debt.key, now, automatic)
        repo_shows.owe(connection, [debt.key for debt in debts], now)
        repo_outbox.done(connection, debts)
    return debts[0].key if debts else None


def hurry(engine: Engine, residents: Iterable[str], now: datetime, automatic: Automatic | None = None) -> None:
    """Evaluate these residents before all who wait: a red value of theirs has just come in.

    What they are owed otherwise stays owed; each has a transaction of their own.
    """
    for resident in residents:
        with write(engine) as connection:
            attempt(connection, resident, now, automatic)


def look_after(engine: Engine, now: datetime, automatic: Automatic | None = None) -> None:
    """Every minute: carries out life events that are due, notes which standing approvals are over, tells families.

    A family hears of an urgent message that nobody opened. `automatic` says whether what nobody read is set aside.
    """
    with write(engine) as connection:
        come_due(connection, now)
        repo_standing.expire(connection, now)
        signed.tell_family(connection, now)
        if automatic is not None and automatic.aside_days is not None:
            set_aside(connection, now, automatic.aside_days)


def attempt(connection: Connection, resident: str, now: datetime, automatic: Automatic | None = None) -> bool:
    """Evaluate, all or nothing; whether our own code went through. Failures of the database pass.

    Where it did not, the referrals are tried alone: a goal that cannot be computed must not hide a red flag.
    """
    if _tried(connection, resident, now, None, automatic):
        return True
    tallies.add(connection, {("evaluation", "failed"): 1})
    referrals = [rule for rule in load_catalogue() if not isinstance(rule, AdviceRule)]
    _tried(connection, resident, now, referrals, automatic)
    return False


def _tried(
    connection: Connection, resident: str, now: datetime, rules: Sequence[Rule] | None, automatic: Automatic | None
) -> bool:
    try:
        with translated(), connection.begin_nested():
            evaluate(connection, resident, now, rules=rules, automatic=automatic)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - one resident's odd history must not stop a town's readings
        return False
    return True


def settle(connection: Connection, now: datetime, automatic: Automatic | None = None) -> tuple[str, ...]:
    """Deliver what was approved and held long enough, wake what slept long enough; the ids that moved.

    Nothing stale goes out: whoever is due is judged anew on what is stored by now, and an item that is vetoed,
    overtaken, no longer consented to or that could not be judged is superseded instead. What a standing approval
    covered is opened again where that approval does not hold any more; whoever does not know the operator's switch
    (`automatic` None) leaves it to the engine.
    """
    moved: list[str] = []
    residents = {item.resident_id: None for item in _due(connection, now)}
    judged = {resident for resident in residents if attempt(connection, resident, now, automatic)}
    rules = {rule.id: rule for rule in load_catalogue()}
    for item in _due(connection, now):
        if automatic is None and is_id(item.decided_by or "", "p"):
            continue
        command = _settled(connection, item, judged, now, rules, automatic or Automatic())
        moved += [item.id] if carry(connection, item, command, now) else []
    return tuple(moved)


def _settled(
    connection: Connection, item: Item, judged: set[str], now: datetime, rules: Mapping[str, Rule], automatic: Automatic
) -> Command:
    """What is to be done with an item whose hold or sleep is over."""
    verb: Verb = "wake" if item.state == "snoozed" else "deliver"
    if verb == "deliver":
        reason = _against(connection, item, judged, now)
        if reason is not None:
            return Command(verb="supersede", by=ENGINE, version=item.version, reason=reason)
        fallen = signed.lapsed(connection, item, rules, now, automatic) if is_id(item.decided_by or "", "p") else None
        if fallen is not None:
            return Command(verb="reopen", by=ENGINE, version=item.version, reason=fallen)
    return Command(verb=verb, by=ENGINE, version=item.version)


def still_said(
    connection: Connection, person: Resident, items: Sequence[Item], now: datetime, picture: Signals | None = None
) -> list[Item]:
    """`items` as they may be told today: without what was wrong, and without delivered goals a veto surely forbids now.

    A referral is never taken back by silence. `picture` spares a second look where the caller has it.
    """
    sound = unmistaken(connection, items)
    goals = {item.rule_id for item in sound if item.state == "delivered" and item.severity == "routine"}
    if not goals:
        return sound
    catalogue = in_force(load_catalogue(), now.astimezone(zone_of(connection, person)).date())
    found = judge(signals_of(connection, person, now) if picture is None else picture, catalogue)
    barred = {rule.id for rule in catalogue if rule.id in goals and any(bar.sure for bar in found.bars_of(rule))}
    return [item for item in sound if item.rule_id not in barred or item.state != "delivered"]


def _due(connection: Connection, now: datetime) -> list[Item]:
    return [*repo_advice.held_until(connection, "approved", now), *repo_advice.held_until(connection, "snoozed", now)]


def _awake(connection: Connection, items: Sequence[Item], now: datetime) -> list[Item]:
    """The items with those awake that slept long enough, or until the person measured again."""
    asleep = [item for item in items if item.state == "snoozed" and item.held_until]
    waiting = [item for item in asleep if (item.reason or "").startswith(NEXT_READING)]
    news = last_measured(connection, waiting[0].resident_id) if waiting else None
    due = {item.id for item in asleep if item.held_until and item.held_until <= now}
    due |= {item.id for item in waiting if news is not None and news > item.updated_at}
    woken = {
        item.id: carry(connection, item, Command(verb="wake", by=ENGINE, version=item.version), now)
        for item in asleep
        if item.id in due
    }
    return [woken.get(item.id) or item for item in items]


def _against(connection: Connection, item: Item, judged: set[str], now: datetime) -> str | None:
    """Why an approved item must not go out after all."""
    if item.resident_id not in judged:
        return "not-evaluated"
    situation = repo_life.situation(connection, item.resident_id)
    held = refuses(situation, "advice", now) if item.severity == "routine" else gone(situation, now)
    if held is not None:
        return held.code
    return "no-consent" if _barred(connection, item.resident_id, {item.topic}, now) else None


def _barred(connection: Connection, resident: str, topics: Iterable[str], now: datetime) -> set[str]:
    """The topics this resident did not agree to get advice on."""
    events = repo_consents.events_of(connection, [resident], "advice").get(resident, [])
    return {topic for topic in topics if not permits(events, "advice", None, topic, now).granted}


def _outdated(items: Iterable[Item], drafts: Iterable[Draft], rules: Sequence[Rule]) -> dict[str, str]:
    """The rules of live items that are gone, or are not what they were and say nothing now: no text outlives them."""
    spoken = {draft.rule_id for draft in drafts}
    versions = {rule.id: rule.version for rule in rules if isinstance(rule, FlagRule | AdviceRule)}
    left = [item for item in items if item.state in LIVE and item.rule_id not in spoken]
    gone = {item.rule_id: "rule-gone" for item in left if item.rule_id not in versions}
    return gone | {
        item.rule_id: "rule-changed"
        for item in left if item.rule_id in versions and item.rule_version != versions[item.rule_id]
    }  # fmt: skip


def _apply(
    connection: Connection, resident: str, change: Change, now: datetime, rng: Random
) -> tuple[str | None, str | None]:
    """The id that came into the queue and the id that left it."""
    if isinstance(change, Create):
        return _create(connection, resident, change.draft, now, rng, None), None
    if not isinstance(change, Supersede):
        return None, None
    command = Command(verb="supersede", by=ENGINE, version=change.item.version, reason=change.reason)
    if not carry(connection, change.item, command, now):
        return None, None
    new = _create(connection, resident, change.draft, now, rng, change.item.id) if change.draft else None
    return new, change.item.id


def _create(
    connection: Connection, resident: str, draft: Draft, now: datetime, rng: Random, replaced: str | None
) -> str:
    item = item_of(draft, new_id("a", rng), resident, now, replaced)
    repo_advice.add(connection, item, rank(item, now), actor=ENGINE, os_user=ENGINE)
    return item.id


def item_of(draft: Draft, name: str, resident: str, now: datetime, replaced: str | None = None) -> Item:
    """The open queue item of a draft."""
    return Item(
        id=name, resident_id=resident, topic=draft.topic, rule_id=draft.rule_id, rule_version=draft.rule_version,
        text_version=draft.text_version, state="open", version=1, severity=draft.severity, text_ja=draft.text_ja,
        text_en=draft.text_en, evidence=draft.evidence, snapshot_hash=draft.snapshot_hash, created_at=now,
        updated_at=now, supersedes=replaced,
    )  # fmt: skip

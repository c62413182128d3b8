"""What leaves without a person deciding each time: under a standing approval, or by a signed urgent text.

In the caller's transaction. Both need the operator's switch (`engine.standing.Automatic`), a living signature and
what the pure parts (`engine.standing`, `engine.urgent_text`) demand; everything else waits for a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from engine.advice import referral_words
from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.people import Resident
from engine.review import Command, Decision, Item, decide, hurries, rank
from engine.review_model import ENGINE
from engine.rules import Rule
from engine.situation import refuses
from engine.standing import Automatic, History, NotCovered, Used, covers, is_live, same_words, topics_had
from engine.store import (
    repo_advice,
    repo_family,
    repo_life,
    repo_notices,
    repo_shows,
    repo_standing,
    repo_urgent_text,
)
from engine.store.database import Connection
from engine.urgent_text import Confirmed, confirmed, sends

# So long an urgent message may lie unopened before the family hears that there is one.
UNREAD: Final = timedelta(hours=1)
# Whoever was not told by then, because nothing ran, is not woken for it any more.
_FORGOTTEN: Final = timedelta(days=3)
_TOLD: Final = frozenset({"deliver", "deliver-urgent"})
_MOST: Final = 500


def carry(connection: Connection, item: Item, command: Command, now: datetime) -> Item | None:
    """The item after the engine's command, or None: another writer may have been first.

    What is delivered is owed to the mirrors of the home and to whatever tells the resident that there is a message.
    """
    decision = decide(item, command, now)
    if not isinstance(decision, Decision):
        return None
    stored = repo_advice.decide(connection, decision, rank(decision.item, now), os_user=ENGINE)
    if not isinstance(stored, Item):
        return None
    if command.verb in _TOLD:
        repo_shows.owe(connection, [item.resident_id], now)
        repo_notices.owe(connection, item.resident_id, "advice", item.id, now, urgent=hurries(item.severity))
    return stored


class Known(NamedTuple):
    """Whose queue was merged in which transaction: `items` is all advice of theirs before, `rules` those in force."""

    connection: Connection
    person: Resident
    items: Sequence[Item]
    rules: Mapping[str, Rule]
    now: datetime

    @property
    def history(self) -> History:
        """What a standing approval asks about the person."""
        agreed = bool(open_to_nurses(self.connection, [self.person.id], self.now))
        return History(had=topics_had(self.items), agreed=agreed)


def after_merge(known: Known, fresh: Mapping[str, Item], created: Collection[str], automatic: Automatic) -> None:
    """What may leave without a person does, and what a standing approval would not cover any more is opened again.

    `fresh` is what each rule would draft now, `created` what came into the queue.
    """
    live = repo_advice.listed(known.connection, resident=known.person.id, limit=_MOST)
    held = [item for item in live if item.state == "approved" and is_id(item.decided_by or "", "p")]
    reconsider(known, held, fresh)
    if automatic.standing:
        approve(known, [item for item in live if item.id in created and not hurries(item.severity)])
    if automatic.urgent_texts:
        send_urgent(known, live)


def approve(known: Known, drafted: Iterable[Item]) -> None:
    """Approves what was just drafted in the name of a standing approval that covers it, or samples it for a person."""
    connection, person, _, rules, now = known
    for item in drafted:
        for approval in repo_standing.live_for(connection, item, person.municipality_code, now):
            used = repo_standing.used(connection, approval.id, now)
            found = covers(approval, item, rules.get(item.rule_id), person, known.history, used, now)
            if isinstance(found, NotCovered):
                continue
            repo_standing.use(connection, approval.id, item.id, now, sampled=found.sampled)
            if not found.sampled:
                carry(connection, item, Command(verb="approve-standing", by=approval.id, version=item.version), now)
            break


def reconsider(known: Known, held: Iterable[Item], fresh: Mapping[str, Item]) -> None:
    """Opens again what a standing approval covered but would not cover as the person is today.

    Where the rule would say nothing now the item is compared as it is: the person may live elsewhere by then.
    """
    connection, person, _, rules, now = known
    for item in held:
        approval = repo_standing.get(connection, item.decided_by or "")
        if approval is None:
            continue
        today = fresh.get(item.rule_id, item)
        found = covers(approval, today, rules.get(item.rule_id), person, known.history, Used(), now)
        if isinstance(found, NotCovered):
            reason = f"standing:{found.reason}"
            carry(connection, item, Command(verb="reopen", by=ENGINE, version=item.version, reason=reason), now)


def lapsed(
    connection: Connection, item: Item, rules: Mapping[str, Rule], now: datetime, automatic: Automatic
) -> str | None:
    """Why what a standing approval covered must not go out in its name any more; None while it may."""
    approval = repo_standing.get(connection, item.decided_by or "")
    if not automatic.standing:
        return "standing:off"
    if approval is None or not is_live(approval, now):
        return "standing:not-live"
    return None if same_words(approval, rules.get(item.rule_id)) else "standing:other-text"


def send_urgent(known: Known, items: Iterable[Item]) -> tuple[str, ...]:
    """Delivers at once, past hold and quiet hours, every urgent item whose signed text a re-measurement confirms.

    The ids delivered; each stays before the nurses until somebody noted that they reached the person.
    """
    connection, person, _, rules, now = known
    waiting = [item for item in items if hurries(item.severity)]
    if not waiting or refuses(repo_life.situation(connection, person.id), "notices", now) is not None:
        return ()
    pairs = confirmed(repo_urgent_text.seen(connection, person.id, now), now)
    sent = []
    for item in waiting:
        signed = repo_urgent_text.live(connection, person.municipality_code, item.rule_id)
        if signed is None or not in_these_words(item):
            continue
        found = sends(item, signed, rules.get(item.rule_id), repo_advice.events(connection, item.id), pairs)
        if isinstance(found, Confirmed):
            why = f"confirmed {found.first} {found.second}"
            command = Command(verb="deliver-urgent", by=signed.id, version=item.version, reason=why)
            sent += [item.id] if carry(connection, item, command, now) else []
    return tuple(sent)


def in_these_words(item: Item) -> bool:
    """Whether a referral says what the catalogue says today: a signature is on those words and no earlier ones."""
    try:
        return (item.text_ja, item.text_en) == referral_words(item.evidence)
    except (KeyError, ValueError):
        return False


def tell_family(connection: Connection, now: datetime) -> int:
    """Owes a notice to the family where an urgent message was not opened for an hour and nobody reached the person.

    Only to whom the resident lets look at everything; the notice names no value and nothing of the message. How many
    notices are new: each is owed once.
    """
    told = 0
    found = repo_urgent_text.unopened(connection, now - _FORGOTTEN, now - UNREAD)
    known = repo_life.situations(connection, (resident for _, resident in found))
    here = {name for name, situation in known.items() if refuses(situation, "notices", now) is None}
    for advice, resident in (pair for pair in found if pair[1] in here):
        for member in repo_family.named_by(connection, resident):
            if repo_family.may_look(connection, member.id, resident, None, now):
                told += repo_notices.owe(connection, member.id, "family-urgent", advice, now, urgent=True)
    return told

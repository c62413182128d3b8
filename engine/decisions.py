"""A person's decision about one piece of advice, carried out in the caller's transaction: terminal and desk alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from engine.consent import permits
from engine.ranking import rank as place
from engine.ranking_model import Model
from engine.ranking_store import load, standing
from engine.refusal import Refusal as Unreadable
from engine.review import LIVE, Command, Item, Rank, Refusal, decide
from engine.store import repo_advice, repo_consents
from engine.store.database import Connection
from engine.store.households import household_of
from engine.store.inbox import red_flags
from engine.store.repo_queue_parts import homes_in

MAX_REASON: Final = 300
# More than any town's nurses can have waiting; the order is made here, so the store must not cut the list by age.
MOST: Final = 10_000
NAMELESS: Final = timedelta(days=14)


def carry_out(
    connection: Connection, item: Item, command: Command, now: datetime, *, os_user: str, batch: str | None = None
) -> Item | Refusal:
    """The item as it is after `command`, stored with its event and audit entry, or why not; two at once: one wins.

    `batch` names decisions that one person made together.
    """
    decision = decide(item, command, now)
    if isinstance(decision, Refusal):
        return decision
    stored = repo_advice.decide(connection, decision, os_user=os_user, batch=batch)
    if isinstance(stored, Item):
        return stored
    return Refusal("conflict", "somebody else decided at the same moment; look at it again")


def queue(
    connection: Connection,
    now: datetime,
    *,
    home: Path | None = None,
    resident: str | None = None,
    states: Iterable[str] | None = LIVE,
) -> list[tuple[Rank, Item]]:
    """The items in these states (None: any) with their place: the most serious first, then the greatest benefit.

    Only of residents who agreed that nurses look. `home` is the PHR_HOME that may hold a trained model; without one,
    or with a spoilt one, the rules alone decide.
    """
    listed = repo_advice.listed(connection, resident=resident, states=states, limit=MOST)
    agreed = open_to_nurses(connection, {item.resident_id for item in listed}, now)
    items = [item for item in listed if item.resident_id in agreed]
    found = None if home is None else load(home)
    known = standing(connection, items, now, found if isinstance(found, Model) else None)
    return sorted(((place(item, now, known), item) for item in items), key=lambda pair: (*pair[0].key, pair[1].id))


def open_to_nurses(connection: Connection, residents: Iterable[str], now: datetime) -> frozenset[str]:
    """Which of these residents agreed that nurses see their record and drafts; a partly withdrawn yes is a no."""
    wanted = set(residents)
    said = repo_consents.events_of(connection, wanted, "nurse-review")
    return frozenset(one for one in wanted if permits(said.get(one, []), "nurse-review", None, None, now).granted)


def nameless(
    connection: Connection, now: datetime, *, towns: frozenset[str] | None = None
) -> list[tuple[str, datetime]]:
    """Households, newest first, that must measure again and say who: a red flag of the last 14 days is nobody's.

    Of these towns (None: of all), and only where somebody of the household agreed that nurses look; no value leaves
    the store.
    """
    found = red_flags(connection, now - NAMELESS)
    if towns is not None and found:
        near = homes_in(connection, found, towns)
        found = {home: at for home, at in found.items() if home in near}
    agreed = [
        (home, at)
        for home, at in found.items()
        if open_to_nurses(connection, household_of(connection, home, now).residents, now)
    ]
    return sorted(agreed, key=lambda pair: pair[1], reverse=True)


def reason_of(text: str) -> str | Unreadable:
    """A reason as one line, blanks joined; refused when longer than 300 characters or with characters that are none.

    An empty reason stays empty: whether one is needed is for the command to say.
    """
    line = " ".join(text.split())
    if len(line) > MAX_REASON:
        return Unreadable("too-long", f"must not be longer than {MAX_REASON} characters", "reason")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} for character in line):
        return Unreadable("control-character", "there is a character in it that cannot be shown", "reason")
    return line

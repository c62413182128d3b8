"""What begins and ends a measure of support, in one transaction: from the next request on the person is hidden.

An entry of the audit names the measure (`l-…`) and never the resident: what is told on the page of who looked must not
speak of it to whoever reads over their shoulder.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from engine.people import Resident
from engine.protection import Protection
from engine.refusal import Refusal
from engine.store import (
    audit,
    erasing,
    repo_acting,
    repo_cards,
    repo_codes,
    repo_emergency,
    repo_forget,
    repo_grants,
    repo_one_id,
    repo_outbox,
    repo_places,
    repo_residents,
    repo_sessions,
    repo_shows,
)
from engine.store.filing import By
from engine.store.instants import to_micros
from engine.store.repo_protection import row_of
from engine.store.tables_desk import ADDRESS
from engine.store.tables_rights import PROTECTION
from engine.store.tallies import note_people_changed

# What is done with the ways they were reached by: `keep` what they said reaches them alone, or `clear` all of them.
Ways = Literal["keep", "clear"]
WAYS: Final[tuple[Ways, ...]] = get_args(Ways)
_PUSH: Final = "push"


def reaching(connection: Connection, person: Resident) -> tuple[str, ...]:
    """By what somebody may be reached who is not them: address, phone, emergency, or a channel of messages."""
    told = {"address": person.address, "phone": person.phone, "emergency": person.emergency_contact}
    query = select(ADDRESS.c.channel).where(ADDRESS.c.owner == person.id, ADDRESS.c.channel != _PUSH).distinct()
    channels = sorted(channel for (channel,) in connection.execute(query))
    return (*(name for name, value in told.items() if value), *channels)


def decided(ways: str | None, held: Collection[str]) -> Ways | Refusal:
    """What was decided about them; refused as contacts-undecided where somebody has to and did not."""
    if not held:
        return "keep"
    found = next((one for one in WAYS if one == ways), None)
    wrong = Refusal("contacts-undecided", f"say whether these reach nobody but them: {', '.join(held)}", "contacts")
    return wrong if found is None else found


def begin(
    connection: Connection, measure: Protection, by: By, now: datetime, *, leave_home: bool, ways: Ways = "keep"
) -> None:
    """Hides a resident from this moment, in the caller's transaction.

    With `leave_home` they belong to no household any more, whose gateways and mirrors forget them; else their home is
    known to be safe. Whatever opened their record without them ends: whoever acts for them, cards, codes, programs,
    and the city's ID until they link theirs anew.
    """
    audit.take_turn(connection)
    person = repo_residents.get(connection, measure.resident)
    assert person is not None  # the caller looked them up
    connection.execute(insert(PROTECTION), row_of(measure))
    _record(connection, "protect-set", measure, now, by)
    repo_acting.end_of(connection, person.id, by, "protected", now)
    # Also homes that were left long ago: what their gateways and mirrors still know goes.
    known = erasing.gateways_of(connection, person.id)
    here = {one.id for one in repo_places.gateways(connection, person.household_id)} if person.household_id else set()
    repo_shows.owe_blank_at(connection, person.id, known, now)
    repo_forget.order(connection, person.id, known if leave_home else set(known) - here, now)
    after = msgspec.structs.replace(person, household_id=None) if leave_home else person
    if ways == "clear":
        after = msgspec.structs.replace(after, address=None, phone=None, emergency_contact=None)
    if after != person:
        after = msgspec.structs.replace(after, version=person.version + 1)
        repo_residents.edit(connection, after, now, actor=by.actor, os_user=by.os_user)
    _close_doors(connection, person.id, by, now)
    # A browser that is told of messages may be the tablet in the kitchen; it is asked for anew in any case.
    mine = ADDRESS.c.owner == person.id
    connection.execute(delete(ADDRESS).where(mine if ways == "clear" else mine & (ADDRESS.c.channel == _PUSH)))
    note_people_changed(connection)
    repo_outbox.put(connection, "evaluate", [person.id], now)


def change(connection: Connection, changed: Protection, action: str, by: By, now: datetime) -> Protection | Refusal:
    """Stores a renewed or ended measure if its version follows the stored one; refused as conflict."""
    mine = (PROTECTION.c.id == changed.id) & (PROTECTION.c.version == changed.version - 1)
    if connection.execute(update(PROTECTION).where(mine).values(row_of(changed))).rowcount != 1:
        return Refusal("conflict", f"{changed.id} was changed meanwhile")
    _record(connection, action, changed, now, by)
    note_people_changed(connection)
    return changed


def _close_doors(connection: Connection, resident: str, by: By, now: datetime) -> None:
    """Ends what somebody who lived with them may hold: a signed-in tablet, a card, the sheet on the fridge, an app."""
    repo_sessions.end_of(connection, resident, now)
    for code in repo_codes.of(connection, resident):
        if code.state(now) == "good":
            repo_codes.revoke(connection, code.id, resident, now, by)
    repo_cards.revoke_of(connection, resident, now, by)
    for card in repo_emergency.of(connection, resident):
        if card.revoked_at is None:
            repo_emergency.revoke(connection, card.id, resident, by, now)
    for grant in repo_grants.of(connection, resident):
        if grant.revoked_at is None and grant.until > now:
            repo_grants.revoke(connection, grant, by, now)
    # Whoever lived with them knew the birthday and may have found a code: the linked ID need not be their own.
    for link in repo_one_id.links_of(connection, resident):
        repo_one_id.unlink(connection, link.seq, resident, "lost", now, by)


def _record(connection: Connection, action: str, measure: Protection, now: datetime, by: By) -> None:
    audit.note(connection, action, measure.id, by, now, [measure.id, measure.version, to_micros(measure.until)])

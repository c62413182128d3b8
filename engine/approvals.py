"""Who answers for delivered advice: who approved it, or who signed for all of its kind beforehand."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from engine.access import Role
from engine.contract.ids import is_id
from engine.review import Item
from engine.store import repo_advice, repo_staff, repo_standing, repo_urgent_text
from engine.store.database import Connection

Way = Literal["person", "standing", "urgent"]
# The role people know somebody by, where one has several.
_KNOWN_BY: Final[tuple[Role, ...]] = ("physician", "nurse", "dietitian")
_SIGNED: Final = frozenset({"approve", "approve-standing", "deliver-urgent"})


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A signature under advice: of a person for this very text, or a standing approval, or a signed urgent text.

    `by` is the id of who signed, `name` how they are called ("" where nobody knows any more), `role` None where nobody
    keeps it (the local link).
    """

    way: Way
    by: str
    name: str
    role: Role | None
    at: datetime


def approval_of(connection: Connection, item: Item) -> Approval | None:
    """Who answers for this piece of advice; None for one that nobody approved."""
    way, by = _signer(connection, item)
    if by is None:
        return None
    signed = [event.at for event in repo_advice.events(connection, item.id) if event.command in _SIGNED]
    member = repo_staff.get(connection, by) if is_id(by, "s") else None
    role = next((role for role in _KNOWN_BY if member and role in member.roles), None)
    # Who entered by the local link signs with their name; an account that is gone leaves an id, which is no name.
    name = member.name if member else "" if is_id(by, "s") else by
    return Approval(way=way, by=by, name=name, role=role, at=(signed or [item.updated_at])[-1])


def _signer(connection: Connection, item: Item) -> tuple[Way, str | None]:
    by = item.decided_by
    if item.state not in {"approved", "delivered"}:
        return "person", None
    if by is not None and is_id(by, "p"):
        approval = repo_standing.get(connection, by)
        return "standing", approval.signed_by if approval else None
    if by is not None and is_id(by, "u"):
        words = repo_urgent_text.get(connection, by)
        return "urgent", words.signed_by if words else None
    return "person", by

"""What an entry of the audit chain tells the person it is about: who, in what role, and what was done. Pure."""

from __future__ import annotations

from typing import Final, Literal

from engine.access import Role

Did = Literal[
    "looked", "decided", "wrote", "took", "released", "consent", "code", "family", "glass", "told", "asked", "changed",
    "emergency", "one-id", "received", "told-wrong", "acting", "printed", "lettered", "watched", "booked", "lent",
]  # fmt: skip
# By the beginning of an action's name; the longer names stand before the shorter ones they begin with.
_DEEDS: Final[tuple[tuple[str, Did], ...]] = (
    ("break-glass", "glass"),
    ("emergency-read", "emergency"),
    ("entry-release", "released"),
    ("fact-release", "released"),
    ("fact-", "wrote"),
    ("reading-add", "wrote"),
    ("note-", "wrote"),
    ("contact-", "told"),
    ("case-", "wrote"),
    ("request-", "asked"),
    ("before-after-", "wrote"),
    ("appointment-", "booked"),
    ("loan-", "lent"),
    ("referral-", "wrote"),
    ("watch-told", "watched"),
    ("watch-", "looked"),
    ("consents-form", "printed"),
    ("letter-", "lettered"),
    ("consent-", "consent"),
    ("family-", "family"),
    ("one-id-", "one-id"),
    ("sign-in-", "code"),
    ("record-", "looked"),
    ("advice-chart", "looked"),
    ("acting-entry", "wrote"),
    ("acting-consent", "consent"),
    ("acting-request", "asked"),
    ("acting-code", "code"),
    ("acting-", "acting"),
    # Its actor is the network that received it.
    ("export-bridge", "received"),
    ("bridge-withdraw", "told-wrong"),
    ("export-", "took"),
    ("report-", "took"),
    ("import", "wrote"),
    ("advice-claim", "looked"),
    ("advice-seen", "looked"),
    ("advice-", "decided"),
)
# Whoever stands before the door: people who have not proved who they are.
VISITOR: Final = "visitor"


def did(action: str) -> Did:
    """In which of a few plain words an action is told; whatever is only looking ends in -view."""
    if action.endswith(("-view", "-look", "-open")):
        return "looked"
    return next((deed for start, deed in _DEEDS if action.startswith(start)), "changed")


# In which order roles are told of somebody who has several: the one that sees most first.
_RANK: Final[tuple[Role, ...]] = (
    "physician", "nurse", "dietitian", "watcher", "helpdesk", "admin", "auditor", "family", "resident",
)  # fmt: skip


def role_of(roles: frozenset[Role]) -> Role | None:
    """The role in which somebody is told of."""
    return next((role for role in _RANK if role in roles), None)

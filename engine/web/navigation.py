"""Where a person may go: the desk's pages in their order, each shown to whoever has the right to it."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.access import Right
from engine.web.sessions import Session


class Way(msgspec.Struct, frozen=True):
    """A page of the menu: its address, the right it needs, and the key of its word (`desk.way.<key>`)."""

    path: str
    right: Right
    key: str


WAYS: Final = (
    Way("/queue", "queue", "queue"),
    Way("/cases", "case", "cases"),
    Way("/requests", "request.health", "requests"),
    Way("/devices/requests", "request.devices", "requests"),
    Way("/letters", "request.health", "letters"),
    Way("/appointments", "case", "appointments"),
    Way("/caseload", "caseload", "caseload"),
    Way("/standing", "standing.see", "standing"),
    Way("/rules", "rules.see", "rules"),
    Way("/workload", "workload", "workload"),
    Way("/points/teams", "person.assign", "points"),
    Way("/watch", "watch.see", "watch"),
    Way("/devices", "devices.see", "devices"),
    Way("/loans", "loan", "loans"),
    Way("/links", "link.decide", "links"),
    Way("/protections", "protect", "protections"),
    Way("/enrolment", "enrol", "enrolment"),
    Way("/exchange", "enrol", "exchange"),
    Way("/staff", "staff.manage", "staff"),
    Way("/log", "log.see", "log"),
)


def ways(session: Session | None) -> tuple[Way, ...]:
    """What the menu of this person shows; nothing before signing in and while the session is locked."""
    if session is None or session.locked:
        return ()
    found = {way.path: way for way in reversed(WAYS) if session.who.may(way.right)}
    return tuple(sorted(found.values(), key=WAYS.index))


def home_of(session: Session) -> str:
    """The first page of this person."""
    if session.who.may("mine.see"):
        return "/me"
    if session.who.may("family.see"):
        return "/family"
    return next((way.path for way in ways(session)), "/account")

"""What becomes of every table when a resident's account is erased.

Each table has one word: `ERASED` by a condition, `KEPT` because it holds ids and hashes only, or `NOBODYS`. A table
without a word fails a test. Free words of others about a person (a note on a neighbour) cannot be known by a program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import false, or_, select, tuple_

from engine.store.repo_shows import BLANK
from engine.store.tables import (
    ADVICE,
    ADVICE_EVENT,
    ALIAS,
    BAD_MESSAGE,
    BINDING,
    CONSENT,
    DEVICE,
    GATEWAY,
    MEASUREMENT,
    OUTBOX,
    READING,
    REFUSAL,
    RESIDENT,
)
from engine.store.tables_bridge import (
    API_GRANT,
    CARE_ENTRY,
    CARE_LINK,
    EMERGENCY_CARD,
    EMERGENCY_READ,
    FACT_ORIGIN,
    PULL_CURSOR,
    PULLED,
    PUSH,
)
from engine.store.tables_clinical import FACT, TREND_FIT
from engine.store.tables_desk import (
    ADDRESS,
    ADVICE_RESPONSE,
    ADVICE_SEEN,
    BREAK_GLASS,
    CONTACT,
    FACT_RELEASE,
    FAMILY_MEMBER,
    NOTICE,
    REQUEST,
    RESIDENT_TEAM,
    SAVED_VIEW,
    SIGN_IN_CODE,
    STAFF_NOTE,
    STANDING_USE,
    WEB_SESSION,
)
from engine.store.tables_exchange import CITY_NUMBER, EXCHANGE_LINE, EXCHANGE_PROPOSAL
from engine.store.tables_following import (
    APPOINTMENT,
    BEFORE_AFTER,
    CASE_EVENT,
    GUIDANCE_CASE,
    LETTER,
    REFERRAL,
    WATCH_ALERT,
    WATCH_TELLING,
)
from engine.store.tables_loans import LOAN, LOAN_SLOT
from engine.store.tables_points import LEARNING_CHOICE, POINT_ENTRY, POINT_MEMBER
from engine.store.tables_rights import (
    ACTING,
    CONSENT_SOURCE,
    LIFE_EVENT,
    ONE_ID,
    ONE_ID_SESSION,
    PROTECTION,
    SIGN_IN_FLOW,
)
from engine.store.tables_spots import CARD, VISIT
from engine.store.tables_statistics import HELD_INTEREST

WHOLE: Final = -1
Where = Callable[["Scope"], Any]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose rows go: the resident, family members nobody else names, and the home where nobody else is registered.

    `pseudonym` is the one their interests are kept under, `slots` the user slots (device, slot) that were theirs.
    """

    resident: str
    family: tuple[str, ...]
    home: str | None
    alone: bool
    pseudonym: str
    slots: tuple[tuple[str, int], ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everybody whose account goes."""
        return (self.resident, *self.family)

    @property
    def emptied(self) -> str | None:
        """The home that nobody is registered in afterwards."""
        return self.home if self.alone else None


def _theirs(table: Any) -> Where:
    return lambda scope: table.c.resident_id == scope.resident


def _readings(scope: Scope) -> Any:
    """Their readings; where nobody else is registered, also those of the home that are nobody's."""
    return _measured(READING, scope)


def _measured(table: Any, scope: Scope) -> Any:
    mine = table.c.resident_id == scope.resident
    if scope.emptied is not None:
        mine |= (table.c.household_id == scope.emptied) & table.c.resident_id.is_(None)
    return mine


def _of_readings(column: Any) -> Where:
    return lambda scope: column.in_(select(READING.c.id).where(_readings(scope)))


def _of_advice(column: Any) -> Where:
    return lambda scope: column.in_(select(ADVICE.c.id).where(ADVICE.c.resident_id == scope.resident))


def _of_records(column: Any) -> Where:
    return lambda scope: or_(
        column.in_(select(FACT.c.id).where(FACT.c.resident_id == scope.resident)),
        column.in_(select(CARE_ENTRY.c.id).where(CARE_ENTRY.c.resident_id == scope.resident)),
    )


def _refused(scope: Scope) -> Any:
    said = REFUSAL.c.content.contains(scope.resident, autoescape=True)
    return or_(_of_readings(REFUSAL.c.reading_id)(scope), said, _heard_at_home(REFUSAL.c.gateway_id, scope))


def _heard_at_home(column: Any, scope: Scope) -> Any:
    if scope.emptied is None:
        return false()
    return column.in_(select(GATEWAY.c.id).where(GATEWAY.c.household_id == scope.emptied))


def blank(resident: str) -> Any:
    """What is owed to mirrors of homes the person left: `<gateway>/<resident>`."""
    return (OUTBOX.c.topic == BLANK) & OUTBOX.c.key.endswith(f"/{resident}", autoescape=True)


def _owed(scope: Scope) -> Any:
    key = OUTBOX.c.key
    return or_(key == scope.resident, blank(scope.resident), _of_readings(key)(scope), _of_advice(key)(scope))


def _signed_on(scope: Scope) -> Any:
    known = select(ONE_ID.c.issuer, ONE_ID.c.subject).where(ONE_ID.c.holder.in_(scope.subjects))
    return tuple_(ONE_ID_SESSION.c.issuer, ONE_ID_SESSION.c.subject).in_(known)


def _devices(scope: Scope) -> Any:
    """The devices of a home left empty, but for those somebody else's readings name."""
    if scope.emptied is None:
        return false()
    others = select(READING.c.device_id).where(READING.c.resident_id != scope.resident)
    return (DEVICE.c.household_id == scope.emptied) & DEVICE.c.id.not_in(others)


# Children before parents: the conditions of the former look at the latter.
ERASED: Final[Mapping[Any, Where]] = {
    ADVICE_EVENT: _of_advice(ADVICE_EVENT.c.advice_id),
    ADVICE_RESPONSE: _theirs(ADVICE_RESPONSE),
    ADVICE_SEEN: lambda scope: or_(_of_advice(ADVICE_SEEN.c.advice_id)(scope), ADVICE_SEEN.c.by.in_(scope.subjects)),
    STANDING_USE: _of_advice(STANDING_USE.c.advice_id),
    NOTICE: lambda scope: or_(
        NOTICE.c.recipient.in_(scope.subjects), NOTICE.c.about == scope.resident, _of_advice(NOTICE.c.about)(scope),
        NOTICE.c.about.startswith(f"{scope.resident}:", autoescape=True),
    ),
    REFERRAL: _theirs(REFERRAL),
    LEARNING_CHOICE: _theirs(LEARNING_CHOICE),
    CASE_EVENT: lambda scope: CASE_EVENT.c.case_id.in_(
        select(GUIDANCE_CASE.c.id).where(GUIDANCE_CASE.c.resident_id == scope.resident)
    ),
    APPOINTMENT: _theirs(APPOINTMENT),
    GUIDANCE_CASE: _theirs(GUIDANCE_CASE),
    LETTER: _theirs(LETTER),
    EXCHANGE_PROPOSAL: _theirs(EXCHANGE_PROPOSAL),
    EXCHANGE_LINE: _theirs(EXCHANGE_LINE),
    CITY_NUMBER: _theirs(CITY_NUMBER),
    LOAN_SLOT: lambda scope: or_(
        _theirs(LOAN_SLOT)(scope),
        LOAN_SLOT.c.loan.in_(select(LOAN.c.seq).where(LOAN.c.resident_id == scope.resident)),
    ),
    LOAN: _theirs(LOAN),
    WATCH_TELLING: lambda scope: or_(
        WATCH_TELLING.c.recipient.in_(scope.subjects),
        WATCH_TELLING.c.alert.in_(select(WATCH_ALERT.c.seq).where(WATCH_ALERT.c.resident_id == scope.resident)),
    ),
    WATCH_ALERT: _theirs(WATCH_ALERT),
    BEFORE_AFTER: _theirs(BEFORE_AFTER),
    POINT_ENTRY: _theirs(POINT_ENTRY),
    POINT_MEMBER: _theirs(POINT_MEMBER),
    STAFF_NOTE: _theirs(STAFF_NOTE),
    CONTACT: _theirs(CONTACT),
    REQUEST: _theirs(REQUEST),
    FACT_RELEASE: _of_records(FACT_RELEASE.c.fact_id),
    FACT_ORIGIN: _of_records(FACT_ORIGIN.c.fact_id),
    OUTBOX: _owed,
    REFUSAL: _refused,
    ALIAS: _of_readings(ALIAS.c.of),
    BAD_MESSAGE: lambda scope: _heard_at_home(BAD_MESSAGE.c.gateway_id, scope),
    MEASUREMENT: lambda scope: _measured(MEASUREMENT, scope),
    READING: _readings,
    TREND_FIT: _theirs(TREND_FIT),
    FACT: _theirs(FACT),
    CARE_ENTRY: _theirs(CARE_ENTRY),
    CARE_LINK: _theirs(CARE_LINK),
    PULLED: _theirs(PULLED),
    PULL_CURSOR: _theirs(PULL_CURSOR),
    PUSH: _theirs(PUSH),
    API_GRANT: _theirs(API_GRANT),
    EMERGENCY_READ: _theirs(EMERGENCY_READ),
    EMERGENCY_CARD: _theirs(EMERGENCY_CARD),
    ADVICE: _theirs(ADVICE),
    WEB_SESSION: lambda scope: WEB_SESSION.c.subject.in_(scope.subjects),
    SIGN_IN_CODE: lambda scope: SIGN_IN_CODE.c.subject.in_(scope.subjects),
    SIGN_IN_FLOW: lambda scope: SIGN_IN_FLOW.c.holder.in_(scope.subjects),
    ONE_ID_SESSION: _signed_on,
    ONE_ID: lambda scope: ONE_ID.c.holder.in_(scope.subjects),
    ADDRESS: lambda scope: ADDRESS.c.owner.in_(scope.subjects),
    BREAK_GLASS: _theirs(BREAK_GLASS),
    RESIDENT_TEAM: _theirs(RESIDENT_TEAM),
    SAVED_VIEW: lambda _: false(),  # by what each search finds: `_drop_searches`
    # Of whoever they acted for only the word that it was they goes.
    ACTING: lambda scope: or_(ACTING.c.resident_id == scope.resident, ACTING.c.actor.in_(scope.subjects)),
    PROTECTION: _theirs(PROTECTION),
    LIFE_EVENT: _theirs(LIFE_EVENT),
    CONSENT_SOURCE: _theirs(CONSENT_SOURCE),
    HELD_INTEREST: lambda scope: HELD_INTEREST.c.pseudonym == scope.pseudonym,
    CARD: _theirs(CARD),
    VISIT: _theirs(VISIT),
    BINDING: lambda scope: or_(
        BINDING.c.resident_id == scope.resident,
        BINDING.c.device_id.in_(select(DEVICE.c.id).where(_devices(scope))),
    ),
    CONSENT: _theirs(CONSENT),
    FAMILY_MEMBER: lambda scope: FAMILY_MEMBER.c.id.in_(scope.family),
    DEVICE: _devices,
    RESIDENT: lambda scope: RESIDENT.c.id == scope.resident,
}  # fmt: skip
KEPT: Final[Mapping[str, str]] = {
    "audit": "ids and hashes only, and a link taken out would break the chain",
    "closure": "an id and instants: that and when the account was erased, so that nothing late is taken for theirs",
    "forget_order": "ids and instants: which gateways were told and have answered",
}
NOBODYS: Final[Mapping[str, str]] = {
    "watch_ear": "a machine's ears", "municipality": "a town",
    "household": "an id, a town and a zone", "spot": "a place", "wrong_guess": "instants",
    "gateway": "a machine; its label goes with the home", "gateway_state": "a machine's health", "tally": "counts",
    "weather": "a town's days", "unknown_code": "words of a code list", "network_state": "what a network can do",
    "team": "who works here", "staff": "who works here", "disclosure": "a town's policy", "publishing_unit": "towns",
    "standing_approval": "a signature on a rule", "urgent_text": "a signature on a rule", "release_charge": "a budget",
    "logout_token": "hashes of the provider's words", "statistics_release": "published counts of nobody in particular",
    "release_batch": "the same on its way", "letter_batch": "how many letters", "point_team": "a team's name",
    "point_pot": "a team's points of a month",
    "group_class": "a class's time and place",
    "exchange_run": "how many rows", "learning_model": "numbers of everybody together",
}  # fmt: skip

"""What a program may read of one resident: its scopes in words of SMART, its token, and how long it holds. Pure.

A program never gets more than its resident sees on their own pages, and only by their own act.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import msgspec

from engine.names import keep
from engine.refusal import Refusal

if TYPE_CHECKING:
    from random import Random

MOST_DAYS: Final = 365
# Living grants of one resident: whoever needs more has lost count of who reads.
MOST: Final = 10
# The kinds of resource a program can be let read; the read API serves exactly these.
READABLE: Final = (
    "Patient", "Observation", "DiagnosticReport", "Condition", "MedicationRequest", "MedicationStatement",
    "AllergyIntolerance", "DocumentReference", "Device", "Goal", "CarePlan", "Communication", "Consent", "Provenance",
    "QuestionnaireResponse", "Practitioner",
)  # fmt: skip
# By which search parameters a scope may be narrowed (SMART App Launch 2, finer-grained scopes).
NARROWED: Final[Mapping[str, frozenset[str]]] = {
    "Observation": frozenset({"category", "code"}),
    "Condition": frozenset({"category", "code"}),
    "DiagnosticReport": frozenset({"category", "code"}),
}
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"


def _observed(*categories: str) -> tuple[str, ...]:
    return tuple(f"patient/Observation.rs?category={_CATEGORY}|{one}" for one in categories)


# What a resident ticks on the page, and the scopes it means; `all` stands for itself alone.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "person": ("patient/Patient.rs",),
    "body": (*_observed("vital-signs", "activity", "exam"), "patient/Device.rs"),
    "labs": (*_observed("laboratory"), "patient/DiagnosticReport.rs"),
    "care": (
        "patient/Condition.rs",
        "patient/MedicationRequest.rs",
        "patient/MedicationStatement.rs",
        "patient/AllergyIntolerance.rs",
    ),
    "papers": ("patient/DocumentReference.rs",),
    "advice": ("patient/Communication.rs", "patient/Goal.rs", "patient/CarePlan.rs"),
    "answers": (*_observed("survey", "social-history"), "patient/QuestionnaireResponse.rs"),
    "all": ("patient/*.rs",),
}
_PREFIX: Final = "minato_"
_TOKEN_BITS: Final = 256
_LONGEST: Final = 2_000
_SCOPE: Final = re.compile(r"patient/(\*|[A-Z][A-Za-z]{2,40})\.(rs|r|s|read)(?:\?(\S{1,400}))?")


class Scope(msgspec.Struct, frozen=True):
    """One kind of resource (`*`: all) that may be read by id, searched, or both; `where` narrows what of it."""

    type: str
    read: bool
    search: bool
    where: tuple[tuple[str, str], ...] = ()

    def covers(self, kind: str) -> bool:
        """Whether it says anything of resources of that kind."""
        return self.type in {"*", kind}


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A program's right to read one resident's data; `scopes` as they were asked for, `issued_by` who gave it."""

    id: str
    resident: str
    name: str
    scopes: tuple[str, ...]
    issued_by: str
    issued_at: datetime
    until: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at `now`; consent is asked for elsewhere."""
        return self.revoked_at is None and self.issued_at <= now < self.until


def new_token(rng: Random) -> str:
    """A fresh token: 256 random bits; pass `random.SystemRandom()`."""
    raw = rng.getrandbits(_TOKEN_BITS).to_bytes(_TOKEN_BITS // 8)
    return _PREFIX + base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def draft(
    name: str, scopes: Iterable[str], days: int, now: datetime, *, resident: str, issued_by: str
) -> Grant | Refusal:
    """A grant without its id, or why there can be none: the name, bad-days, no-scope, too-long or bad-scope."""
    kept = keep(name.strip())
    if isinstance(kept, Refusal):
        return Refusal(kept.code, kept.message, "name")
    if not 1 <= days <= MOST_DAYS:
        return Refusal("bad-days", f"a program may read for 1 to {MOST_DAYS} days", "days")
    asked = tuple(dict.fromkeys(word for text in scopes for word in text.split()))
    wrong = _misfit(asked)
    if wrong is not None:
        return wrong
    return Grant(
        id="", resident=resident, name=kept, scopes=asked, issued_by=issued_by, issued_at=now,
        until=now + timedelta(days=days),
    )  # fmt: skip


def scope_of(text: str) -> Scope | Refusal:
    """A SMART scope of a patient's data, `patient/Observation.rs?category=laboratory`; refused as bad-scope."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        return Refusal("bad-scope", f"{text!r}: write patient/<type or *>.<r, s or rs>", "scope")
    kind, may, query = found.groups()
    if kind not in {"*", *READABLE}:
        return Refusal("bad-scope", f"{text!r}: types are {', '.join(READABLE)}", "scope")
    where = tuple(parse_qsl(query or "", keep_blank_values=True))
    allowed = NARROWED.get(kind, frozenset())
    if (query and not where) or any(name not in allowed or not value for name, value in where):
        how = f"by {', '.join(sorted(allowed))}" if allowed else "not at all"
        return Refusal("bad-scope", f"{text!r}: {kind} can be narrowed {how}", "scope")
    return Scope(kind, may in {"r", "rs", "read"}, may in {"s", "rs", "read"}, where)


def scopes_of(grant: Grant) -> tuple[Scope, ...]:
    """What a stored grant opens; a scope that this program does not know any more opens nothing."""
    return tuple(one for text in grant.scopes if isinstance(one := scope_of(text), Scope))


def groups_of(grant: Grant) -> tuple[str, ...]:
    """The groups of the page a grant is made of; what was granted in finer words at the desk is `other`."""
    held = set(grant.scopes)
    found = tuple(name for name, scopes in GROUPS.items() if held.issuperset(scopes))
    rest = held.difference(*(GROUPS[name] for name in found))
    return (*found, "other") if rest else found


def _misfit(asked: tuple[str, ...]) -> Refusal | None:
    if not asked:
        return Refusal("no-scope", "say what the program may read", "scope")
    if sum(map(len, asked)) > _LONGEST:
        return Refusal("too-long", f"scopes are longer than {_LONGEST} characters together", "scope")
    return next((wrong for text in asked if isinstance(wrong := scope_of(text), Refusal)), None)

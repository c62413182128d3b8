"""FHIR R4 Consents of other houses, and our own that come back, as words about our purposes. Pure.

A yes is taken only where every part of it has exactly one meaning here; whatever narrows it in a way we do not know
makes it refused. A no is taken also where it says more or finer things than we can keep: then it closes the whole of
the purpose. What names no purpose of ours changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import product
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.consent import PURPOSES, Event, permits, say
from engine.consent_texts import Purpose
from engine.contract.ids import is_id
from engine.observation_names import LOINC
from engine.refusal import Refusal
from fhir_bridge.imports.dates import fhir_moment
from fhir_bridge.imports.json_parts import Json, listed, mapping, uncommon, word
from fhir_bridge.resources.consents import REASONS, WORDS
from fhir_bridge.resources.made import OURS, TERMINOLOGY

MOST_BYTES: Final = 4 << 20
MOST_CONSENTS: Final = 1_000
# Purposes times recipients times kinds of one document; a longer one was not made by anybody's choice.
_MOST_WORDS: Final = 500
_STATUSES: Final = frozenset({"active", "inactive", "rejected", "proposed", "draft", "entered-in-error"})
_HASH: Final = re.compile(r"[0-9a-f]{64}")
# Members of a provision that narrow it to something we keep nothing about.
_FINER: Final = ("action", "securityLabel", "class", "dataPeriod", "data", "provision")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One Consent: how its house calls it, the sha256 of its content, and the words it says, the widest first."""

    reference: str
    sha256: str
    events: tuple[Event, ...]


class _RefusedError(Exception):
    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message, field)


def consents_in(data: bytes) -> tuple[list[Json], int] | Refusal:
    """The Consents of a file with one resource or a Bundle, and how many other resources it holds.

    Refused as too-large, damaged-json, not-fhir, too-many-consents or no-consent-resource.
    """
    if len(data) > MOST_BYTES:
        return Refusal("too-large", f"more than {MOST_BYTES >> 20} MiB")
    try:
        whole = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal("damaged-json", "this is no JSON")
    if not isinstance(whole, dict) or not word(whole, "resourceType"):
        return Refusal("not-fhir", "this is no FHIR resource")
    held = [mapping(one, "resource") for one in listed(whole, "entry")] if _is(whole, "Bundle") else [whole]
    found = [one for one in held if _is(one, "Consent")]
    if len(found) > MOST_CONSENTS:
        return Refusal("too-many-consents", f"more than {MOST_CONSENTS} consents in one file")
    if not found:
        return Refusal("no-consent-resource", "there is no Consent in it")
    return found, len(held) - len(found)


def said_in(
    consent: Json, resident: str, patients: Collection[str], now: datetime, zone: ZoneInfo
) -> Document | Refusal:
    """What one Consent says of `resident`; `patients` are references by which its house may call them.

    Refused, with nothing taken: not-fhir, modifier, wrong-patient, unknown-status, not-in-force, entered-in-error,
    not-privacy, unknown-category, unknown-policy, unknown-purpose, ambiguous-purpose, unknown-actor, too-fine,
    said-by-another, no-words, no-date, not-yet, bad-period, too-many-words, and what `engine.consent.say` refuses.
    """
    try:
        _check(consent, resident, patients)
        drafts = _denied(consent, now, zone) if _is_no(consent, now, zone) else _permitted(consent, now, zone)
        return Document(
            reference=_name(consent), sha256=_digest(consent), events=tuple(_said(one, resident) for one in drafts)
        )
    except _RefusedError as error:
        return error.refusal


def standing_still(events: Collection[Event], said: Event, now: datetime) -> Event:
    """`said` as it is written down beside what was said before: a no holds from now where a later yes would undo it."""
    if said.granted:
        return said
    after = [*events, msgspec.structs.replace(said, seq=max((one.seq for one in events), default=0) + 1)]
    within = {
        (one.recipient, one.kind)
        for one in after
        if one.purpose == said.purpose and said.recipient in {None, one.recipient} and said.kind in {None, one.kind}
    }
    still = any(permits(after, said.purpose, recipient, kind, now).granted for recipient, kind in within)
    return msgspec.structs.replace(said, at=now) if still else said


def _check(consent: Json, resident: str, patients: Collection[str]) -> None:
    from fhir.resources.R4B.consent import Consent

    if uncommon(consent) or uncommon(mapping(consent, "provision")):
        raise _RefusedError("modifier", "it carries what may change its meaning", "modifierExtension")
    try:
        Consent.model_validate(consent)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError):
        raise _RefusedError("not-fhir", "this is no Consent of FHIR R4") from None
    if not _is_about(mapping(consent, "patient"), resident, patients):
        raise _RefusedError("wrong-patient", f"it is not about {resident}", "patient")
    status = word(consent, "status")
    if status not in _STATUSES:
        raise _RefusedError("unknown-status", f"status {status!r}", "status")
    if status == "entered-in-error":
        raise _RefusedError("entered-in-error", "its house took it back as a mistake", "status")
    if ("consentscope", "patient-privacy") not in _codings(mapping(consent, "scope")):
        raise _RefusedError("not-privacy", "it is not about the use of a record", "scope")


def _is_about(person: Json, resident: str, patients: Collection[str]) -> bool:
    """Known by a reference or by our identifier, and by nothing of ours that is somebody else's."""
    reference, ours = word(person, "reference"), mapping(person, "identifier")
    told = word(ours, "value") if word(ours, "system") == f"{OURS}resident" else ""
    named = {name for name in (told, reference.rpartition("/")[2]) if is_id(name, "r")}
    known = reference in {f"Patient/{resident}", *patients} or told == resident
    return known and named <= {resident}


def _is_no(consent: Json, now: datetime, zone: ZoneInfo) -> bool:
    """Whether it closes something: a deny, or a yes that its house ended otherwise than by its own last day."""
    provision, status = mapping(consent, "provision"), word(consent, "status")
    until = fhir_moment(word(mapping(provision, "period"), "end"), zone)
    ended = status == "rejected" or (status == "inactive" and (until is None or until > now))
    return word(provision, "type") != "permit" or ended


def _denied(consent: Json, now: datetime, zone: ZoneInfo) -> Iterator[Event]:
    """A no, as wide as it can be meant: to whoever and whatever it names, or to all where that is not known here."""
    provision = mapping(consent, "provision")
    at = fhir_moment(word(consent, "dateTime"), zone)
    recipients, kinds = _recipients(provision), _kinds(provision)
    for purpose in _denied_purposes(provision):
        whole = Event(resident="", purpose=purpose, granted=False, at=now if at is None else min(at, now))
        exact = recipients is not None and kinds is not None and not _finer(provision)
        narrow = list(product(recipients or (None,), kinds or (None,))) if exact else []
        narrow = narrow if len(narrow) <= _MOST_WORDS else []
        fitting = [msgspec.structs.replace(whole, recipient=recipient, kind=kind) for recipient, kind in narrow]
        # A recipient or kind this purpose is not given for: the no is to all of it.
        yield from fitting if fitting and all(isinstance(say(one), Event) for one in fitting) else [whole]


def _permitted(consent: Json, now: datetime, zone: ZoneInfo) -> list[Event]:
    """A yes, only as exactly as it is written."""
    provision = mapping(consent, "provision")
    _plainly(consent, provision)
    at = fhir_moment(word(consent, "dateTime"), zone)
    if at is None:
        raise _RefusedError("no-date", "it does not say when", "dateTime")
    period = mapping(provision, "period")
    start, until = (fhir_moment(word(period, name), zone) for name in ("start", "end"))
    if (period.get("start") and start is None) or (period.get("end") and until is None):
        raise _RefusedError("bad-period", "a period with half a date", "provision.period")
    at = max(at, start or at)
    if at > now:
        raise _RefusedError("not-yet", "a yes that begins later: take it in then", "provision.period")
    # An inactive yes that comes this far is one that ran out.
    if word(consent, "status") not in {"active", "inactive"}:
        raise _RefusedError("not-in-force", "its house does not hold it for valid", "status")
    recipients, kinds = _recipients(provision), _kinds(provision)
    if recipients is None:
        raise _RefusedError("unknown-actor", "it is given to somebody who is not named here", "provision.actor")
    if kinds is None:
        raise _RefusedError("too-fine", "it is given for something we have no word for", "provision.code")
    whole = Event(
        resident="", purpose=_permitted_purpose(provision), granted=True, at=at, until=until,
        text_hash=_shown(consent),
    )  # fmt: skip
    chosen = list(product(recipients or (None,), kinds or (None,)))
    if len(chosen) > _MOST_WORDS:
        raise _RefusedError("too-many-words", f"more than {_MOST_WORDS} recipients and kinds", "provision")
    return [msgspec.structs.replace(whole, recipient=recipient, kind=kind) for recipient, kind in chosen]


def _plainly(consent: Json, provision: Json) -> None:
    """Refuses a yes with anything about it that we cannot keep."""
    if _modified(consent):
        raise _RefusedError("modifier", "a part of it carries what may change its meaning", "modifierExtension")
    rules = _codings(mapping(consent, "policyRule"))
    if rules != {("v3-ActCode", "OPTIN")}:
        raise _RefusedError("unknown-policy", "it does not rest on opting in", "policyRule")
    if not any((LOINC, "59284-0") in _codings(one) for one in listed(consent, "category")):
        raise _RefusedError("unknown-category", "its category is not LOINC 59284-0", "category")
    person = mapping(consent, "patient")
    if any(not _is_same(one, person) for one in listed(consent, "performer")):
        raise _RefusedError("said-by-another", "somebody else said it: that is decided at the desk", "performer")
    if _finer(provision) or listed(consent, "verification"):
        raise _RefusedError("too-fine", "it is narrowed in a way we cannot keep", "provision")


def _is_same(one: Json, person: Json) -> bool:
    """Whether two references name the same, by all that they name it by."""
    names = ("reference", "identifier")
    return any(one.get(name) for name in names) and all(one.get(name) == person.get(name) for name in names)


def _modified(value: Any) -> bool:
    """Whether any part of it carries what may change its meaning."""
    if isinstance(value, list):
        return any(map(_modified, value))
    return isinstance(value, dict) and (uncommon(value) or any(map(_modified, value.values())))


def _finer(provision: Json) -> bool:
    return any(provision.get(name) for name in _FINER)


def _permitted_purpose(provision: Json) -> Purpose:
    """The one purpose of ours that is named; HL7's own word beside it must be the one we write beside it."""
    named, reasons = _purposes(provision)
    ours = [one for one in PURPOSES if one in named]
    if len(ours) < len(set(named)) or not (named or reasons):
        raise _RefusedError("unknown-purpose", f"purposes are {', '.join(PURPOSES)}", "provision.purpose")
    if len(ours) != 1 or reasons - {REASONS.get(ours[0], "")}:
        raise _RefusedError("ambiguous-purpose", "it does not name exactly one purpose of ours", "provision.purpose")
    return ours[0]


def _denied_purposes(provision: Json) -> tuple[Purpose, ...]:
    """Every purpose a no can mean: ours by name, all that HL7's word covers, all there are where none is named."""
    named, reasons = _purposes(provision)
    if not listed(provision, "purpose"):
        return PURPOSES
    found = tuple(one for one in PURPOSES if one in named or (not named and REASONS.get(one) in reasons))
    if not found:
        raise _RefusedError("unknown-purpose", f"purposes are {', '.join(PURPOSES)}", "provision.purpose")
    return found


def _purposes(provision: Json) -> tuple[list[str], frozenset[str]]:
    codings = [(word(one, "system"), word(one, "code")) for one in listed(provision, "purpose")]
    named = [code for system, code in codings if system == f"{OURS}purpose"]
    # A word of a table nobody here knows stands among the reasons as itself: no yes is taken with it.
    others = {code if system == f"{TERMINOLOGY}v3-ActReason" else f"{system}|{code}" for system, code in codings
              if system != f"{OURS}purpose"}  # fmt: skip
    return named, frozenset(others)


def _recipients(provision: Json) -> list[str] | None:
    """Whom it names, by our own identifiers; None where somebody is named otherwise or in another role."""
    found = []
    for actor in listed(provision, "actor"):
        called = mapping(mapping(actor, "reference"), "identifier")
        role = _codings(mapping(actor, "role"))
        if word(called, "system") != f"{OURS}recipient" or role != {("v3-ParticipationType", "IRCP")}:
            return None
        found.append(word(called, "value"))
    return found if all(found) else None


def _kinds(provision: Json) -> list[str] | None:
    """The kinds it names; None where it names something else."""
    found = []
    for concept in listed(provision, "code"):
        codings = [(word(one, "system"), word(one, "code")) for one in listed(concept, "coding")]
        if len(codings) != 1 or codings[0][0] != f"{OURS}kind":
            return None
        found.append(codings[0][1])
    return found


def _shown(consent: Json) -> str:
    """The hash of the words that were shown."""
    uris = [word(one, "uri") for one in listed(consent, "policy")]
    hashes = [uri.removeprefix(WORDS) for uri in uris if uri.startswith(WORDS)]
    if len(uris) != 1 or len(hashes) != 1 or not _HASH.fullmatch(hashes[0]):
        raise _RefusedError("no-words", "it does not name the words that were shown", "policy")
    return hashes[0]


def _said(draft: Event, resident: str) -> Event:
    """The word with what is ours; the words it rests on stay those that were shown."""
    named = msgspec.structs.replace(draft, resident=resident)
    told = say(named)
    if isinstance(told, Refusal):
        raise _RefusedError(told.code, told.message, "provision")
    return msgspec.structs.replace(told, text_hash=named.text_hash) if named.granted else told


def _codings(concept: Json) -> set[tuple[str, str]]:
    """Codings of HL7's tables by their table; one of any other table keeps its whole system."""
    pairs = {(word(one, "system"), word(one, "code")) for one in listed(concept, "coding")}
    return {(system.removeprefix(TERMINOLOGY), code) for system, code in pairs}


def _name(consent: Json) -> str:
    named = [f"{word(one, 'system')}|{word(one, 'value')}" for one in listed(consent, "identifier")]
    return next(iter(named), "") or word(consent, "id")


def _digest(consent: Json) -> str:
    return hashlib.sha256(msgspec.json.encode(consent, order="deterministic")).hexdigest()


def _is(resource: Json, kind: str) -> bool:
    return word(resource, "resourceType") == kind

"""What a resident said yes or no to, as FHIR: one Consent for each purpose and scope that was ever spoken of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from engine.consent import Standing, standing
from engine.consent_texts import TEXTS, Purpose
from engine.observation_names import LOINC
from engine.observation_values import fhir_id
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.made import (
    OURS,
    Body,
    Resource,
    claims,
    coding,
    concept,
    hl7,
    identifier,
    own,
    patient,
    resource,
)

# HL7's own word for the purposes it has one for.
REASONS: Final[Mapping[Purpose, str]] = {
    "care-share": "TREAT", "nurse-review": "TREAT", "advice": "TREAT", "family-view": "FAMRQT", "learning": "HRESCH",
    "record": "PATRQT",
}  # fmt: skip
# Followed by the sha256 of the words.
WORDS: Final = f"{OURS}consent-text:"


def consents(holdings: Holdings) -> Iterator[Resource]:
    """What holds now; a withdrawal is the same resource, inactive (R4 has no status `revoked`)."""
    for one in standing(holdings.consents, holdings.now):
        scope = "|".join((holdings.person.id, one.purpose, one.recipient or "", one.kind or ""))
        since = one.since
        if one.until is not None and one.until <= holdings.now:
            since = one.until
        yield resource("Consent", fhir_id(scope), since, partial(_consent, one, scope, holdings))


def _consent(one: Standing, scope: str, holdings: Holdings) -> Body:
    return {
        "meta": claims("JP_Consent"),
        "identifier": [identifier("consent", fhir_id(scope))],
        "status": "active" if one.granted else "inactive",
        "scope": concept([hl7("consentscope", "patient-privacy")]),
        "category": [concept([coding(LOINC, "59284-0")])],
        "patient": patient(holdings.person.id),
        "dateTime": _exact(one.since, holdings.zone),
        "performer": [patient(holdings.person.id)],
        # Names the very words that were shown, also where others are shown today.
        "policy": [{"uri": f"{WORDS}{one.text_hash}"}] if one.text_hash else [],
        "policyRule": concept([hl7("v3-ActCode", "OPTIN")]),
        "provision": _provision(one, holdings),
    }


def _exact(at: datetime | None, zone: ZoneInfo) -> str | None:
    """To the microsecond where it has one: of two words of one second the later one holds."""
    return None if at is None else at.astimezone(zone).isoformat()


def _provision(one: Standing, holdings: Holdings) -> Body:
    reason = REASONS.get(one.purpose)
    named = own("purpose", one.purpose, TEXTS[one.purpose].label_ja)
    role = concept([hl7("v3-ParticipationType", "IRCP")])
    actor = {"role": role, "reference": {"identifier": identifier("recipient", one.recipient), "display": one.recipient}
             } if one.recipient else None  # fmt: skip
    return {
        # A yes that ran out stays a yes with an end; that it does not hold any more is said by the status.
        "type": "permit" if one.granted or one.code == "expired" else "deny",
        "period": {"start": _exact(one.since, holdings.zone), "end": _exact(one.until, holdings.zone)},
        "actor": [actor] if actor else [],
        "purpose": [*([hl7("v3-ActReason", reason)] if reason else []), named],
        "code": [concept([own("kind", one.kind)])] if one.kind else [],
    }

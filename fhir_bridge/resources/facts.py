"""Facts as FHIR: results and answers as Observations, what is there as Condition, MedicationStatement or Allergy.

A fact that was taken back stays under its id as entered-in-error. A "no" is an answer somebody gave, so it is an
Observation: there is no Condition for what is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec

from engine.clinical import Fact
from engine.clinical_codes import GRADES, Code, catalogue
from engine.explained import explanations
from engine.observation_names import HL7_CATEGORY, HL7_PROFILE, JP_CATEGORY, LOINC, UCUM, UNIT_TEXT
from engine.questionnaires import NAMES
from fhir_bridge.holdings import Holdings
from fhir_bridge.resources.made import (
    Body,
    Resource,
    claims,
    coding,
    concept,
    hl7,
    identifier,
    loinc,
    moment,
    origin,
    own,
    patient,
    resource,
)

_SYSTOLIC: Final = "bp.office.systolic"
_DIASTOLIC: Final = "bp.office.diastolic"
_PRESSURE: Final = (_SYSTOLIC, _DIASTOLIC)
_WISH: Final = "wish.goal"
# The same three that R4 imposes its vital signs on.
_VITAL: Final = {"height": "bodyheight", "checkup.weight": "bodyweight", "checkup.bmi": "bmi"}
_BODY: Final = frozenset({*_VITAL, "waist", "visceral-fat", "grip", "gait"})
# Its LOINC code means another equation than the Japanese one: good enough to read, not to claim.
_NEAR: Final = frozenset({"lab.egfr"})
_HABITS: Final = ("habit.", "answer.smoker")
# Who said so is in the Provenance; a reader of the bare value must not take a person's own word for a laboratory's.
TOLD_BY: Final = {"resident": "本人が伝えた内容です。", "family": "家族が伝えた内容です。"}
# What was taken back may be another person's: that it was an error is told, not what it said.
RETRACTED: Final = {"dataAbsentReason": concept([hl7("data-absent-reason", "error")])}
_SAID: Final = {"1": ("Y", "はい"), "0": ("N", "いいえ")}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with the row that took it back, and from when on this is how it stands."""

    fact: Fact
    back: Fact | None
    since: datetime

    @property
    def wrong(self) -> bool:
        """Whether it was taken back."""
        return self.back is not None


def told(holdings: Holdings) -> Iterator[Told]:
    """Every fact of the resident with what became of it, oldest first."""
    back = {row.retracts: row for row in holdings.facts if row.retracts is not None}
    for fact in sorted(holdings.facts, key=lambda row: (row.recorded_at, row.id)):
        if fact.retracts is None and fact.code in catalogue():
            seen = holdings.since.get(fact.id, fact.recorded_at)
            gone = back.get(fact.id)
            yield Told(fact=fact, back=gone, since=seen if gone is None else max(seen, gone.recorded_at))


def observations(holdings: Holdings) -> Iterator[Resource]:
    """Every result, and every answer that is not a condition, a medicine or an allergy somebody has."""
    every = [one for one in told(holdings) if type_of(one.fact) == "Observation"]
    pressures = [one for one in every if one.fact.code in _PRESSURE]
    yield from (_observation(one, holdings) for one in every if one.fact.code not in _PRESSURE)
    yield from _pressures(pressures, holdings)


def type_of(fact: Fact) -> str:
    """The type of resource that tells this fact; "" for the items of questionnaires, which stand together in one."""
    if fact.code.startswith(tuple(f"{name}." for name in NAMES)):
        return "QuestionnaireResponse"
    if fact.code == _WISH:
        return "Goal"
    if catalogue()[fact.code].sort == "answer" and fact.value == "1":
        kinds = {"has.": "Condition", "med.": "MedicationStatement", "allergy.": "AllergyIntolerance"}
        return next((kind for start, kind in kinds.items() if fact.code.startswith(start)), "Observation")
    return "Observation"


def identifiers(fact: Fact, holdings: Holdings) -> list[Body]:
    """Our own name of the fact, and the one of the house it came from."""
    where = holdings.origins.get(fact.id)
    return [identifier("fact", fact.id), *([origin(*where)] if where else [])]


def own_resource(one: Told, holdings: Holdings) -> bool:
    """Whether the fact is told by itself: of a thing that came whole, the entry of that thing tells it."""
    if type_of(one.fact) in {"Observation", "QuestionnaireResponse"}:
        return True
    whole = {(entry.origin, entry.remote) for entry in holdings.entries}
    return holdings.origins.get(one.fact.id) not in whole


def _observation(one: Told, holdings: Holdings) -> Resource:
    return resource("Observation", one.fact.id, one.since, lambda: _plain(one, holdings))


def _plain(one: Told, holdings: Holdings) -> Body:
    fact, code = one.fact, catalogue()[one.fact.code]
    profiles, categories = _kind(fact.code)
    body = _frame(one, holdings) | {
        "meta": {"profile": profiles},
        "category": [concept([coding(system, name)]) for system, name in categories],
        "code": code_of(code),
    }
    if fact.code.startswith("lab.") and categories[-1][1] == "laboratory":
        kind = "尿" if fact.code.startswith("lab.urine") else "血液"
        specimen = {"resourceType": "Specimen", "id": "specimen", "type": concept([], kind),
                    "subject": patient(fact.resident)}  # fmt: skip
        body |= {"contained": [specimen], "specimen": {"reference": "#specimen"}}
    return body | (RETRACTED if one.wrong else _value(fact, code))


def _frame(one: Told, holdings: Holdings) -> Body:
    """What every Observation made of a fact says, whatever was observed."""
    fact = one.fact
    note = TOLD_BY.get(fact.source)
    return {
        "identifier": identifiers(fact, holdings),
        "status": "entered-in-error" if one.wrong else "final",
        "subject": patient(fact.resident),
        "effectiveDateTime": moment(fact.at, holdings.zone),
        "performer": [patient(fact.resident)] if fact.source == "resident" else [],
        "note": [{"text": note}] if note and not one.wrong else [],
    }


def _kind(code: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The profiles an Observation of this code claims, and its categories, each system in an entry of its own."""
    if code.startswith("lab.") and code != "lab.hours-since-meal":
        return claims("JP_Observation_LabResult")["profile"], _both("laboratory", "laboratory")
    if code in _BODY:
        vital = _VITAL.get(code)
        own_ = [HL7_PROFILE + vital] if vital else []
        kind = "vital-signs" if vital else "exam"
        return [*own_, *claims("JP_Observation_BodyMeasurement")["profile"]], _both(kind, "body-measurement")
    if code.startswith(_HABITS):
        return claims("JP_Observation_SocialHistory")["profile"], _both("social-history", "social-history")
    return claims("JP_Observation_Common")["profile"], _both("survey", "survey")


def _both(hl7_code: str, jp_code: str) -> list[tuple[str, str]]:
    return [(HL7_CATEGORY, hl7_code), (JP_CATEGORY, jp_code)]


def code_of(code: Code) -> Body:
    """What a fact is about, in LOINC where that says the same, and in our own table."""
    exact = "" if code.code in _NEAR else code.loinc
    return concept([*loinc(exact), own("code", code.code, code.en)], code.ja)


def _value(fact: Fact, code: Code) -> Body:
    if code.sort == "number":
        return {"valueQuantity": quantity(Decimal(fact.value), fact.unit or code.unit)}
    if code.sort == "grade":
        said = GRADES[int(fact.value)]
        return {"valueCodeableConcept": concept([own("grade", fact.value, said)], said)}
    if code.sort == "choice":
        words = explanations()[fact.code].values.get(fact.value)
        return {"valueCodeableConcept": concept([own(f"choice:{fact.code}", fact.value)], words[0] if words else "")}
    if fact.value in _SAID:
        # A coded yes and no: JP Core's profile of habits takes no boolean.
        return {"valueCodeableConcept": concept([hl7("v2-0136", _SAID[fact.value][0])], _SAID[fact.value][1])}
    return {"dataAbsentReason": concept([hl7("data-absent-reason", "asked-unknown")])}


def quantity(value: Decimal, unit: str) -> Body:
    """A value in a UCUM unit."""
    return {"value": value, "unit": UNIT_TEXT.get(unit, unit), "system": UCUM, "code": unit}


def _pressures(every: Iterable[Told], holdings: Holdings) -> Iterator[Resource]:
    """Blood pressures of check-ups as panels: the two values of one moment and source are one measurement."""
    panels: dict[tuple[Any, ...], dict[str, Told]] = {}
    for one in every:
        where = (one.fact.at, one.fact.source, one.wrong, holdings.origins.get(one.fact.id))
        # Of two values of one side at one moment, each is a panel of its own.
        twin = sum(1 for key, sides in panels.items() if key[:4] == where and one.fact.code in sides)
        panels.setdefault((*where, twin), {})[one.fact.code] = one
    for sides in panels.values():
        first = sides.get(_SYSTOLIC) or sides[_DIASTOLIC]
        since = max(one.since for one in sides.values())
        yield resource("Observation", first.fact.id, since, partial(_panel, first, sides, holdings))


def _panel(first: Told, sides: Mapping[str, Told], holdings: Holdings) -> Body:
    profiles = [f"{HL7_PROFILE}bp", *claims("JP_Observation_VitalSigns")["profile"]]
    return _frame(first, holdings) | {
        "meta": {"profile": profiles},
        "identifier": [one for told_ in sides.values() for one in identifiers(told_.fact, holdings)],
        "category": [concept([coding(system, name)]) for system, name in _both("vital-signs", "vital-signs")],
        "code": concept([coding(LOINC, "85354-9")], "健診などの血圧"),
        "component": [_side(code, None if first.wrong else sides.get(code)) for code in _PRESSURE],
    }


def _side(name: str, one: Told | None) -> Body:
    code = catalogue()[name]
    if one is None:
        return {"code": code_of(code), "dataAbsentReason": concept([hl7("data-absent-reason", "unknown")])}
    return {"code": code_of(code), "valueQuantity": quantity(Decimal(one.fact.value), code.unit)}

"""Names that stand in FHIR resources: systems, profiles, extensions, notes, and how a unit is written for people.

Sources: HL7 FHIR R4, HL7 PHD 2.0.0 and JP Core 1.1.2.
"""

from __future__ import annotations

from typing import Final

# Our own names. An unregistered URN resolves nowhere and claims nobody's domain.
IDENTIFIER_SYSTEM: Final = "urn:minato-phr:observation"
KIND_SYSTEM: Final = "urn:minato-phr:kind"
TAG_SYSTEM: Final = "urn:minato-phr:tag"
UNPROVEN_TAG: Final = {"code": "experimental", "display": "unverified device family"}

LOINC: Final = "http://loinc.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
UCUM: Final = "http://unitsofmeasure.org"
# JP Core 1.1.2 and JP-CLINS both mark the OID as the preferred name of the MEDIS observation codes.
MEDIS: Final = {
    "medis_body": "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS",
    "medis_vital": "urn:oid:1.2.392.200119.4.804",
}
HL7_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
JP_CATEGORY: Final = "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS"
JP_CATEGORY2: Final = {
    "body-measurement": "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCategory_CS",
    "vital-signs": "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationVitalSignsCategory_CS",
}
PHD_CATEGORY: Final = "http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories"
HL7_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
JP_PROFILE: Final = {
    "body-measurement": "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_BodyMeasurement",
    "vital-signs": "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_VitalSigns",
}
PHD: Final = "http://hl7.org/fhir/uv/phd/StructureDefinition/"
PHD_NUMERIC: Final = f"{PHD}PhdNumericObservation"
PHD_COMPOUND: Final = f"{PHD}PhdCompoundNumericObservation"
GATEWAY_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
ABSENT_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ABSENT_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

UNIT_TEXT: Final = {
    "mm[Hg]": "mmHg", "Cel": "℃", "/min": "回/分", "kg/m2": "kg/m²", "kcal/d": "kcal/日", "kcal/(24.h)": "kcal/日",
    "{level}": "レベル", "{steps}": "歩", "{steps}/d": "歩/日", "min": "分", "a": "歳", "Ohm": "Ω",
}  # fmt: skip
CLOCK_NOTES: Final = {
    "unknown": "測定した機器の時計が正しくないため、日時は目安です。",
    "sequence": "日時は、機器の記録番号の順から推定したものです。",
}
# The two sides of a blood pressure that the R4 profile requires even where the device gave none.
REQUIRED_COMPONENTS: Final = {"blood-pressure": ("systolic", "diastolic")}

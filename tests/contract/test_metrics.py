"""The table of kinds agrees with the table of codes in metrics.json (the project's own, see packages/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from engine.contract.kinds import KINDS, Kind
from engine.observation_names import (
    HL7_CATEGORY,
    JP_CATEGORY,
    JP_CATEGORY2,
    LOINC,
    MDC,
    MEDIS,
    PHD_CATEGORY,
    UCUM,
)
from engine.observations import build
from tests.observation_cases import TOKYO, example

TABLE: Final = json.loads((Path(__file__).parent / "metrics.json").read_text())
# The table's name of a metric, where it is not our own with other dashes.
NAMES: Final = {
    "body_fat_pct": "body-fat", "body_water_pct": "body-water-percentage", "body_temp": "body-temperature",
    "skin_temp": "skin-temperature", "resp_rate": "respiratory-rate", "mean": "mean-arterial-pressure",
}  # fmt: skip
FIELDS: Final = {
    "loinc": "loinc", "loinc2": "loinc_also", "mdc": "mdc", "medis": "medis", "medis_sys": "medis_system", "ucum": "unit",
    "hl7_cat": "category", "jp_cat": "jp_category", "jp_cat2": "jp_category2", "hl7_profile": "hl7_profile",
}  # fmt: skip
# The panel's own unit is that of its sides: the table gives it none, for a panel has no value.
OTHERWISE: Final = {("blood-pressure", "unit"): "mm[Hg]"}
METRICS: Final = [part for metric in TABLE["device"] for part in (metric, *metric.get("components", ()))]


def kind_of(metric: dict[str, Any]) -> Kind:
    return KINDS[NAMES.get(metric["key"], metric["key"].replace("_", "-"))]


def test_the_table_holds_27_metrics_and_each_is_a_kind() -> None:
    assert len(TABLE["device"]) == 27
    assert len({kind_of(metric).code for metric in METRICS}) == 30  # with the sides and the mean of a blood pressure


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric["key"])
def test_every_code_of_a_metric_is_the_one_of_the_table(metric: dict[str, Any]) -> None:
    kind = kind_of(metric)
    wanted = {field: metric.get(name) for name, field in FIELDS.items() if name in metric}
    wanted |= {field: value for (code, field), value in OTHERWISE.items() if code == kind.code}
    assert {field: getattr(kind, field) for field in wanted} == wanted


def test_the_systems_are_those_of_the_table_but_for_the_nursing_master_which_jp_core_names_by_its_oid() -> None:
    ours = {
        "loinc": LOINC, "mdc": MDC, "ucum": UCUM, "medis_body": MEDIS["medis_body"], "hl7_category": HL7_CATEGORY,
        "jp_category": JP_CATEGORY, "jp_body_category2": JP_CATEGORY2["body-measurement"],
        "jp_vital_category2": JP_CATEGORY2["vital-signs"], "phd_category": PHD_CATEGORY,
    }  # fmt: skip
    assert ours == {name: TABLE["systems"][name] for name in ours}
    # JP Core 1.1.2 has this OID in its NamingSystem and in its example, and nowhere the URL of the table.
    assert MEDIS["medis_vital"] == "urn:oid:1.2.392.200119.4.804"


@pytest.mark.parametrize("metric", TABLE["device"], ids=lambda metric: metric["key"])
def test_an_observation_of_the_metric_carries_its_codes(metric: dict[str, Any]) -> None:
    said = json.loads(build(example(kind_of(metric).code), TOKYO))
    codings = {(coding["system"], coding["code"]) for coding in said["code"]["coding"]}
    wanted = {(LOINC, metric["loinc"]), (LOINC, metric.get("loinc2")), (MDC, str(metric["mdc"] or ""))}
    wanted.add((MEDIS.get(metric.get("medis_sys", ""), ""), metric["medis"]))
    assert {(system, code) for system, code in wanted if code} <= codings
    categories = {coding["code"] for entry in said["category"] for coding in entry["coding"]}
    assert {code for code in (metric["hl7_cat"], metric["jp_cat"], metric["jp_cat2"]) if code} <= categories

"""The weight trend as an Observation: what it saw, what it says, and when it keeps silent; and whose work it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec
import pytest
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.provenance import Provenance

from engine.contract.ids import ALPHABET
from engine.observation_derived import with_bmi
from engine.observation_provenance import policy_of, provenance_of
from engine.observation_trends import SOURCES, WEIGHT_TREND, weight_trend_of
from engine.observation_values import FHIR_ID
from engine.observations import Measured, check, fhir_id, identifier_of
from engine.trends import weight_trend
from tests.observation_cases import TOKYO, example

NOW: Final = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
MIDNIGHT: Final = datetime(2026, 11, 22, tzinfo=TOKYO)


def weighing(number: int, at: datetime, value: str = "62.00", **changes: Any) -> Measured:
    name = ALPHABET[number // 32] + ALPHABET[number % 32] + "a" * 24
    return example("body-weight", reading_id=name, measured_at=at, value=Decimal(value), **changes)


def daily(count: int, per_day: str = "-0.05", **changes: Any) -> list[Measured]:
    """One weighing each morning, the last on the day before the trend."""
    return [
        weighing(n, NOW - timedelta(days=count - n), str(Decimal("62.00") + n * Decimal(per_day)), **changes)
        for n in range(count)
    ]


def trend(rows: list[Measured], as_of: datetime = NOW) -> dict[str, Any]:
    found = weight_trend_of(rows, TOKYO, as_of)
    assert found is not None
    return found


def sources_of(document: dict[str, Any]) -> list[str]:
    return [one["reference"] for one in document["derivedFrom"]]


def test_level_slope_and_interval_are_those_of_the_trend_at_the_end_of_the_last_whole_day() -> None:
    rows = daily(20)
    points = [(row.measured_at, float(row.value or 0)) for row in rows]
    known = weight_trend(points, MIDNIGHT)
    level, slope, interval = trend(rows)["component"]
    assert level["valueQuantity"]["value"] == Decimal(str(round(known.level or 0, 2)))
    assert (slope["valueQuantity"]["value"], slope["valueQuantity"]["code"]) == (Decimal("-0.35"), "kg/wk")
    assert [interval["valueRange"][side]["value"] for side in ("low", "high")] == [
        Decimal(str(round(known.low or 0, 2))), Decimal(str(round(known.high or 0, 2))),
    ]  # fmt: skip


def test_it_covers_28_civil_days_and_is_named_by_the_last() -> None:
    found = trend(daily(20))
    assert found["effectivePeriod"] == {"start": "2026-10-25T00:00:00+09:00", "end": "2026-11-21T23:59:59+09:00"}
    assert found["identifier"][0]["value"] == "r-4jq6kz7w2m5xa.weight-trend.2026-11-21"
    assert found["id"] == fhir_id("r-4jq6kz7w2m5xa.weight-trend.2026-11-21")


def test_it_is_the_same_all_day_whatever_is_weighed_today_and_in_whatever_order_it_is_asked() -> None:
    rows = daily(20)
    today = [*rows, weighing(900, NOW - timedelta(minutes=20), "70.00")]
    Random(6).shuffle(today)
    assert trend(today, NOW + timedelta(hours=13)) == trend(rows)


def test_it_names_the_readings_it_saw_and_says_when_it_cannot_name_all() -> None:
    rows = daily(20)
    found = trend(rows)
    assert [one["reference"] for one in found["derivedFrom"]] == [
        f"Observation/{fhir_id(identifier_of(row))}" for row in rows
    ]
    busy = [*rows, *(weighing(40 + n, NOW - timedelta(days=2, minutes=n), "61.10") for n in range(60))]
    found = trend(busy)
    assert len(found["derivedFrom"]) == SOURCES
    assert "もとの値は80件です。derivedFromは新しい50件だけです。" in [note["text"] for note in found["note"]]


def test_a_slope_whose_interval_covers_zero_says_so() -> None:
    flat = [weighing(n, NOW - timedelta(days=20 - n), str(Decimal(62) + Decimal(n * 7 % 5) / 10)) for n in range(20)]
    assert [note["text"] for note in trend(flat)["note"]] == ["増減があるとは言えません。"]
    assert "note" not in trend(daily(20))


@pytest.mark.parametrize(
    "rows",
    [[], daily(1), daily(20, experimental=True), daily(20, preliminary=True), daily(20, time_quality="unknown"),
     [example("body-fat", measured_at=NOW - timedelta(days=n)) for n in range(1, 20)]],
    ids=["nothing", "one weighing", "unproven", "unsure whose", "unsure when", "no weight"],
)  # fmt: skip
def test_where_nothing_sure_is_known_no_trend_is_told(rows: list[Measured]) -> None:
    assert weight_trend_of(rows, TOKYO, NOW) is None


def test_it_claims_no_profile_no_device_and_no_code_of_a_weight() -> None:
    text = json.dumps(trend(daily(20)), default=str)
    assert not any(word in text for word in ("StructureDefinition", "29463-7", "188736", '"device"'))


def test_the_models_and_our_own_checks_accept_it() -> None:
    document = json.loads(json.dumps(trend(daily(20)), default=float))
    Observation.model_validate(document)
    assert check(document) == []


def test_a_weight_that_stays_has_a_slope_of_zero_and_not_of_minus_zero() -> None:
    _, slope, _ = trend(daily(20, "-0.0001"))["component"]
    assert str(slope["valueQuantity"]["value"]) == "0.00"


def test_a_provenance_names_the_program_its_rule_and_what_it_saw() -> None:
    found = trend(daily(20))
    whose = provenance_of(f"Observation/{found['id']}", sources_of(found), NOW, policy_of(WEIGHT_TREND))
    assert whose["target"] == [{"reference": f"Observation/{found['id']}"}]
    assert [one["what"] for one in whose["entity"]] == found["derivedFrom"]
    assert {one["role"] for one in whose["entity"]} == {"source"}
    assert whose["policy"] == ["urn:minato-phr:algorithm:weight-trend:1"]
    assert whose["agent"][0]["who"] == {"reference": "Device/minato-engine"}
    Provenance.model_validate(whose)


def test_each_algorithm_has_a_provenance_of_its_own_and_each_target_too() -> None:
    names = {
        provenance_of(f"Observation/{target}", [], NOW, policy_of(name))["id"]
        for target in "ab"
        for name in ("bmi", "steps-day", WEIGHT_TREND)
    }
    assert len(names) == 6
    assert all(FHIR_ID.fullmatch(name) for name in names)


def test_a_bmi_is_derived_from_the_measured_height_too_where_that_is_the_known_one() -> None:
    def height(number: int, days: int, value: str) -> Measured:
        at = NOW - timedelta(days=days)
        return msgspec.structs.replace(weighing(number, at, value), kind="body-height", unit="cm")

    rows = [height(1, 90, "152.5"), height(2, 60, "152.5"), height(3, 30, "151.0"), weighing(4, NOW)]
    rows.append(height(5, -1, "152.5"))  # measured after the weight: not what it was computed with
    (found,) = [row for row in with_bmi(rows, Decimal("152.5")) if row.kind == "bmi"]
    assert found.derived_from == (identifier_of(rows[3]), identifier_of(rows[1]))


def test_a_rule_without_a_version_and_an_hour_without_a_zone_are_refused() -> None:
    with pytest.raises(KeyError):
        policy_of("guess")
    with pytest.raises(ValueError, match="2026-11-22"):
        provenance_of("Observation/1", [], datetime(2026, 11, 22), policy_of("bmi"))  # noqa: DTZ001

"""The weight trend as an Observation of its own: level, weekly slope and its interval, with the readings it saw.

It is computed, not measured: it claims no device and no profile, and its code is ours, for no standard has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.observation_names import HL7_CATEGORY, IDENTIFIER_SYSTEM, JP_CATEGORY, KIND_SYSTEM, UCUM
from engine.observation_values import Measured, fhir_id, fhir_text, identifier_of, steady_id

WEIGHT_TREND: Final = "weight-trend"
SOURCES: Final = 50
_DAYS: Final = 28
# As far back as the rules look, too: the filter has settled by then, and years of weights cost seconds.
_LOOK_BACK: Final = timedelta(days=240)
_CENT: Final = Decimal("0.01")
_METHOD: Final = "水準は外れ値に強いカルマンフィルター、傾きは28日間のTheil–Sen推定と90%区間"
_UNSURE: Final = "増減があるとは言えません。"
_SOME: Final = "もとの値は{count}件です。derivedFromは新しい{shown}件だけです。"


def weight_trend_of(rows: Sequence[Measured], zone: ZoneInfo, as_of: datetime) -> dict[str, Any] | None:
    """The trend of the weights among `rows`, as known when the last civil day before `as_of` ended, as JSON values.

    Only what is proven, surely this person's and of its time is seen. None where that is too little for a slope.
    Numbers are Decimal, kg and kg/wk, rounded to two decimals.
    """
    # numpy costs a tenth of a second, and most exports are of people without a trend.
    from engine.trends import weight_trend

    end = datetime.combine(as_of.astimezone(zone).date(), time(), zone)
    seen = [row for row in rows if row.kind == "body-weight" and row.value is not None and _trusted(row)]
    # Rows of one instant are told apart by their reading, so that the same rows give the same list in any order.
    known = sorted(
        (row for row in seen if end - _LOOK_BACK <= row.measured_at < end),
        key=lambda row: (row.measured_at, row.reading_id),
    )
    trend = weight_trend(((row.measured_at, float(row.value or 0)) for row in known), end)
    if trend.level is None or trend.slope_per_week is None or trend.low is None or trend.high is None:
        return None
    recent = [row for row in known if end - row.measured_at < timedelta(days=_DAYS)]
    components = [
        _component("level", "体重の水準", {"valueQuantity": _quantity(trend.level, "kg")}),
        _component("slope", "1週間あたりの変化", {"valueQuantity": _quantity(trend.slope_per_week, "kg/wk")}),
        _component("interval", "変化の90%区間", {
            "valueRange": {"low": _quantity(trend.low, "kg/wk"), "high": _quantity(trend.high, "kg/wk")},
        }),
    ]  # fmt: skip
    return _observation(recent, end, components, sure=trend.claimed)


def _observation(
    rows: Sequence[Measured], end: datetime, components: list[dict[str, Any]], *, sure: bool
) -> dict[str, Any]:
    # A period's end is part of it: with midnight a search would find the trend on the next day as well.
    last = end.date() - timedelta(days=1)
    first = datetime.combine(end.date() - timedelta(days=_DAYS), time(), end.tzinfo)
    resident = steady_id(rows[0].resident_id)
    identifier = fhir_text(f"{resident}.{WEIGHT_TREND}.{last.isoformat()}")
    shown = rows[-SOURCES:]
    notes = [] if sure else [_UNSURE]
    if len(shown) < len(rows):
        notes.append(_SOME.format(count=len(rows), shown=len(shown)))
    found = {
        "resourceType": "Observation",
        "id": fhir_id(identifier),
        "identifier": [{"system": IDENTIFIER_SYSTEM, "value": identifier}],
        "status": "final",
        "category": [
            {"coding": [{"system": HL7_CATEGORY, "code": "exam"}]},
            {"coding": [{"system": JP_CATEGORY, "code": "body-measurement"}]},
        ],
        "code": _concept("", "体重の傾向"),
        "subject": {"reference": f"Patient/{resident}"},
        "effectivePeriod": {"start": first.isoformat(), "end": (end - timedelta(seconds=1)).isoformat()},
        "performer": [{"reference": f"Patient/{resident}"}],
        "note": [{"text": text} for text in notes],
        "method": {"text": _METHOD},
        "derivedFrom": [{"reference": f"Observation/{fhir_id(identifier_of(row))}"} for row in shown],
        "component": components,
    }
    return {name: value for name, value in found.items() if value}


def _trusted(row: Measured) -> bool:
    return not row.experimental and not row.preliminary and row.time_quality != "unknown"


def _component(part: str, text: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"code": _concept(f"-{part}", text)} | value


def _concept(part: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": KIND_SYSTEM, "code": f"{WEIGHT_TREND}{part}"}], "text": text}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    number = Decimal(repr(float(value))).quantize(_CENT)
    # R4 knows no negative zero, and no doctor wants one.
    return {"value": number + 0, "unit": unit, "system": UCUM, "code": unit}

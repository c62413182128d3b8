"""Measured values as FHIR R4 Observations that satisfy HL7 vital signs, JP Core and PHD at once.

The text of each shape is validated once by `fhir.resources`, then filled with the ids, the times and the exact digits
of the value: 62.30 stays 62.30, which no model that goes through a float can promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.contract.kinds import KINDS, Kind
from engine.observation_checks import Problem, check
from engine.observation_templates import IDENTIFIER_SYSTEM, PARTS, Shape, assemble, fill, template
from engine.observation_values import Measured, UnbuildableError, fhir_id, fhir_text, fold, identifier_of, steady_id

__all__ = [
    "IDENTIFIER_SYSTEM", "Measured", "Problem", "UnbuildableError", "build", "build_all", "check", "compose", "fhir_id",
    "fold", "identifier_of", "observable",
]  # fmt: skip

TELLABLE: Final = frozenset({"final", "preliminary", "amended", "corrected", "entered-in-error"})
_MAX_DIGITS: Final = 18  # FHIR asks no reader of a decimal to keep more


def observable(kind: str) -> bool:
    """Whether a value of `kind` is an Observation of its own: known, about a body, no component of a panel."""
    known = KINDS.get(kind)
    return known is not None and known.observed and known.panel is None


def build(
    measured: Measured,
    zone: ZoneInfo,
    *,
    status: str | None = None,
    identifier: str | None = None,
    patient: str | None = None,
) -> bytes:
    """The Observation of `measured` as JSON, times in the household's `zone`, the value in exactly its digits.

    `status` (final, preliminary, amended, corrected, entered-in-error) stands for the one that follows from the value;
    `identifier` for `identifier_of`, and the logical id follows from it; `patient` is the id of the Patient where it is
    told, for the resident's. Raises UnbuildableError with the code unknown-kind, not-observed, component, unit,
    no-value, not-a-number, naive-time, no-period, status or bad-id.
    """
    return fill(template(_shape(measured, status)), _slots(measured, zone, str, identifier, patient))


def build_all(rows: Iterable[Measured], zone: ZoneInfo) -> Iterator[bytes]:
    """The Observations of `rows`, blood pressures folded into panels; kinds that are about nobody's body are left out.

    Rows of one reading must stand next to each other. Raises UnbuildableError as `build` does.
    """
    for measured in fold(rows):
        known = KINDS.get(measured.kind)
        if known is None or known.observed:
            yield build(measured, zone)


def compose(
    measured: Measured,
    zone: ZoneInfo,
    *,
    status: str | None = None,
    identifier: str | None = None,
    patient: str | None = None,
) -> dict[str, Any]:
    """The Observation that `build` makes of the same, as JSON values, numbers as Decimal; it raises as `build` does."""
    return assemble(_shape(measured, status), _slots(measured, zone, Decimal, identifier, patient))


def _shape(measured: Measured, status: str | None) -> Shape:
    kind = _kind(measured)
    if status is not None and status not in TELLABLE:
        raise UnbuildableError("status", status)
    by_device = measured.device_id is not None and measured.gateway_id is not None
    computed = bool(measured.derived_from) or measured.day is not None
    # R4's vs-1 wants a moment: an interval is said by its end there. A civil day has no moment, so it must not occur.
    moment = kind.hl7_profile is not None
    if moment and measured.day is not None:
        raise UnbuildableError("no-period", f"{measured.kind} of a day")
    return Shape(
        kind.code,
        by_device and not computed and kind.mdc is not None,
        status or ("preliminary" if measured.preliminary else "final"),
        measured.experimental,
        measured.time_quality,
        measured.device_id is not None,
        measured.gateway_id is not None,
        measured.day is not None or (measured.period_start is not None and not moment),
        len(measured.derived_from),
        tuple(code for code, _ in measured.components),
        measured.sensor,
    )


def _kind(measured: Measured) -> Kind:
    kind = KINDS.get(measured.kind)
    if kind is None:
        raise UnbuildableError("unknown-kind", measured.kind)
    if not kind.observed:
        raise UnbuildableError("not-observed", measured.kind)
    if kind.panel is not None:
        raise UnbuildableError("component", f"{measured.kind} belongs to {kind.panel}")
    if measured.unit != kind.unit:
        raise UnbuildableError("unit", f"{measured.kind} in {measured.unit!r}")
    return kind


def _slots(
    measured: Measured, zone: ZoneInfo, say: Callable[[str], Any], identifier: str | None, patient: str | None
) -> dict[str, Any]:
    name = identifier_of(measured) if identifier is None else fhir_text(identifier)
    slots = {
        "id": fhir_id(name),
        "identifier": name,
        "patient": steady_id(measured.resident_id if patient is None else patient),
    }
    if measured.gateway_id is not None:
        slots["gateway"] = steady_id(measured.gateway_id)
    if measured.device_id is not None:
        slots["device"] = steady_id(measured.device_id)
    if measured.day is not None:
        slots |= _civil_day(measured.day, zone)
    else:
        slots["at"] = _local(measured.measured_at, zone)
        if measured.period_start is not None:
            slots["start"] = _local(measured.period_start, zone)
    for number, source in enumerate(measured.derived_from):
        slots[f"source{number}"] = fhir_id(source)
    for part, value in _values(measured):
        slots[part] = say(_digits(value))
    return slots


def _values(measured: Measured) -> tuple[tuple[str, Decimal], ...]:
    parts = PARTS.get(measured.kind)
    if parts is None and not measured.components and measured.value is not None:
        return (("value", measured.value),)
    names = [code for code, _ in measured.components]
    if parts is None or not names or len(set(names)) < len(names) or not set(names) <= parts.keys():
        raise UnbuildableError("no-value", f"{measured.kind} with {names}")
    return measured.components


def _civil_day(day: date, zone: ZoneInfo) -> dict[str, str]:
    start, after = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    # A period's end is part of it: with midnight a search would find the summary on the next day as well.
    return {"start": _local(start, zone), "at": _local(after - timedelta(seconds=1), zone)}


def _local(at: datetime, zone: ZoneInfo) -> str:
    if at.tzinfo is None:
        raise UnbuildableError("naive-time", at.isoformat())
    return at.astimezone(zone).isoformat()


def _digits(value: Decimal) -> str:
    text = format(value, "f")
    if not value.is_finite() or len(text) > _MAX_DIGITS:
        raise UnbuildableError("not-a-number", text)
    return text

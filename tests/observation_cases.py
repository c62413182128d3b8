"""Measured values for the tests of Observations: one plain one of every kind, and Hypothesis strategies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from engine.contract.ids import ALPHABET
from engine.contract.kinds import KINDS, Kind
from engine.observations import TELLABLE, Measured, observable

TOKYO = ZoneInfo("Asia/Tokyo")
OBSERVED = [kind for kind in KINDS.values() if observable(kind.code)]
PRESSURES = (("systolic", Decimal(128)), ("diastolic", Decimal(81)), ("mean-arterial-pressure", Decimal(97)))
READING = "m5pgk2tyq7dslwz4fzjcbx3hua"


def example(kind: str, /, **changes: Any) -> Measured:
    """The middle of the plausible range of `kind`, measured at 07:01:03 in Japan by a bonded device."""
    found = KINDS[kind]
    middle = ((found.low + found.high) / 2).quantize(Decimal(1).scaleb(-found.decimals))
    plain = Measured(
        reading_id=READING, resident_id="r-4jq6kz7w2m5xa", device_id="d-q3y5n7vh2kd4s", gateway_id="g-p6t4w2xk5ja7c",
        kind=kind, value=middle, unit=found.unit, measured_at=datetime(2026, 11, 20, 22, 1, 3, tzinfo=UTC),
    )  # fmt: skip
    if kind == "blood-pressure":
        plain = msgspec.structs.replace(plain, value=None, components=PRESSURES)
    if kind in {"steps-day", "calories-day", "resting-heart-rate"}:
        day = date(2026, 11, 20)
        plain = msgspec.structs.replace(plain, reading_id=None, device_id=None, gateway_id=None, day=day)
    if kind == "bmi":
        plain = msgspec.structs.replace(
            plain, device_id=None, gateway_id=None, derived_from=(f"{READING}.body-weight",)
        )
    return msgspec.structs.replace(plain, **changes)


def identities(role: str) -> st.SearchStrategy[str]:
    """Ids such as the product makes."""
    return st.text(ALPHABET, min_size=13, max_size=13).map(lambda text: f"{role}-{text}")


def numbers(kind: Kind) -> st.SearchStrategy[Decimal]:
    """Any plausible value with 0 to 9 decimals, trailing zeros included."""
    return st.integers(0, 9).flatmap(
        lambda places: st.decimals(kind.low, kind.high, places=places, allow_nan=False, allow_infinity=False)
    )


@st.composite
def measurements(draw: st.DrawFn, kinds: list[Kind] = OBSERVED) -> Measured:
    """Any Measured that can become an Observation."""
    kind = draw(st.sampled_from(kinds))
    at = draw(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    by_device = draw(st.booleans())
    sides = draw(st.sets(st.sampled_from([code for code, _ in PRESSURES]), min_size=1))
    panel = kind.code == "blood-pressure"
    civil_day = draw(st.booleans()) and kind.hl7_profile is None
    return Measured(
        reading_id=draw(st.text(ALPHABET, min_size=26, max_size=26)),
        resident_id=draw(identities("r")),
        device_id=draw(identities("d")) if by_device else None,
        gateway_id=draw(identities("g")) if by_device or draw(st.booleans()) else None,
        kind=kind.code,
        value=None if panel else draw(numbers(kind)),
        unit=kind.unit,
        measured_at=at,
        period_start=draw(st.none() | st.just(at - timedelta(hours=7))),
        day=at.date() if civil_day else None,
        time_quality=draw(st.sampled_from(("device", "sequence", "received", "unknown"))),
        experimental=draw(st.booleans()),
        preliminary=draw(st.booleans()),
        derived_from=tuple(draw(st.lists(st.text(ALPHABET, min_size=26, max_size=26), max_size=2, unique=True))),
        components=tuple((code, draw(numbers(KINDS[code]))) for code in sorted(sides)) if panel else (),
        sensor=draw(st.sampled_from((None, "oximeter"))) if kind.code == "pulse-rate" else None,
    )


def tellings() -> st.SearchStrategy[dict[str, Any]]:
    """The ways one value can be told: as it is, amended or taken back, anew under another name, about whom they know."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "status": st.sampled_from(sorted(TELLABLE)),
        "identifier": st.text(ALPHABET, min_size=26, max_size=26).map(lambda name: f"{name}.body-weight.2"),
        "patient": st.text("abcXYZ019-.", min_size=1, max_size=64),
    }
    return st.fixed_dictionaries({}, optional=optional)

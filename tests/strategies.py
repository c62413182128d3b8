"""Hypothesis strategies for the values of the contract, in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import strategies as st

from engine.contract.ids import ALPHABET
from engine.contract.kinds import KINDS, Kind
from engine.contract.reading import Reading, Value

MEASURABLE = [kind for kind in KINDS.values() if kind.quantity and not kind.derived]


def opaque(role: str) -> st.SearchStrategy[str]:
    return st.text(ALPHABET, min_size=13, max_size=13).map(lambda tail: f"{role}-{tail}")


def reading_ids() -> st.SearchStrategy[str]:
    return st.text(ALPHABET, min_size=26, max_size=26)


def instants() -> st.SearchStrategy[datetime]:
    base = datetime(2026, 1, 1, tzinfo=UTC)
    offsets = st.sampled_from([UTC, timezone(timedelta(hours=9))])
    moments = st.integers(0, 300 * 86_400_000).map(lambda ms: base + timedelta(milliseconds=ms))
    return st.builds(lambda moment, zone: moment.astimezone(zone), moments, offsets)


def amounts(kind: Kind) -> st.SearchStrategy[Decimal]:
    return st.decimals(kind.low, min(kind.high, Decimal(10**9)), places=kind.decimals, allow_nan=False)


@st.composite
def values(draw: st.DrawFn) -> tuple[Value, ...]:
    kinds = draw(st.lists(st.sampled_from(MEASURABLE), min_size=1, max_size=4, unique_by=lambda kind: kind.code))
    return tuple(Value(kind.code, format(draw(amounts(kind)), "f"), kind.unit) for kind in kinds)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    return Reading(
        id=draw(reading_ids()),
        device=draw(opaque("d")),
        profile=draw(st.sampled_from(["sig-weight", "huami-band"])),
        firmware=draw(st.none() | st.just("1.0.3")),
        user_slot=draw(st.none() | st.integers(0, 255)),
        sequence=draw(st.none() | st.integers(0, 2**32 - 1)),
        quality=draw(st.none() | st.floats(0, 1)),
        measured_at=draw(instants()),
        time_quality=draw(st.sampled_from(["device", "sequence", "received", "unknown"])),
        received_at=draw(instants()),
        values=draw(values()),
    )

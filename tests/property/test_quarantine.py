"""Records from before a pairing: whatever their clock says, none of them is filed under the people who have it now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import TimeQuality
from gateway.clock import Trusted, trust
from gateway.quarantine import LEEWAY, LIVE_LEEWAY, Paired, is_foreign

SINCE = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000))
qualities: st.SearchStrategy[Literal["device", "sequence", "received", "unknown"]] = st.sampled_from(
    get_args(TimeQuality)
)


def said(at: datetime, quality: Literal["device", "sequence", "received", "unknown"]) -> Trusted:
    return Trusted(at, quality, None)


@given(spans, spans, st.booleans())
def test_a_record_dated_before_the_pairing_is_never_ours_also_years_later(
    age: timedelta, later: timedelta, proven: bool
) -> None:
    paired = Paired(SINCE, SINCE + timedelta(minutes=1) if proven else None)
    record = said(SINCE - LEEWAY - age - timedelta(seconds=1), "device")
    assert is_foreign(paired, record, SINCE + later, live=False)


@given(spans, qualities.filter(lambda quality: quality != "device"))
def test_until_the_proof_an_undated_record_is_somebody_else_s_and_from_it_on_ours(
    later: timedelta, quality: Literal["sequence", "received", "unknown"]
) -> None:
    heard = SINCE + later
    record = said(heard, quality)
    assert is_foreign(Paired(SINCE), record, heard, live=False)
    # The measurement that is the proof is ours itself, and what came before it is not, however late it is judged.
    assert not is_foreign(Paired(SINCE, heard), record, heard, live=False)
    assert is_foreign(Paired(SINCE, heard + timedelta(microseconds=1)), record, heard, live=False)


@given(spans, spans)
def test_a_clock_ahead_of_time_proves_nothing(ahead: timedelta, later: timedelta) -> None:
    heard = SINCE + later
    record = said(heard + LEEWAY + ahead + timedelta(seconds=1), "device")
    assert is_foreign(Paired(SINCE), record, heard, live=False)


@given(spans, spans, qualities, st.booleans())
def test_what_a_person_disowned_is_nobody_s_and_what_came_after_is_judged_as_ever(
    before: timedelta, after: timedelta, quality: Literal["device", "sequence", "received", "unknown"], live: bool
) -> None:
    until = SINCE + timedelta(minutes=5)
    heard = until - before
    assert is_foreign(Paired(SINCE, None, until), said(heard, quality), heard, live=live)
    late = until + after + timedelta(microseconds=1)
    record = said(late, quality)
    assert is_foreign(Paired(SINCE, None, until), record, late, live=live) == is_foreign(
        Paired(SINCE), record, late, live=live
    )


@given(spans, qualities, st.booleans())
def test_a_device_that_nobody_paired_keeps_everything(
    age: timedelta, quality: Literal["device", "sequence", "received", "unknown"], live: bool
) -> None:
    assert not is_foreign(Paired(), said(SINCE - age, quality), SINCE, live=live)


@given(spans)
def test_a_live_broadcast_is_ours_unless_its_own_clock_says_that_it_is_old(age: timedelta) -> None:
    heard = SINCE + timedelta(minutes=1)
    assert not is_foreign(Paired(SINCE), said(heard, "received"), heard, live=True)
    old = SINCE - LIVE_LEEWAY - age - timedelta(seconds=1)
    assert is_foreign(Paired(SINCE), said(old, "device"), heard, live=True)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2094, 1, 1)), st.integers(0, 600))  # noqa: DTZ001
def test_whatever_a_device_clock_shows_a_second_hand_memory_never_passes_as_proof(clock: datetime, wait: int) -> None:
    """A record that passes before the proof must be dated by a believable clock from the pairing on."""
    heard = SINCE + timedelta(seconds=wait)
    record = trust(clock, None, heard, TOKYO, live=False)
    if not is_foreign(Paired(SINCE), record, heard, live=False):
        assert record.quality == "device"
        assert SINCE - LEEWAY <= record.measured_at <= heard + LEEWAY

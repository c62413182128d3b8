"""Device time to trusted time: nothing is dropped, nothing absurd is believed, a re-sent record is judged the same."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import AHEAD, MEMORY, trust

TOKYO = ZoneInfo("Asia/Tokyo")
ZONES = st.sampled_from([TOKYO, ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns"), ZoneInfo("UTC")])
CLOCKS = st.none() | st.datetimes()
NUMBERS = st.none() | st.integers(0, 65535)
NOW = st.datetimes(datetime(2026, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@given(CLOCKS, NUMBERS, NOW, ZONES, st.booleans())
def test_every_record_gets_a_sane_instant_whatever_the_device_says(
    clock: datetime | None, number: int | None, now: datetime, zone: ZoneInfo, live: bool
) -> None:
    trusted = trust(clock, number, now, zone, live=live)
    slack = timedelta(hours=2)  # a zone's own clock change
    assert now - MEMORY - slack <= trusted.measured_at <= now + AHEAD + slack
    assert trusted.measured_at.tzinfo is not None
    assert (trusted.anchor is None) == (trusted.quality in {"received", "unknown"})


@given(st.timedeltas(-timedelta(days=700), timedelta(hours=23)), NOW, st.booleans())
def test_a_plausible_device_clock_is_kept_to_the_second_in_the_zone_of_the_home(
    ago: timedelta, now: datetime, live: bool
) -> None:
    clock = (now + ago).astimezone(TOKYO).replace(tzinfo=None)
    trusted = trust(clock, None, now, TOKYO, live=live)
    assert trusted.quality == "device"
    assert trusted.measured_at == now + ago
    assert trusted.anchor == clock.isoformat()


@given(st.integers(1, 2012), NUMBERS, NOW, st.booleans())
def test_an_unset_clock_is_never_believed_and_the_quality_says_why(
    year: int, number: int | None, now: datetime, live: bool
) -> None:
    trusted = trust(datetime(year, 1, 1), number, now, TOKYO, live=live)  # noqa: DTZ001
    assert trusted.measured_at == now
    assert trusted.quality == ("received" if live else "unknown" if number is None else "sequence")


@given(CLOCKS, NUMBERS, NOW, st.timedeltas(timedelta(0), timedelta(minutes=10)))
def test_a_record_sent_again_within_minutes_keeps_its_anchor_away_from_the_edges(
    clock: datetime | None, number: int | None, now: datetime, later: timedelta
) -> None:
    here = now.astimezone(TOKYO).replace(tzinfo=None)
    near = timedelta(minutes=11)
    edges = (here - MEMORY, here + AHEAD)
    if clock is not None and any(abs(clock - edge) <= near for edge in edges):
        return
    first = trust(clock, number, now, TOKYO, live=False)
    assert trust(clock, number, now + later, TOKYO, live=False).anchor == first.anchor


@pytest.mark.parametrize("year", [1970, 2000, 2010, 2012, 2016, 2094])
def test_the_years_devices_wake_up_in_after_a_battery_change_are_not_believed(year: int) -> None:
    now = datetime(2026, 11, 21, 7, tzinfo=UTC)
    assert trust(datetime(year, 1, 1), None, now, TOKYO, live=False).quality == "unknown"  # noqa: DTZ001


def test_a_gateway_that_does_not_know_the_time_yet_believes_the_device() -> None:
    now = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    trusted = trust(datetime(2026, 11, 21, 7), None, now, TOKYO, live=False)  # noqa: DTZ001
    assert (trusted.quality, trusted.measured_at) == ("device", datetime(2026, 11, 20, 22, tzinfo=UTC))

"""The real series: complete, on their own weekdays, ending today, and never in the future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from simulators.replay import ReplayError, plan_replay
from simulators.series import DAYS, demo_household, fitbit_household

TOKYO = ZoneInfo("Asia/Tokyo")
# An afternoon, just after local midnight, and a leap day.
MOMENTS = [
    datetime(2026, 11, 21, 6, 0, tzinfo=UTC),
    datetime(2026, 11, 20, 15, 1, tzinfo=UTC),
    datetime(2028, 2, 29, 3, 0, tzinfo=UTC),
]


def source(name: str) -> list[list[str]]:
    text = files("simulators").joinpath("data", name).read_text(encoding="utf-8")
    return [line.split(",") for line in text.splitlines()[1:]]


@pytest.mark.parametrize("now", MOMENTS)
def test_the_demo_covers_56_days_that_end_now_and_none_lies_in_the_future(now: datetime) -> None:
    home = demo_household(now, TOKYO)
    today = now.astimezone(TOKYO).date()
    for name in ("scale", "composition-scale"):
        days = [record.at.astimezone(TOKYO).date() for record in home.device(name).records]
        assert days == sorted(set(days))
        assert days[0] == today - timedelta(days=DAYS - 1)
    assert all(record.at <= now for device in home.devices for record in device.records)
    steps = [record.at.astimezone(TOKYO).date() for record in home.device("band").records]
    assert [today - timedelta(days=back) for back in range(DAYS - 1, 0, -1)] == steps[: DAYS - 1]


@pytest.mark.parametrize("now", MOMENTS)
def test_every_day_of_steps_is_a_real_day_of_the_same_weekday(now: datetime) -> None:
    real = {
        (date.fromisoformat(day).weekday(), steps) for who, day, steps in source("fitbit2016_daily.csv") if who == "P07"
    }
    for record in demo_household(now, TOKYO).device("band").records[: DAYS - 1]:
        assert (record.at.weekday(), record.values["steps"]) in real


def test_every_weight_is_one_that_the_volunteer_had() -> None:
    home = demo_household(MOMENTS[0], TOKYO)
    for name, subject in (("scale", "1"), ("composition-scale", "2")):
        real = [
            weight for who, day, weight in source("krone2020_weights.csv") if who == subject and int(day) > 6 and weight
        ]
        assert [record.values["weight"] for record in home.device(name).records] == real


def test_fitbit_weigh_ins_keep_weekday_and_time_of_day() -> None:
    real = {
        (datetime.fromisoformat(at).weekday(), datetime.fromisoformat(at).time(), weight)
        for _, at, weight in source("fitbit2016_weights.csv")
    }
    records = fitbit_household(MOMENTS[0], TOKYO).device("advert-scale").records
    assert len(records) >= 40
    assert {(one.at.weekday(), one.at.time(), one.values["weight"]) for one in records} <= real


def test_the_same_seed_invents_the_same_and_the_invented_pressures_are_high_enough_for_the_rule() -> None:
    one, two = (demo_household(MOMENTS[0], TOKYO, seed=7) for _ in range(2))
    assert one == two
    cuff = one.device("cuff").records
    assert len(cuff) >= 26
    mean = [sum(int(record.values[name]) for record in cuff) / len(cuff) for name in ("systolic", "diastolic")]
    assert mean[0] > 135
    assert mean[1] > 85


def test_the_description_says_what_is_real_and_what_is_not() -> None:
    text = "\n".join(demo_household(MOMENTS[0], TOKYO).description)
    for word in ("Krone", "Fitbit", "CC BY 4.0", "played twice", "weekday", "NOT real"):
        assert word in text


@pytest.mark.parametrize("line", ["{", '{"id": "a"}', '{"id":"a","transport":"pigeon","payload_hex":"00"}'])
def test_a_line_that_is_no_capture_stops_a_replay_with_its_number(line: str) -> None:
    with pytest.raises(ReplayError, match="line 2"):
        plan_replay(["", line], MOMENTS[0])

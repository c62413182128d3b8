"""Numbers of use at this hour: 119 always, the night lines at night, nothing invented, the operator's file over all."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine import contacts
from engine.contacts import Number, line, numbers_at, own_numbers, read_numbers, shipped
from engine.locale import LANGUAGES
from engine.municipalities import REGION
from engine.refusal import Refusal
from engine.wording import wording_faults

JAPAN = ZoneInfo("Asia/Tokyo")
CLINIC = """[[number]]
id = "health-centre"
number = "0234-00-0000"
name = { ja = "健康課", en = "Health centre" }
about = { ja = "平日の 昼", en = "weekdays" }
hours = ["08:30-17:15"]
days = ["weekday"]
first = 1
source = "the town's own word"
"""


def dialled(clock: str, town: str = "062049", **more: Any) -> list[str]:
    at = datetime.fromisoformat(clock).replace(tzinfo=JAPAN)
    return [one.number for one in numbers_at(town, at, **more)]


def test_119_answers_everywhere_at_any_hour_and_stands_first() -> None:
    for town in [*REGION, "000000"]:
        for hour in range(24):
            assert dialled(f"2026-11-20 {hour:02}:30", town)[0] == "119"


@pytest.mark.parametrize(
    ("clock", "night"),
    [
        ("2026-11-20 17:59", False), ("2026-11-20 18:00", True), ("2026-11-20 23:59", True), ("2026-11-21 00:00", True),
        ("2026-11-21 07:59", True), ("2026-11-21 08:00", False),
    ],
)  # fmt: skip
def test_the_night_lines_answer_from_six_in_the_evening_until_eight(clock: str, night: bool) -> None:
    assert ("#7119" in dialled(clock)) is night
    assert ("#8000" in dialled(clock)) is night


def test_an_adult_is_not_sent_to_the_children_s_line_nor_a_child_to_the_other() -> None:
    assert "#8000" not in dialled("2026-11-20 20:00", age=15)
    assert "#7119" not in dialled("2026-11-20 20:00", age=14)


@pytest.mark.parametrize(
    ("clock", "town", "answers"),
    [
        ("2026-11-22 09:00", "062049", True), ("2026-11-22 11:30", "062049", False), ("2026-11-23 09:00", "062049", True),
        ("2026-12-31 09:00", "062049", True), ("2026-11-24 09:00", "062049", False), ("2026-11-22 09:00", "064611", False),
    ],
)  # fmt: skip
def test_the_holiday_clinic_answers_on_sunday_and_holiday_mornings_in_its_town(
    clock: str, town: str, answers: bool
) -> None:
    assert ("0234-21-5225" in dialled(clock, town)) is answers


def test_every_number_that_ships_names_its_source_and_when_that_was_read() -> None:
    for one in shipped():
        assert one.source
        assert date.fromisoformat(one.checked) >= date(2023, 1, 1)
        assert set(one.municipalities) <= set(REGION)


def test_the_operator_s_file_adds_replaces_and_takes_away(tmp_path: Path) -> None:
    (tmp_path / "contacts.toml").write_text(
        CLINIC + CLINIC.replace("health-centre", "adult-line").replace("0234-00-0000", "0234-11-1111")
        + CLINIC.replace("health-centre", "emergency-centre") + "closed = true\n",
        encoding="utf-8",
    )  # fmt: skip
    assert dialled("2026-11-20 12:00", home=tmp_path) == ["119", "0234-11-1111", "0234-00-0000"]


def test_a_file_that_cannot_be_read_takes_nothing_away_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "contacts.toml").write_text("[[number]]\nid = 1\n", encoding="utf-8")
    found = own_numbers(tmp_path)
    assert isinstance(found, Refusal)
    assert found.code == "bad-contacts"
    assert dialled("2026-11-20 12:00", home=tmp_path) == dialled("2026-11-20 12:00")


@pytest.mark.parametrize(
    "spoilt",
    [CLINIC * 2, CLINIC.replace("08:30", "8:30"), CLINIC.replace("0234-00-0000", "call us"), CLINIC + "fax = 1\n"],
)
def test_a_number_that_cannot_be_dialled_is_refused(spoilt: str) -> None:
    assert isinstance(read_numbers(spoilt), Refusal)


def test_an_hour_that_passes_midnight_belongs_to_the_day_it_began_on() -> None:
    friday = Number(
        id="x", number="1", name=contacts.Words("a", "a"), about=contacts.Words("a", "a"), source="test",
        hours=("22:00-02:00",), days=("saturday",),
    )  # fmt: skip
    answers = [
        friday.answers(datetime(2026, 11, day, hour, tzinfo=JAPAN))
        for day, hour in ((20, 23), (21, 23), (22, 1), (22, 23))
    ]
    assert answers == [False, True, True, False]


def test_the_lines_are_plain_words_for_residents() -> None:
    for hour in (3, 9, 20):
        at = datetime(2026, 11, 22, hour, 15, tzinfo=JAPAN)
        for language in LANGUAGES:
            said = line(language, "062049", at)
            assert "119" in said
            assert wording_faults(language, said) == ()

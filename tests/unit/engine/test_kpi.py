"""The report of the service: what is counted of whom, and how it looks on paper for a city office."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from engine.kpi import ALL, Person, Report, definitions, fiscal_year, percent, report, slice_of
from engine.kpi_hiding import Shown
from engine.kpi_sheet import page, table
from engine.municipalities import REGION
from engine.questionnaires import questionnaires
from engine.vocabulary import VOCABULARY

NOW = datetime(2027, 11, 20, 3, tzinfo=UTC)
YEARS = (2026, 2027)


def made(*kinds: tuple[int, str, tuple[bool, bool], bool, dict[str, bool]]) -> Report:
    people = [
        Person(town=town, registered=registered, active=active, advised=active, outcomes=outcomes)
        for times, town, registered, active, outcomes in kinds
        for _ in range(times)
    ]
    known = definitions()
    delivered = {"062049": 140, "064262": 31, "064289": 4}
    return report(people, delivered, tuple(REGION), YEARS, known.plan, NOW, known.outcome)


@pytest.fixture(scope="module")
def town() -> Report:
    stay, new, gone = (True, True), (False, True), (True, False)
    yes, no = {"bmi-25-men": True, "exercise-40s-50s": True}, {"bmi-25-men": False, "exercise-40s-50s": False}
    return made(
        (60, "062049", stay, True, yes), (45, "062049", new, True, no), (30, "062049", new, False, {}),
        (12, "062049", gone, False, yes), (14, "064262", stay, True, no), (16, "064262", new, False, yes),
        (6, "064289", new, True, yes), (11, "064611", stay, False, {"bmi-25-men": True}), (3, "064611", new, True, no),
    )  # fmt: skip


def test_who_is_registered_is_counted_at_each_years_end_and_who_left_no_more(town: Report) -> None:
    assert town.shown("registered", "2027", "062049") == 135
    assert town.shown("registered", "2027", ALL) == 185
    assert town.target(2027) == 150
    assert town.target(2031) is None
    assert town.share("062049") == Decimal("73.0")


def test_the_small_town_is_hidden_and_so_is_what_would_tell_of_it(town: Report) -> None:
    assert town.shown("registered", "2027", "064289") == "<10"
    assert town.share("064289") is None
    others = [town.now(code) for code in REGION if code != "064289"]
    assert not all(isinstance(one, int) for one in others), "else the region less the others would be six"


def test_shares_are_exact_and_only_of_what_is_shown() -> None:
    assert percent(1, 8) == Decimal("12.5")
    assert percent(2, 3) == Decimal("66.7")
    hidden: tuple[Shown, ...] = ("<10", "withheld")
    assert [percent(one, 20) for one in hidden] == [None, None]
    assert [percent(20, one) for one in hidden] == [None, None]
    assert percent(0, 0) is None


def test_a_person_prints_nothing_of_themselves() -> None:
    one = Person(town="062049", registered=(True,), active=True, advised=False, outcomes={"bmi-25-men": True})
    assert repr(one) == f"{one}" == "Person(withheld)"


def test_the_fiscal_year_begins_in_april() -> None:
    assert [fiscal_year(datetime(2027, month, 1, tzinfo=UTC).date()) for month in (3, 4)] == [2026, 2027]


def test_every_outcome_is_defined_by_something_the_house_knows_and_says_its_source() -> None:
    known = definitions()
    assert known.plan.registrants == (50, 150, 400, 650, 1000)
    told = {key for form in questionnaires().values() for item in form.item for one in item.choices for key in one.sets}
    assert len({one.id for one in known.outcome}) == len(known.outcome) == 4
    for one in known.outcome:
        assert one.source
        assert one.better in {"up", "down"}
        assert one.needs == (None if one.measure.read_to_day else "open-statistics")
        assert one.measure.answer is None or one.measure.answer in told & VOCABULARY.keys()


def test_a_slice_is_a_part_of_the_whole(town: Report) -> None:
    assert slice_of(town, "062049")["registrants"] == 135
    assert [one["registrants"] for one in slice_of(town, ALL)["years"]] == [97, 185]


def test_the_printed_report_and_the_spreadsheet_look_as_they_were_approved(
    town: Report, golden: Callable[[str, str], None]
) -> None:
    zone = ZoneInfo("Asia/Tokyo")
    golden("kpi/region.html", page(town, zone))
    golden("kpi/064262.html", page(town, zone, "064262"))
    text = table(town).decode("utf-8-sig")
    golden("kpi/region.csv", text.replace("\r\n", "\n"))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {9}
    assert all(one not in page(town, zone) for one in ("src=", "href=", "<script", "style="))

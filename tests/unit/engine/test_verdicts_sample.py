"""Ours beside the official verdict of a check-up: the same, or listed with the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.clinical import Fact
from engine.clinical_checkups import facts_of
from engine.imports.checkups import sheet
from engine.rules import load_catalogue
from engine.verdicts import Verdict, verdicts
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
MAN = msgspec.structs.replace(resident(HANAKO, "太郎", date(1950, 5, 4)), sex="male")
# The values of the sample document of the 健診結果報告書 implementation guide (github.com/jami-fhir-jp-wg/eCheckupReport,
# Bundle-eCheckupReport-Sample-01): a check-up that somebody else wrote down, with both official verdicts.
SAMPLE = {
    "9N001000000000001": "162.3", "9N006000000000001": "65.5", "9N011000000000001": "24.9", "9N016160100000001": "70",
    "9A751000000000001": "149", "9A761000000000001": "90", "3F015000002327101": "60", "3F070000002327101": "45",
    "3F077000002327101": "88", "3B035000002327201": "32", "3B045000002327201": "16", "3B090000002327101": "55",
    "3D046000001906202": "7", "9N141000000000011": "2", "1A020000000191111": "1", "1A010000000191111": "1",
    "9N501000000000011": "3", "9N506000000000011": "3", "9N701000000000011": "2", "9N706000000000011": "2",
    "9N711000000000011": "2", "9N736000000000011": "3", "9N716000000000011": "2", "9N721000000000011": "2",
    "9N726000000000011": "2", "9N731000000000011": "2", "9N741000000000011": "2", "9N746000000000011": "2",
    "9N751000000000011": "2", "9N756000000000011": "1", "9N872000000000011": "1", "9N766000000000011": "1",
    "9N771000000000011": "1", "9N782000000000011": "2", "9N781000000000011": "1", "9N786000000000011": "4",
    "9N791000000000011": "2", "9N796000000000011": "2", "9N801000000000011": "1", "9N808000000000011": "2",
}  # fmt: skip


def facts(**changes: str | None) -> list[Fact]:
    cells = {**SAMPLE, **changes}
    kept = {code: value for code, value in cells.items() if value is not None}
    text = f"健診日,{','.join(kept)}\n2020-04-04,{','.join(kept.values())}\n"
    [row] = sheet(BytesIO(text.encode()), ZoneInfo("Asia/Tokyo")).rows
    found, faults = facts_of(row, HANAKO, NOW, actor="desk")
    assert faults == []
    return [msgspec.structs.replace(fact, id=f"f-{fact.code}") for fact in found]


def compared(**changes: str | None) -> dict[str, Verdict]:
    return {one.name: one for one in verdicts(facts(**changes), MAN, load_catalogue(), NOW)}


WAIST, LEVEL, METS, HBA1C = "9N016160100000001", "9N506000000000011", "9N501000000000011", "3D046000001906202"


def test_every_item_of_somebody_elses_check_up_is_read_and_both_verdicts_are_ours_too() -> None:
    found = compared()
    assert len(facts()) == len(SAMPLE) + 17, (
        "the codes of the form, and what they say of medicines, illnesses and habits"
    )
    assert {name: (one.official, one.ours, one.agrees) for name, one in found.items()} == {
        "guidance.level": ("info", "info", True), "mets": ("no", "no", True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "level", "mets"),
    [
        ({WAIST: "85", LEVEL: "2", METS: "2", HBA1C: "5.9"}, "motivational", "pre_mets"),
        ({WAIST: "85", LEVEL: "2", METS: "1", "3F015000002327101": "150"}, "motivational", "mets"),
        ({WAIST: "85", LEVEL: "3", METS: "1", "9N701000000000011": "1", "3F015000002327101": "150"}, "excluded_medication", "mets"),
    ],
)  # fmt: skip
def test_the_verdicts_follow_the_values_and_medicine_means_information(
    changes: dict[str, str | None], level: str, mets: str
) -> None:
    found = compared(**changes)
    assert (found["guidance.level"].ours, found["mets"].ours) == (level, mets)
    assert all(one.agrees for one in found.values()), found


def test_a_difference_names_the_value_that_the_file_lacks_or_that_the_rules_differ() -> None:
    lacking = compared(**{WAIST: "85", LEVEL: "2", METS: "1", "9N736000000000011": None, "9A761000000000001": None})
    assert lacking["mets"].agrees
    without_waist = compared(**{WAIST: None, LEVEL: "3", METS: "3"})["mets"]
    assert (without_waist.reason, without_waist.missing) == ("missing", ("waist",))
    other = compared(**{WAIST: "85"})["mets"]
    assert (other.official, other.ours, other.reason) == ("no", "mets", "rule")
    undecided = compared(**{METS: "4"})["mets"]
    assert (undecided.ours, undecided.reason) == ("no", "undecided")


def test_a_later_check_up_is_not_judged_by_the_values_of_the_earlier_one() -> None:
    first = facts()
    later = [
        msgspec.structs.replace(fact, id="f-later", at=datetime(2021, 4, 3, tzinfo=UTC))
        for fact in first
        if fact.code == "checkup.mets"
    ]
    [late] = [one for one in verdicts([*first, *later], MAN, load_catalogue(), NOW) if one.at.year == 2021]
    assert (late.ours, late.reason) == ("unknown", "missing")

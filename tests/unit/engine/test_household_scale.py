"""What the assigner is worth on two real shared scales, and that it plays fair there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cli.assign import assign
from cli.exits import Exit
from cli.output import Fail
from engine.assignment_file import COLUMNS, answers
from engine.refusal import Refusal
from tests.household_scale import FILE, Row, guesses, mixed, risk_coverage, rows

HEADER = ",".join(COLUMNS)


def said(history: list[Row]) -> list[tuple[str | None, float]]:
    lines = [HEADER, *(",".join([r.household, r.reading, str(r.day), r.person, r.kilograms]) for r in history)]
    found = answers(lines)
    assert not isinstance(found, Refusal)
    return [(answer["person"], answer["posterior"]) for answer in found]


@pytest.mark.parametrize(("household", "right"), [("SA", 0.9), ("SB", 1.0)])
def test_it_asks_for_at_most_a_quarter_and_files_the_rest_rightly(household: str, right: float) -> None:
    history = rows(household)
    answered = [(row.person, name) for row, (name, _) in zip(history, said(history), strict=True) if name is not None]
    assert 1 - len(answered) / len(history) <= 0.25
    assert sum(truth == name for truth, name in answered) / len(answered) >= right


def test_the_risk_coverage_curve_and_every_confident_mistake(golden: Callable[[str, str], None]) -> None:
    golden("households/risk_coverage.md", risk_coverage())


def test_the_curve_is_that_of_the_command() -> None:
    history = rows("SA")
    seen = {row.reading: (name, share) for row, (name, share) in zip(history, said(history), strict=True)}
    for guess in guesses(history):
        name, share = seen[guess.row.reading]
        assert share == pytest.approx(guess.posterior, abs=2e-6)
        assert name == (guess.person if guess.posterior >= 0.9 else None)


def test_no_answer_depends_on_a_later_row() -> None:
    history = rows("SA")
    whole = said(history)
    for length in (4, 60, 121, 150):
        assert said(history[:length]) == whole[:length]


def test_the_truth_is_used_for_the_first_reading_of_each_person_only() -> None:
    history, rng = rows("SA"), random.Random(3)
    people = sorted({row.person for row in history})
    first = {person: next(i for i, row in enumerate(history) if row.person == person) for person in people}
    lies = [
        row
        if i in first.values()
        else msgspec.structs.replace(row, person=rng.choice([p for p in people if first[p] < i]))
        for i, row in enumerate(history)
    ]
    assert lies != history
    assert said(lies) == said(history)


def test_households_do_not_know_of_each_other() -> None:
    together = dict(zip([row.reading + row.household for row in rows()], said(rows()), strict=True))
    alone = dict(zip([row.reading + row.household for row in rows("SB")], said(rows("SB")), strict=True))
    assert {key: together[key] for key in alone} == alone


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("A,2,zz,x,60", "bad-day"),
        ("A,2,nan,x,60", "bad-day"),
        ("A,2,1e12,x,60", "bad-day"),
        ("A,2,1,x,", "bad-weight"),
        ("A,2,1,x,Infinity", "bad-weight"),
        ("A,2,1,x,900", "implausible"),
        ("A", "bad-row"),
        ('A,2,1,"x"y"z', "bad-row"),
    ],
)
def test_a_row_that_cannot_be_read_is_answered_and_changes_nothing(line: str, code: str) -> None:
    good = ["A,1,0,x,60", "A,3,2,x,60.4"]
    found = answers([HEADER, good[0], line, "", good[1]])
    assert not isinstance(found, Refusal)
    first, bad, last = found
    assert bad["error"]["code"] == code
    without = answers([HEADER, *good])
    assert not isinstance(without, Refusal)
    assert [first, last] == list(without)


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("household,weight\nA,60\n")
    with pytest.raises(Fail) as refused:
        assign(tmp_path / "x.csv", json=True)
    assert (refused.value.exit_code, refused.value.code) == (Exit.USAGE, "bad-header")
    with pytest.raises(Fail) as missing:
        assign(tmp_path / "none.csv", json=True)
    assert missing.value.exit_code == Exit.NOT_FOUND


def test_the_command_answers_every_row_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assign(FILE, json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(item["household"], item["reading"]) for item in found] == [(row.household, row.reading) for row in rows()]
    assert all(set(item) == {"household", "reading", "person", "posterior"} for item in found)
    assign(FILE)
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == len(found)
    assert "to be asked about" in told.err or "ききます" in told.err


@pytest.mark.parametrize(("apart", "error", "asked"), [(2.0, 0.1, 0.7), (3.5, 0.02, 0.25), (6.0, 0.01, 0.05)])
def test_other_mixtures_of_the_same_people_are_answered_as_surely_as_it_claims(
    apart: float, error: float, asked: float
) -> None:
    found = [guess for seed in range(8) for guess in guesses(mixed(apart, seed))]
    filed = [guess for guess in found if guess.posterior >= 0.9]
    sure = [guess for guess in found if guess.posterior >= 0.99]
    assert 1 - len(filed) / len(found) <= asked
    assert sum(not guess.right for guess in filed) / len(filed) <= error
    assert sum(not guess.right for guess in sure) / len(sure) <= 0.01


def test_numbers_of_any_size_are_answered_line_by_line() -> None:
    odd = ["1e1000000", "-1e1000000", "1e-1000000", "nan", "sNaN", "-inf", "", "x"]
    lines = [
        HEADER,
        *(f"A,{n},{day},1,60" for n, day in enumerate(odd)),
        *(f"A,{n},1,1,{kg}" for n, kg in enumerate(odd)),
    ]
    found = answers(lines)
    assert not isinstance(found, Refusal)
    said = [answer.get("error", {}).get("code") for answer in found]
    days = ["bad-day", "bad-day", None, "bad-day", "bad-day", "bad-day", "bad-day", "bad-day"]
    weights = ["implausible", "implausible", "implausible"] + ["bad-weight"] * 5
    assert said == days + weights


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_names_stay_apart_and_readable_however_the_table_was_saved(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read with marks for what is not UTF-8, different names of one length would be one person."""
    file = tmp_path / "home.csv"
    rows_of = [("佐藤", "52.0"), ("加藤", "80.0"), ("佐藤", "52.1"), ("加藤", "80.1")]
    text = "\r\n".join([HEADER, *(f"家,{n},{n},{who},{kg}" for n, (who, kg) in enumerate(rows_of))])
    file.write_bytes(text.encode(encoding))
    assign(file, json=True)
    answered = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["household"], row["person"]) for row in answered] == [("家", who) for who, _ in rows_of]

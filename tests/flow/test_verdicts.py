"""Twelve check-ups imported from a file: their own verdicts beside ours, every difference with its reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.clinical import app
from cli.exits import Exit
from cli.output import Fail
from engine.store import repo_consents, repo_residents
from engine.store.database import write
from tests.flow.furnished import engine
from tests.flow.stores import home, store
from tests.homes import consent, resident

__all__ = ["engine", "home", "store"]
pytestmark = pytest.mark.flow
HEAD = (
    "利用者ID,健診日,身長,体重,BMI,腹囲,収縮期血圧,拡張期血圧,空腹時血糖,HbA1c,空腹時中性脂肪,HDLコレステロール,"
    "服薬1(血圧),服薬2(血糖),服薬3(脂質),喫煙,保健指導レベル,メタボ判定"
)
# Who, born, sex, the rest of the row from the day on, and what must come of it: (guidance level, metabolic syndrome).
AGREES, NONE = "agrees", None
PEOPLE: list[tuple[str, date, str, str, tuple[str | None, str | None]]] = [
    ("active", date(1976, 5, 5), "male",
     "2026-06-01,170,78,27.0,92,135,80,104,5.7,190,44,2,2,2,2,積極的支援,基準該当", (AGREES, AGREES)),
    ("motivational", date(1976, 5, 5), "male",
     "2026-06-01,170,70,24.2,86,120,70,104,5.4,100,60,2,2,2,2,動機付け支援,非該当", (AGREES, AGREES)),
    ("older", date(1958, 5, 5), "female",
     "2026-06-01,150,60,26.7,93,138,80,112,6.1,160,44,2,2,2,2,動機付け支援,基準該当", (AGREES, AGREES)),
    ("treated", date(1976, 5, 5), "male",
     "2026-06-01,170,78,27.0,92,128,80,104,5.7,190,44,1,2,2,2,情報提供,基準該当", (AGREES, AGREES)),
    ("slim", date(1980, 5, 5), "female",
     "2026-06-01,158,52,20.8,74,110,66,90,5.2,60,70,2,2,2,2,情報提供,非該当", (AGREES, AGREES)),
    ("nothing-official", date(1980, 5, 5), "female", "2026-06-01,158,52,20.8,74,110,66,90,5.2,60,70,2,2,2,2,,", (NONE, NONE)),
    ("rounded", date(1976, 5, 5), "male",
     "2026-06-01,170,72.1,25.0,80,120,70,104,5.4,100,60,2,2,2,2,動機付け支援,非該当", ("bmi-rounding", AGREES)),
    ("untold-medicine", date(1976, 5, 5), "male",
     "2026-06-01,170,78,27.0,92,135,80,104,5.7,190,44,2,2,2,2,情報提供,基準該当", ("medicine", AGREES)),
    ("first-of-april", date(1961, 4, 1), "male",
     "2026-03-02,170,78,27.0,92,135,80,104,5.7,190,44,2,2,2,2,動機付け支援,基準該当", ("age", AGREES)),
    ("no-waist", date(1976, 5, 5), "female",
     "2026-06-01,158,52,20.8,,135,86,104,5.7,190,44,2,2,2,2,情報提供,非該当", ("waist-left-out", "waist-left-out")),
    ("no-answer", date(1976, 5, 5), "male",
     "2026-06-01,170,78,27.0,92,120,70,104,5.4,100,60,,2,2,2,動機付け支援,予備群該当", ("missing", "missing")),
    ("unexplained", date(1976, 5, 5), "male",
     "2026-06-01,170,60,20.8,75,110,66,90,5.2,60,70,2,2,2,2,積極的支援,判定不能", ("rule", "undecided")),
]  # fmt: skip


def named(name: str) -> str:
    """A resident id of thirteen letters for a word."""
    return "r-" + (name.replace("-", "").replace("0", "").replace("1", "") * 13)[:13].translate(
        str.maketrans("01890", "abcde")
    )


@pytest.fixture
def imported(engine: Engine, tmp_path: Path) -> Engine:
    with write(engine) as connection:
        for name, born, sex, _, _ in PEOPLE:
            person = msgspec.structs.replace(resident(named(name), "花子", born), sex=sex, height_cm=None)
            repo_residents.add(connection, person, datetime(2026, 1, 1, tzinfo=UTC), actor="test", os_user="test")
            repo_consents.append(connection, consent(person.id, "record"), os_user="test")
    path = tmp_path / "checkups.csv"
    rows = [f"{named(name)},{row}" for name, _, _, row, _ in PEOPLE]
    path.write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    report = json.loads(run("import", "--csv", str(path), "--json").stdout)
    assert (report["rows"], report["people"], report["refused"]) == (len(PEOPLE), len(PEOPLE), {})
    return engine


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit | Fail), done.exception
    return done


def shown(*words: str) -> Any:
    done = run("verdicts", *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_check_up_agrees_or_is_listed_with_its_reason(imported: Engine) -> None:
    found = shown()
    came = {(one["resident"], one["name"]): one["reason"] or one["outcome"] for one in found["verdicts"]}
    expected = {
        (named(name), label): reason
        for name, _, _, _, reasons in PEOPLE
        for label, reason in zip(("guidance.level", "mets"), reasons, strict=True)
        if reason is not None
    }
    assert came == expected
    assert (found["compared"], found["agreed"], found["differ"], found["cannot_tell"]) == (22, 13, 4, 5)
    assert all(one["missing"] for one in found["verdicts"] if one["reason"] in {"missing", "waist-left-out"})


def test_one_person_in_words(imported: Engine) -> None:
    told = run("verdicts", "--resident", named("no-answer")).stdout.splitlines()
    assert len(told) == 3
    assert "guidance.level  motivational / indeterminate  値が ありません: med.antihypertensive" in told[0]
    assert told[-1] == "健診の判定 2 件: 同じ 0、ちがう 0、くらべられない 2"
    rounded = run("verdicts", "--resident", named("rounded")).stdout.splitlines()
    assert rounded[0].endswith("motivational / info  BMIの 端数の まるめ方")
    assert rounded[-1] == "健診の判定 2 件: 同じ 1、ちがう 1、くらべられない 0"


def test_a_store_without_official_words_has_nothing_to_compare(imported: Engine) -> None:
    assert run("verdicts", "--resident", named("nothing-official")).exit_code == Exit.NOT_FOUND
    assert run("verdicts", "--resident", "r-bbbbbbbbbbbbb").exit_code != 0

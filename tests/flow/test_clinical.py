"""`phr clinical` over a real database: recorded once, never rewritten, audited, and owed an evaluation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from cli.clinical import app
from cli.exits import Exit
from engine.clinical import Fact
from engine.refusal import Refusal
from engine.store import audit, repo_consents, repo_facts, repo_outbox, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables_clinical import FACT
from engine.vocabulary import ANSWERS
from tests.flow.commands import refused, told
from tests.flow.furnished import engine
from tests.flow.stores import HANAKO as ANNA
from tests.flow.stores import LATER, NOW, home, store
from tests.homes import HANAKO, TARO, consent

__all__ = ["engine", "home", "store"]
pytestmark = pytest.mark.flow
DESK = By("desk", "tester")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def shown(*words: str) -> Any:
    return told(run(*words, "--json"))


def refusal(*words: str) -> tuple[int, str]:
    return refused(run(*words))


def owed(engine: Engine) -> list[str]:
    with write(engine) as connection:
        return [debt.key for debt in repo_outbox.take(connection, "evaluate", 99)]


def trail(engine: Engine) -> list[tuple[str, str, str]]:
    with read(engine) as connection:
        assert audit.verify(connection) is None
        links = [link for link in audit.entries(connection, limit=1000) if link.action.startswith("fact-")]
    return [(link.action, link.subject, link.actor) for link in links]


def count(engine: Engine) -> int:
    with read(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM fact")).scalar_one())


def fasting(value: str = "126", **more: object) -> Fact:
    base = Fact(resident=ANNA.id, code="lab.fpg", value=value, unit="mg/dL", at=NOW, source="lab", actor="desk",
                channel="paper", recorded_at=NOW)  # fmt: skip
    return msgspec.structs.replace(base, **more)


def test_a_fact_comes_back_digit_for_digit_and_is_stored_once(home: Engine) -> None:
    said = [fasting("126.0", until=LATER, raw="７ mmol/L"), fasting("99", at=LATER)]
    with write(home) as connection:
        added = repo_facts.append(connection, said, DESK, NOW, Random(1))
        again = repo_facts.append(connection, said, DESK, LATER, Random(2))
        kept = repo_facts.of_one(connection, ANNA.id)
    assert [msgspec.structs.replace(fact, id="") for fact in kept] == said
    assert tuple(kept) == added.stored
    assert (again.stored, len(again.already)) == ((), 2)
    assert owed(home) == [ANNA.id]
    assert trail(home) == [("fact-add", ANNA.id, "desk")]


def test_a_retraction_is_a_row_and_nothing_is_rewritten(home: Engine) -> None:
    with write(home) as connection:
        [fact] = repo_facts.append(connection, [fasting()], DESK, NOW, Random(1)).stored
        back = repo_facts.retract(connection, fact.id, DESK, "cli", LATER, Random(2))
        assert isinstance(back, Fact)
        assert back.retracts == fact.id
        codes = [repo_facts.retract(connection, name, DESK, "cli", LATER, Random(3)) for name in (fact.id, back.id)]
        assert [said.code for said in codes if isinstance(said, Refusal)] == ["already-retracted", "unknown-fact"]
        again = repo_facts.append(connection, [fasting()], DESK, LATER, Random(4))
        assert again.stored == (), "the file it came from does not bring it back"
    with pytest.raises(Exception, match="fact is append-only"), write(home) as connection:
        connection.execute(FACT.update().values(value="1"))


def test_several_values_are_recorded_and_listed_with_source_and_end(engine: Engine) -> None:
    added = shown(
        "add", "hba1c", "６．１", "has.ckd", "no", "--resident", HANAKO, "--on", "令和8年10月3日", "--by", "suzuki"
    )
    assert [(fact["code"], fact["value"], fact["holds"]) for fact in added["stored"]] == [
        ("lab.hba1c", "6.1", True), ("has.ckd", "0", True),
    ]  # fmt: skip
    assert added["stored"][0]["until"] == "2028-04-02T15:00:00+00:00"
    lines = run("list", "--resident", HANAKO).stdout.splitlines()
    assert len(lines) == 2
    assert "慢性腎臓病: いいえ  2026-10-03, 2027-10-03 まで  nurse suzuki" in lines[0]
    assert "HbA1c(NGSP): 6.1 %" in lines[1]
    assert owed(engine) == [HANAKO]
    assert (
        run("add", "hba1c", "6.1", "has.ckd", "no", "--resident", HANAKO, "--on", "2026-10-03").exit_code
        == Exit.ALREADY
    )


def test_the_audit_trail_holds_no_value_of_anybody(engine: Engine) -> None:
    run("add", "lab.ldl", "187", "--resident", HANAKO, "--by", "suzuki")
    with read(engine) as connection:
        rows = connection.execute(text("SELECT * FROM audit WHERE action LIKE 'fact-%'")).mappings().all()
    [entry] = rows
    assert "ldl" not in json.dumps(dict(entry), default=str)
    assert len(entry["detail_hash"]) == 64


def test_a_wrong_fact_is_taken_back_and_seen_no_more_except_in_all(engine: Engine) -> None:
    [fact] = shown("add", "lab.fpg", "300", "--resident", HANAKO)["stored"]
    assert "取り消しました: 空腹時血糖: 300 mg/dL" in run("retract", fact["id"], "--by", "suzuki").stdout
    assert shown("list", "--resident", HANAKO)["facts"] == []
    assert len(shown("list", "--resident", HANAKO, "--all")["facts"]) == 2
    assert refusal("retract", fact["id"]) == (Exit.ALREADY, "already-retracted")
    assert refusal("retract", "f-nothing") == (Exit.NOT_FOUND, "unknown-fact")


def test_every_answer_is_yes_no_or_not_asked_with_who_said_it_and_until_when(engine: Engine) -> None:
    run("add", "has.ckd", "yes", "--resident", HANAKO, "--source", "hospital", "--by", "dr-sato", "--on", "2020-01-01")
    run("add", "ckd", "no", "--resident", HANAKO, "--source", "resident", "--by", "suzuki", "--on", "2026-11-01")
    run("add", "has.stroke", "no", "--resident", HANAKO, "--by", "suzuki", "--on", "2020-01-01")
    found = shown("answers", "--resident", HANAKO)["answers"]
    assert set(found) == ANSWERS
    assert (found["has.ckd"]["value"], found["has.ckd"]["note"]) == (1, "contradiction")
    assert [fact["source"] for fact in found["has.ckd"]["facts"]] == ["hospital", "resident"]
    assert (found["has.stroke"]["value"], found["has.stroke"]["note"]) == (None, "stale")
    assert found["answer.pregnant"]["note"] == "not-applicable"
    lines = run("answers", "--resident", HANAKO).stdout
    assert "慢性腎臓病: はい [contradiction]  hospital dr-sato 2020-01-01, ずっと; resident suzuki 2026-11-01" in lines
    assert "インスリン: 聞いていない\n" in lines


def test_what_cannot_be_is_refused_and_nothing_of_it_recorded(engine: Engine) -> None:
    who = ("--resident", HANAKO)
    assert refusal("add", "has.ckd", "no", "lab.fpg", "5.6", *who) == (Exit.USAGE, "implausible")
    assert refusal("add", "lab.fpg", *who) == (Exit.USAGE, "missing-value")
    assert refusal("add", "mood", "good", *who) == (Exit.USAGE, "unknown-code")
    assert refusal("add", "lab.fpg", "99", *who, "--on", "2099-01-01") == (Exit.USAGE, "future")
    assert refusal("add", "lab.fpg", "99", *who, "--on", "spring") == (Exit.USAGE, "unreadable-date")
    assert refusal("add", "lab.fpg", "99", *who, "--source", "rumour") == (Exit.USAGE, "unknown-source")
    assert refusal("add", "lab.fpg", "99", "--resident", "r-zzzzzzzzzzzzz") == (Exit.NOT_FOUND, "unknown-resident")
    assert count(engine) == 0


def test_without_consent_or_for_somebody_who_moved_away_nothing_is_recorded(engine: Engine) -> None:
    now = datetime.now(UTC)
    with write(engine) as connection:
        repo_consents.append(connection, consent(HANAKO, "record", granted=False, at=now), os_user="test")
        taro = repo_residents.get(connection, TARO)
        assert taro is not None
        moved = msgspec.structs.replace(taro, status="moved", version=taro.version + 1)
        repo_residents.edit(connection, moved, now, actor="t", os_user="t")
    assert refusal("add", "has.ckd", "no", "--resident", HANAKO) == (Exit.NO_CONSENT, "no-consent")
    assert refusal("add", "has.ckd", "no", "--resident", TARO) == (Exit.REFUSED, "inactive")
    assert count(engine) == 0


def test_the_codes_can_be_listed(engine: Engine) -> None:
    assert any(line.startswith("lab.hba1c") and "HbA1c" in line for line in run("codes").stdout.splitlines())
    assert {"has.ckd", "standard22.22", "older75.15"} <= {code["code"] for code in shown("codes")["codes"]}


SHEET = f"""健診結果
利用者ID,カナ氏名,生年月日,健診日,腹囲,空腹時血糖,HbA1c,服薬1(血圧),メタボ判定
{HANAKO},,,2026-10-03,84.5,104,5.9,いいえ,予備群該当
,ヤマダ ハナコ,昭和51年5月5日,2026-10-04,92.0,5.6,6.6,1,1
,ヤマダ ハナコ,昭和30年1月1日,2026-10-04,92.0,110,6.6,1,1
{TARO},,,秋,92.0,110,6.6,1,1
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "checkups.csv"
    path.write_text(SHEET, encoding="cp932")
    return str(path)


def test_a_sheet_is_filed_by_person_with_every_refusal_and_twice_adds_nothing(engine: Engine, file: str) -> None:
    first = shown("import", "--csv", file, "--by", "suzuki")
    assert (first["rows"], first["people"], first["stored"], first["already"]) == (4, 2, 11, 0)
    assert first["refused"] == {"implausible": 1, "unknown-person": 1, "unreadable-date": 1}
    assert [(fault["line"], fault["item"]) for fault in first["problems"]] == [(4, "lab.fpg"), (5, ""), (6, "")]
    again = shown("import", "--csv", file)
    assert (again["stored"], again["already"]) == (0, 11)
    assert count(engine) == 11
    assert sorted(owed(engine)) == sorted([HANAKO, TARO])
    assert sorted(trail(engine)) == sorted([("fact-add", HANAKO, "suzuki"), ("fact-add", TARO, "suzuki")])
    facts = {fact["code"]: fact for fact in shown("list", "--resident", TARO)["facts"]}
    assert (facts["med.antihypertensive"]["value"], facts["med.antihypertensive"]["source"]) == ("1", "checkup")
    assert facts["checkup.mets"]["value"] == "mets"


def test_a_dry_run_says_the_same_and_records_nothing(engine: Engine, file: str) -> None:
    dry = shown("import", "--csv", file, "--dry-run")
    assert (dry["stored"], count(engine), owed(engine)) == (11, 0, [])
    assert shown("import", "--csv", file)["stored"] == 11


def test_the_report_is_told_in_words(engine: Engine, file: str) -> None:
    done = run("import", "--csv", file)
    assert done.stdout == "4 行、2 人: 記録 11、すでにあり 0、ことわり 3\n"
    assert "5 行目" in done.stderr
    assert "[unknown-person]" in done.stderr


def test_a_row_of_somebody_who_has_not_agreed_is_refused_and_the_others_are_taken(engine: Engine, file: str) -> None:
    with write(engine) as connection:
        said = consent(HANAKO, "record", granted=False, at=datetime.now(UTC))
        repo_consents.append(connection, said, os_user="test")
    report = shown("import", "--csv", file)
    assert report["refused"]["no-consent"] == 1
    assert shown("list", "--resident", HANAKO)["facts"] == []
    assert len(shown("list", "--resident", TARO)["facts"]) == 5


def test_a_file_of_one_person_is_filed_under_them_only(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("date,waist\n2026-10-03,85\n", encoding="utf-8")
    path = str(tmp_path / "one.csv")
    assert shown("import", "--csv", path, "--resident", HANAKO)["stored"] == 1
    done = run("import", "--csv", path)
    assert (done.exit_code, "[no-person]" in done.stderr) == (Exit.REFUSED, True)


@pytest.mark.parametrize("heading", ["カナ", "ふりがな", "受診者氏名(カナ)"])
def test_somebody_else_s_row_is_not_filed_under_the_one_person_named(
    engine: Engine, tmp_path: Path, heading: str
) -> None:
    (tmp_path / "two.csv").write_text(f"date,waist,{heading}\n2026-10-03,85,ヤマタ ハナコ\n", encoding="utf-8")
    done = run("import", "--csv", str(tmp_path / "two.csv"), "--resident", HANAKO)
    assert (done.exit_code, "[mismatch]" in done.stderr) == (Exit.REFUSED, True)
    assert count(engine) == 0


def test_a_file_that_breaks_off_keeps_what_stood_before(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "cut.csv").write_bytes(b"date,waist\n2026-10-03,85\n" + b'"' + b"x" * 200_000)
    done = run("import", "--csv", str(tmp_path / "cut.csv"), "--resident", HANAKO)
    assert done.exit_code == Exit.DAMAGED
    assert count(engine) == 1


def test_a_file_or_mapping_that_is_none_is_refused(engine: Engine, tmp_path: Path, file: str) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert refusal("import", "--csv", str(tmp_path / "x.csv")) == (Exit.USAGE, "no-header")
    assert refusal("import", "--csv", str(tmp_path / "none.csv")) == (Exit.NOT_FOUND, "cannot-read")
    assert refusal("import", "--csv", file, "--mapping", str(tmp_path / "none.toml")) == (Exit.NOT_FOUND, "cannot-read")
    assert refusal("import", "--csv", file, "--mapping", str(tmp_path / "x.csv")) == (Exit.USAGE, "bad-mapping")

"""`import_document` over a real store: consent, the person, originals kept, nothing twice, new editions followed."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.clinical import app as clinical
from cli.clinical_documents import import_document
from cli.exits import Exit
from engine.care_entries import current
from engine.clinical import standing
from engine.refusal import Refusal
from engine.store import audit, repo_consents, repo_entries, repo_facts, repo_outbox, repo_residents
from engine.store.database import read, write
from engine.store.repo_facts import By
from fhir_bridge.imports.filing import Filing, Outcome, file_document
from fhir_bridge.imports.originals import Originals
from fhir_bridge.imports.reading import read_document
from tests.bridge.written_imports import KENSHIN, SAMPLE, cda, entering, illnesses, labs, message, prescription, tree
from tests.flow.commands import refused, told
from tests.flow.furnished import engine, store
from tests.homes import HANAKO, HOUSEHOLD, consent

__all__ = ["engine", "store"]
pytestmark = pytest.mark.flow
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TARO = msgspec.structs.replace(KENSHIN, household_id=HOUSEHOLD)
CREATININE = ("NM", "3C015000002327101", "クレアチニン", "0.92", "mg/dL")


def settle(engine: Engine) -> None:
    with write(engine) as connection:
        repo_residents.add(connection, TARO, NOW, actor="test", os_user="test")
        repo_consents.append(connection, consent(TARO.id, "record"), os_user="test")


@pytest.fixture
def home(engine: Engine) -> Engine:
    settle(engine)
    return engine


def run(*words: object) -> Result:
    app = typer.Typer()
    app.command()(import_document)
    return CliRunner().invoke(app, [str(word) for word in words])


def shown(*words: object, code: int = 0) -> Any:
    return told(run(*words, "--json"), code)


def refusal(*words: object) -> tuple[int, str]:
    return refused(run(*words))


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def kept(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "phr/originals"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_official_sample_is_recorded_once_and_its_original_kept(home: Engine, tmp_path: Path) -> None:
    dry = shown(SAMPLE, "--resident", TARO.id, "--dry-run")
    assert (len(dry["documents"][0]["stored"]), kept(tmp_path)) == (57, [])
    assert [one["name"] for one in dry["documents"][0]["entries"]] == ["健康診断結果のお知らせ"]
    first = shown(SAMPLE, "--resident", TARO.id, "--by", "suzuki")["documents"][0]
    assert (first["form"], first["read"], len(first["stored"]), first["already"]) == ("echeckup", 40, 57, 0)
    again = shown(SAMPLE, "--resident", TARO.id, code=Exit.ALREADY)["documents"][0]
    assert (again["stored"], again["already"], again["new"], again["entries"]) == ([], 57, False, [])
    [original] = kept(tmp_path)
    assert original.read_bytes() == SAMPLE.read_bytes()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (original, original.parent)] == [0o600, 0o700]
    with read(home) as connection:
        facts = [fact.id for fact in repo_facts.of_one(connection, TARO.id)]
        assert repo_entries.made_of(connection, "echeckup", f"Document/{first['channel']}") == sorted(facts)
        assert [one.sort for one in repo_entries.of(connection, TARO.id)] == ["document"]
        assert audit.verify(connection) is None
        trail = [link for link in audit.entries(connection, limit=1000) if link.subject == TARO.id]
    assert [link.actor for link in trail if link.action == "import-document"] == ["suzuki"]


def test_a_new_edition_takes_back_what_it_does_not_say_and_an_old_one_is_refused(home: Engine, tmp_path: Path) -> None:
    bundle = json.loads(SAMPLE.read_bytes())
    weight = next(one["resource"] for one in bundle["entry"] if "9N006000000000001" in json.dumps(one))
    weight["valueQuantity"]["value"] = 66.5
    bundle["timestamp"] = "2024-05-01T09:00:00+09:00"
    newer = written(tmp_path / "newer.json", json.dumps(bundle, ensure_ascii=False).encode())
    words = run(SAMPLE, "--resident", TARO.id)
    assert (words.exit_code, "項目 40" in words.stdout) == (0, True)
    said = shown(newer, "--resident", TARO.id)["documents"][0]
    assert ([(fact["code"], fact["value"]) for fact in said["stored"]], said["taken_back"]) == (
        [("checkup.weight", "66.5")], 1)  # fmt: skip
    assert refusal(SAMPLE, "--resident", TARO.id) == (Exit.REFUSED, "older-edition")
    assert len(kept(tmp_path)) == 2


def test_a_value_that_was_corrected_and_corrected_back_counts_again(home: Engine, tmp_path: Path) -> None:
    for number, value in enumerate(("0.92", "0.98", "0.92"), 1):
        data = labs(("NM", "3C015000002327101", "クレアチニン", value, "mg/dL"), written=f"2026110109300{number}")
        shown(written(tmp_path / f"{number}", data), "--resident", TARO.id)
    with read(home) as connection:
        rows = repo_facts.of_one(connection, TARO.id)
        [report] = {one.remote for one in repo_entries.of(connection, TARO.id)}
    assert [fact.value for fact in standing(rows, datetime.now(UTC))["lab.creatinine"]] == ["0.92"]
    assert report.startswith("report/")


def test_what_a_house_tells_of_medicines_is_kept_followed_and_taken_back(home: Engine, tmp_path: Path) -> None:
    def take(name: str, data: bytes) -> Any:
        return shown(written(tmp_path / name, data), "--resident", TARO.id)["documents"][0]

    two = [("X1", "湿布", "99X"), ("3962002F2019", "メトホルミン塩酸塩錠250mg", "YJ")]
    first = take("one", prescription(*two, written="20261101093000"))
    assert [(one["name"], one["detail"]) for one in first["entries"]] == [
        ("湿布", "1錠 1日1回朝食後"), ("メトホルミン塩酸塩錠250mg", "1錠 1日1回朝食後")]  # fmt: skip
    # Said again in a newer message that changes nothing, then without the plaster, then cancelled.
    take("two", prescription(*two[1:], written="20261102093000"))
    with read(home) as connection:
        said = current(repo_entries.of(connection, TARO.id), datetime.now(UTC))
    assert [(one.name, f"{one.until:%Y-%m-%d}") for one in said] == [("メトホルミン塩酸塩錠250mg", "2026-11-30")]
    take("three", prescription(*two[1:], control="CA", written="20261103093000"))
    with read(home) as connection:
        every = repo_entries.of(connection, TARO.id)
        answers = standing(repo_facts.of_one(connection, TARO.id), datetime.now(UTC))
    assert ("med.glucose-lowering" in answers, current(every, datetime.now(UTC))) == (False, [])
    # A cancelled order that nobody told of before leaves nothing behind.
    other = prescription(("X9", "目薬", "99X"), control="CA", order="000000000000009")
    assert run(written(tmp_path / "four", other), "--resident", TARO.id).exit_code == Exit.NOT_FOUND
    assert refusal(written(tmp_path / "one", prescription(*two)), "--resident", TARO.id) == (
        Exit.REFUSED, "older-edition")  # fmt: skip


def test_a_patients_folder_is_read_and_a_broken_file_in_it_named(home: Engine, tmp_path: Path) -> None:
    home_ = tree(
        tmp_path / "ssmix", ("OML-11", labs(CREATININE)), ("OMP-01", prescription(("X", "メトホルミン錠", "99X"))),
        ("PPR-01", illnesses(("A1", "心不全", "I509"))), ("ADT-00", message("ADT^A08^ADT_A01", "PV1|0001|O")),
        ("ADT-61", message("ADT^A60^ADT_A60", "IAM|1|FA^食物^HL70127|E1^卵^99X|SV^重症^HL70128|じんましん|||||||||20261010")),
        ("OMI-01", message("OMI^O23^OMI_O23", "PV1|0001|O")),
    )  # fmt: skip
    found = shown(home_, "--resident", TARO.id)
    assert found["files_left"] == {"OMI-01": 1}
    for one in found["documents"]:
        assert one["items"] == one["read"] + one["kept"] + sum(left["count"] for left in one["unknown"]), one["place"]
    assert {entry["sort"]: entry["name"] for one in found["documents"] for entry in one["entries"]} == {
        "report": "検査", "medication": "メトホルミン錠", "condition": "心不全", "allergy": "卵"}  # fmt: skip
    stored = {fact["code"]: fact["source"] for one in found["documents"] for fact in one["stored"]}
    assert stored == {"lab.creatinine": "lab", "med.glucose-lowering": "hospital", "has.heart-failure": "hospital",
                      "allergy.to-food": "hospital"}  # fmt: skip
    tree(tmp_path / "ssmix", ("OML-11", labs(CREATININE)), ("OMP-01", b"MSH|^~\\&|x"))
    done = run(home_, "--resident", TARO.id)
    assert done.exit_code == Exit.DAMAGED
    assert "OMP-01_000000000000002" in done.stderr
    assert "[not-hl7]" in done.stderr


def test_somebody_elses_document_or_one_without_consent_is_not_filed(home: Engine, tmp_path: Path) -> None:
    other = written(tmp_path / "other.xml", cda([("9N006000000000001", "体重", "kg", "65.5")], name="ヤマダ　タロウ"))
    assert refusal(other, "--resident", TARO.id) == (Exit.REFUSED, "other-person")
    assert refusal(SAMPLE, "--resident", HANAKO) == (Exit.REFUSED, "other-person")
    assert refusal(written(tmp_path / "a", b"\x00"), "--resident", TARO.id) == (Exit.USAGE, "unknown-form")
    assert refusal(written(tmp_path / "b", b'{"'), "--resident", TARO.id) == (Exit.DAMAGED, "damaged-json")
    assert refusal(tmp_path / "none", "--resident", TARO.id) == (Exit.NOT_FOUND, "cannot-read")
    assert refusal(tmp_path, "--resident", TARO.id) == (Exit.USAGE, "not-ss-mix2")
    assert refusal(SAMPLE, "--resident", "r-nobodynobody2") == (Exit.NOT_FOUND, "unknown-resident")
    with write(home) as connection:
        repo_consents.append(connection, consent(TARO.id, "record", granted=False, at=NOW), os_user="test")
    assert refusal(SAMPLE, "--resident", TARO.id) == (Exit.NO_CONSENT, "no-consent")
    assert kept(tmp_path) == []
    with read(home) as connection:
        assert repo_facts.of_one(connection, TARO.id) == []


def test_both_databases_file_the_same_and_owe_an_evaluation(store: Engine, tmp_path: Path) -> None:
    settle(store)
    report = read_document(SAMPLE.read_bytes(), entering(TARO))
    assert not isinstance(report, Refusal)
    how = Filing(by=By("suzuki", "t"), now=NOW, rng=Random(1), originals=Originals(tmp_path / "originals"))
    first = file_document(store, report, SAMPLE.read_bytes(), TARO.id, how)
    again = file_document(store, report, SAMPLE.read_bytes(), TARO.id, how)
    assert isinstance(first, Outcome)
    assert isinstance(again, Outcome)
    assert (len(first.stored), first.kept, len(again.stored), again.already, again.kept) == (57, True, 0, 57, False)
    assert how.originals.read(TARO.id, report.channel) == [SAMPLE.read_bytes()]
    with write(store) as connection:
        assert TARO.id in [debt.key for debt in repo_outbox.take(connection, "evaluate", 99)]
    assert date(2020, 4, 4) in {fact.at.astimezone(entering().zone).date() for fact in first.stored}


def test_an_original_that_cannot_be_kept_leaves_nothing_stored(home: Engine, tmp_path: Path) -> None:
    report = read_document(SAMPLE.read_bytes(), entering(TARO))
    assert not isinstance(report, Refusal)
    (tmp_path / "file").write_text("in the way")
    how = Filing(by=By("suzuki", "t"), now=NOW, rng=Random(1), originals=Originals(tmp_path / "file"))
    with pytest.raises(OSError, match="file"):
        file_document(home, report, SAMPLE.read_bytes(), TARO.id, how)
    with read(home) as connection:
        assert repo_facts.of_one(connection, TARO.id) == []


def test_a_file_named_in_another_coding_is_told_and_never_falls_over(home: Engine, tmp_path: Path) -> None:
    root = tree(tmp_path / "s", ("OML-11", labs(CREATININE)))
    odd = os.fsdecode(b"1234567890_20261101_OML-11_\x8e\xff_20261101093000_01_1")
    (root / odd).write_bytes(b"MSH|junk")
    done = run(root, "--resident", TARO.id, "--json")
    documents = json.loads(done.stdout)["documents"]
    assert [one.get("refused", {}).get("code") for one in documents] == ["not-hl7", None]
    assert documents[0]["place"] == "1234567890_20261101_OML-11_??_20261101093000_01_1"


@pytest.mark.usefixtures("home")
def test_the_list_of_a_record_holds_what_houses_told_and_says_answers_in_words(tmp_path: Path) -> None:
    run(written(tmp_path / "one", prescription(("2171022F1029", "アムロジピン錠5mg", "YJ"))), "--resident", TARO.id)
    run(SAMPLE, "--resident", TARO.id)
    shown_ = CliRunner().invoke(clinical, ["list", "--resident", TARO.id], env={"PHR_LANG": "ja"}).stdout
    assert "薬: アムロジピン錠5mg 1錠 1日1回朝食後  2026-11-01" in shown_
    assert "健診のメタボ判定: 当てはまらない" in shown_
    told = json.loads(CliRunner().invoke(clinical, ["list", "--resident", TARO.id, "--json"]).stdout)["entries"]
    assert {one["sort"] for one in told} == {"medication", "document"}
    run(
        written(tmp_path / "two", prescription(("2171022F1029", "アムロジピン錠5mg", "YJ"), control="CA",
                                               written="20261102093000")), "--resident", TARO.id)  # fmt: skip
    every = CliRunner().invoke(clinical, ["list", "--resident", TARO.id, "--all"], env={"PHR_LANG": "en"}).stdout
    assert "(taken back)" in every
    assert "アムロジピン" not in CliRunner().invoke(clinical, ["list", "--resident", TARO.id]).stdout

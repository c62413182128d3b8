"""SS-MIX2 and HL7 v2 messages: Japanese text, what a hospital says of results, medicines, illnesses and allergies."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from engine.care_entries import FILES
from fhir_bridge.imports.jis import decoded
from fhir_bridge.imports.model import DocumentError, Form
from fhir_bridge.imports.ssmix2 import chosen
from tests.bridge.written_imports import (
    illnesses,
    jis,
    labs,
    message,
    prescription,
    reasons,
    tree,
    understood,
    values,
)

CREATININE = ("NM", "3C015000002327101", "クレアチニン", "0.92", "mg/dL")


def test_ss_mix2_messages_in_japanese_become_facts() -> None:
    report = understood(labs(
        CREATININE, ("ST", "1A010000000191111", "尿蛋白", "(1+)", ""), ("NM", "3H010000002327101", "ﾅﾄﾘｳﾑ", "140", "mEq/L"),
        ("CWE", "9N736000000000011", "喫煙", "3^いいえ^1.2.392.200119.6.24060", ""), ("NM", "LOCAL1", "院内", "1", ""),
    ))  # fmt: skip
    told = values(report)
    assert (told["lab.creatinine"], told["lab.urine-protein"], told["answer.smoker"]) == (
        ("0.92", "mg/dL"), ("2", "1"), ("0", None))  # fmt: skip
    assert {fact.at for fact in report.understood} == {datetime(2026, 11, 1, 0, 15, tzinfo=UTC)}, "of the specimen"
    assert [(one.code, one.name, one.reason) for one in report.unknown] == [
        ("3H010000002327101", "ﾅﾄﾘｳﾑ", "no-fact-of-it"), ("LOCAL1", "院内", "unknown-code")]  # fmt: skip


def test_ss_mix2_prescriptions_and_illnesses_become_answers() -> None:
    taken = understood(prescription(("103835401", "アムロジピンＯＤ錠５ｍｇ", "HOT9"), ("X", "湿布", "99X")))
    assert [(fact.code, fact.value, fact.at.date()) for fact in taken.understood] == [
        ("med.antihypertensive", "1", date(2026, 10, 31))], "midnight in Japan"  # fmt: skip
    assert reasons(taken) == {"X": "unknown-code"}
    assert [(one.name, one.detail, f"{one.until:%Y%m%d}") for one in taken.entries] == [
        ("アムロジピンＯＤ錠５ｍｇ", "1錠 1日1回朝食後", "20261130"), ("湿布", "1錠 1日1回朝食後", "20261130")]  # fmt: skip
    stopped = understood(prescription(("3961008F1020", "グリメピリド", "YJ"), control="CA"))
    assert (stopped.understood, reasons(stopped)) == ((), {"3961008F1020": "withdrawn"})
    assert [one.status for one in stopped.entries] == ["wrong"]
    had = illnesses(
        ("A1", "心不全", "I509"), ("A2", "２型糖尿病", "E119"), ("A3", "胃癌", "C169"), doubted=["A2"], over=["A3"]
    )
    report = understood(had)
    assert [fact.code for fact in report.understood] == ["has.heart-failure"]
    assert reasons(report) == {"A2": "doubtful"}
    assert [(one.name, one.status) for one in report.entries] == [
        ("心不全", "active"), ("２型糖尿病", "wrong"), ("胃癌", "past")]  # fmt: skip


def test_text_is_decoded_before_it_is_split() -> None:
    for text in ("髙橋①㈱", "ボポマ", "楓|~^&", "ｶﾅ半角", "亜ヾ〜漾"):
        assert decoded(jis(text)) == text.replace("〜", "～")
    # The second bytes of these four kanji are the four separators of HL7.
    name = decoded(b"\x1b$B0|0^0~0&\x1b(B")
    assert (len(name), set("|^~&") & set(name)) == (4, set())
    assert all(mark in jis(name) for mark in b"|^~&")
    assert understood(labs(("NM", "LOCAL9", name, "1", ""))).unknown[0].name == name
    with pytest.raises(DocumentError, match="half a character"):
        decoded(b"\x1b$B0")


def test_hl7_allergies_escapes_and_local_units_are_read() -> None:
    noticed = message(
        "ADT^A60^ADT_A60", "IAM|1|DA^薬剤^HL70127|P1^ペニシリン\\T\\他^99X||||||||||20261010",
        "IAM|2|FA|E1^卵^99X||||||||||20261010", "IAM|3|DA|R^天然ゴム^99X||||||||||20261010", "IAM|4||Q^不明^99X", "AL1|1|DA|D1^薬^99X|||20200601",
    )  # fmt: skip
    report = understood(noticed)
    assert [(fact.code, f"{fact.at:%Y}") for fact in report.understood] == [
        ("allergy.to-medicine", "2026"), ("allergy.to-food", "2026"), ("allergy.to-latex", "2026"),
        ("allergy.to-medicine", "2020")]  # fmt: skip
    assert report.understood[0].raw == "P1 ペニシリン&他"
    assert reasons(report) == {"Q": "unknown-code"}
    later = message("ADT^A60^ADT_A60", "IAM|1|FA|E1^卵^99X||||||||||20261010", written="20261105090000")
    assert understood(later).channel == report.channel, "the list as it stands is one document"
    assert understood(labs(CREATININE)).channel != understood(labs(CREATININE, order="2")).channel
    local = understood(labs(("NM", "3C015000002327101", "Cre", "88.4", "017^umol/L^99U")))
    assert values(local) == {"lab.creatinine": ("1.00", "mg/dL")}


def test_a_message_in_utf_8_or_cp932_says_the_same() -> None:
    text = decoded(labs(CREATININE))
    assert len({understood(text.encode(name)).understood for name in ("utf-8", "cp932")}) == 1


def test_every_form_of_file_is_known_as_none_of_the_networks() -> None:
    assert frozenset(get_args(Form)) == FILES


def test_of_a_tree_the_files_that_hold_are_chosen(tmp_path: Path) -> None:
    home = tree(tmp_path, ("OML-11", b"a"), ("ADT-00", b"b"), ("OMI-01", b"c"))
    tree(tmp_path, ("PPR-01", b"old"), condition="0")
    (home / "note.txt").write_text("x")
    found = chosen(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    assert [one.kind for one in found.files] == ["OML-11", "ADT-00"]
    assert dict(found.left) == {"OMI-01": 1, "not-current": 1, "not-named-so": 1}
    other = tree(tmp_path, ("OML-11", b"a"), patient="9999999999")
    names = [path.name for path in (*home.rglob("*"), *other.rglob("*")) if path.is_file()]
    with pytest.raises(DocumentError, match="several patients"):
        chosen(names)
    with pytest.raises(DocumentError, match="named as"):
        chosen(["note.txt"])

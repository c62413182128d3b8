"""Promises of the document parsers: total on any bytes, and what a writer writes is what is read."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.refusal import Refusal
from fhir_bridge.imports.jis import decoded
from fhir_bridge.imports.model import DocumentError, Report
from fhir_bridge.imports.reading import read_document
from tests.bridge.written_imports import (
    SAMPLE,
    cda,
    clins,
    entering,
    illnesses,
    jis,
    lab,
    labs,
    prescription,
    understood,
    unexplained,
    values,
)

GOOD = (
    SAMPLE.read_bytes()[:20_000] + b"]}",
    clins(lab("3C015000002327101", "Cre", valueQuantity={"value": 0.9, "unit": "mg/dL"}),
          {"resourceType": "Condition", "code": {"coding": [{"system": "ICD10", "code": "I48"}]}}),
    cda([("9N006000000000001", "体重", "kg", "65.5"), ("1A010000000191111", "尿蛋白", "CD:2102", "3")]),
    labs(("NM", "3C015000002327101", "クレアチニン", "0.92", "mg/dL")),
    prescription(("3961008F1020", "グリメピリド", "YJ")),
    illnesses(("A1", "心不全", "I509")),
)  # fmt: skip
PIECES = (b"", b"\x00", b"\x1b$B", b"\x1b(I", b"|", b"^", b"\r", b"<a>", b"</a>", b"&x;", b'"', b"{", b"}]", b"null", b"1e99999999",
          b"\\ud800", b"-", b"9999-12-31T23:59:59-12:00", b"00010101", b"\xff\xfe", b"<!DOCTYPE a>", b"[]", b"{}")  # fmt: skip


def mutated(data: bytes, rng: Random, times: int) -> bytes:
    for _ in range(times):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 1, 4, 40)))
        data = data[:start] + rng.choice((*PIECES, rng.randbytes(2))) + data[end:]
    return data


@given(st.sampled_from(GOOD), st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_damage_ends_in_a_report_or_a_refusal_with_a_code(data: bytes, rng: Random, times: int) -> None:
    said = read_document(mutated(data, rng, times), entering(), "doc")
    if isinstance(said, Refusal):
        assert said.code
        assert said.message
    else:
        assert isinstance(said, Report)
        assert unexplained(said) == 0, "each item is a fact, an entry or a stated reason"
        assert all(fact.resident == entering().resident.id and fact.at <= fact.recorded_at for fact in said.understood)


@given(st.binary(max_size=200))
def test_any_bytes_as_japanese_text_are_text_or_refused_with_the_byte(data: bytes) -> None:
    text, refused = "", None
    try:
        text = decoded(data, "doc")
    except DocumentError as error:
        refused = error
    assert len(text) <= len(data)
    assert refused is None or (refused.code, refused.place[:9]) == ("bad-encoding", "doc byte ")


@given(st.text(st.sampled_from("健診太郎髙﨑①㈱ｱｲｳﾞカナかな漢字ABC|^~&\\ 019-"), max_size=40))
def test_what_hospitals_write_in_iso_2022_jp_is_read_back(text: str) -> None:
    assert decoded(jis(text)) == text


@given(st.decimals("0.10", "30", places=2), st.decimals("20", "1500", places=0))
def test_a_laboratory_value_is_the_same_through_every_door(creatinine: Decimal, ldl: Decimal) -> None:
    said = {"lab.creatinine": (str(creatinine), "mg/dL"), "lab.ldl": (str(min(ldl, Decimal(1000))), "mg/dL")}
    low = str(min(ldl, Decimal(1000)))
    by_hl7 = labs(("NM", "3C015000002327101", "Cre", str(creatinine), "mg/dL"),
                  ("NM", "3F077000002327101", "LDL", low, "mg/dL"))  # fmt: skip
    by_cda = cda([("3C015000002327101", "Cre", "mg/dL", str(creatinine)), ("3F077000002327101", "LDL", "mg/dL", low)])
    assert values(understood(by_hl7)) == values(understood(by_cda)) == said

"""Messages of home values: what is written is read back by our own parser and by a third party's, escapes and all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import hl7
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.kinds import KINDS
from engine.observation_values import Measured
from engine.observations import observable
from engine.people import Resident
from fhir_bridge.imports import hl7 as ours
from fhir_bridge.imports.hl7_message import message_of
from fhir_bridge.imports.jis import decoded, encoded
from fhir_bridge.imports.model import DocumentError
from fhir_bridge.outbound.message import Letterhead, Said, control_id, message
from fhir_bridge.outbound.planning import Remembered, Standing, key_of, writings
from fhir_bridge.outbound.tree import Outbox, OutboxError
from tests.bridge.written_imports import jis

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HEAD = Letterhead(network="choukai-net")
PERSON = Resident(
    id="r-hanakohanako2", household_id=None, municipality_code="062049", family_name="髙橋", given_name="花子",
    family_kana="タカハシ", given_kana="ハナコ", birth_date=date(1946, 1, 23), sex="female",
)  # fmt: skip
PRESSURE = Measured(
    reading_id="a" * 26, resident_id=PERSON.id, device_id="d-abcdefghijklm", gateway_id="g-abcdefghijklm",
    kind="blood-pressure", value=None, unit="mm[Hg]", measured_at=NOW - timedelta(hours=5),
    components=(("systolic", Decimal(138)), ("diastolic", Decimal("84.0"))),
)  # fmt: skip
WEIGHT = msgspec.structs.replace(PRESSURE, kind="body-weight", value=Decimal("62.30"), unit="kg", components=())


def of(value: Measured = WEIGHT, **more: object) -> Said:
    said = Said(key=key_of(f"x.{value.kind}", "1001"), identifier=f"x.{value.kind}", patient="1001", person=PERSON,
                value=value)  # fmt: skip
    return msgspec.structs.replace(said, **more)


def test_a_blood_pressure_is_one_request_with_two_results_and_says_what_it_is_not() -> None:
    found = message_of(message(of(PRESSURE), HEAD, NOW))
    assert [one.name for one in found.segments] == ["MSH", "PID", "OBR", "OBX", "OBX", "NTE", "NTE"]
    assert found.header.repeats(9) == [["ORU", "R01", "ORU_R01"]]
    assert [found.header.part(number) for number in (3, 5, 11, 12, 18, 20)] == [
        "MINATO-PHR", "choukai-net", "P", "2.5", "", "ISO 2022-1994"]  # fmt: skip
    assert found.header.repeats(18)[1] == ["ISO IR87"]
    [pid], [obr] = found.all("PID"), found.all("OBR")
    assert pid.repeats(5) == [
        ["髙橋", "花子", "", "", "", "", "L", "I"],
        ["タカハシ", "ハナコ", "", "", "", "", "L", "P"],
    ]
    assert (pid.part(3), pid.part(7), pid.part(8)) == ("1001", "19460123", "F")
    assert (obr.part(4), obr.part(7), obr.part(25)) == ("85354-9", "20261121160000+0900", "F")
    assert [(one.part(3), one.part(5), one.part(6), one.part(11), one.part(18)) for one in found.all("OBX")] == [
        ("8480-6", "138", "mm[Hg]", "F", "d-abcdefghijklm"), ("8462-4", "84.0", "mm[Hg]", "F", "d-abcdefghijklm")]  # fmt: skip
    assert [one.part(3) for one in found.all("NTE")] == ["家庭で本人が測った値です。", "24時間の見守りではありません。"]


def test_messages_look_as_they_did(golden: Callable[[str, str], None]) -> None:
    walked = msgspec.structs.replace(
        WEIGHT, kind="steps-day", value=Decimal(5231), unit="{steps}/d", device_id=None, day=date(2026, 11, 20),
        period_start=datetime(2026, 11, 19, 15, tzinfo=UTC), measured_at=datetime(2026, 11, 20, 15, tzinfo=UTC),
    )  # fmt: skip
    told = [of(PRESSURE), of(status="C", turn=2), of(status="W", turn=3), of(walked, test=True)]
    texts = [decoded(message(one, HEAD, NOW)).replace("\r", "\n") for one in told]
    golden("bridge/oru.txt", "\n".join(texts))


def test_a_clock_nobody_could_check_and_an_interval_are_said() -> None:
    late = msgspec.structs.replace(WEIGHT, time_quality="received", period_start=NOW - timedelta(hours=6))
    found = message_of(message(of(late), HEAD, NOW))
    assert "受信した時刻" in found.all("NTE")[2].part(3)
    [obr] = found.all("OBR")
    assert (obr.part(7), obr.part(8)) == ("20261121150000+0900", "20261121160000+0900")


@pytest.mark.parametrize(
    ("status", "request_", "value"), [("F", "F", "62.30"), ("C", "C", "62.30"), ("D", "X", ""), ("W", "X", "")]
)
def test_what_is_no_more_is_said_without_its_value(status: str, request_: str, value: str) -> None:
    data = message(of(status=status), HEAD, NOW)
    found = message_of(data)
    [result] = found.all("OBX")
    assert (result.part(11), result.part(5), found.all("OBR")[0].part(25)) == (status, value, request_)
    assert (b"62.30" in data) == bool(value)


@pytest.mark.parametrize("kind", [name for name in sorted(KINDS) if observable(name) and name != "blood-pressure"])
def test_every_kind_that_can_be_observed_can_be_written(kind: str) -> None:
    value = msgspec.structs.replace(WEIGHT, kind=kind, unit=KINDS[kind].unit)
    [result] = message_of(message(of(value), HEAD, NOW)).all("OBX")
    assert result.part(2) == "NM"
    assert result.part(3) in {KINDS[kind].loinc, kind}
    assert result.part(3, 2) == KINDS[kind].ja
    assert result.part(6) == KINDS[kind].unit


def test_a_third_party_reads_the_same() -> None:
    data = message(of(PRESSURE), HEAD, NOW)
    parsed = hl7.parse(decoded(data))
    assert str(parsed.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    assert [(str(one[3][0][0]), str(one[5]), str(one[11])) for one in parsed.segments("OBX")] == [
        ("8480-6", "138", "F"), ("8462-4", "84.0", "F")]  # fmt: skip
    assert [str(part) for part in parsed.segment("PID")[5][0]][:2] == ["髙橋", "花子"]
    assert str(parsed.segment("OBR")[7]) == "20261121160000+0900"


def test_what_we_wrote_is_never_taken_in_as_somebody_elses_word() -> None:
    with pytest.raises(DocumentError) as refused:
        ours.document_of(message(of(), HEAD, NOW), HEAD.zone)
    assert refused.value.code == "our-own"


WORDS = st.text(st.sampled_from("髙橋﨑①㈱ｱｲｳﾞカナかな漢字ABC|^~&\\ 019-𠮷"), min_size=1, max_size=12)


@given(WORDS, WORDS, st.decimals("2", "300", places=2), st.integers(0, 60 * 24))
def test_names_and_numbers_come_back_as_they_were(family: str, given_: str, kg: Decimal, minutes: int) -> None:
    person = msgspec.structs.replace(PERSON, family_name=family, given_name=given_)
    value = msgspec.structs.replace(WEIGHT, value=kg, measured_at=NOW - timedelta(minutes=minutes))
    found = message_of(message(of(value, person=person), HEAD, NOW))
    [pid], [result] = found.all("PID"), found.all("OBX")
    # 𠮷 is in none of the sets of ISO-2022-JP; spaces at the ends are HL7's to drop.
    assert pid.repeats(5)[0][:2] == [family.replace("𠮷", "〓").strip(), given_.replace("𠮷", "〓").strip()]
    assert Decimal(result.part(5)) == kg
    assert str(kg) == result.part(5)
    written = datetime.strptime(result.part(14), "%Y%m%d%H%M%S%z")
    assert written == value.measured_at.replace(microsecond=0)


@given(st.text(max_size=60))
def test_any_text_is_written_character_by_character(text: str) -> None:
    back = decoded(encoded(text))
    assert len(back) == len(text)
    for before, after in zip(text, back, strict=True):
        assert after in {before, "〓", " "} or before not in "aア漢"
        assert after == before or not "!" <= before <= "~", "ASCII stays"


@given(st.text(st.sampled_from("健診太郎髙﨑①㈱ｱｲｳﾞカナABC|^~&\\ 019-"), max_size=40))
def test_our_writer_and_the_tests_own_agree(text: str) -> None:
    assert encoded(text) == jis(text)


def remembered(said: Said, **more: object) -> Remembered:
    from fhir_bridge.outbound.message import digest_of

    one = Remembered(
        key=said.key, identifier=said.identifier, resident=PERSON.id, patient=said.patient, kind=said.value.kind,
        day=date(2026, 11, 21), measured_at=said.value.measured_at, status=said.status, digest=digest_of(said),
        control=control_id(said), path="p", sha="s", at=NOW, turn=said.turn,
    )  # fmt: skip
    return msgspec.structs.replace(one, **more)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(("62.30", "62.40"))), max_size=8))
def test_whatever_happens_to_a_value_the_last_message_says_how_it_stands(steps: list[tuple[bool, str]]) -> None:
    """A value comes, changes, goes and comes back: each look writes at most one message, a second look none."""
    known: dict[str, Remembered] = {}
    controls: list[str] = []
    for here, kg in steps:
        said = of(msgspec.structs.replace(WEIGHT, value=Decimal(kg)))
        standing = [Standing(said=said, resident=PERSON.id, open=True)] if here else []
        gone = [] if here else [of(status="D")]
        wanted = writings(standing, known, gone)
        assert len(wanted) <= 1
        for one in wanted:
            known[one.key] = remembered(one)
            controls.append(control_id(one))
        assert writings(standing, known, gone) == []
        last = known.get(said.key)
        assert here == (last is not None and last.status in {"F", "C"})
    assert len(controls) == len(set(controls))


def test_a_number_that_is_no_folders_name_is_refused(tmp_path: Path) -> None:
    for number in ("../../etc", "a/b", "", ".", "a_b"):
        with Outbox(tmp_path).opened() as tree, pytest.raises(OutboxError) as refused:
            tree.put(of(patient=number), PERSON.id, HEAD, NOW)
        assert refused.value.code == "bad-number"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock"]

"""Who is whom: readings of names compared as people mean them, and every doubt held for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.care_links import (
    Found,
    Link,
    accept,
    differing,
    doubts,
    end,
    kana_key,
    number_of,
    propose,
    refuse,
)
from engine.refusal import Refusal
from fhir_bridge.matching import bears, found_of, judged, patient_id, rechecked
from tests.homes import HANAKO, TARO, resident
from tests.linked_home import NET, SYSTEM, patient

AT = datetime(2026, 11, 20, tzinfo=UTC)
PERSON = resident(HANAKO, "花子", date(1951, 5, 5))
LINK = Link(resident=HANAKO, network=NET, system=SYSTEM, value="1001", by="s-nurse", at=AT)
SAME = Found(remote_id="p1", kana=("ヤマダ ハナコ",), names=("山田 花子",), birth="1951-05-05", sex="female")


def but(**changes: Any) -> Found:
    return msgspec.structs.replace(SAME, **changes)


@dataclass
class Alike:
    one: str
    other: str


@pytest.mark.parametrize(
    "pair",
    [
        Alike("ヤマダ ハナコ", "ﾔﾏﾀﾞ ﾊﾅｺ"), Alike("ヤマダ　ハナコ", "やまだはなこ"),
        Alike("オオノ ユウコ", "オーノ ユーコ"), Alike("コウイチ", "コーイチ"), Alike("ケイコ", "ケーコ"),
        Alike("ショウコ", "シヨウコ"), Alike("タロー", "ﾀﾛｰ"), Alike("タロー", "タロ-"), Alike("チヅ", "チズ"),
        Alike("ミッコ", "ミツコ"), Alike("オオオカ", "オーオカ"),
    ],
    ids=lambda pair: f"{pair.one}={pair.other}",
)  # fmt: skip
def test_a_reading_is_the_same_however_it_was_typed(pair: Alike) -> None:
    assert kana_key(pair.one) == kana_key(pair.other)


@pytest.mark.parametrize(
    "pair",
    [
        Alike("オノ", "オオノ"), Alike("ハナコ", "ハナエ"), Alike("ユキ", "ユウキ"), Alike("カトウ", "サトウ"),
        Alike("ミエ", "ミイエ"),
    ],
    ids=lambda pair: f"{pair.one}!={pair.other}",
)  # fmt: skip
def test_another_reading_stays_another(pair: Alike) -> None:
    assert kana_key(pair.one) != kana_key(pair.other)


@given(st.text(alphabet="アイウエオカキコシジツッヤャユュヨョンガヅー-ｱｶぁあ 　", max_size=12))
def test_a_key_of_a_key_is_the_key(text: str) -> None:
    assert kana_key(kana_key(text)) == kana_key(text)


@pytest.mark.parametrize(
    ("found", "points"),
    [
        (SAME, ()), (but(kana=("ヤマダ ハナヨ",)), ("kana",)), (but(kana=()), ("kana",)),
        (but(kana=("サトウ ハナコ", "ﾔﾏﾀﾞ ﾊﾅｺ")), ()), (but(birth="1951-05-06"), ("birth-date",)),
        (but(birth="1951-05"), ("birth-date",)), (but(sex="male"), ("sex",)), (but(sex=""), ("sex",)),
        (but(sex="unknown", birth=""), ("birth-date", "sex")),
    ],
)  # fmt: skip
def test_what_is_not_said_does_not_agree(found: Found, points: tuple[str, ...]) -> None:
    assert differing(PERSON, found) == points


def test_somebody_whose_sex_is_not_known_here_is_never_linked_without_a_person() -> None:
    unknown = msgspec.structs.replace(PERSON, sex="unknown")
    assert differing(unknown, but(sex="unknown")) == ("sex",)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (SAME, None), (but(deceased=True), "deceased"), (but(active=False), "inactive"),
        (but(replaced_by="p9"), "merged"), (but(sex="male"), "differs"),
    ],
)  # fmt: skip
def test_doubts_come_in_the_order_of_their_weight(found: Found, reason: str | None) -> None:
    assert doubts(PERSON, found) == reason


def test_nobody_is_linked_where_none_or_several_have_the_number() -> None:
    none, several = judged(LINK, PERSON, [], None), judged(LINK, PERSON, [SAME, but(remote_id="p2")], None)
    assert (none.state, none.reason, none.remote_id) == ("proposed", "no-hit", None)
    assert (several.state, several.reason, several.remote_id) == ("held", "several", None)
    assert [one.remote_id for one in several.found] == ["p1", "p2"]


def test_one_who_agrees_is_linked_and_one_who_is_taken_is_not() -> None:
    one = judged(LINK, PERSON, [SAME], None)
    assert (one.state, one.reason, one.remote_id) == ("linked", "agreed", "p1")
    assert judged(LINK, PERSON, [SAME], HANAKO) == one
    taken = judged(LINK, PERSON, [SAME], TARO)
    assert (taken.state, taken.reason, taken.remote_id) == ("held", "taken", None)


def test_a_patient_is_read_as_jp_core_writes_it() -> None:
    assert found_of(patient("p1", "1001")) == SAME
    old = {"use": "old", "family": "サトウ", "given": ["ハナコ"]}
    plain = {"family": "ﾔﾏﾀﾞ", "given": ["ﾊﾅｺ"]}
    said = found_of(patient("p1", "1001", name=[old, plain, {"text": "山田 花子"}]))
    assert (said.kana, said.names) == (("ﾔﾏﾀﾞ ﾊﾅｺ",), ("山田 花子",))
    assert found_of({"resourceType": "Patient", "id": "x"}) == Found(remote_id="x")


def test_a_dead_an_inactive_and_a_merged_patient_say_so() -> None:
    merged = {"other": {"reference": "Patient/p9"}, "type": "replaced-by"}
    assert found_of(patient("p1", "1", deceasedDateTime="2026-01-01")).deceased
    assert found_of(patient("p1", "1", deceasedBoolean=True)).deceased
    assert not found_of(patient("p1", "1", deceasedBoolean=False)).deceased
    assert not found_of(patient("p1", "1", active=False)).active
    assert found_of(patient("p1", "1", link=[merged])).replaced_by == "p9"
    assert found_of(patient("p1", "1", link=[{**merged, "other": {"display": "somewhere"}}])).replaced_by == "?"
    assert found_of(patient("p1", "1", link=[{**merged, "type": "seealso"}])).replaced_by == ""


def test_a_server_that_answers_with_others_is_not_believed() -> None:
    assert bears(patient("p1", "1001"), SYSTEM, "1001")
    assert not bears(patient("p1", "1002"), SYSTEM, "1001")
    assert not bears(patient("p1", "1001"), "urn:other", "1001")
    assert not bears(patient("p1", "x", identifier=[{"system": SYSTEM, "value": "1001", "use": "old"}]), SYSTEM, "1001")


@pytest.mark.parametrize(
    ("reference", "id_"),
    [
        ("Patient/p1", "p1"), ("Patient/p1/_history/3", "p1"), ("https://net.example/fhir/Patient/p1", "p1"),
        ("https://other.example/fhir/Patient/p1", None), ("#p1", None), ("urn:uuid:1", None), ("Group/p1", None),
        ("Patient/p1/x", None), ("xPatient/p1", None), ("", None),
    ],
)  # fmt: skip
def test_only_a_patient_of_this_server_is_pointed_to(reference: str, id_: str | None) -> None:
    assert patient_id(reference, "https://net.example/fhir/") == id_


def test_a_linked_patient_who_changes_is_held_and_what_a_person_accepted_is_not_asked_again() -> None:
    link = judged(LINK, PERSON, [SAME], None)
    assert rechecked(link, PERSON, SAME) is link
    assert rechecked(link, PERSON, but(names=("山田 はな子",))).state == "linked"
    for now in (None, but(sex="male"), but(deceased=True), but(replaced_by="p9"), but(active=False)):
        after = rechecked(link, PERSON, now)
        assert (after.state, after.remote_id) == ("held", "p1")
    corrected = msgspec.structs.replace(PERSON, birth_date=date(1951, 5, 6))
    assert rechecked(link, corrected, SAME).reason == "changed"
    odd = but(kana=("ヤマタ ハナコ",))
    held = judged(LINK, PERSON, [odd], None)
    accepted = accept(held, "p1", "保険証で確認", "s-nurse", AT)
    assert isinstance(accepted, Link)
    assert rechecked(accepted, PERSON, odd) is accepted
    assert rechecked(accepted, PERSON, but(kana=("ヤマタ ハナヨ",))).reason == "changed"


def code(made: Link | Refusal) -> str:
    return made.code if isinstance(made, Refusal) else made.state


def test_a_person_decides_with_a_reason_about_a_patient_they_were_shown() -> None:
    held = judged(LINK, PERSON, [SAME, but(remote_id="p2")], None)
    assert code(accept(held, "p3", "確認", "s", AT)) == "not-shown"
    assert code(accept(held, "p2", " ", "s", AT)) == "no-reason"
    assert code(accept(held, "p2", "一\n二", "s", AT)) == "no-reason"
    assert code(accept(LINK, "p1", "確認", "s", AT)) == "not-held"
    assert code(refuse(held, "", "s", AT)) == "no-reason"
    assert code(refuse(held, "別人", "s", AT)) == "refused"
    chosen = accept(held, "p2", "確認", "s-other", AT)
    assert isinstance(chosen, Link)
    assert (chosen.state, chosen.remote_id, chosen.by, chosen.note) == ("linked", "p2", "s-other", "確認")


@pytest.mark.parametrize("reason", ["taken", "gone"])
def test_a_patient_of_somebody_else_or_who_is_gone_cannot_be_accepted(reason: str) -> None:
    held = msgspec.structs.replace(LINK, state="held", reason=reason, found=(SAME,))
    assert code(accept(held, "p1", "確認", "s", AT)) == "not-acceptable"
    merged = msgspec.structs.replace(held, reason="merged", found=(but(replaced_by="p9"),))
    assert code(accept(merged, "p1", "確認", "s", AT)) == "not-acceptable"


def test_a_number_is_proposed_once_and_a_link_has_to_end_before_another() -> None:
    other = msgspec.structs.replace(LINK, value="2002")
    assert propose(LINK, None) == LINK
    one = judged(LINK, PERSON, [SAME], None)
    assert propose(LINK, one) is one
    assert code(propose(other, one)) == "already-linked"
    held = rechecked(one, PERSON, None)
    assert code(propose(other, held)) == "already-linked"
    turned_down = refuse(LINK, "別人", "s", AT)
    assert isinstance(turned_down, Link)
    assert code(propose(LINK, turned_down)) == "refused-before"
    assert code(propose(LINK, turned_down, again=True)) == "proposed"
    assert code(propose(other, turned_down)) == "proposed"
    ended = end(one, "moved", "", "s", AT)
    assert isinstance(ended, Link)
    assert code(propose(LINK, ended)) == "proposed"
    assert code(end(ended, "moved", "", "s", AT)) == "not-linked"
    assert code(end(held, "wrong-person", "", "s", AT)) == "ended"


@pytest.mark.parametrize("text", ["", "  ", "12|34", "12,34", "1 2", "1\n2", "\u200b1", "x" * 65, "a$b", "a\\b"])
def test_what_cannot_be_a_patient_number_is_refused(text: str) -> None:
    found = number_of(text)
    assert isinstance(found, Refusal)
    assert found.code == "bad-number"


def test_a_number_keeps_its_characters() -> None:
    assert number_of(" 06130012:１２３:４５:01 ") == "06130012:１２３:４５:01"

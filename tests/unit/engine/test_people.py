"""Forms of residents: every refusal names its field, and nothing is stored otherwise than typed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dates import ERAS, parse_birth_date
from engine.municipalities import REGION, check_digit, is_code
from engine.people import Form, Resident, amend, parse_height, register, search_key_of
from engine.refusal import Refusal

TODAY = date(2026, 11, 21)
FORM = Form(name="髙橋 花子", kana="たかはし ﾊﾅｺ", birth="昭和21年1月23日", sex="女", height="１５２．５")


def _registered(form: Form = FORM) -> Resident:
    made = register(form, id="r-aaaaaaaaaaaaa", household="h-aaaaaaaaaaaaa", municipality="062049", today=TODAY)
    assert isinstance(made, Resident), made
    return made


def test_a_filled_in_form_makes_a_resident_with_the_name_byte_for_byte() -> None:
    made = _registered()
    assert (made.family_name, made.given_name) == ("髙橋", "花子")
    assert (made.family_kana, made.given_kana) == ("タカハシ", "ハナコ")
    assert (made.birth_date, made.sex) == (date(1946, 1, 23), "female")
    assert (made.height_cm, made.height_on) == (Decimal("152.5"), TODAY)
    assert (made.version, made.status, made.language) == (1, "active", "ja")


@pytest.mark.parametrize("field", ["name", "kana", "birth", "sex"])
def test_a_form_without_what_is_needed_is_refused_by_field(field: str) -> None:
    form = msgspec.structs.replace(FORM, **{field: None})
    assert register(form, id="r", household=None, municipality="062049", today=TODAY) == Refusal(
        "missing", f"{field} is needed", field
    )


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("name", "花子", "one-part"),
        ("kana", "山田 花子", "not-kana"),
        ("birth", "昭和64年1月8日", "outside-era"),
        ("sex", "f", "not-a-choice"),
        ("height", "1.52", "implausible-height"),
        ("phone", "110", "bad-phone"),
        ("phone", "0234-abc", "bad-phone"),
        ("address", "酒田市\n本町", "control-character"),
        ("address", "x" * 201, "too-long"),
        ("language", "fr", "not-a-choice"),
        ("channel", "fax", "not-a-choice"),
        ("alias", "a\x00b", "control-character"),
    ],
)
def test_a_bad_value_is_refused_with_its_code_and_field(field: str, text: str, code: str) -> None:
    refused = amend(_registered(), msgspec.structs.replace(Form(), **{field: text}), TODAY)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == (code, field)


def test_an_empty_text_clears_what_is_optional() -> None:
    full = amend(_registered(), Form(alias="ハナ", phone="０２３４ー２２ー１２３４", address="本町1"), TODAY)
    assert isinstance(full, Resident)
    assert (full.phone, full.address, full.version) == ("0234-22-1234", "本町1", 2)
    bare = amend(full, Form(alias="", phone="", address="", height=""), TODAY)
    assert isinstance(bare, Resident)
    assert (bare.alias, bare.phone, bare.address, bare.height_cm, bare.height_on) == (None,) * 5


def test_an_edit_that_says_nothing_new_makes_no_new_version() -> None:
    assert amend(_registered(), Form(name="髙橋 花子"), TODAY) == _registered()


def test_a_name_of_one_part_is_taken_when_it_is_said_to_be_whole() -> None:
    made = _registered(msgspec.structs.replace(FORM, name="スカルノ", kana="スカルノ", single_name=True))
    assert (made.family_name, made.given_name, made.given_kana) == ("スカルノ", "", "")


def test_the_search_key_holds_name_kana_and_alias_apart() -> None:
    assert search_key_of(msgspec.structs.replace(_registered(), alias="Hana")) == "高橋花子|タカハシハナコ|hana"


@given(st.dates(date(1897, 1, 1), TODAY))
def test_every_day_is_read_back_from_its_era_and_from_iso(day: date) -> None:
    era = next(name for name, (first, last) in ERAS.items() if first <= day <= (last or TODAY))
    year = day.year - ERAS[era][0].year + 1
    assert parse_birth_date(f"{era}{year}年{day.month}月{day.day}日", TODAY) == day
    assert parse_birth_date(day.isoformat(), TODAY) == day


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_a_refusal(text: str) -> None:
    assert isinstance(parse_birth_date(text, TODAY), date | Refusal)
    assert isinstance(parse_height(text), Decimal | Refusal)


def test_the_eras_follow_each_other_without_a_gap() -> None:
    spans = list(ERAS.values())
    for (_, last), (first, _) in pairwise(spans):
        assert last is not None
        assert (first - last).days == 1


def test_the_regions_codes_carry_the_right_check_digit() -> None:
    # Known codes of other places prove the formula itself: 東京都千代田区, 大阪市, 札幌市, 横浜市, 山形県.
    for known in ("131016", "271004", "011002", "141003", "060003"):
        assert is_code(known)
    assert all(is_code(code) for code in REGION)
    assert set(REGION.values()) == {"酒田市", "三川町", "庄内町", "遊佐町"}


@given(st.from_regex(r"[0-9]{5}", fullmatch=True), st.integers(0, 4), st.integers(1, 9))
def test_a_wrong_digit_is_noticed_unless_the_check_digit_cannot_tell(five: str, place: int, shift: int) -> None:
    wrong = five[:place] + str((int(five[place]) + shift) % 10) + five[place + 1 :]
    # Remainders 0 and 10 … share no digit, but 11 - 0 and 11 - 10 are both written 1: that pair is not told apart.
    if check_digit(wrong) != check_digit(five):
        assert not is_code(wrong + check_digit(five))
    else:
        assert check_digit(five) == "1"


def test_what_is_not_six_digits_is_no_code() -> None:
    assert not any(map(is_code, ("", "06204", "0620499", "06204x", "０６２０４９")))

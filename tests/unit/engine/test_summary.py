"""The summary for care: what is there, what was denied and what nobody asked never look alike; paper drops nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.emergency import Card, asked, hash_of, mint, read_secret
from engine.emergency_sheets import drawn, fields_of, html
from engine.locale import LANGUAGES, Language
from engine.refusal import Refusal
from engine.summary import Hidden, Part
from engine.summary_page import density, era_words, words
from engine.summary_page import html as page
from tests.homes import HANAKO
from tests.summary_people import DAY, ENTRIES, NOW, PERSON, entry, fact, summary

ALLERGIES = ("allergy.to-medicine", "allergy.to-food", "allergy.to-latex", "allergy.to-other")
CARD = Card(
    id="y-abcdefghijklm", resident=HANAKO, sort="wallet", issued_by=HANAKO, issued_at=NOW, until=NOW + 365 * DAY
)  # fmt: skip
SECRET = "abcdefghijklmnopqrstuvwxyz"
ADDRESS = f"https://phr.example.jp/e/{SECRET}"


def codes(part: Part, name: str) -> set[str]:
    return {line.code for line in getattr(part, name) if line.code}


@given(said=st.dictionaries(st.sampled_from(ALLERGIES), st.sampled_from(["1", "0", "unknown"])), hidden=st.booleans())
def test_none_is_said_only_where_every_question_was_answered_no_and_nothing_is_hidden(
    said: dict[str, str], hidden: bool
) -> None:
    made = summary(
        [fact(code, value, 10) for code, value in said.items()], [], hidden=Hidden(waiting=1) if hidden else None
    ).allergies  # fmt: skip
    assert (made.state == "none") == (set(said.values()) == {"0"} and len(said) == len(ALLERGIES) and not hidden)
    assert (made.state == "silent") == (not {"1", "0"} & set(said.values()))
    sorts = [codes(made, name) for name in ("lines", "denied", "unasked")]
    assert sorts[0] == {code for code, value in said.items() if value == "1"}
    assert sorts[1] == {code for code, value in said.items() if value == "0"}
    assert set().union(*sorts) == set(ALLERGIES)
    assert sum(map(len, sorts)) == len(ALLERGIES)


def test_a_no_to_every_medicine_we_ask_about_is_not_takes_nothing() -> None:
    asked_about = ("med.insulin", "med.sulfonylurea", "med.glinide", "med.glucose-lowering", "med.antihypertensive",
                   "med.lipid-lowering")  # fmt: skip
    part = summary([fact(code, "0", 10) for code in asked_about], []).medicines
    assert (part.state, len(part.denied), part.unasked) == ("partly", 6, ())
    shown = page(summary([fact(code, "0", 10) for code in asked_about], []), "ja")
    assert "服薬なし" not in shown
    assert "「なし」と答えた: インスリン" in shown


def test_a_yes_that_ran_out_is_told_with_its_day_and_an_old_no_is_not_a_no() -> None:
    part = summary([fact("med.insulin", "1", 400), fact("med.glinide", "0", 400)], []).medicines
    [line] = part.lines
    assert (line.code, line.doubt, line.day) == ("med.insulin", "stale", (NOW - 400 * DAY).date())
    assert "med.glinide" in codes(part, "unasked")
    assert part.denied == ()


def test_what_contradicts_itself_or_is_not_known_is_marked() -> None:
    part = summary([
        fact("allergy.to-food", "1", 10, "hospital"), fact("allergy.to-food", "0", 5, "resident"),
        fact("allergy.to-latex", "unknown", 5),
    ], []).allergies  # fmt: skip
    assert [(line.code, line.doubt) for line in part.lines] == [("allergy.to-food", "contradiction")]
    assert [line.doubt for line in part.unasked if line.code == "allergy.to-latex"] == ["unknown"]


def test_of_other_houses_only_what_goes_on_in_its_newest_edition_is_told() -> None:
    told = [
        entry("medication", "A錠"), entry("medication", "B錠", until=NOW - DAY), entry("medication", "C錠", status="past"),
        entry("medication", "D錠", remote="m/1", id="e-1"),
        entry("medication", "E錠", remote="m/1", version="2", id="e-2", recorded_at=NOW - DAY),
        entry("medication", "F錠", status="wrong"), entry("medication", "G錠", recorded_at=NOW + DAY),
    ]  # fmt: skip
    assert sorted(line.name_ja for line in summary([], told).medicines.lines) == ["A錠", "E錠"]


def test_a_prescription_without_an_end_is_to_be_asked_about_after_half_a_year_and_an_allergy_never() -> None:
    told = [
        entry("medication", "新錠", ago=179),
        entry("medication", "古錠", ago=181),
        entry("allergy", "卵", ago=4000),
    ]
    made = summary([], told)
    assert {line.name_ja: line.doubt for line in (*made.medicines.lines, *made.allergies.lines)} == {
        "新錠": "", "古錠": "stale", "卵": "",
    }  # fmt: skip
    assert "要再確認" in page(made, "ja")


def test_what_a_house_named_is_not_said_a_second_time_by_the_answer_made_of_it() -> None:
    made_of_it = msgspec.structs.replace(fact("allergy.to-food", "1", 30, "hospital"), raw="1 卵")
    asked = fact("allergy.to-food", "1", 10, "resident")
    egg = entry("allergy", "卵")
    assert [line.name_ja for line in summary([made_of_it], [egg]).allergies.lines] == ["卵"]
    assert "allergy.to-food" not in codes(summary([made_of_it], [egg]).allergies, "unasked"), "it is answered"
    assert len(summary([made_of_it], []).allergies.lines) == 1, "the entry may not be shown yet, or is over"
    assert len(summary([asked], [egg]).allergies.lines) == 2
    assert len(summary([made_of_it, fact("allergy.to-food", "0", 5)], [egg]).allergies.lines) == 2, "it is in doubt"


def test_a_house_is_called_by_its_name_and_whoever_brought_its_file_is_none() -> None:
    told = [entry("allergy", "卵"), entry("medication", "A錠", origin="hl7v2", actor="suzuki")]
    shown = page(summary([], told), "ja")
    assert "ちょうかいネット" in shown
    assert "choukai-net" not in shown
    assert "suzuki" not in shown
    assert [one.house for one in summary([], told).medicines.lines] == [""], "a file is no house: its source is told"
    assert [(one.source, one.house, one.count) for one in summary([], told).origins] == [
        ("hospital", "choukai-net", 1), ("hospital", "", 1)]  # fmt: skip
    assert "choukai-net" not in page(summary([], told), "en")


def test_where_something_is_held_back_an_empty_section_does_not_say_that_nobody_asked() -> None:
    held = summary([], [], hidden=Hidden(waiting=2))
    assert "聞いていません" not in page(held, "ja").split('class="allergies"')[1].split("</section>")[0]
    assert page(held, "ja").count("載せていない記録あり") == 4
    assert "載せていない" not in page(summary([], []), "ja")
    egg = [entry("allergy", "卵")]
    assert "記録なし: 薬のアレルギー" in page(summary([], egg), "ja")
    assert "記録なし: 薬のアレルギー" not in page(summary([], egg, hidden=Hidden(waiting=2)), "ja")


def test_what_decides_a_treatment_stands_before_everything_else() -> None:
    made = summary()
    assert [line.code for line in made.cautions] == ["has.implant", "med.insulin"]
    shown = page(made, "ja")
    assert shown.index("ペースメーカー") < shown.index("アレルギー</h3>") < shown.index("服薬中")


def test_a_result_stands_with_the_one_before_it_and_both_days() -> None:
    [hba1c] = [one for one in summary().results if one.code == "lab.hba1c"]
    assert (hba1c.value, hba1c.before) == ("7.1", "6.9")
    assert (hba1c.day - (hba1c.before_day or hba1c.day)).days == 365
    protein = next(one for one in summary().results if one.code == "lab.urine-protein")
    assert (protein.name("ja"), protein.value, protein.before_day) == ("尿たんぱく", "(1+)", None)


def test_home_means_are_those_of_the_signals_and_what_is_too_little_stays_unsaid() -> None:
    home = summary().home
    assert home.morning is not None
    assert (home.morning.high, home.morning.low, home.morning.days) == (Decimal("138.0"), Decimal("82.0"), 7)
    from engine.summary import home_of

    assert home_of({}).morning is None
    assert home_of({}).weight is None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_what_it_was(lang: Language, golden: Callable[[str, str], None]) -> None:
    golden(f"summary/page.{lang}.html", page(summary(lang=lang), lang))


@pytest.mark.parametrize("sort", ["wallet", "sheet"])
def test_the_printed_card_is_what_it_was_and_says_how_much_it_leaves_out(
    sort: str, golden: Callable[[str, str], None]
) -> None:
    own = summary(hidden=Hidden(later=1, waiting=2))
    card = Card(**{name: getattr(CARD, name) for name in CARD.__struct_fields__} | {"sort": sort})
    made = html(own, card, ADDRESS, "ja")
    assert "この紙にない記録: 3件" in made
    assert "2027-11-21まで" in made
    assert SECRET not in re.sub(r"<svg.*?</svg>", "", made, flags=re.DOTALL), "the code stands in the picture alone"
    golden(f"summary/{sort}.ja.html", made)


def test_what_only_a_doctor_may_see_is_never_printed_for_the_person() -> None:
    with pytest.raises(ValueError, match="disclosed"):
        html(summary(), CARD, ADDRESS, "ja")


def test_the_code_holds_the_address_and_nothing_about_anybody() -> None:
    assert drawn(ADDRESS) == drawn(ADDRESS)
    assert drawn(ADDRESS) != drawn(ADDRESS[:-1] + "2")
    assert "花子" not in drawn(ADDRESS)


names = st.lists(st.text(alphabet="アムロジピンmg0123 錠", min_size=1, max_size=60).filter(str.strip), max_size=25)


@given(medicines=names, allergies=names)
def test_on_a_wallet_card_everything_stands_or_is_counted(medicines: list[str], allergies: list[str]) -> None:
    told = [entry("medication", name, id=f"e-m{at}", remote=f"m/{at}") for at, name in enumerate(medicines)]
    told += [entry("allergy", name, id=f"e-a{at}", remote=f"a/{at}") for at, name in enumerate(allergies)]
    made = summary([], told, hidden=Hidden())
    fields = {one.key: one for one in fields_of(made, "ja", words(made, "ja")["tell"])}
    for key, given_names in (("medicines", medicines), ("allergies", allergies)):
        stands = fields[key].said.split("、") if given_names else []
        assert len(stands) + fields[key].more == len(given_names)
        assert set(stands) <= set(given_names)
    assert fields["allergies"].warns == bool(allergies)


def test_a_name_too_long_for_the_card_is_cut_where_one_sees_it() -> None:
    made = summary([], [entry("allergy", "長" * 300), entry("allergy", "B")], hidden=Hidden())
    field = fields_of(made, "ja", words(made, "ja")["tell"])[0]
    assert (field.said[-1], field.more, len(field.said) < 90) == ("…", 1, True)


@pytest.mark.parametrize("count", [0, 10, 24, 60])
def test_more_on_a_page_only_makes_it_closer_and_never_shorter(count: int) -> None:
    told = [entry("medication", f"薬{at}号", id=f"e-{at}", remote=f"m/{at}") for at in range(count)]
    made = summary(entries=[*ENTRIES, *told])
    assert density(made, "ja") == {0: "roomy", 10: "tight", 24: "tightest", 60: "tightest"}[count]
    shown = page(made, "ja")
    assert all(f"薬{at}号" in shown for at in range(count))


def test_a_birthday_is_told_as_on_an_insurance_card() -> None:
    assert era_words(PERSON.birth_date, "ja") == "昭和26年5月5日 (1951-05-05)"
    assert era_words(PERSON.birth_date, "en") == "1951-05-05"


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (("佐藤 救急救命士", "酒田消防", "意識なし、搬送中"), None),
        (("", "酒田消防", "意識なし"), ("missing", "name")),
        (("佐藤", " ", "意識なし"), ("missing", "place")),
        (("佐藤", "酒田消防", "救急"), ("too-short", "reason")),
        (("佐" * 61, "酒田消防", "意識なし"), ("too-long", "name")),
        (("佐藤\u202e", "酒田消防", "意識なし"), ("control-character", "name")),
    ],
)
def test_who_looks_says_who_where_and_why(said: tuple[str, str, str], refused: tuple[str, str] | None) -> None:
    found = asked(*said)
    assert ((found.code, found.field) if isinstance(found, Refusal) else None) == refused


@given(text=st.text(max_size=40))
def test_whatever_stands_in_an_address_is_a_secret_or_none(text: str) -> None:
    found = read_secret(text)
    assert found is None or re.fullmatch("[a-z2-7]{26}", found)


def test_a_card_ends_after_a_year_and_two_are_never_alike() -> None:
    from random import Random

    first, second = (mint(HANAKO, "wallet", "s-x", NOW, Random(seed)) for seed in (1, 2))
    assert first.card.good(NOW + timedelta(days=364))
    assert not first.card.good(NOW + timedelta(days=365))
    assert first.secret != second.secret
    assert hash_of(first.secret) != hash_of(second.secret)
    assert read_secret(first.secret.upper()) == first.secret

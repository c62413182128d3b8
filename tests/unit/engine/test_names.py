"""Names: kept as they are, compared loosely, sorted like a Japanese list."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from engine.names import collation_key, kana, keep, search_key, split_name
from engine.names_table import VARIANTS
from engine.refusal import Refusal

KANJI = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
KANA = st.characters(min_codepoint=0x30A1, max_codepoint=0x30FA)
RARE = st.sampled_from("髙﨑𠮷塚神\u6df8")


@given(st.text(KANJI | RARE, min_size=1, max_size=20), st.text(KANJI | RARE, min_size=1, max_size=20))
def test_a_name_is_kept_byte_for_byte(family: str, given_name: str) -> None:
    assert split_name(f"{family} {given_name}") == (family, given_name)


@given(st.text(max_size=80))
def test_any_text_is_kept_unchanged_or_refused(text: str) -> None:
    assert keep(text) == text or isinstance(keep(text), Refusal)
    assert isinstance(kana(text), str | Refusal)
    assert isinstance(split_name(text), tuple | Refusal)


@given(st.text(KANA, min_size=1, max_size=20))
def test_kana_are_the_same_in_every_script_and_width(text: str) -> None:
    hiragana = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)
    assert kana(text) == kana(hiragana) == kana(unicodedata.normalize("NFD", text)) == text
    assert search_key(text) == search_key(hiragana)


@given(st.text(KANJI | KANA | RARE | st.characters(max_codepoint=0x24F, exclude_categories=["Cs"]), max_size=20))
def test_a_search_key_is_its_own_key(text: str) -> None:
    assert search_key(search_key(text)) == search_key(text)


def test_no_variant_leads_to_another_variant() -> None:
    assert not {ord(usual) for usual in VARIANTS.values()} & VARIANTS.keys()


def test_no_variant_would_be_changed_by_unicode_already() -> None:
    # An entry that NFKC turns into something else first would never be looked up.
    assert all(unicodedata.normalize("NFKC", chr(code)) == chr(code) for code in VARIANTS)


def test_kana_sort_as_in_a_japanese_list() -> None:
    order = ["アイ", "アイダ", "アーイ", "イトウ", "カキ", "ガキ", "カギ", "ガギ", "キヨ", "キョウ", "キヨウ"]
    order += ["ハハ", "ババ", "パパ", "ヤマダ"]
    shuffled = sorted(order, key=str)
    assert sorted(shuffled, key=collation_key) == [
        "アーイ", "アイ", "アイダ", "イトウ", "カキ", "カギ", "ガキ", "ガギ", "キヨ", "キョウ", "キヨウ",
        "ハハ", "ババ", "パパ", "ヤマダ",
    ]  # fmt: skip


def test_a_long_mark_sorts_as_the_vowel_before_it_and_an_iteration_mark_as_its_kana() -> None:
    assert collation_key("オーノ")[0] == collation_key("オオノ")[0] == "オオノ"
    assert collation_key("オーノ") < collation_key("オオノ")
    assert collation_key("ミスヾ")[0] == collation_key("ミスズ")[0]


@given(st.text(KANA, max_size=8), st.text(KANA, max_size=8))
def test_the_order_depends_neither_on_script_nor_on_width(one: str, other: str) -> None:
    written = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in one)
    assert collation_key(written) == collation_key(one)
    assert (collation_key(one) < collation_key(other)) == (collation_key(written) < collation_key(other))

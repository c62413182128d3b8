"""What a card carries and what is kept of it, and what a spot's screen may call a person."""

from __future__ import annotations

from datetime import date
from random import Random, SystemRandom

import msgspec
import pytest

from engine.cards import hash_of, new_secret, number_key, read_card, text_of
from engine.contract.wire import LONGEST_VISIT
from engine.spots import name_on_screen
from gateway.spot import MEASURE_WITHIN, SHOWN_FOR
from tests.homes import HANAKO, resident


def test_a_secret_is_a_hundred_and_thirty_random_bits_and_only_its_hash_is_kept() -> None:
    secrets = {new_secret(SystemRandom()) for _ in range(200)}
    assert len(secrets) == 200
    assert all(len(secret) == 26 and set(secret) <= set("abcdefghijklmnopqrstuvwxyz234567") for secret in secrets)
    assert len({hash_of(secret) for secret in secrets}) == 200
    assert not any(secret in hash_of(secret) for secret in secrets)


@pytest.mark.parametrize("typed", ["{}", " {}\r", "{lower}", "{wide}"])
def test_a_scanner_types_it_in_any_case_and_width(typed: str) -> None:
    secret = new_secret(Random(1))
    text = text_of(secret)
    wide = "".join(chr(ord(character) + 0xFEE0) for character in text)
    assert read_card(typed.format(text, lower=text.lower(), wide=wide)) == secret


@pytest.mark.parametrize(
    "typed",
    ["", "PHR1-", "PHR2-" + "A" * 26, "PHR1-" + "A" * 25, "PHR1-" + "A" * 27, "PHR1-" + "1" * 26, "4901234567894"],
)
def test_what_is_no_card_of_ours_is_none(typed: str) -> None:
    assert read_card(typed) is None


def test_a_number_is_compared_as_people_read_it() -> None:
    assert {number_key(text) for text in ("1234-5678", "１２３４ ５６７８", "1234－5678", "12345678")} == {"12345678"}
    assert number_key("ab-1") == number_key("ＡＢ１") == "AB1"


def test_bystanders_read_the_chosen_name_or_one_kana() -> None:
    person = resident(HANAKO, "花子", date(1951, 5, 5))
    assert name_on_screen(person, "はなちゃん") == "はなちゃん"
    assert name_on_screen(person, None) == "ハ"
    single = msgspec.structs.replace(person, given_kana="", family_kana="スカルノ")
    assert name_on_screen(single, None) == "ス"
    alias = msgspec.structs.replace(person, alias="Hanako Yamada")
    assert "Yamada" not in name_on_screen(alias, None)


def test_a_visit_has_time_for_a_value_and_for_showing_it() -> None:
    assert MEASURE_WITHIN + SHOWN_FOR < LONGEST_VISIT

"""The public list of interests, and what may be chosen from it."""

from __future__ import annotations

import pytest

from engine.interests import MOST, MOST_CODES, OWN, chosen, codes, interests, labels
from engine.names import keep
from engine.refusal import Refusal
from fhir_bridge.privacy import Mechanism
from fhir_bridge.privacy_tables import MOST_CODES as COUNTED
from fhir_bridge.privacy_tables import Codes, checked, tables


def test_the_list_is_one_that_a_release_takes_and_no_longer_than_its_grid() -> None:
    listed = Codes(interests=codes())
    assert checked(listed) == listed
    assert MOST_CODES == COUNTED
    assert set(labels("ja")) == set(labels("en")) == set(codes())


def test_nobody_is_asked_for_more_than_a_table_counts_of_one_person() -> None:
    [table] = tables(["T2"], Codes(interests=codes()), 1_000, Mechanism())
    assert table.bound == MOST


def test_no_label_holds_what_a_platform_refuses_in_a_value() -> None:
    told = "".join(one.ja + one.en for one in interests())
    assert not set(told) & set("<>\"'=;()")
    assert len(set(labels("ja").values())) == len(set(labels("en").values())) == len(codes())


def test_our_own_page_is_a_recipient_that_can_be_named() -> None:
    assert keep(OWN) == OWN


def test_what_is_chosen_keeps_its_order_and_a_blank_or_a_second_time_is_no_choice() -> None:
    first, second, third = codes()[3], codes()[0], codes()[7]
    assert chosen([first, "", second, first, third, second]) == (first, second, third)
    assert chosen(["", "", ""]) == chosen([]) == ()


@pytest.mark.parametrize(
    ("picked", "code"),
    [(["chess"], "unknown-interest"), ([*codes()][: MOST + 1], "too-many"), ([" walking"], "unknown-interest")],
)
def test_what_is_not_on_the_list_or_too_much_is_refused(picked: list[str], code: str) -> None:
    refused = chosen(picked)
    assert isinstance(refused, Refusal)
    assert refused.code == code

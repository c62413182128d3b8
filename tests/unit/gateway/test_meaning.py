"""What a person may say about the numbers of a do-it-yourself device."""

from __future__ import annotations

import pytest

from firmware_profiles.registry import PROFILES
from gateway.meaning import parse_reads

BTHOME = PROFILES["bthome-v2"]


def test_meanings_are_taken_by_quantity_or_by_kind_and_numbered_names_count() -> None:
    assert parse_reads(["count=steps", "count_1=heart-rate", " temperature = body_temperature"], BTHOME) == {
        "count": "steps", "count_1": "heart_rate", "temperature": "body_temperature",
    }  # fmt: skip
    assert parse_reads([], BTHOME) == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["counts=steps"], "no device sends"),
        (["count"], "cannot tell ''"),
        (["=steps"], "no device sends"),
        (["count=systolic"], "cannot tell 'systolic'"),
        (["count=steps", "count=weight"], "two meanings"),
    ],
)
def test_a_meaning_that_cannot_be_is_refused_in_words(words: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_reads(words, BTHOME)

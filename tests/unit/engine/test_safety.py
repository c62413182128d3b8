"""Which values are red flags: exact limits on both sides, and a pulse only where somebody sat for it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.safety import red_flags


@pytest.mark.parametrize(
    ("values", "red"),
    [
        ({"systolic": "179.9", "diastolic": "109.9"}, ()), ({"systolic": "180"}, ("systolic",)), ({"systolic": "181"}, ("systolic",)),
        ({"systolic": "150", "diastolic": "110"}, ("diastolic",)), ({"diastolic": "109"}, ()), ({"diastolic": "111"}, ("diastolic",)),
        ({"systolic": "200", "diastolic": "120"}, ("diastolic", "systolic")),
        ({"resting-heart-rate": "119"}, ()), ({"resting-heart-rate": "120"}, ("resting-heart-rate",)), ({"resting-heart-rate": "121"}, ("resting-heart-rate",)),
        ({"resting-heart-rate": "41"}, ()), ({"resting-heart-rate": "40"}, ("resting-heart-rate",)), ({"resting-heart-rate": "39"}, ("resting-heart-rate",)),
        ({"pulse-rate": "130"}, ()), ({"heart-rate": "150"}, ()), ({"pulse-rate": "119", "systolic": "120"}, ()), ({"pulse-rate": "41", "systolic": "120"}, ()),
        ({"pulse-rate": "120", "systolic": "120"}, ("pulse-rate",)), ({"pulse-rate": "40", "systolic": "120"}, ("pulse-rate",)),
        ({"pulse-rate": "130", "systolic": "190"}, ("pulse-rate", "systolic")), ({"body-weight": "200"}, ()), ({}, ()),
    ],
)  # fmt: skip
def test_a_red_flag_begins_exactly_at_its_limit(values: dict[str, str], red: tuple[str, ...]) -> None:
    assert red_flags((kind, Decimal(value)) for kind, value in values.items()) == red

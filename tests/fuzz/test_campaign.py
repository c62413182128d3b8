"""A short seeded slice of the fuzz campaign (`./x fuzz --minutes N` is the long one)."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.targets import Target, targets

TARGETS = targets()


@pytest.mark.fuzz
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_decoder_keeps_its_laws_through_many_turns(name: str) -> None:
    turn: Target = TARGETS[name]
    rng = Random(name)
    assert [text for _ in range(150) for text in turn(rng)] == []

"""`phr release attack`: the campaign at a small size, and that it says so when an attack succeeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer

from cli import release_attack
from cli.exits import Exit
from simulators.attack import campaign
from simulators.attack.campaign import Size, attacks
from simulators.attack.findings import Finding


def test_every_attack_is_withstood_and_every_broken_method_is_caught() -> None:
    found = list(attacks(Size(populations=30, cities=(400,), releases=1_000, seed=3)))
    assert [one for one in found if not one.withstood] == []
    assert {one.attack for one in found} >= {"A1", "A2", "A3", "A4", "A5", "A7", "A8", "A9", "A10"}
    assert sum(one.control for one in found) >= 2


def test_one_attack_that_succeeds_is_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(_size: Size) -> Iterator[Finding]:
        yield Finding(attack="A1", what="a leak", measured="1", mark="0", withstood=False)

    monkeypatch.setattr(campaign, "_ATTACKS", {"A1": lost})
    with pytest.raises(typer.Exit) as left:
        release_attack.attack()
    assert left.value.exit_code == Exit.DAMAGED
    assert "FAILED" in capsys.readouterr().out

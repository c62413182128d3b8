"""Clumsy people: each ends paired, with the next reading filed under the right person, or told the one next action."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from cli.clumsy import as_json, lines
from cli.pair_words import word
from cli.simulate import app
from gateway import pairing as machine
from gateway import pairing_local, pairing_run, pairing_watch
from gateway.pairing_model import Stop
from gateway.pairing_reasons import REASONS
from simulators import clumsy
from simulators.clumsy import Ending, Scenario, campaign
from simulators.clumsy_room import later, scale, usual
from simulators.clumsy_scenes import SCENES
from simulators.clumsy_stage import HANAKO, measure, press, say

pytestmark = pytest.mark.flow
# The rest is played by `phr simulate pairings`; these are one of each kind of trouble.
SLICE = (
    "phone-holds-bond", "phone-lets-go", "phone-takes-it", "too-far", "brought-nearer", "stepped-off-early",
    "dies-in-transfer", "low-battery", "new-battery", "codes-forgotten", "wrong-person-first", "wrong-person-only",
    "no-consent", "somebody-who-agreed", "nobody-registered", "both-on-slots", "implants-unknown", "two-scales",
    "neighbour-chosen", "second-hand", "clock-at-2000-memory", "clock-at-2094", "list-damaged", "wrong-key",
    "wrong-passkey", "garbage-answers", "bluetooth-off", "ctrl-c-on-the-scale", "stops-on-the-scale", "gateway-runs",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual devices are quick; nobody has to be waited for as long as a person."""
    monkeypatch.setattr(machine, "SETTLE", 0.6)
    monkeypatch.setattr(pairing_run, "PAUSE", 0.3)
    monkeypatch.setattr(pairing_run, "TICK", 0.1)
    monkeypatch.setattr(pairing_watch, "QUIET", timedelta(seconds=0.5))
    monkeypatch.setattr(pairing_local, "LINGER", 3.0)
    logging.getLogger("bumble").setLevel(logging.CRITICAL)


def problems(endings: tuple[Ending, ...]) -> list[str]:
    return [f"{ending.name}: {'; '.join(ending.problems)}" for ending in endings if ending.problems]


def test_there_are_fifty_different_ones_and_they_cover_every_failure_a_person_can_cause() -> None:
    assert len(SCENES) >= 50
    assert max(Counter(scene.name for scene in SCENES).values()) == 1
    assert max(Counter(scene.about for scene in SCENES).values()) == 1
    shown = {code for scene in SCENES for code in scene.sees} | {scene.ends for scene in SCENES}
    # Two families claiming one device, a denied adapter and our own bugs are nobody's clumsiness.
    rest = {"ambiguous-device", "bluetooth-denied", "no-bluetooth", "gateway-started", "bug", "device-clock",
            "not-answering", "bindkey-needed"}  # fmt: skip
    assert set(REASONS) - shown <= rest
    assert {scene.name for scene in SCENES} >= set(SLICE)


async def test_one_of_each_kind_of_trouble_ends_well() -> None:
    report = await campaign([scene for scene in SCENES if scene.name in SLICE], usual, seed=3)
    assert (problems(report.endings), report.bugs) == ([], ())
    for ending in report.endings:
        for shown in ending.screens:
            for key in (*shown.say, *shown.buttons):
                assert word("ja", key), key
                assert word("en", key), key
    assert lines(report)[-1].startswith(f"{len(SLICE)} of {len(SLICE)} ")
    assert as_json(report)["held"] == len(SLICE)


async def test_the_judge_finds_a_reading_under_the_wrong_person_a_wrong_ending_and_a_dead_button(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A campaign in which everything holds says nothing until it is shown that something could fail."""
    one = scale()
    bad = (
        # Taro, who weighs what she weighs: nobody can tell, and the judge knows whose it was.
        Scenario(name="stranger", about="", devices=(one,), ends="paired", later=later(one),
                 script={"proof": (measure("r-tarotarotaro3", weight="62.30"),)}),
        Scenario(name="hopeful", about="", devices=(scale(asleep=True),), ends="paired", script={"search": (press("yes"),)}),
        Scenario(name="quitter", about="", devices=(one,), ends="paired", script={"choose": (say(Stop()),)}),
    )  # fmt: skip
    monkeypatch.setattr(clumsy, "HEARD", 6.0)
    report = await campaign(bad, usual, seed=1)
    found = {ending.name: " ".join(ending.problems) for ending in report.endings}
    assert f"62.30 is filed under {HANAKO}" in found["stranger"]
    assert "no button yes" in found["hopeful"]
    assert "ended stopped, not paired" in found["quitter"]
    assert report.held == 0


def test_the_command_prints_a_table_and_leaves_with_0(tmp_path: Path) -> None:
    del tmp_path
    outcome = CliRunner().invoke(app, ["pairings", "--count", "2", "--seed", "5"], catch_exceptions=False)
    names = [scene.name for scene in Random(5).sample(SCENES, 2)]
    assert outcome.exit_code == 0, outcome.output
    assert sorted(line.split()[1] for line in outcome.stdout.splitlines()[:-1]) == sorted(names)
    assert outcome.stdout.splitlines()[-1].startswith("2 of 2")

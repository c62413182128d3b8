"""The cohort in which the learner is judged: small, fading, differing effects, equal burden, and no veto ever crossed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.simulate import app
from engine.learning import FLOOR, LEAST_SEND, MOST_SEND
from simulators.cohort.policies import Fixed, Learner, Random, play
from simulators.cohort.trial import RIVALS, campaign, chance_claims, trial
from simulators.cohort.world import ACTIONS, Life, constants, draw_world

PEOPLE, DAYS = 120, 28


def test_what_is_true_in_the_cohort_is_what_the_note_says() -> None:
    """Frozen before the learner was run: whoever changes a number changes this, too, and begins a new study."""
    fixed = constants()
    assert fixed.effect.means == (round(math.log(1.24), 4), round(math.log(1.14), 4), 0, 0, 0)
    assert fixed.effect.first == pytest.approx(math.log(1.66) / math.log(1.24), abs=1e-3)
    # After the 100 messages of a trial of six weeks the mean is what was found.
    left = [math.exp(-count / fixed.effect.wears_off) for count in range(100)]
    assert fixed.effect.first * float(np.mean(left)) == pytest.approx(1, abs=0.03)
    assert fixed.day.common == pytest.approx(math.log((5_000 + 1_850) / 5_000), abs=1e-3)


def test_the_same_seed_is_the_same_study_and_another_one_is_not() -> None:
    first, again, other = trial(30, 14, "note", 3), trial(30, 14, "note", 3), trial(30, 14, "note", 4)
    assert first == again
    assert first.against != other.against


@pytest.mark.parametrize("seed", [1, 2])
def test_all_policies_send_as_many_messages_and_none_to_whom_it_is_forbidden(seed: int) -> None:
    found = trial(60, 21, "note", seed)
    assert set(found.messages) == {"learner", *RIVALS}
    assert len(set(found.messages.values())) == 1
    assert found.crossed == 0


def test_a_message_to_whom_it_is_forbidden_would_be_counted() -> None:
    world = draw_world(50, 3, "note", np.random.default_rng(1))
    life = Life(world, np.random.default_rng(2))
    for day in range(3):
        life.live(day, np.zeros(50, dtype=np.intp))
    barred = int((~world.allowed[:, :, 0]).sum())
    assert barred > 0
    assert life.crossed == barred


def test_what_a_message_does_wears_off_and_comes_back_in_silence() -> None:
    world = draw_world(40, 120, "note", np.random.default_rng(5))
    life, best = Life(world, np.random.default_rng(6)), int(world.first.mean(axis=0).argmax())
    told, silent = np.full(40, best, dtype=np.intp), np.full(40, -1, dtype=np.intp)
    for day in range(120):
        life.live(day, told if day < 40 or day >= 100 else silent)
    gain = life.gained.mean(axis=1)
    assert gain[0] > gain[20] > gain[39] > 0
    assert gain[50] == 0
    assert gain[39] < gain[100] < gain[0]


def test_without_any_effect_nothing_is_gained_whoever_is_told_what() -> None:
    world = draw_world(40, 10, "zero", np.random.default_rng(5))
    life = play(Random([20] * 10, np.random.default_rng(6)), Life(world, np.random.default_rng(7)))
    assert life.messages == 200
    assert not life.gained.any()


def test_the_fixed_policy_goes_round_everybody_and_keeps_its_order() -> None:
    world = draw_world(40, 8, "note", np.random.default_rng(5))
    life = play(Fixed([10] * 8, range(len(ACTIONS))), Life(world, np.random.default_rng(7)))
    counts = (life.told >= 0).sum(axis=0)
    assert life.messages == 80
    assert counts.min() >= 1
    for day, person in zip(*np.nonzero(life.told >= 0), strict=True):
        assert life.told[day, person] == world.allowed[day, person].argmax()


def test_the_learner_stays_within_its_probabilities_and_learns_what_helps() -> None:
    world = draw_world(PEOPLE, DAYS, "note", np.random.default_rng(11))
    # An effect ten times the note's: a slice as small as this could not tell the true one from luck.
    world = type(world)(fixed=world.fixed, first=world.first * 10, allowed=world.allowed, level=world.level)
    learner = Learner(np.random.default_rng(12))
    life = play(learner, Life(world, np.random.default_rng(13)))
    for one in (one for day in learner.proposals for one in day if one is not None):
        *shares, silence = one.probabilities
        assert min(shares) >= FLOOR - 1e-9
        assert 1 - MOST_SEND - 1e-9 <= silence <= 1 - LEAST_SEND + 1e-9
    chosen = life.told[-7:]
    best = int(world.first.mean(axis=0).argmax())
    assert (chosen == best).sum() > 2 * (life.told[:7] == best).sum()


def test_more_wins_than_chance_allows_are_told_from_chance() -> None:
    # One in forty of twenty is a half: four would happen less than once in a hundred campaigns.
    assert [chance_claims(seeds) for seeds in (1, 20, 200)] == [1, 3, 11]


def test_with_the_effects_of_the_note_the_learner_beats_fixed_and_random_and_not_who_knew_before() -> None:
    found = campaign(150, 42, "note", range(1, 4))
    assert (found.crossed, found.equal_burden) == (0, True)
    for name in ("fixed", "random"):
        assert found.pooled[name].true > 0
        assert found.pooled[name].value > 0
        assert found.losses[name] == 0
    assert found.pooled["hindsight"].true < 0
    assert 0 < found.most_kg_year < constants().bound.kg_year


def test_with_no_effect_at_all_wins_are_claimed_no_more_often_than_by_chance() -> None:
    found = campaign(40, 21, "zero", range(1, 9))
    assert all(found.claims[name] <= chance_claims(8) for name in RIVALS)
    assert all(one.low <= 0 <= one.high for one in found.pooled.values())


def test_the_command_prints_what_it_found_and_ends_well() -> None:
    done = CliRunner().invoke(
        app, ["learner", "--people", "30", "--days", "14", "--seeds", "2", "--effect", "zero", "--json"]
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["crossed"], said["equal_burden"], said["seeds"], said["effect"]) == (0, True, 2, "zero")
    assert set(said["pooled"]) == set(RIVALS)
    assert said["most_kg_year"] == 0
    assert all(one["true"] == 0 for one in said["pooled"].values())

"""The real noise: OpenDP draws the law the mechanism is proven for."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy import stats

from fhir_bridge.privacy import STANDARD
from fhir_bridge.privacy_law import decay, mass, reach, tail
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_release import prepare
from fhir_bridge.privacy_tables import ROTATION
from simulators.attack.world import SeededLaplace, day_after, ledger, plan_for, tally_of
from simulators.city.rows import rows as residents

# So rare that nobody lives to see a false alarm.
NEVER = 1e-9


@pytest.mark.parametrize("noise", [ExactLaplace(), SeededLaplace(1)], ids=["opendp", "seeded"])
def test_noise_follows_the_discrete_laplace_law(noise: ExactLaplace | SeededLaplace) -> None:
    draws, alpha = 30_000, decay(2)
    found = Counter(noise.add([0] * draws, 2))
    inner = range(-10, 11)
    expected = [draws * mass(value, alpha) for value in inner] + [draws * tail(11, alpha)] * 2
    seen = [found[value] for value in inner]
    seen += [sum(n for v, n in found.items() if v > 10), sum(n for v, n in found.items() if v < -10)]
    assert stats.chisquare(seen, [e * draws / sum(expected) for e in expected]).pvalue > NEVER


def test_a_wrong_scale_would_be_noticed() -> None:
    draws = 20_000
    zeros = ExactLaplace().add([0] * draws, 2.5).count(0)
    assert stats.binomtest(zeros, draws, mass(0, decay(2))).pvalue < NEVER


@pytest.mark.parametrize("bound", [1, 2, 3])
def test_the_library_proves_the_price_the_ledger_pays(bound: int) -> None:
    assert ExactLaplace().epsilon(bound, STANDARD.scale) == float(STANDARD.epsilon(bound))


def test_whole_numbers_come_back_for_every_cell_and_no_draw_is_like_another() -> None:
    noise = ExactLaplace()
    first, second = noise.add(list(range(100)), 2), noise.add(list(range(100)), 2)
    assert all(type(value) is int for value in first)
    assert first != second
    assert noise.add([], 2) == []
    assert max(abs(noisy - true) for true, noisy in enumerate(first)) <= reach(1e-12, decay(2))
    with pytest.raises(ValueError, match="positive"):
        noise.add([1], 0)


def test_a_release_with_real_noise_names_the_library_and_no_seed() -> None:
    made = prepare(ledger(), tally_of(residents(400, 1)), ExactLaplace(), day_after(plan_for(400).period))
    content = getattr(made, "content", b"")
    assert b'"noise":"opendp ' in content
    assert b"seed" not in content
    assert len(ROTATION[0]) == content.count(b'"grid"')

"""The review's state machine for as long as asked: `python -m tests.review_campaign --steps 100000 --seed 1`."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.review_world import Review

_LENGTH, _CHUNK = 50, 20
_LETTERS = {"a person": "s", "a standing approval": "p", "a signed urgent text": "u"}


def main() -> int:
    """Run it in chunks, each with the next seed; the first broken promise is shown with the steps that break it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--steps", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    wish = asked.parse_args()
    began, number = time.monotonic(), wish.seed
    chosen = settings(
        max_examples=_CHUNK, stateful_step_count=_LENGTH, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    while Review.steps < wish.steps:
        run_state_machine_as_test(seed(number)(Review), settings=chosen)
        told = ", ".join(f"{name} {Review.told.get(letter, 0)}" for name, letter in _LETTERS.items())
        spent = time.monotonic() - began
        print(f"{Review.steps} steps in {spent:.0f} s, seed {number}; delivered by: {told}", flush=True)
        number += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

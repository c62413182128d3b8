"""The review's state machine for as long as asked: `python -m tests.review_campaign --steps 100000 --seed 1`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.review_world import Review

_LENGTH, _CHUNK = 50, 20
_LETTERS = {"s": "a person", "p": "a standing approval", "u": "a signed urgent text"}


def main() -> int:
    """Run chunks, each in a process of its own with the next seed; the first broken promise ends it, with its steps."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--steps", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--chunk", action="store_true", help="one chunk, told as JSON")
    wish = asked.parse_args()
    if wish.chunk:
        return _chunk(wish.seed)
    began, steps, delivered = time.monotonic(), 0, Counter[str]()
    numbers = count(wish.seed)
    with ThreadPoolExecutor(wish.workers) as pool:
        while steps < wish.steps:
            for done in pool.map(_child, [next(numbers) for _ in range(wish.workers)]):
                if isinstance(done, str):
                    print(done, file=sys.stderr)
                    return 1
                steps += done["steps"]
                delivered.update(done["told"])
            told = ", ".join(f"{name} {delivered[letter]}" for letter, name in _LETTERS.items())
            print(f"{steps} steps in {time.monotonic() - began:.0f} s; delivered by: {told}", flush=True)
    return 0


def _child(number: int) -> dict[str, Any] | str:
    """What a chunk did, or what it printed when a promise broke."""
    words = [sys.executable, "-m", "tests.review_campaign", "--chunk", "--seed", str(number)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"seed {number} broke a promise:\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _chunk(number: int) -> int:
    chosen = settings(
        max_examples=_CHUNK, stateful_step_count=_LENGTH, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    run_state_machine_as_test(seed(number)(Review), settings=chosen)
    print(json.dumps({"steps": Review.steps, "told": Review.told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

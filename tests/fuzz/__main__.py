"""`./x fuzz --minutes N [--seed S]`: every decoder against noise and mutated real bytes; exit code 1 if one breaks a law."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from random import Random

from tests.fuzz.targets import targets

SHOWN = 20


def main() -> int:
    """Run the campaign on every core and print what happened."""
    asked = argparse.ArgumentParser(prog="./x fuzz", description=__doc__)
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    options = asked.parse_args()
    workers = os.cpu_count() or 1
    print(f"seed {options.seed}, {workers} processes, {options.minutes:g} minutes")
    with multiprocessing.Pool(workers) as pool:
        seeds = [(options.seed + number, options.minutes * 60) for number in range(workers)]
        results = pool.starmap(campaign, seeds)
    turns: Counter[str] = sum((done for done, _ in results), Counter())
    broken = [item for _, found in results for item in found]
    for name, count in sorted(turns.items()):
        print(f"{name:32} {count:>10,} turns")
    print(f"{sum(turns.values()):,} turns over {len(turns)} decoders, {len(broken)} broken laws")
    for name, text in broken[:SHOWN]:
        print(f"  {name}: {text}")
    return 1 if broken else 0


def campaign(seed: int, seconds: float) -> tuple[Counter[str], list[tuple[str, str]]]:
    """Turns by target and what broke, within `seconds`."""
    rng, end = Random(seed), time.monotonic() + seconds
    todo, turns, broken = targets(), Counter[str](), list[tuple[str, str]]()
    while time.monotonic() < end:
        for name, turn in todo.items():
            turns[name] += 1
            broken += [(name, text) for text in turn(rng)]
    return turns, broken


if __name__ == "__main__":
    sys.exit(main())

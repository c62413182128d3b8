"""`./x mutate`: tells small lies about every rule and about safety, and names each one no test notices."""

from __future__ import annotations

import argparse
import sys
import time

from engine.rules import load_catalogue
from tests.mutation.code_mutants import surviving_code
from tests.mutation.survivors import survivors


def main(arguments: list[str]) -> int:
    """Print the survivors; 1 when there is one."""
    parser = argparse.ArgumentParser(prog="./x mutate", description=__doc__)
    parser.add_argument("--rule", action="append", help="this rule alone (repeatable); no Python code then")
    parser.add_argument("--code", action="store_true", help="the Python code alone")
    asked = parser.parse_args(arguments)
    began, left, told = time.monotonic(), 0, 0
    for rule in () if asked.code else load_catalogue():
        if asked.rule and rule.id not in asked.rule:
            continue
        count, alive = survivors(rule)
        told, left = told + count, left + len(alive)
        for lie in alive:
            print(f"survives  {rule.id}: {lie}", flush=True)
    if not asked.rule:
        count, alive = surviving_code()
        told, left = told + count, left + len(alive)
        for lie in alive:
            print(f"survives  {lie}", flush=True)
    print(f"{told} lies told, {told - left} noticed, {left} not; {time.monotonic() - began:.0f} s")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

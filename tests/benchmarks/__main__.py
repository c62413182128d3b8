"""`./x bench`: every number beside the limit measured in the same run, as a table or as one JSON object."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import msgspec

from tests.benchmarks.bridge_push import pushes
from tests.benchmarks.busy_home import busy_home
from tests.benchmarks.city_pass import passes
from tests.benchmarks.city_trends import refits, trends
from tests.benchmarks.cold_start import starts
from tests.benchmarks.desk import desks
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.footprint import footprints
from tests.benchmarks.ingest import batches, singles
from tests.benchmarks.latency import latencies
from tests.benchmarks.letters import letters
from tests.benchmarks.observations import observing
from tests.benchmarks.statistics_release import releases

BENCHMARKS: dict[str, Callable[..., list[Figure]]] = {
    "ingest": singles, "ingest-batches": batches, "gateway-latency": latencies, "gateway-footprint": footprints,
    "gateway-busy-home": busy_home, "cold-start": starts, "city-trends": trends, "city-pass": passes,
    "city-refit": refits, "desk": desks, "observations": observing, "bridge-push": pushes, "statistics": releases,
    "letters": letters,
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run what was asked for and print it; nothing is written anywhere else."""
    parser = argparse.ArgumentParser(prog="./x bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="this benchmark alone (repeatable)")
    parser.add_argument("--quick", action="store_true", help="small counts: shows that it works, not how fast it is")
    asked = parser.parse_args(arguments)
    began, found = time.monotonic(), dict[str, list[Figure]]()
    for name in asked.only or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found[name] = BENCHMARKS[name](quick=asked.quick)
    if asked.json:
        print(msgspec.json.encode(found | {"seconds": round(time.monotonic() - began, 1)}).decode())
        return 0
    print(table([item for items in found.values() for item in items]))
    print(f"ratio = product / limit, median of paired runs A B A B; {time.monotonic() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""All signals and all rules of a city in one pass: time and memory of a process of its own, beside a loop over people.

`python -m tests.benchmarks.city_pass PEOPLE DAYS SAMPLE` prints what it found as JSON; `./x bench` runs it so.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from engine.judge_many import judge_many
from engine.rules import load_catalogue
from engine.rules.model import SEVERITIES
from engine.town import picture_many
from tests.benchmarks.city_people import DAYS, PEOPLE, city, parameters
from tests.benchmarks.figures import Figure, Run, figure
from tests.benchmarks.naive_city import Naive

ROOT: Final = Path(__file__).parents[2]
LIMIT_MIB: Final = 4096.0
MEBIBYTE: Final = 1024 * 1024


class Passed(msgspec.Struct, frozen=True):
    """Seconds of the pass in the whole city, of the loop per person of a sample, and the peak of memory in MiB."""

    signals: float
    rules: float
    peak: float
    naive_signals: float
    naive_rules: float
    urgent: int


def passes(*, quick: bool) -> list[Figure]:
    """The pass is timed once; the loop, on people spread over the city, is scaled to all of them."""
    people, days, sample = (60, 215, 2) if quick else (PEOPLE, DAYS, 200)
    command = [sys.executable, "-m", "tests.benchmarks.city_pass", str(people), str(days), str(sample)]
    found = msgspec.json.decode(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout, type=Passed)
    loop_signals, loop_rules = (people * part for part in (found.naive_signals, found.naive_rules))
    note = (
        f"{people:,} people x {days} days, {found.urgent:,} to refer at once; limit: scipy, pandas, a Python filter and "
        f"one judgement per person, {sample} people scaled"
    )
    return [
        _speed("city, signals and rules", people, found.signals + found.rules, loop_signals + loop_rules, note),
        _speed("city, signals alone", people, found.signals, loop_signals, note),
        figure(
            "city, peak memory", "MiB", "lower", [(Run(found.peak), Run(LIMIT_MIB))],
            "the whole process with the city's arrays in it; limit: 4 GiB",
        ),
    ]  # fmt: skip


def _speed(name: str, people: int, product: float, limit: float, note: str) -> Figure:
    told = f"{product:.1f} s against {limit:,.0f} s; {note}"
    return figure(name, "people/s", "higher", [(Run(people / product), Run(people / limit))], told)


def measured(people: int, days: int, sample: int) -> Passed:
    """The pass and the loop in this process, memory looked at in between."""
    found, told = city(people, days)
    model, rules = parameters(people), load_catalogue()
    began = time.perf_counter()
    picture = picture_many(found, told, model, workers=os.cpu_count() or 1)
    told_all = time.perf_counter()
    town = judge_many(picture, rules)
    urgency = town.urgency()
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / MEBIBYTE
    naive = Naive(found, picture, model, rules)
    chosen = np.linspace(0, people - 1, sample).astype(int).tolist()
    naive.judged(naive.signals(chosen[0]))  # what is compiled or cached once is not counted
    seen = [(naive.timed(person), int(urgency[person])) for person in chosen]
    for (_, _, one), many in seen:
        assert (-1 if one.urgency is None else SEVERITIES.index(one.urgency)) == many
    signals, judged = sum(times[0] for times, _ in seen) / sample, sum(times[1] for times, _ in seen) / sample
    return Passed(
        told_all - began, ended - told_all, peak, signals, judged, int((urgency >= SEVERITIES.index("urgent")).sum())
    )


# The unit of ru_maxrss: kilobytes, but bytes on a Mac.
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024

if __name__ == "__main__":
    print(msgspec.json.encode(measured(*map(int, sys.argv[1:4]))).decode())

"""A release of a whole city: time and memory of a process of its own, beside the bare query that counts the same cells.

`python -m tests.benchmarks.statistics_release fill FILE PEOPLE WEIGHINGS` makes the city, `… draw FILE ROUNDS` prints
what it found as JSON; `./x bench` runs both.
"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from engine.sealing import Seal
from engine.store.database import migrate, open_engine, read, write
from engine.store.instants import to_micros
from fhir_bridge.privacy_noise import ExactLaplace
from fhir_bridge.privacy_units import Partition
from fhir_bridge.releasing import Job, Made, counted_ahead, prepared
from fhir_bridge.releasing_rows import Asked, span_of
from simulators.city.people import FIRST, ZONE, Town
from simulators.city.stores import NOW, UNIT, WHO, furnish
from tests.benchmarks.figures import Figure, Run, figure

ROOT: Final = Path(__file__).parents[2]
PEOPLE, WEIGHINGS, ROUNDS = 40_000, 10, 3
LIMIT_MIB: Final = 1024.0
_SEAL: Final = Seal(bytes(32))
# Age and BMI of everybody who agreed, with the last weight of the period, by cell: no doubt about a weight is looked
# at, no scope of a consent, no two records of one person, nobody's interests.
_BARE: Final = """
    SELECT (:day - substr(birth_date, 1, 4)) / 10 AS age,
        CASE WHEN bmi < 18.5 THEN 0 WHEN bmi < 25 THEN 1 WHEN bmi < 30 THEN 2 ELSE 3 END AS band, count(*)
    FROM (
        SELECT birth_date, (
            SELECT m.value FROM measurement AS m
            WHERE m.resident_id = r.id AND m.kind = 'body-weight' AND m.measured_at >= :since AND m.measured_at < :until
            ORDER BY m.measured_at DESC LIMIT 1
        ) * 10000.0 / (r.height_cm * r.height_cm) AS bmi
        FROM resident AS r
        WHERE r.status = 'active' AND (
            SELECT c.granted FROM consent AS c
            WHERE c.resident_id = r.id AND c.purpose = 'open-statistics' AND c.at <= :until
            ORDER BY c.at DESC LIMIT 1
        )
    ) WHERE bmi IS NOT NULL GROUP BY 1, 2
"""


class Drew(msgspec.Struct, frozen=True):
    """Seconds of each release, of the part that keeps writers waiting, of each bare query; peak of memory in MiB."""

    releases: list[float]
    held: list[float]
    bare: list[float]
    peak: float


def releases(*, quick: bool) -> list[Figure]:
    """The release and the bare query alternate; the city is made in another process."""
    people, weighings, rounds = (400, 2, 1) if quick else (PEOPLE, WEIGHINGS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="phr-bench-") as folder:
        file = str(Path(folder) / "engine.sqlite")
        _module("fill", file, str(people), str(weighings))
        found = msgspec.json.decode(_module("draw", file, str(rounds)), type=Drew)
    note = (
        f"{people:,} residents, {weighings} weighings each in two half-years; limit: one SQL query that counts age x BMI "
        f"and looks at no doubt; others wait {max(found.held):.1f} s for the store"
    )
    speed = [(Run(people / ours), Run(people / bare)) for ours, bare in zip(found.releases, found.bare, strict=True)]
    return [
        figure("statistics, a release", "residents/s", "higher", speed, note),
        figure(
            "statistics, peak memory", "MiB", "lower", [(Run(found.peak), Run(LIMIT_MIB))],
            "the whole process that prepares it; limit: 1 GiB",
        ),
    ]  # fmt: skip


def fill(file: str, people: int, weighings: int) -> None:
    """A city with histories, in a new store."""
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    furnish(engine, Town(people=people, periods=2, weighings=weighings), NOW, _SEAL)
    engine.dispose()


def draw(file: str, rounds: int) -> Drew:
    """Both in turns, in this process."""
    noise, ours, held, bare = ExactLaplace(), list[float](), list[float](), list[float]()
    job = Job(UNIT, FIRST, WHO, seal=_SEAL)
    noise.add([0], 1)
    engine = open_engine(f"sqlite:///{file}")
    for _ in range(rounds):
        began = time.perf_counter()
        with read(engine) as connection:
            ahead = counted_ahead(connection, job, NOW)
        counted = time.perf_counter()
        with write(engine) as connection:
            made = prepared(connection, job, noise, NOW, ahead=ahead)
            assert isinstance(made, Made), made
            ours.append(time.perf_counter() - began)
            held.append(time.perf_counter() - counted)
            connection.rollback()  # so that the same release can be drawn again
        bare.append(_bare(file))
    engine.dispose()
    return Drew(ours, held, bare, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _bare(file: str) -> float:
    span = span_of(Asked(UNIT, Partition(()), FIRST, ZONE))
    values = {"since": to_micros(span.start), "until": to_micros(span.end), "day": FIRST.end.year}
    connection = sqlite3.connect(file)
    try:
        began = time.perf_counter()
        assert connection.execute(_BARE, values).fetchall()
        return time.perf_counter() - began
    finally:
        connection.close()


def _module(*words: str) -> bytes:
    command = [sys.executable, "-m", "tests.benchmarks.statistics_release", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout


def main(words: Sequence[str]) -> None:
    """What `./x bench` asks of the other processes."""
    if words[0] == "fill":
        fill(words[1], int(words[2]), int(words[3]))
        return
    print(msgspec.json.encode(draw(words[1], int(words[2]))).decode())


if __name__ == "__main__":
    main(sys.argv[1:])

"""Processes killed while they draw a release: whatever happens, one number for one cell, or none that was ever seen.

A child dies by its own hand before or after one of its statements, of the draw or of the commit, or is killed by its
parent in the middle of the commit. Then the store is looked at, and the release asked for again.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, event

from engine.refusal import Refusal
from engine.store import repo_statistics
from engine.store.database import open_engine, read, write
from fhir_bridge.privacy import Noise
from fhir_bridge.releasing import Job, Made, counted_ahead, prepared
from simulators.children import Child

# How long after a commit began it is killed, at most: it takes a few milliseconds.
COMMIT_SECONDS: Final = 0.004
PATIENCE: Final = 60.0
TELL_EVERY: Final = 50
Tell = Callable[[str], None]
Fresh = Callable[[], AbstractContextManager[str]]


class Fuse:
    """Counts what a child does and kills it at one point of it; `told` is a pipe that hears of each phase."""

    def __init__(self, at: int | None, told: int) -> None:
        self._at, self._told, self.passed = at, told, 0

    def pass_(self, phase: str) -> None:
        """One more point is passed, or is the last."""
        os.write(self._told, f"{phase}\n".encode())
        if self.passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1


class FusedNoise:
    """Real noise with a point before and after it is drawn."""

    def __init__(self, noise: Noise, fuse: Fuse) -> None:
        self._noise, self._fuse = noise, fuse

    @property
    def name(self) -> str:
        """The real one's."""
        return self._noise.name

    def add(self, counts: Sequence[int], scale: int) -> Sequence[int]:
        """The real one's."""
        self._fuse.pass_("draw")
        found = self._noise.add(counts, scale)
        self._fuse.pass_("drawn")
        return found


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign found: `phases` in which a child died, `half` stores with a charge or a release alone.

    `different` counts releases whose bytes were not those seen before, `stuck` those that could not be drawn again.
    """

    kills: int
    phases: dict[str, int]
    survived: int
    stored_before: int
    half: int
    different: int
    stuck: int

    @property
    def sound(self) -> bool:
        """Whether nobody could ever see two numbers for one cell."""
        return not (self.half or self.different or self.stuck)


Work = Callable[[Engine, Fuse, "Case"], bytes | None]


class Case(msgspec.Struct, frozen=True):
    """What is drawn again and again: the job, its noise, and the day."""

    job: Job
    noise: Noise
    now: datetime


def draw(engine: Engine, fuse: Fuse, case: Case) -> bytes | None:
    """Prepares the release as the command does; what is returned may leave the house."""
    with read(engine) as connection:
        ahead = counted_ahead(connection, case.job, case.now)
    with write(engine) as connection:
        made = prepared(connection, case.job, FusedNoise(case.noise, fuse), case.now, ahead=ahead)
    return made.kept.content if isinstance(made, Made) else None


def campaign(
    fresh: Fresh, case: Case, folder: Path, *, kills: int, seed: int, work: Work = draw, tell: Tell = print
) -> Report:  # fmt: skip
    """Kills so many children at seeded points, each on a fresh store that can publish, and says what was found."""
    rng, phases, found = Random(seed), Counter[str](), Counter[str]()
    case.noise.add([0], 1)  # so that no child loads the library anew
    with fresh() as url:
        points = _run(url, case, folder, work, None).count(b"\n")
    for number in range(kills):
        # Late points are drawn more often: there something is at stake.
        at = max(rng.randrange(points), rng.randrange(points)) if number % 3 else None
        with fresh() as url:
            seen = _run(url, case, folder, work, at, None if number % 3 else rng.uniform(0, COMMIT_SECONDS))
            phases[seen.decode().split()[-1] if seen else "start"] += 1
            found.update(_look(url, case, folder))
        if (number + 1) % TELL_EVERY == 0:
            tell(f"{number + 1} of {kills} killed: {dict(found)}")
    return Report(
        kills=kills, phases=dict(sorted(phases.items())), survived=found["survived"], stored_before=found["stored"],
        half=found["half"], different=found["different"], stuck=found["stuck"],
    )  # fmt: skip


def _run(url: str, case: Case, folder: Path, work: Work, at: int | None, commit: float | None = None) -> bytes:
    """One child on a store, killed at point `at` or so many seconds into its commit; the points it told of."""
    heard, told = os.pipe()
    (folder / "out").unlink(missing_ok=True)
    child = Child("drawing", lambda: _child(url, case, folder, work, Fuse(at, told)), folder / "log")
    child.start()
    os.close(told)
    seen, end = b"", time.monotonic() + PATIENCE
    while time.monotonic() < end:
        more = os.read(heard, 65_536)
        seen += more
        if not more:
            break
        if commit is not None and seen.rstrip().endswith(b"commit"):
            time.sleep(commit)
            break
    child.kill()
    os.close(heard)
    return seen


def _child(url: str, case: Case, folder: Path, work: Work, fuse: Fuse) -> None:
    engine = open_engine(url)

    def passes(phase: str) -> Callable[..., None]:
        return lambda *_: fuse.pass_(phase)

    event.listen(engine, "before_cursor_execute", passes("statement"))
    event.listen(engine, "after_cursor_execute", passes("executed"))
    event.listen(engine, "commit", passes("commit"))
    content = work(engine, fuse, case)
    if content is not None:
        # Whole or not at all: half a file is no number that anybody saw.
        (folder / "half").write_bytes(content)
        (folder / "half").replace(folder / "out")
    fuse.pass_("done")


def _look(url: str, case: Case, folder: Path) -> Counter[str]:
    """What is in the store after a death, and after the release was asked for twice again."""
    found, engine = Counter[str](), open_engine(url)
    out = folder / "out"
    seen = [out.read_bytes()] if out.exists() else []
    found["survived"] += len(seen)
    with read(engine) as connection:
        charges, releases = repo_statistics.counts(connection)
        kept = repo_statistics.release(connection, case.job.unit, str(case.job.period))
    found["half"] += charges != releases or (kept is None) != (releases == 0)
    if kept is not None:
        found["stored"] += 1
        seen.append(kept.content)
    for _ in range(2):
        with write(engine) as connection:
            again: Any = prepared(connection, case.job, case.noise, case.now)
        if isinstance(again, Refusal):
            found["stuck"] += 1
        else:
            seen.append(again.kept.content)
    found["different"] += len(set(seen)) > 1
    with read(engine) as connection:
        found["half"] += repo_statistics.counts(connection) != (1, 1)
    engine.dispose()
    return found

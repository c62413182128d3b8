"""Sends stored releases to the city's platform: each request claimed, sent outside every transaction, and settled.

The cells go first; the release turns complete when a look at the platform has shown every cell as it is stored, and is
looked at once more before it counts as published. Whatever is lost or killed, the same bytes are sent again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Final, Literal

import msgspec

from engine.refusal import Refusal
from engine.store import audit, repo_batches, repo_networks
from engine.store.database import Connection, Engine, read
from engine.store.database import write as transaction
from engine.store.repo_batches import Due
from engine.store.repo_facts import By
from engine.store.repo_statistics import Kept, note
from fhir_bridge.breaker import Breaker, backoff
from fhir_bridge.client_answers import Failure
from fhir_bridge.platform_client import Platform
from fhir_bridge.platform_entities import Part, halved, is_linked, release_id
from fhir_bridge.platform_look import Look, look
from fhir_bridge.platform_reading import plain
from fhir_bridge.platform_session import Where
from fhir_bridge.platform_shapes import ReleaseShape
from fhir_bridge.platform_trial import read_stored

NETWORK: Final = "data-platform"
BRIDGE: Final = By("bridge", "bridge")
# So often in a row the line broke in the middle of a batch: some gateway takes no body of this size and hangs up.
_CUTS: Final = 4
_COMPLETE: Final = "complete"
_WITHDRAW: Final = "withdraw"
Became = Literal["taken", "later", "halved", "parked", "uneven", "published", "withdrawn", "lost"]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: `lease` a request may take at most, pauses between tries grow from `pause` to `longest`.

    For `unsure` the platform may still be at work on a request whose answer was lost.
    """

    lease: float = 300.0
    unsure: float = 60.0
    pause: float = 1.0
    longest: float = 900.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what became of which request, or why nothing left and after how many seconds something may (`wait`)."""

    release: str = ""
    part: str = ""
    became: Became | None = None
    code: str | None = None
    said: str = ""
    wait: float | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether somebody has to look: the platform refused something, or holds other numbers than ours."""
        return self.became in {"parked", "uneven"}


def _clock() -> datetime:
    return datetime.now(UTC)


class Publisher:
    """One bridge at work on what is owed to the platform; several may work on one database.

    `client` belongs to it alone.
    """

    def __init__(
        self, engine: Engine, client: Platform, pace: Pace | None = None, *,
        clock: Callable[[], datetime] = _clock, rng: Random | None = None,
    ) -> None:  # fmt: skip
        self.engine, self.client, self.pace = engine, client, pace or Pace()
        self.clock, self._rng = clock, rng or SystemRandom()

    def step(self) -> Step:
        """Sends the next request that may leave; without `became` when nothing left."""
        wait = self.client.breaker.wait(self.clock())
        if wait > 0:
            return Step(code="breaker", wait=wait)
        with read(self.engine) as connection:
            if repo_batches.head(connection, self.clock()) is None:
                due = repo_batches.next_due(connection)
                return Step(wait=None if due is None else max((due - self.clock()).total_seconds(), 0.05))
        with transaction(self.engine) as connection:
            one, release = self._claim(connection)
        if one is None or release is None:
            return Step(wait=0.0)
        step = self._carry_out(one, release)
        with transaction(self.engine) as connection:
            repo_networks.keep(connection, NETWORK, self.clock(), breaker=msgspec.to_builtins(self.client.breaker))
        return step

    def publish(self, stopping: Callable[[], bool] = lambda: False, *, until_empty: bool = False) -> Counter[str]:
        """Steps until nothing may leave now; with `until_empty` waits for what may leave later."""
        total: Counter[str] = Counter()
        while not stopping():
            step = self.step()
            if step.became:
                total[step.became] += 1
            elif step.code:
                total[step.code] += 1
            if step.became or step.wait == 0:
                continue
            if not until_empty or step.wait is None:
                break
            time.sleep(min(max(step.wait, 0.005), 1.0))
        return total

    def _claim(self, connection: Connection) -> tuple[Due | None, Kept | None]:
        audit.take_turn(connection)
        now = self.clock()
        found = repo_batches.head(connection, now)
        if found is None:
            return None, None
        one = repo_batches.claim(connection, found, now, timedelta(seconds=self.pace.lease))
        return one, repo_batches.stored(connection, found.release_id)

    def _carry_out(self, one: Due, release: Kept) -> Step:
        content = read_stored(release.content, release.sha256, test=release.test)
        why = content if isinstance(content, Refusal) else self._unsendable(one)
        if isinstance(content, Refusal) or why is not None:
            return self._park(one, why.code, why.message) if why else _step(one, "lost")
        if step := self._foreign(one, release, content):
            return step
        if one.part == _COMPLETE and (step := self._incomplete(one, release, content)):
            return step
        failure = self.client.store(one.body, _part(one))
        if failure is not None:
            return self._failed(one, failure)
        return self._stored(one, release, content)

    def _unsendable(self, one: Due) -> Refusal | None:
        if hashlib.sha256(one.body).hexdigest() != one.sha256:
            return Refusal("changed", "these are not the bytes that were prepared")
        if is_linked(one.body) != (self.client.where.context is not None):
            return Refusal("other-interface", "it was prepared for the other interface (platform.linked)")
        return None

    def _foreign(self, one: Due, release: Kept, content: ReleaseShape) -> Step | None:
        """Why nothing of a release may go: other numbers stand there under its name; asked before its first request.

        Another house, or this one before its store came back from a backup, drew the same period: nobody may see both.
        """
        with read(self.engine) as connection:
            begun = any(row.state == "taken" for row in repo_batches.waiting(connection, one.release_id))
        there = None if begun else self.client.release(release_id(content))
        if isinstance(there, Failure):
            return self._later(one, there)
        if there is None or plain(there).get("contentSha256") == release.sha256:
            return None if begun or self._hold(one) else _step(one, "lost")
        return self._park(one, "other-release", "the platform holds this release with other numbers")

    def _incomplete(self, one: Due, release: Kept, content: ReleaseShape) -> Step | None:
        """Why a release may not turn complete now; None when the platform has every cell as it is stored."""
        seen = look(self.client, content, release.sha256, None, beat=lambda: self._hold(one))
        if isinstance(seen, Failure):
            return self._later(one, seen)
        if seen.code:
            return self._uneven(one, seen)
        # Reading took its time: somebody may have withdrawn the release, or taken this request over.
        return None if self._hold(one) else _step(one, "lost")

    def _stored(self, one: Due, release: Kept, content: ReleaseShape) -> Step:
        """After the platform said that it has it: the last request of a release ends it, when all is there."""
        with read(self.engine) as connection:
            waiting = repo_batches.waiting(connection, one.release_id)
        last = not any(row.seq != one.seq and row.state != "taken" for row in waiting)
        if not last:
            with transaction(self.engine) as connection:
                mine = repo_batches.settle(connection, one, state="taken", code=None, outcome=None)
            return _step(one, "taken" if mine else "lost")
        leaving = one.part == _WITHDRAW
        seen = look(
            self.client, content, release.sha256, "withdrawn" if leaving else "complete", withdrawn=leaving,
            beat=lambda: self._hold(one),
        )  # fmt: skip
        if isinstance(seen, Failure):
            return self._later(one, seen)
        return self._uneven(one, seen) if seen.code else self._ended(one, release, leaving=leaving)

    def _hold(self, one: Due) -> bool:
        """Prolongs the lease of a request; False when it is not ours any more."""
        with transaction(self.engine) as connection:
            return repo_batches.still_mine(connection, one, self.clock(), timedelta(seconds=self.pace.lease))

    def _ended(self, one: Due, release: Kept, *, leaving: bool) -> Step:
        now = self.clock()
        with transaction(self.engine) as connection:
            if not repo_batches.still_mine(connection, one, now, timedelta(seconds=self.pace.lease)):
                return _step(one, "lost")
            repo_batches.drop(connection, one.release_id)
            if leaving:
                repo_batches.change(connection, one.release_id, state="withdrawn", withdrawn_at=now)
            else:
                repo_batches.change(connection, one.release_id, state="complete", complete_at=now, verified_at=now)
            action = "release-withdrawn" if leaving else "release-complete"
            note(connection, action, one.release_id, BRIDGE, now, release.sha256)
        return _step(one, "withdrawn" if leaving else "published")

    def _failed(self, one: Due, failure: Failure) -> Step:
        """Later, in halves, or never by itself."""
        cuts = _cuts(one.code) + 1 if failure.code == "cut" else 0
        if failure.kind == "too-large" or cuts >= _CUTS:
            halves = halved(one.body)
            if halves is not None:
                with transaction(self.engine) as connection:
                    if repo_batches.split(connection, one, halves, self.clock()):
                        return _step(one, "halved", failure.code)
        if failure.again:
            return self._later(one, failure, f"cut-{cuts}" if cuts > 1 else failure.code)
        return self._park(one, failure.code, failure.outcome)

    def _later(self, one: Due, failure: Failure, code: str = "") -> Step:
        """The same bytes again: after a pause that grows, or when the platform said so; there is no last try."""
        wait = self._pause(one)
        wait = max(wait, failure.retry_after or 0.0)
        code = code or failure.code
        with transaction(self.engine) as connection:
            due = self.clock() + timedelta(seconds=wait)
            mine = repo_batches.settle(connection, one, due_at=due, code=code, outcome=failure.outcome or None)
        return _step(one, "later" if mine else "lost", code, failure.outcome)

    def _park(self, one: Due, code: str, said: str) -> Step:
        with transaction(self.engine) as connection:
            now = self.clock()
            mine = repo_batches.settle(connection, one, state="parked", code=code, outcome=said or None)
            if mine:
                note(connection, "release-parked", one.release_id, BRIDGE, now, code)
        return _step(one, "parked" if mine else "lost", code, said)

    def _uneven(self, one: Due, seen: Look) -> Step:
        """The platform holds other numbers: the same bytes once more; what is too much there, only people can judge."""
        if seen.difference.extra:
            return self._park(one, "extra", seen.said)
        wait = self._pause(one)
        with transaction(self.engine) as connection:
            now = self.clock()
            due = now + timedelta(seconds=wait)
            mine = repo_batches.settle(connection, one, due_at=due, code="uneven", outcome=seen.said)
            if mine:
                parts = (_WITHDRAW,) if one.part == _WITHDRAW else ("cells",)
                repo_batches.again(connection, one.release_id, now, states=("taken",), parts=parts)
                note(connection, "release-uneven", one.release_id, BRIDGE, now, seen.theirs)
        return _step(one, "uneven" if mine else "lost", seen.code, seen.said)

    def _pause(self, one: Due) -> float:
        """Seconds, with jitter, so that several bridges do not come back together."""
        wait = backoff(one.attempts - 1, self._rng, base=self.pace.pause, longest=self.pace.longest)
        return max(self.pace.pause, wait)


def platform_of(engine: Engine, where: Where) -> Platform:
    """A client that goes on where the last one stopped: with its breaker."""
    with read(engine) as connection:
        said = repo_networks.known(connection, NETWORK).said
    return Platform(where, breaker=msgspec.convert(said["breaker"], Breaker) if "breaker" in said else None)


def _step(one: Due, became: Became, code: str | None = None, said: str = "") -> Step:
    return Step(release=one.release_id, part=one.part, became=became, code=code, said=said)


def _part(one: Due) -> Part:
    part: Part = msgspec.convert(one.part, Part)
    return part


def _cuts(code: str | None) -> int:
    if code is None or not code.startswith("cut"):
        return 0
    return int(code.partition("-")[2] or 1)

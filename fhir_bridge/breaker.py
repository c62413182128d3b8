"""When to ask a server again: backoff with full jitter, Retry-After, and a circuit breaker as a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final, Literal

import msgspec

State = Literal["closed", "open", "half-open"]

LONGEST_ASKED: Final = 3600.0
_LONGEST_DIGITS: Final = 12
_FURTHEST: Final = 86_400.0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """After `failures` in a row the breaker opens for `wait` seconds, doubled each time, at most `longest`."""

    failures: int = 5
    wait: float = 30.0
    longest: float = 900.0


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one server: failures in a row, how often it opened since it last worked, and until when it is open.

    A server's own Retry-After holds everything back until then, whatever the count.
    """

    failures: int = 0
    opened: int = 0
    until: datetime | None = None

    def state(self, now: datetime) -> State:
        """Closed: ask; open: do not ask; half-open: one request shows whether it works again."""
        if self.until is None:
            return "closed"
        return "open" if self.wait(now) else "half-open"

    def wait(self, now: datetime) -> float:
        """How many seconds until a request may leave; 0 when it may leave now.

        Further ahead than anything waits, our own clock was wrong when it was written, and has been set right since.
        """
        ahead = (self.until - now).total_seconds() if self.until else 0.0
        return ahead if 0.0 < ahead <= _FURTHEST else 0.0

    def worked(self) -> Breaker:
        """After an answer, whatever it says: the server is there."""
        return Breaker() if self.failures or self.until else self

    def failed(self, now: datetime, rng: Random, rules: Rules, retry_after: float | None = None) -> Breaker:
        """After a request that got no answer, 429 or 5xx; `retry_after` in seconds where the server named a time."""
        failures, opened, wait = self.failures + 1, self.opened, 0.0
        if failures >= rules.failures or self.state(now) == "half-open":
            most = min(rules.longest, rules.wait * 2.0 ** min(opened, 30))
            # At least half of it: an open breaker that may close at once would protect nobody.
            opened, wait = opened + 1, rng.uniform(most / 2, most)
        if retry_after is not None:
            wait = max(wait, min(retry_after, LONGEST_ASKED))
        elif not wait:
            return Breaker(failures=failures, opened=opened, until=self.until)
        return Breaker(failures=failures, opened=opened, until=now + timedelta(seconds=wait))


def backoff(attempt: int, rng: Random, *, base: float = 1.0, longest: float = 300.0) -> float:
    """Seconds to wait before try `attempt` + 2 (attempt counts from 0): full jitter below base × 2 ** attempt."""
    return rng.uniform(0.0, min(longest, base * 2.0 ** min(attempt, 60)))


def retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds a Retry-After asks for, at most one hour; None where it is missing or cannot be read.

    `now` is the time by the server's clock where that is known: it may name a date instead (RFC 9110, 10.2.3).
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_LONGEST_DIGITS]), LONGEST_ASKED)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        ahead = (at - now).total_seconds()
    except OverflowError:
        return None
    return min(max(0.0, ahead), LONGEST_ASKED)

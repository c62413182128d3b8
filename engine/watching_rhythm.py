"""How long somebody is usually quiet: their own rhythm, out of the signs they gave. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from engine.situation import Situation, effect
from engine.watching_rules import Rules, rules

Span = tuple[datetime, datetime]


def usual(
    signs: Sequence[datetime], now: datetime, situation: Situation | None = None, numbers: Rules | None = None
) -> timedelta | None:
    """The quiet that is exceeded at only one of two hundred moments of the last 90 days; None: too little is known.

    `signs` are in order. The quiet that is still going on says nothing of what is usual, nor does one in which the
    person was in hospital or away.
    """
    rule = (numbers or rules()).silence
    since = now - timedelta(days=rule.days)
    told = [at for at in signs if since <= at <= now]
    away = spans(situation, now) if situation is not None else ()
    gaps = [after - before for before, after in pairwise(told) if not _touches(before, after, away)]
    total = sum(gaps, timedelta(0))
    hours = {at.replace(minute=0, second=0, microsecond=0) for at in told}
    if len(hours) <= rule.needed or total < timedelta(days=rule.needed_days):
        return None
    return _exceeded(sorted(gaps, reverse=True), total * rule.share)


def present(signs: Sequence[datetime], quiet: timedelta | None, numbers: Rules | None = None) -> datetime | None:
    """From when a person's signs, in order, come without a pause that is unusual for whom `quiet` is usual.

    None where too little is known of them.
    """
    limit = (numbers or rules()).silence.limit(quiet)
    if limit is None or not signs:
        return None
    return next((after for after, before in pairwise(reversed(signs)) if after - before > limit), signs[0])


def spans(situation: Situation, now: datetime) -> tuple[Span, ...]:
    """From when to when it meant nothing that somebody was not heard."""
    return tuple(
        (event.since, event.until or now)
        for event in situation.standing
        if effect(event.sort, "watching") in {"stop", "pause"} and event.since <= now
    )


def _touches(since: datetime, until: datetime, spans: Iterable[Span]) -> bool:
    return any(begin < until and since < end for begin, end in spans)


def _exceeded(longest_first: Sequence[timedelta], allowed: timedelta) -> timedelta:
    """The length g for which the time spent beyond g in all gaps together is just `allowed`."""
    over = timedelta(0)
    for count, (gap, shorter) in enumerate(pairwise([*longest_first, timedelta(0)]), start=1):
        step = (gap - shorter) * count
        if over + step >= allowed:
            return gap - (allowed - over) / count
        over += step
    return timedelta(0)

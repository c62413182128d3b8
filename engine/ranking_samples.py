"""From decided advice to what may be learnt from: what was known then, how it was decided, what came of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.ranking_model import Past, facets
from engine.ranking_training import Sample
from engine.vocabulary import VOCABULARY

# How long after delivery, or after a rejection, the number is looked at again.
FOLLOW_UP: Final = timedelta(days=28)
YEAR: Final = timedelta(days=365)
EDITED: Final = 0.5
# Advice on weight is about losing it from this BMI up and about gaining it below the other; between, about either.
_LOSE_FROM: Final = Decimal(25)
_KEEP_BELOW: Final = Decimal("21.5")
# Topic -> the signal it wants to move, and which way.
_AIMS: Final = {
    "weight": ("bmi", -1),
    "activity": ("steps.mean_7d", 1),
    "blood-pressure": ("bp.home.systolic_mean", -1),
    "frailty": ("bmi", 1),
}


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of advice a person decided on; `accepted` 1 as written, 0.5 edited first, 0 rejected."""

    advice: str
    resident: str
    topic: str
    severity: str
    evidence: Mapping[str, Any]
    accepted: float
    decided_at: datetime
    delivered_at: datetime | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What stands at the end of an item's history."""

    accepted: float
    decided_at: datetime
    delivered_at: datetime | None


def verdict(events: Iterable[tuple[str, datetime]]) -> Verdict | None:
    """The decision that stands after (command, when) in order; None when there is none or it was taken back."""
    edited = False
    found: Verdict | None = None
    for command, at in events:
        match command:
            case "edit":
                edited = True
            case "approve":
                found = Verdict(EDITED if edited else 1.0, at, None)
            case "reject":
                found = Verdict(0.0, at, None)
            case "undo":
                found = None
            case "deliver" if found is not None:
                found = Verdict(found.accepted, found.decided_at, at)
            case _:
                pass
    return found


def past_of(traces: Iterable[Trace], at: datetime) -> dict[str, Past]:
    """What had become of one person's advice before `at`, by topic; "" stands for topics without any."""
    before = [trace for trace in traces if at - YEAR <= trace.decided_at < at]
    gone_out = [t.delivered_at for t in before if t.delivered_at is not None and t.delivered_at < at]
    contact = max(gone_out, default=None)
    return {
        topic: Past(
            rejected=sum(1 for t in before if t.topic == topic and not t.accepted),
            delivered=sum(1 for t in before if t.topic == topic and t.delivered_at is not None and t.delivered_at < at),
            contact=contact,
        )
        for topic in {"", *(trace.topic for trace in before)}
    }


def samples_of(traces: Iterable[Trace], improved: Callable[[Trace], bool | None]) -> list[Sample]:
    """One sample for each decision, oldest first, with only what was known when it was made.

    `improved` is asked where the outcome tells something: advice that was delivered, or rejected while nothing else
    on its topic was delivered within the follow-up before or after.
    """
    by_person: dict[str, list[Trace]] = defaultdict(list)
    for trace in sorted(traces, key=lambda one: (one.decided_at, one.advice)):
        by_person[trace.resident].append(trace)
    found = [(trace, _sample(trace, own, improved)) for own in by_person.values() for trace in own]
    return [sample for _, sample in sorted(found, key=lambda pair: (pair[0].decided_at, pair[0].advice))]


def _sample(trace: Trace, own: Sequence[Trace], improved: Callable[[Trace], bool | None]) -> Sample:
    past = past_of(own, trace.decided_at)
    known = trace.delivered_at is not None or (not trace.accepted and not _helped_otherwise(trace, own))
    return Sample(
        resident=trace.resident,
        row=facets(trace.severity, trace.topic, trace.evidence, past.get(trace.topic, past[""]), trace.decided_at),
        accepted=trace.accepted,
        delivered=trace.delivered_at is not None,
        improved=improved(trace) if known else None,
    )


def _helped_otherwise(trace: Trace, own: Iterable[Trace]) -> bool:
    return any(
        other.topic == trace.topic
        and other.delivered_at is not None
        and abs(other.delivered_at - trace.decided_at) <= FOLLOW_UP
        for other in own
    )


def follow_up_at(trace: Trace) -> datetime:
    """When the number is looked at again."""
    return (trace.delivered_at or trace.decided_at) + FOLLOW_UP


def aim_of(trace: Trace) -> tuple[str, int, Decimal] | None:
    """The signal `trace` wanted to move, the direction, and its value then; None where no number tells."""
    aim = _AIMS.get(trace.topic)
    before = None if aim is None else _frozen(trace, aim[0])
    if aim is None or before is None:
        return None
    name, way = aim
    if trace.topic == "weight":
        if _KEEP_BELOW <= before < _LOSE_FROM:
            return None
        way = -1 if before >= _LOSE_FROM else 1
    return name, way, before


def moved(trace: Trace, after: Decimal | None) -> bool | None:
    """Whether the number moved the right way by at least its material step; None where either end is unknown."""
    aim = aim_of(trace)
    if aim is None or after is None:
        return None
    name, way, before = aim
    return (after - before) * way >= VOCABULARY[name].material


def _frozen(trace: Trace, name: str) -> Decimal | None:
    found = trace.evidence.get("signals", {}).get(name, {}).get("value")
    return None if found is None else Decimal(found)

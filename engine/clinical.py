"""Facts of a person beyond their devices, and the picture the rules see of them: what holds, what is stale, unasked.

Facts are never rewritten: a newer one is followed, a wrong one taken back by a row. In doubt the picture is the
cautious one, and names every fact it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

from engine.clinical_codes import Code, catalogue
from engine.clinical_rules import drinking, imply, not_applicable, not_noticed, same_meal
from engine.clinical_values import day_of, read_value
from engine.people import Resident
from engine.refusal import Refusal
from engine.signals import History, Point, Signal, trusted

Source = Literal["hospital", "lab", "checkup", "nurse", "resident", "family", "import", "derived"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
# A newer word replaces an older one of no higher authority; nobody talks away what a hospital recorded.
AUTHORITY: Final[Mapping[str, int]] = {"hospital": 3, "lab": 3, "nurse": 2}
# Kinds of readings that tell the same as a fact: the newest of both counts.
_MEASURED: Final = {"waist": "waist", "height": "body-height"}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded thing: `value` as a decimal, 1/0/unknown or a choice; true `at`, recorded at `recorded_at`.

    `until` is its end where somebody said so, `retracts` the id of the fact this row takes back, `raw` what was
    written; `id` is "" until it is stored.
    """

    resident: str
    code: str
    value: str
    unit: str | None = None
    at: datetime
    until: datetime | None = None
    source: Source = "resident"
    actor: str = ""
    channel: str = ""
    recorded_at: datetime
    retracts: str | None = None
    raw: str | None = None
    id: str = ""


def record(draft: Fact, text: str, unit: str | None = None) -> Fact | Refusal:
    """`draft` with the value that `text` and `unit` say, or why it cannot be recorded.

    Refused as `read_value` refuses, and as future, or as until-past where it would end before it begins.
    """
    if draft.at > draft.recorded_at:
        return Refusal("future", "this has not come yet", "at")
    if draft.until is not None and draft.until <= draft.at:
        return Refusal("until-past", "it would end before it begins", "until")
    read = read_value(draft.code, text, unit, day_of(draft.at))
    if isinstance(read, Refusal):
        return read
    value, kept = read
    raw = text if unit is None else f"{text} {unit}"
    return msgspec.structs.replace(draft, value=value, unit=kept, raw=None if raw == value else raw[:64])


def valid_until(fact: Fact) -> datetime | None:
    """Until when `fact` holds, None for ever: as its code allows; sooner, or a yes later, if somebody said so."""
    spec = catalogue()[fact.code]
    span = spec.holds(fact.value)
    allowed = None if span is None else fact.at + span
    if fact.until is None:
        return allowed
    if spec.sort == "answer" and fact.value == "1":
        return fact.until
    return fact.until if allowed is None else min(fact.until, allowed)


def holds(fact: Fact, as_of: datetime) -> bool:
    """Whether `fact` is not stale at `as_of`."""
    end = valid_until(fact)
    return end is None or as_of < end


def standing(facts: Iterable[Fact], as_of: datetime) -> dict[str, list[Fact]]:
    """Per code, oldest first, what was known at `as_of`: nothing later, nothing taken back, no code that is unknown."""
    rows = [fact for fact in facts if fact.recorded_at <= as_of]
    gone = {row.retracts for row in rows if row.retracts is not None}
    found: dict[str, list[Fact]] = {}
    for fact in sorted(rows, key=_order):
        if fact.retracts is None and fact.id not in gone and fact.at <= as_of and fact.code in catalogue():
            found.setdefault(fact.code, []).append(fact)
    return found


def picture_of(
    facts: Iterable[Fact], person: Resident, as_of: datetime, history: History | None = None
) -> dict[str, Signal]:
    """The signals that facts tell of `person` at `as_of`, every name of them present.

    A value is None with the note not-asked, not-measured, stale or unknown; contradiction, implied and not-noticed
    mark values that need more than their number. `history` adds a waist or height that was measured at home.
    """
    known = standing(facts, as_of)
    points = history or {}
    found: dict[str, Signal] = {}
    for code in catalogue().values():
        if code.signal is not None:
            said = known.get(code.code, [])
            found[code.signal] = answered(said, as_of) if code.sort == "answer" else _number(code, said, as_of)
    for name, kind in _MEASURED.items():
        found[name] = _measured(catalogue()[name], known.get(name, []), points.get(kind, ()), person, as_of)
    found["lab.hours-since-meal"] = same_meal(known, found)
    drank = drinking(known, person, lambda fact: holds(fact, as_of))
    found["habit.risky-drinking"] = _either(found["habit.risky-drinking"], drank)
    found["loss.unintended"] = not_noticed(known, found["loss.unintended"])
    imply(found)
    return found | not_applicable(found, person, day_of(as_of))


def _order(fact: Fact) -> tuple[datetime, datetime, str]:
    return fact.at, fact.recorded_at, fact.id


def _number(code: Code, said: Sequence[Fact], as_of: datetime) -> Signal:
    """The newest number; of several of that very instant the one at the worse end, all of them named."""
    if not said:
        return Signal(value=None, unit=code.unit, note="not-measured")
    newest = [fact for fact in said if fact.at == said[-1].at]
    fresh = [fact for fact in newest if holds(fact, as_of)]
    inputs = tuple(fact.id for fact in newest)
    if not fresh:
        return Signal(value=None, unit=code.unit, inputs=inputs, note="stale")
    values = sorted(Decimal(fact.value) for fact in fresh)
    value = values[0] if code.worse == "low" else values[-1]
    if values[0] == values[-1]:
        return Signal(value=value, unit=code.unit, inputs=inputs, count=len(fresh))
    return Signal(
        value=value, unit=code.unit, inputs=inputs, count=len(fresh), low=values[0], high=values[-1],
        note="contradiction",
    )  # fmt: skip


def answered(said: Sequence[Fact], as_of: datetime) -> Signal:
    """Yes, if any fact that was not followed says so; no, if all of them do; else not known, with the reason."""
    if not said:
        return Signal(value=None, unit="1", note="not-asked")
    followed = [fact for fact in said if not any(_replaces(other, fact) for other in said)]
    fresh = [fact for fact in followed if holds(fact, as_of)]
    values = {fact.value for fact in fresh}
    # A yes that ran out is no no, whatever was said before it.
    lapsed = any(fact.value == "1" for fact in followed if not holds(fact, as_of))
    if not fresh or (lapsed and "1" not in values):
        return Signal(value=None, unit="1", inputs=tuple(fact.id for fact in followed), note="stale")
    inputs = tuple(fact.id for fact in fresh)
    if "1" in values:
        note = "contradiction" if "0" in values else None
        return Signal(value=Decimal(1), unit="1", inputs=inputs, count=len(fresh), note=note)
    if "unknown" in values:
        return Signal(value=None, unit="1", inputs=inputs, count=len(fresh), note="unknown")
    return Signal(value=Decimal(0), unit="1", inputs=inputs, count=len(fresh))


def _replaces(later: Fact, fact: Fact) -> bool:
    newer = (later.at, later.recorded_at) > (fact.at, fact.recorded_at)
    return newer and AUTHORITY.get(later.source, 1) >= AUTHORITY.get(fact.source, 1)


def _either(told: Signal, drank: Signal | None) -> Signal:
    """The yes of two ways to know the same; else the one that is known."""
    if drank is None or drank.value is None or (told.value is not None and told.value >= drank.value):
        return told
    note = "contradiction" if told.value is not None else drank.note
    return msgspec.structs.replace(drank, inputs=(*told.inputs, *drank.inputs), note=note)


def _measured(
    code: Code, said: Sequence[Fact], points: Sequence[Point], person: Resident, as_of: datetime
) -> Signal:  # fmt: skip
    """The newest of facts, readings at home and, for the height, the resident's record."""
    signal = _number(code, said, as_of)
    sound = [point for point in points if trusted(point) and point.at <= as_of]
    newest = max(sound, key=lambda point: point.at, default=None)
    if newest is not None and (not said or newest.at > said[-1].at):
        fresh = as_of - newest.at < (code.holds("") or as_of - newest.at)
        value = newest.value if fresh else None
        signal = Signal(
            value=value, unit=code.unit, inputs=(newest.reading_id,), count=1, note=None if fresh else "stale"
        )
    if code.code == "height" and person.height_cm is not None:
        latest = max((at for at in (newest.at if newest else None, said[-1].at if said else None) if at), default=None)
        if signal.value is None or (person.height_on and latest and person.height_on > day_of(latest)):
            return Signal(value=person.height_cm, unit=code.unit, count=1)
    return signal

"""The assigner run over a file of a shared scale, one answer a row, as it would have answered at the time.

The truth in the file is used for one thing: each person's first good reading enrols them. No answer looks at a later
row, and no answer is ever told whether it was right.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from engine.assignment import WEIGHED, likeliest, owner_by_numbers
from engine.contract.kinds import KINDS
from engine.likelihood_home import Belief, Sighting, guessed, nobody_enrolled, told
from engine.refusal import Refusal

COLUMNS: Final = ("household", "reading", "day", "person", "weight_kg")
# Days since 1970 of the year 9999: what is beyond has no calendar day.
_LAST_DAY: Final = 2_932_896


def answers(lines: Iterable[str]) -> Iterator[dict[str, Any]] | Refusal:
    """One answer for every line of a CSV with `COLUMNS`, in order; refused `bad-header` when a column is missing.

    An answer holds household, reading, person (None: ask) and posterior, or household, reading and an error with
    code `bad-row`, `bad-day`, `bad-weight` or `implausible`. Empty lines are passed over.
    """
    rest = iter(lines)
    header = _cells(next(rest, "").lstrip("\ufeff"))
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        return Refusal("bad-header", f"the first line must name {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    return _answered(rest, header)


def _cells(line: str) -> list[str]:
    """The cells of one line; each is read by itself, so that an open quote swallows no other."""
    try:
        return [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error:
        return []


def _answered(lines: Iterator[str], header: list[str]) -> Iterator[dict[str, Any]]:
    homes: dict[str, Belief] = {}
    for line in lines:
        if line.strip():
            yield _answer(dict(zip(header, _cells(line), strict=False)), homes)


def _answer(row: dict[str, str], homes: dict[str, Belief]) -> dict[str, Any]:
    about = {"household": row.get("household"), "reading": row.get("reading")}
    if any(name not in row for name in COLUMNS):
        return about | _error("bad-row", "fewer cells than the first line, or a quote out of place")
    seen = _sighting(row["day"], row["weight_kg"])
    if isinstance(seen, Refusal):
        return about | _error(seen.code, seen.message)
    belief = homes.get(row["household"], nobody_enrolled(()))
    person = row["person"]
    if person and person not in belief.members:
        homes[row["household"]] = told(belief, seen, person)
        return about | {"person": person, "posterior": 1.0}
    shares, homes[row["household"]] = guessed(belief, seen)
    owner = owner_by_numbers(shares)
    # Rounded down: 0.8999999 is asked about and must not read 0.9.
    posterior = math.floor(likeliest(shares)[1] * 1_000_000) / 1_000_000
    return about | {"person": owner.resident if owner else None, "posterior": posterior}


def _sighting(day: str, weight: str) -> Sighting | Refusal:
    kind, at, kilograms = KINDS[WEIGHED], _number(day), _number(weight)
    if at is None or not -_LAST_DAY <= at <= _LAST_DAY:
        return Refusal("bad-day", f"{day!r} is not a day")
    if kilograms is None:
        return Refusal("bad-weight", f"{weight!r} is not a weight")
    if not kind.low <= kilograms <= kind.high:
        return Refusal("implausible", f"{weight} kg is not a body weight ({kind.low} to {kind.high})")
    return Sighting(float(at), math.floor(at), float(kilograms))


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}

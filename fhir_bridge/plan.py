"""What a network shall be told of one thing that was measured, decided from whose it is now and what was told. Pure.

A resource never changes its person: what belongs to somebody else now becomes entered-in-error for the first and a
resource of its own, of the next turn, for the second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from engine.observation_values import Measured
from engine.store.repo_push import OBSERVATION, WRONG, Owed

FINAL: Final = "final"
AMENDED: Final = "amended"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One observable thing as it stands now: `base` is its identifier without a turn.

    `resident` is whose it surely is (None: nobody's), `patient` their patient in the network (None: not linked), `open`
    whether it may be told for the first time, `digest` what it says. `mistaken`: their link was a stranger's.
    """

    base: str
    kind: str
    reading: str
    device: str
    measured_at: datetime
    resident: str | None
    patient: str | None = None
    open: bool = False
    mistaken: bool = False
    digest: str = ""


class Step(msgspec.Struct, frozen=True):
    """A change of one row: what it shall say there, in which state it goes on, and why where it ends."""

    seq: int
    wants: str
    state: str
    code: str | None = None


Shut = Callable[[Owed], str | None]


def plan(thing: Standing, rows: Sequence[Owed], network: str, now: datetime, shut: Shut) -> list[Step | Owed]:
    """What has to change: steps of rows that are there (`rows`, the first turn first), and at most one new row.

    `shut` says why nothing may be sent of a row just now, None where it may. The same question asked again of what
    came out changes nothing.
    """
    last = rows[-1] if rows else None
    steps = [step for row in rows if not _theirs(thing, row) or row is not last for step in _take_back(row, shut)]
    if last is not None and _theirs(thing, last):
        revived = _keep(thing, last, shut)
        if revived is not None:
            return [*steps, *revived]
    if thing.open and thing.resident is not None and thing.patient is not None:
        turn = last.turn + 1 if last else 1
        return [*steps, _new(thing, turn, network, now)]
    return list(steps)


def identifier(base: str, turn: int) -> str:
    """The identifier of a turn: the first is the thing's own, a later one names its number."""
    return base if turn == 1 else f"{base}.{turn}"


def digest_of(measured: Measured) -> str:
    """What a value says, without whose it is and which device said it: equal for what needs no correction."""
    said = (
        measured.kind, str(measured.value), measured.unit, [[name, str(value)] for name, value in measured.components],
        measured.measured_at.timestamp(), measured.period_start and measured.period_start.timestamp(),
        str(measured.day), measured.time_quality,
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def _theirs(thing: Standing, row: Owed) -> bool:
    """Whether a row still is about the person the thing belongs to, under the patient they are linked to."""
    same = row.resident_id == thing.resident and not thing.mistaken
    return same and (thing.patient is None or row.patient == thing.patient)


def _take_back(row: Owed, shut: Shut) -> list[Step]:
    """What was told for somebody it is not of: said to be wrong; what never left does not leave."""
    if not row.maybe_told:
        return [] if row.state == "withdrawn" else [Step(row.seq, row.wants, "withdrawn", "moved")]
    if row.wants == WRONG:
        # Withdrawn for want of consent: it is owed again as soon as it may be said.
        again = row.state == "withdrawn" and row.says != WRONG and shut(row) is None
        return [Step(row.seq, WRONG, "pending")] if again else []
    if row.state == "sent":
        return [Step(row.seq, WRONG, "sent")]
    code = shut(row)
    return [Step(row.seq, WRONG, "pending" if code is None else "withdrawn", code)]


def _keep(thing: Standing, row: Owed, shut: Shut) -> list[Step] | None:
    """What follows for the row that is still right; None where it cannot be used any more."""
    if row.wants == WRONG:
        if row.says == WRONG or row.state == "sent" or row.attempts:
            return None
        if row.says is None:
            return [Step(row.seq, FINAL, "pending")] if shut(row) is None else [Step(row.seq, FINAL, "withdrawn")]
        return [Step(row.seq, row.says, "confirmed")]
    if row.state == "confirmed" and thing.digest and row.digest != thing.digest:
        code = shut(row)
        return [Step(row.seq, AMENDED, "pending")] if code is None else []
    if row.state == "withdrawn":
        unfinished = row.says is None or row.says != row.wants or row.digest != thing.digest
        # What was never told may only be told if it may be told for the first time.
        allowed = thing.open if not row.maybe_told else shut(row) is None
        return [Step(row.seq, row.wants, "pending")] if unfinished and allowed else []
    return []


def _new(thing: Standing, turn: int, network: str, now: datetime) -> Owed:
    assert thing.resident is not None
    assert thing.patient is not None
    return Owed(
        network=network, type=OBSERVATION, identifier=identifier(thing.base, turn), turn=turn,
        resident_id=thing.resident, patient=thing.patient, reading_id=thing.reading, device_id=thing.device,
        kind=thing.kind, measured_at=thing.measured_at, wants=FINAL, due_at=now, created_at=now, updated_at=now,
    )  # fmt: skip

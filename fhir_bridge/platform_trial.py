"""Made-up tables, to try the way to a platform without anybody's data: the mechanism never sees them. Pure.

Their names begin with TEST-, so that neither of the two kinds of release can be read as the other.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import Final, Literal

import msgspec

from engine.refusal import Refusal
from fhir_bridge.platform_shapes import ReleaseShape
from fhir_bridge.privacy_release import Cell
from fhir_bridge.privacy_release import read as read_release
from fhir_bridge.privacy_units import Unit

_NAME: Final = re.compile(r"TEST-[A-Z0-9]{1,16}")


class TrialTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A made-up table."""

    id: str
    axes: tuple[str, ...]
    cells: tuple[Cell, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release of made-up numbers, in the shape of a real one."""

    unit: Unit
    period: str
    start: date
    end: date
    tables: tuple[TrialTable, ...]
    method: Literal["made-up"] = "made-up"
    epsilon: str = "0"
    delta: str = "0"


def sealed(trial: Trial) -> tuple[bytes, str] | Refusal:
    """The only bytes of a trial and their sha256; refused as `real-table` when a name could be a real table's."""
    if not trial.tables or not all(_NAME.fullmatch(table.id) for table in trial.tables):
        return Refusal("real-table", "made-up tables are called TEST-…")
    content = msgspec.json.encode(trial, order="sorted")
    return content, hashlib.sha256(content).hexdigest()


def read_stored(content: bytes, sha256: str, *, test: bool) -> ReleaseShape | Refusal:
    """What is stored as a release, real or made up; refused as by `privacy_release.read`."""
    if not test:
        return read_release(content, sha256)
    if hashlib.sha256(content).hexdigest() != sha256:
        return Refusal("changed", "these are not the bytes of that release")
    try:
        trial = msgspec.json.decode(content, type=Trial)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal("unreadable", "this is no trial")
    again = sealed(trial)
    if isinstance(again, Refusal):
        return again
    return trial if again[0] == content else Refusal("unreadable", "a trial is written in one way only")

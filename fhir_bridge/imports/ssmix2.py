"""The SS-MIX2 standard storage: folders of three and three characters, patient, day and kind, then one file a message.

`123/456/1234567890/20261101/OML-11/1234567890_20261101_OML-11_000000000000001_20261101093000_01_1`: patient, day,
kind, key of the order, moment of writing, department, and the condition, of which 1 is the one that holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from fhir_bridge.imports.model import DocumentError

MOST_FILES: Final = 20_000
KINDS: Final = ("ADT-00", "ADT-61", "OML-11", "OMP-01", "PPR-01")
_HOLDS: Final = "1"
_NAME: Final = re.compile(
    r"(?P<patient>[^_/]{1,64})_(?P<day>\d{8}|-)_(?P<kind>[A-Z]{3}-\d{2})_(?P<key>[^_/]*)_(?P<written>\d{8,17})"
    r"_(?P<ward>[^_/]*)_(?P<condition>\d)"
)


class Filed(msgspec.Struct, frozen=True):
    """One file of a storage: its path below the root and what its name says."""

    path: str
    patient: str
    kind: str
    written: str


class Chosen(msgspec.Struct, frozen=True):
    """The files to read, oldest first, and the others counted by why they are not."""

    files: tuple[Filed, ...]
    left: tuple[tuple[str, int], ...]


def chosen(paths: Iterable[str]) -> Chosen:
    """Which files of one patient's tree hold and are of a kind we read.

    Raises DocumentError: several-people, not-ss-mix2 (no file is named so) or too-many-entries.
    """
    found: list[Filed] = []
    left: dict[str, int] = {}
    patients: set[str] = set()
    for count, path in enumerate(sorted(paths), 1):
        if count > MOST_FILES:
            raise DocumentError("too-many-entries", f"more than {MOST_FILES} files", path)
        name = _NAME.fullmatch(path.rpartition("/")[2])
        if name is None:
            left["not-named-so"] = left.get("not-named-so", 0) + 1
            continue
        patients.add(name["patient"])
        if len(patients) > 1:
            raise DocumentError("several-people", "the folder holds several patients: name one patient's", path)
        why = "not-current" if name["condition"] != _HOLDS else name["kind"] if name["kind"] not in KINDS else ""
        if why:
            left[why] = left.get(why, 0) + 1
        else:
            found.append(Filed(path, name["patient"], name["kind"], name["written"]))
    if not patients:
        raise DocumentError("not-ss-mix2", "no file is named as in an SS-MIX2 storage", "")
    return Chosen(tuple(sorted(found, key=lambda one: (one.written, one.path))), tuple(left.items()))

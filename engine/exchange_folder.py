"""The folder between the city's system and ours: `in` is read, `out` is written, `refused` and `reports` tell a person.

The contract stands in README.txt, which is put into the folder. A list that was taken is deleted, because it names the
whole town; one that could not be taken stays in `refused`. Two runs on one folder do not meet.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from engine.exchange_csv import MOST_BYTES, Torn
from engine.exchange_giving import Gave, Giving, give
from engine.exchange_mapping import Mapping, stamp_of
from engine.exchange_taking import Given, Report, take
from engine.officehours import ZONE
from engine.refusal import Refusal
from engine.store.database import Engine
from engine.store.filing import By
from engine.whole_files import put_whole, sync_names

IN, OUT, REFUSED, REPORTS, TAKEN = "in", "out", "refused", "reports", "taken"
_README: Final = "exchange_folder.txt"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One folder of one town; `keep` keeps taken lists in `taken`."""

    folder: Path
    town: str
    mapping: Mapping
    by: By
    keep: bool = False


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did: every list with its report or why it was not taken, and the files given out."""

    lists: tuple[tuple[str, Report | Torn], ...]
    gave: Gave | Torn

    @property
    def clean(self) -> bool:
        """Whether no file was refused."""
        return not isinstance(self.gave, Torn) and not any(isinstance(one, Torn) for _, one in self.lists)


def run(engine: Engine, place: Place, now: datetime, rng: Random) -> Ran | Refusal:
    """Takes every list of `in`, the oldest first, and gives out what is new; refused as `busy`, `unusable-folder`."""
    try:
        for name in (IN, OUT, REFUSED, REPORTS, *((TAKEN,) if place.keep else ())):
            (place.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        _explain(place.folder)
        with _alone(place.folder) as alone:
            if not alone:
                return Refusal("busy", f"another run is at work in {place.folder.name}")
            lists = tuple((path.name, _one(engine, place, path, now, rng)) for path in _lists(place, now))
            giving = Giving(town=place.town, mapping=place.mapping, folder=place.folder / OUT, by=place.by)
            return Ran(lists=lists, gave=give(engine, giving, now))
    except OSError as error:
        return Refusal("unusable-folder", f"{place.folder.name}: {error.strerror or type(error).__name__}")


def _lists(place: Place, now: datetime) -> list[Path]:
    """The lists by their stamp; what is not called like one is still being written, or nobody's business."""
    today = now.astimezone(ZONE).date()
    found = []
    for path in (place.folder / IN).iterdir():
        stamp = stamp_of(place.mapping.residents.name, path.name, today)
        named = not isinstance(stamp, Refusal) or stamp.code != "wrong-name"
        if named and stat.S_ISREG(path.lstat().st_mode):
            found.append((0 if isinstance(stamp, Refusal) else stamp, path.name, path))
    return [path for _, _, path in sorted(found)]


def _one(engine: Engine, place: Place, path: Path, now: datetime, rng: Random) -> Report | Torn:
    """One list: taken and gone, or refused and set aside; killed in between, it is found taken the next time."""
    if path.stat().st_size > MOST_BYTES:
        made: Report | Torn = Torn("too-large", f"more than {MOST_BYTES >> 20} MiB")
    else:
        given = Given(
            name=path.name, content=path.read_bytes(), town=place.town, mapping=place.mapping, by=place.by
        )  # fmt: skip
        made = take(engine, given, now, rng)
    report = place.folder / REPORTS / f"{path.name}.json"
    put_whole(report, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    if isinstance(made, Torn):
        path.replace(_free(place.folder / REFUSED, path.name))
    elif place.keep:
        path.replace(_free(place.folder / TAKEN, path.name))
    else:
        path.unlink()
    sync_names(place.folder / IN)
    return made


def _free(folder: Path, name: str) -> Path:
    """A name nothing has in that folder: what was refused before is not lost to what is refused now."""
    tries = (folder / (name if number == 0 else f"{name}.{number}") for number in range(1_000_000))
    return next(path for path in tries if not path.exists())


def _explain(folder: Path) -> None:
    place = folder / "README.txt"
    if not place.exists():
        put_whole(place, files("engine").joinpath(_README).read_bytes(), mode=0o644)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no other run has this folder, for as long as the block lasts; a killed one frees it."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)

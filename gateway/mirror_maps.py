"""The maps of this home's mirrors and sensors: one private file each in PHR_HOME/mirrors, TOML or JSON.

The files bind face names to residents and are therefore readable by their owner alone.
"""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from gateway.devices import write_private
from gateway.mirror import MapError, MirrorMap, map_of

FOLDER: Final = "mirrors"
PROPOSED: Final = "proposed"
MAX_FILE: Final = 256 * 1024


def read_map(path: Path) -> MirrorMap:
    """The map in a file; raises MapError, `map-file` when it cannot be read as TOML or JSON at all."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise MapError("map-file", f"{path.name} is too large to be a map")
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else msgspec.json.decode(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise MapError("map-file", f"{path.name} cannot be read: {error}") from error
    return map_of(content)


class Maps:
    """The folder of maps in `home`; a missing one is empty."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def load(self) -> tuple[tuple[MirrorMap, ...], tuple[tuple[str, str], ...]]:
        """Every usable map, and names and codes of the other files; a second map of one name is `taken`."""
        found: dict[str, MirrorMap] = {}
        bad: list[tuple[str, str]] = []
        for path in self._files():
            try:
                item = read_map(path)
            except MapError as error:
                bad.append((path.name, error.code))
                continue
            if item.name in found:
                bad.append((path.name, "taken"))
            else:
                found[item.name] = item
        return tuple(found.values()), tuple(bad)

    def stamp(self) -> tuple[tuple[str, int], ...]:
        """Changes whenever a file does."""
        with contextlib.suppress(OSError):
            return tuple((path.name, path.stat().st_mtime_ns) for path in self._files())
        return ()

    def add(self, item: MirrorMap) -> Path:
        """Keep a map in the place of any earlier one of its name, whatever that one's file is called."""
        path = _write(self._folder, item)
        for other in self._named(item.name):
            if other != path:
                other.unlink(missing_ok=True)
        return path

    def forget(self, name: str) -> bool:
        """Strike a map; whether it was there."""
        paths = self._named(name)
        for path in paths:
            path.unlink(missing_ok=True)
        return bool(paths)

    def forget_resident(self, resident: str) -> int:
        """Unbind a person from every mirror; how many maps changed."""
        changed = 0
        for item in self.load()[0]:
            kept = {name: bound for name, bound in item.people.items() if bound != resident}
            if len(kept) < len(item.people):
                self.add(msgspec.structs.replace(item, people=kept))
                changed += 1
        return changed

    def clear(self) -> int:
        """Strike every map and every proposal, readable or not; how many files went."""
        files = [*self._files(), *(self._folder / PROPOSED).glob("*.json")]
        for path in files:
            path.unlink(missing_ok=True)
        return len(files)

    def propose(self, item: MirrorMap) -> None:
        """Keep what a sender said of itself for a person to look at, add people to, and accept."""
        _write(self._folder / PROPOSED, item)

    def proposed(self) -> tuple[MirrorMap, ...]:
        """What waits to be accepted; files that cannot be read are passed over, a sender may say them again."""
        found = []
        for path in sorted((self._folder / PROPOSED).glob("*.json")):
            with contextlib.suppress(MapError):
                found.append(read_map(path))
        return tuple(found)

    def withdraw(self, name: str) -> None:
        """Drop a proposal: accepted, refused, or its sender is gone."""
        (self._folder / PROPOSED / f"{name}.json").unlink(missing_ok=True)

    def _named(self, name: str) -> list[Path]:
        """Every file that holds a map of that name, or is called so."""
        found = []
        for path in self._files():
            held = None
            with contextlib.suppress(MapError):
                held = read_map(path).name
            if name in {held, path.stem}:
                found.append(path)
        return found

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*") if path.suffix in {".toml", ".json"} and path.is_file())


def _write(folder: Path, item: MirrorMap) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{item.name}.json"
    content = {name: value for name, value in msgspec.to_builtins(item).items() if value is not None}
    write_private(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    return path

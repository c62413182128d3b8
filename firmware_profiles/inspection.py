"""What a new family must pass before it is listed: soundness, claims, laws, its captures and its golden (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Final

import msgspec

from firmware_profiles.captures import answer, materials
from firmware_profiles.laws import judge_claim
from firmware_profiles.model import Match, Profile
from firmware_profiles.noise import Known, try_once
from firmware_profiles.registry import find_fault

ROUNDS: Final = 400
SHOWN: Final = 5
# Half of the finest wire step whose published expectation is rounded (0.005 kg).
HALF_STEP: Final = Decimal("0.0025")


class Finding(msgspec.Struct, frozen=True):
    """The result of one test of a profile: `problems` is empty when it passed."""

    test: str
    problems: tuple[str, ...] = ()


def inspect(
    profile: Profile,
    others: Mapping[str, Profile],
    lines: Sequence[str],
    golden: str | None,
    rng: Random,
    *,
    shared: bool = False,
) -> Iterator[Finding]:
    """Every test on `profile`, given its capture `lines` and the `golden` text of their answers (or None).

    `shared` lines hold captures of other families, too: only what is this profile's is judged.
    """
    everyone = {**others, profile.id: profile}
    fault = find_fault(profile)
    yield Finding("sound", (fault,) if fault else ())
    yield Finding("claims", tuple(f"{b.law}: {b.by}" for b in judge_claim(profile, everyone, _any_name)))
    known = materials(lines, everyone).get(profile.id, Known())
    broken = [f"{b.law}: {b.by}" for _ in range(ROUNDS) for b in try_once(profile, known, everyone, rng)]
    yield Finding("laws", tuple(dict.fromkeys(broken)))
    yield Finding("captures", tuple(_judge_captures(profile, everyone, lines, shared=shared)))
    if golden is not None:
        same = golden == answers(lines, everyone)
        yield Finding("golden", () if same else ("the answers differ from the golden: review them, then --write",))


def answers(lines: Sequence[str], profiles: Mapping[str, Profile]) -> str:
    """The golden text of capture `lines`: one answer a line."""
    return "".join(json.dumps(answer(line, profiles), ensure_ascii=False) + "\n" for line in lines)


def _judge_captures(
    profile: Profile, everyone: Mapping[str, Profile], lines: Sequence[str], *, shared: bool
) -> Iterator[str]:
    own = 0
    for line in lines:
        told, expected = answer(line, everyone), _expected(line)
        is_own = told.get("profile") == profile.id
        own += is_own
        if is_own or not shared:
            yield from mismatches(told, expected)
    if profile.proof == "capture" and lines and not own:
        yield "it says proof=capture, and no capture line is its own"


def _expected(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def mismatches(told: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Where an answer differs from what the capture's source states (numbers: by more than half a wire step)."""
    name = expected.get("id")
    if "error" in told:
        yield f"{name}: {told['error']['code']}: {told['error']['message']}"
        return
    if "final" in expected and told["final"] is not expected["final"]:
        yield f"{name}: final is {told['final']}"
    for quantity, wanted in expected.get("expected", {}).items():
        found = told["quantities"].get(quantity)
        if found is None or found["unit"] != wanted["unit"] or not _equal(found["value"], wanted["value"]):
            yield f"{name}: {quantity} is {found}, expected {wanted}"


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, int | float) and not isinstance(found, bool):
        return abs(Decimal(str(found)) - Decimal(str(wanted))) <= HALF_STEP
    return bool(found == wanted and type(found) is type(wanted))


def _any_name(match: Match) -> str | None:
    """A name that fits the pattern: the literal start of it; None when that is not enough."""
    plain = (match.name or "").replace("\\", "")
    for stop in ".*+?[({|^$":
        plain = plain.split(stop)[0]
    return plain if match.name is not None and re.match(match.name, plain) else None

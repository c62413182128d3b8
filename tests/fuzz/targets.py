"""Everything that reads bytes of strangers, as targets of one campaign: each takes one turn and names what broke."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from engine.contract.wire import Malformed, Unreadable, decode_readings
from firmware_profiles.captures import answer, materials
from firmware_profiles.noise import Known, change, try_once
from firmware_profiles.registry import CHARACTERISTICS, PROFILES

CAPTURES: Final = Path(__file__).parents[1] / "golden/captures/ble_vectors.jsonl"
Target = Callable[[Random], Iterator[str]]


def targets() -> dict[str, Target]:
    """Every target by name: one for each device family, then the parsers of whole messages."""
    lines = CAPTURES.read_text("utf-8").splitlines()
    known = materials(lines, PROFILES)
    everyone = {**PROFILES, **CHARACTERISTICS}
    found = {name: _profile(name, known.get(name, Known())) for name in everyone}
    return found | {"decode": _lines(lines), "wire": _wire}


def _profile(name: str, known: Known) -> Target:
    profile = {**PROFILES, **CHARACTERISTICS}[name]

    def turn(rng: Random) -> Iterator[str]:
        for breach in try_once(profile, known, PROFILES, rng):
            yield f"{breach.law}: {breach.by}"

    return turn


def _lines(lines: list[str]) -> Target:
    real = [line.encode() for line in lines]

    def turn(rng: Random) -> Iterator[str]:
        text = change(rng.choice(real), rng).decode("utf-8", "surrogateescape")
        try:
            json.dumps(answer(text, PROFILES), ensure_ascii=False, allow_nan=False).encode()
        except Exception as error:  # noqa: BLE001 - this is what the campaign looks for
            yield f"{type(error).__name__} {error}: {text!r}"

    return turn


_READING: Final = (
    b'{"v":1,"id":"abcdefghijklmnopqrstuvwxyz","device":"d-abcdefghijklm","profile":"x","measured_at":'
    b'"2026-11-21T07:01:03+09:00","time_quality":"device","received_at":"2026-11-21T07:01:03+09:00",'
    b'"values":[{"kind":"body-weight","value":"63.25","unit":"kg"}]}'
)


def _wire(rng: Random) -> Iterator[str]:
    payload = change(_READING, rng)
    try:
        found = decode_readings(payload)
    except Exception as error:  # noqa: BLE001 - as above
        yield f"{type(error).__name__} {error}: {payload!r}"
        return
    if not isinstance(found, Unreadable) and any(isinstance(item, Malformed) and not item.code for item in found):
        yield f"a refusal without a code: {payload!r}"

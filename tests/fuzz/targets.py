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
from gateway.discovery import discover, propose
from gateway.mirror import map_of, read_message
from tests.unit.engine.imports.test_totality import PARSERS, Parser, outcome

CAPTURES: Final = Path(__file__).parents[1] / "golden/captures/ble_vectors.jsonl"
Target = Callable[[Random], Iterator[str]]


def targets() -> dict[str, Target]:
    """Every target by name: one for each device family, then the parsers of whole messages."""
    lines = CAPTURES.read_text("utf-8").splitlines()
    known = materials(lines, PROFILES)
    everyone = {**PROFILES, **CHARACTERISTICS}
    found = {name: _profile(name, known.get(name, Known())) for name in everyone}
    files = {f"import-{name}": _file(parser, whole) for name, (parser, whole) in PARSERS.items()}
    messages = {"mirror": _mirror, "home-assistant": _discovery}
    return found | files | messages | {"decode": _lines(lines), "wire": _wire}


def _profile(name: str, known: Known) -> Target:
    profile = {**PROFILES, **CHARACTERISTICS}[name]

    def turn(rng: Random) -> Iterator[str]:
        for breach in try_once(profile, known, PROFILES, rng):
            yield f"{breach.law}: {breach.by}"

    return turn


def _file(parser: Parser, whole: bytes) -> Target:
    def turn(rng: Random) -> Iterator[str]:
        data = change(whole, rng)
        try:
            outcome(parser, data)
        except Exception as error:  # noqa: BLE001 - this is what the campaign looks for
            yield f"{type(error).__name__} {error}: {data[:4000]!r}"

    return turn


_MAP: Final = map_of({
    "name": "m", "topic": "home/m", "quality": "/q", "person": "/who", "people": {}, "time": "/at",
    "values": [{"pointer": "/hr", "kind": "heart-rate", "unit": "/min"}],
})  # fmt: skip
_SAID: Final = b'{"hr": 62.30, "q": 0.93, "who": "hanako", "at": "2026-11-21T07:00:00+09:00"}'
_SENSOR: Final = (
    b'{"stat_t":"mirror/state","unit_of_meas":"bpm","val_tpl":"{{ value_json.vitals.hr }}","name":"Heart rate",'
    b'"dev":{"ids":["m-1"],"mf":"Acme","mdl":"Mirror 3"}}'
)


def _mirror(rng: Random) -> Iterator[str]:
    yield from _total(lambda data: read_message(_MAP, data), change(_SAID, rng))


def _discovery(rng: Random) -> Iterator[str]:
    topic = "homeassistant/sensor/m/hr/config"
    yield from _total(lambda data: propose(discover(topic, data).entities), change(_SENSOR, rng))


def _total(read: Callable[[bytes], object], data: bytes) -> Iterator[str]:
    try:
        read(data)
    except Exception as error:  # noqa: BLE001 - this is what the campaign looks for
        yield f"{type(error).__name__} {error}: {data!r}"


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

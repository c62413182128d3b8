"""Observations a second on one core: by template, by a validated model, and by a plain dict with orjson, the limit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from engine.contract.ids import ALPHABET
from engine.observations import Measured, build, compose
from tests.benchmarks.bare_observation import weight
from tests.benchmarks.figures import Figure, Run, figure, pair

ZONE: Final = ZoneInfo("Asia/Tokyo")
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
MODELLED: Final = 25  # one in so many goes through the model, which takes as much longer
PEOPLE: Final = 1000

Make = Callable[[Measured], bytes]


def observing(*, quick: bool) -> list[Figure]:
    """Weights of a thousand people, each with its own id, hour and digits; the three sides give the same JSON."""
    count, rounds = (2_000, 1) if quick else (50_000, 5)
    rows = [_weighing(number) for number in range(count)]
    few = rows[::MODELLED]
    _warm_up(rows[:200])
    (by_template,) = pair(lambda: [_rate(lambda row: build(row, ZONE), rows)], lambda: [_rate(_bare, rows)], rounds)
    (by_model,) = pair(lambda: [_rate(_modelled, few)], lambda: [_rate(_bare, few)], rounds)
    limit = "limit: the same JSON from a dict written by hand and orjson, nothing checked"
    what = f"{count:,} weights with three profiles, one core"
    return [
        figure("Observations by template", "1/s of a core", "higher", by_template, f"{what}, digits kept; {limit}"),
        figure("Observations by validated model", "1/s of a core", "higher", by_model,
               f"{len(few):,} of them through fhir.resources (R4B): validate and dump, digits lost; {limit}"),
    ]  # fmt: skip


def _weighing(number: int) -> Measured:
    person = _letters(number % PEOPLE, 13)
    return Measured(
        reading_id=_letters(number, 26), resident_id=f"r-{person}", device_id=f"d-{person}", gateway_id=f"g-{person}",
        kind="body-weight", value=Decimal(4000 + number % 6000).scaleb(-2), unit="kg",
        measured_at=START + timedelta(minutes=7 * number),
    )  # fmt: skip


def _letters(number: int, length: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(length))


def _bare(row: Measured) -> bytes:
    return weight(row, ZONE)


def _modelled(row: Measured) -> bytes:
    from fhir.resources.R4B.observation import Observation

    return Observation.model_validate(compose(row, ZONE)).model_dump_json().encode()


def _warm_up(rows: Sequence[Measured]) -> None:
    """Templates are made and packages loaded before any clock runs; and all sides say the same."""
    for row in rows:
        said = json.loads(build(row, ZONE))
        assert json.loads(_bare(row)) == said, "the limit says something else"
        modelled = json.loads(_modelled(row)) | {"effectiveDateTime": said["effectiveDateTime"]}
        assert modelled == said, "the model says something else"


def _rate(make: Make, rows: Sequence[Measured]) -> Run:
    """By the core's own time: what else runs on this machine is no part of it."""
    used = time.process_time()
    for row in rows:
        make(row)
    cpu = time.process_time() - used
    return Run(len(rows) / cpu, cpu / len(rows) * 1e6)

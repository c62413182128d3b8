"""Whatever the bytes: records, faults or a FileError - and every record is a reading the wire would take."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import IO
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Reading
from engine.imports import apple, fhir, fitbit, table
from engine.imports.mapping import shipped
from engine.imports.model import Fault, FileError, Item, device_of, reading_of
from tests.flow.import_files import FITBIT, apple_zip, fitbit_zip, sample

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ME, OTHER = "r-hanakohanako2", "r-tarotarotaro3"
Parser = Callable[[IO[bytes]], Iterator[Item]]

OBSERVATION = json.dumps({
    "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/7"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "effectiveDateTime": "2026-11-20",
    "valueQuantity": {"value": 62.3, "code": "kg"},
}).encode()  # fmt: skip
PARSERS: dict[str, tuple[Parser, bytes]] = {
    "apple": (lambda s: apple.records(s, TOKYO, NOW, Counter()), sample("apple-health.xml", APP="x")),
    "apple-zip": (lambda s: apple.records(s, TOKYO, NOW, Counter()), apple_zip()),
    "csv": (lambda s: table.records(s, TOKYO, NOW, Counter()), sample("omron-scale.csv")),
    "diary": (lambda s: table.records(s, TOKYO, NOW, Counter()), sample("diary.csv")),
    "openscale": (
        lambda s: table.records(s, TOKYO, NOW, Counter(), table.Choice(shipped()["openscale"])),
        sample("openscale.csv"),
    ),
    "fhir": (
        lambda s: fhir.records(s, TOKYO, NOW, Counter(), ME),
        OBSERVATION,
    ),
    "fitbit": (lambda s: fitbit.records(s, TOKYO, NOW, Counter()), fitbit_zip()),
    "fitbit-json": (
        lambda s: fitbit.records(s, TOKYO, NOW, Counter(), "weight-2026-11-01.json"),
        json.dumps(FITBIT["weight-2026-11-01.json"]).encode(),
    ),
}


def outcome(parser: Parser, data: bytes) -> list[Item]:
    found: list[Item] = []
    try:
        for item in parser(io.BytesIO(data)):
            found.append(item)  # noqa: PERF402 - what came before the error must stay
    except FileError as error:
        found.append(Fault(error.line, error.code))
    for item in found:
        if isinstance(item, Fault):
            assert item.code
            assert len(item.text) <= 60
        else:
            msgspec.json.decode(msgspec.json.encode(reading_of(item, ME, "csv", NOW)), type=Reading)
    return found


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_answered(name: str, data: bytes) -> None:
    outcome(PARSERS[name][0], data)


@pytest.mark.parametrize("name", PARSERS)
@given(cut=st.floats(0, 1), at=st.floats(0, 1), byte=st.binary(min_size=1, max_size=3))
def test_a_damaged_file_is_answered(name: str, cut: float, at: float, byte: bytes) -> None:
    parser, whole = PARSERS[name]
    place = int(at * len(whole))
    outcome(parser, whole[:place] + byte + whole[place + 1 :])
    outcome(parser, whole[: int(cut * len(whole))])


@pytest.mark.parametrize("name", PARSERS)
def test_the_same_file_gives_the_same_ids_and_nobody_elses(name: str) -> None:
    parser, whole = PARSERS[name]
    items = [item for item in outcome(parser, whole) if not isinstance(item, Fault)]
    mine = [reading_of(item, ME, name, NOW).id for item in items]
    assert mine
    assert mine == [reading_of(item, ME, name, NOW).id for item in items]
    assert not set(mine) & {reading_of(item, OTHER, name, NOW).id for item in items}
    assert device_of(ME, name, "x") != device_of(OTHER, name, "x")

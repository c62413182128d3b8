"""Apple Health: constant memory, blood pressures in pairs, and nothing a stranger's XML can do."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.imports import apple
from engine.imports.model import Fault, FileError, Item, Record
from tests.flow.import_files import apple_zip, sample, zipped

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEAD = b'<?xml version="1.0"?>\n<HealthData locale="ja_JP">\n'
WEIGHT = (
    b'<Record type="HKQuantityTypeIdentifierBodyMass" sourceName="S" unit="kg" startDate="2026-11-20 07:05:00 +0900"'
    b' endDate="2026-11-20 07:05:00 +0900" value="62.3"/>\n'
)


def read(data: bytes, skipped: Counter[str] | None = None) -> list[Item]:
    return list(apple.records(io.BytesIO(data), TOKYO, NOW, Counter() if skipped is None else skipped))


class _Drop(io.BytesIO):
    """A stream that gives small pieces, as a slow disk does."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size if size and size > 0 else 1 << 20, 1000))


def collected(data: bytes) -> tuple[list[Item], FileError | None]:
    found: list[Item] = []
    try:
        for item in apple.records(io.BytesIO(data), TOKYO, NOW, Counter()):
            found.append(item)  # noqa: PERF402 - what came before the error must stay
    except FileError as error:
        return found, error
    return found, None


def test_the_file_reads_the_same_bare_zipped_and_in_small_pieces() -> None:
    bare = sample("apple-health.xml", APP="HealthPlanet")
    assert read(bare) == read(apple_zip())
    slow = list(apple.records(_Drop(bare), TOKYO, NOW, Counter()))
    assert slow == read(bare)
    localized = {"apple_health_export/書き出したデータ.xml": bare, "apple_health_export/export_cda.xml": b"<x/>" * 9000}
    assert read(zipped(**localized)) == read(bare)


def test_what_is_not_read_is_counted_by_its_type() -> None:
    skipped: Counter[str] = Counter()
    read(sample("apple-health.xml", APP="x"), skipped)
    assert skipped == {"HKQuantityTypeIdentifierDietaryWater": 1}


def test_records_inside_a_correlation_are_not_counted_again() -> None:
    pressures = [i for i in read(sample("apple-health.xml", APP="x")) if isinstance(i, Record) and len(i.values) == 2]
    assert len(pressures) == 1


def test_a_cut_off_file_gives_its_measurements_and_no_totals() -> None:
    whole = sample("apple-health.xml", APP="x")
    found, error = collected(whole[: whole.index(b"<Correlation")])
    assert error is not None
    assert error.code == "damaged-xml"
    assert error.line > 30
    kinds = [value.kind for item in found if isinstance(item, Record) for value in item.values]
    assert {"body-weight", "systolic", "diastolic"} <= set(kinds)
    assert not {"steps-day", "distance", "sleep-duration"} & set(kinds)


def test_a_cut_off_zip_is_damage_and_no_crash() -> None:
    _, error = collected(apple_zip()[:-200])
    assert error is not None
    assert error.code == "damaged-zip"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-apple-health"),
        (b"weight,62.3\n", "not-apple-health"),
        (b"<html><body/></html>", "not-apple-health"),
        (b'<!DOCTYPE HealthData [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><HealthData>&b;</HealthData>', "entities"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><HealthData>&e;</HealthData>', "entities"),
        (b"<!DOCTYPE HealthData [" + b" " * 300_000 + b'<!ENTITY a "b">]><HealthData/>', "entities"),
        (HEAD + b'<Record type="' + b"a" * 9_000_000, "oversized-element"),
        (zipped(readmeDOTtxt=b"hello"), "not-apple-health"),
    ],
)
def test_what_is_no_export_is_refused_with_a_code(data: bytes, code: str) -> None:
    found, error = collected(data)
    assert error is not None
    assert (found, error.code) == ([], code)


def test_a_broken_dtd_as_some_versions_of_ios_write_it_is_passed_over() -> None:
    broken = b"<?xml version='1.0'?><!DOCTYPE HealthData [<!ATTLIST Audio\n name CDATA #REQUIRED\n <]>\n<HealthData>\n"
    (record,) = read(broken + WEIGHT + b"</HealthData>")
    assert isinstance(record, Record)
    assert record.line == 5


def test_a_large_file_takes_no_more_memory_than_a_small_one() -> None:
    packed = zipped(exportDOTxml=HEAD + WEIGHT * 15_000 + b"</HealthData>")
    tracemalloc.start()
    count = sum(1 for _ in apple.records(io.BytesIO(packed), TOKYO, NOW, Counter()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 15_000
    assert peak < 4 << 20


@pytest.mark.parametrize("named", ["UTF-9", "utf-7", "rot13", "UTF-16"])
def test_an_encoding_the_file_makes_up_is_not_looked_up(named: str) -> None:
    (item,) = read(HEAD.replace(b'"1.0"', f'"1.0" encoding="{named}"'.encode()) + WEIGHT + b"</HealthData>")
    assert isinstance(item, Record)


def test_a_value_that_is_no_number_is_a_fault_with_its_line() -> None:
    (item,) = read(HEAD + WEIGHT.replace(b"62.3", b"heavy") + b"</HealthData>")
    assert item == Fault(3, "not-a-number", "heavy")

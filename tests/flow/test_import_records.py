"""Every sample file as the records it becomes: one golden to read."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from engine.imports import apple, fitbit, health_connect, table
from engine.imports.mapping import shipped
from engine.imports.model import Fault, Item
from engine.store import repo_residents
from engine.store.database import read
from engine.store.foreign_sqlite import opened
from engine.taking import Source, take
from tests.flow.import_files import SAMPLES, apple_zip, fitbit_zip, health_connect_db, sample
from tests.flow.stores import store
from tests.homes import HANAKO, furnish

__all__ = ["store"]
TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BY_NAME = {"withings-steps.csv": "withings-steps"}


def written(name: str, items: Iterable[Item], skipped: Counter[str]) -> str:
    lines = [f"# {name}"]
    for item in items:
        if isinstance(item, Fault):
            lines.append(f"{item.line:>3}  {item.code}: {item.text}")
            continue
        span = f"{item.at.astimezone(TOKYO):%Y-%m-%d %H:%M:%S}"
        if item.start:
            span = f"{item.start.astimezone(TOKYO):%Y-%m-%d %H:%M:%S} .. {span}"
        values = ", ".join(f"{value.kind} {value.value} {value.unit}" for value in item.values)
        lines.append(f"{item.line:>3}  {span}  {item.origin or '-'}  {values}")
    return "\n".join([*lines, *(f"  -  not read: {name} {count}" for name, count in sorted(skipped.items())), ""])


@pytest.mark.flow
def test_taking_a_file_in_is_the_same_on_both_databases(store: Engine) -> None:
    furnish(store)
    with read(store) as connection:
        person = repo_residents.get(connection, HANAKO)
    assert person is not None
    source = Source(person, "apple-health", TOKYO, "t", "t")
    reports = [
        take(store, source, apple.records(io.BytesIO(apple_zip()), TOKYO, NOW, Counter()), NOW) for _ in range(2)
    ]
    assert [(report.accepted, report.duplicate) for report in reports] == [(11, 0), (0, 11)]
    trial = table.records(io.BytesIO(sample("omron-scale.csv")), TOKYO, NOW, Counter())
    assert take(store, Source(person, "csv", TOKYO, "t", "t"), trial, NOW, dry_run=True).accepted == 2
    with read(store) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM reading").scalar() == 11


def test_every_sample_becomes_what_was_reviewed(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    found = []
    skipped: Counter[str] = Counter()
    found.append(written("apple-health", apple.records(io.BytesIO(apple_zip()), TOKYO, NOW, skipped), skipped))
    with opened(health_connect_db(tmp_path / "hc.db")) as source:
        skipped = Counter()
        found.append(written("health-connect", health_connect.records(source, TOKYO, NOW, skipped), skipped))
    skipped = Counter()
    found.append(written("fitbit", fitbit.records(io.BytesIO(fitbit_zip()), TOKYO, NOW, skipped), skipped))
    for path in sorted(SAMPLES.glob("*.csv")):
        choice = table.Choice(shipped()[BY_NAME[path.name]]) if path.name in BY_NAME else None
        skipped = Counter()
        found.append(
            written(path.name, table.records(io.BytesIO(sample(path.name)), TOKYO, NOW, skipped, choice), skipped)
        )
    golden("imports/records.txt", "\n".join(found))

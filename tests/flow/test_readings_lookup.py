"""What the engine asks its store about every batch: by index alone, however much is stored."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.intake import Accepted, Stored
from engine.store.database import read, write
from engine.store.readings import _KNOWN, _NEAR, Heard, recent_of, remember, write_batch
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, weighing
from tests.stores import migrated_file


def test_no_look_up_reads_a_whole_table(tmp_path: Path) -> None:
    """One that did would make every batch as slow as the store is large, and no other test would notice."""
    engine = migrated_file(tmp_path / "engine.sqlite")
    with read(engine) as connection:
        for look in (_KNOWN["sqlite"], _NEAR["sqlite"]):
            plan = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {look}", ("[]",))]
            assert any(step.startswith("SEARCH") for step in plan)
            assert all("VIRTUAL" in step for step in plan if step.startswith("SCAN")), plan
    engine.dispose()


def test_the_store_knows_the_same_moment_and_the_broadcasts_around_it_in_order(tmp_path: Path) -> None:
    engine = migrated_file(tmp_path / "engine.sqlite")
    heard = [weighing(number, time_quality="received" if number % 2 else "device") for number in (9, 3, 40, 4, 1)]
    with write(engine) as connection:
        stored = (Stored("body-weight", Decimal("62.30"), "kg", "62.30", "kg"),)
        outcomes = [Accepted(item, HANAKO, "sure", stored) for item in heard]
        write_batch(connection, [Heard(GATEWAY, HOUSEHOLD, outcome) for outcome in outcomes], [], NOW)
        broadcast = msgspec.structs.replace(weighing(5, time_quality="received"), id="a" * 26)
        found = recent_of(connection, [broadcast, msgspec.structs.replace(weighing(4), id="b" * 26), heard[1]])
        remember(found, GATEWAY, Accepted(broadcast, HANAKO, "sure", ()))
    minutes = [(item.measured_at - weighing(0).measured_at) / timedelta(minutes=1) for item in found.near[DEVICE]]
    assert minutes == [1, 3, 4, 5, 9]
    assert set(found.digests) == {heard[1].id, broadcast.id}
    engine.dispose()

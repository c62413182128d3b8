"""`phr doctor` at home: each listed device's next step, damaged maps, and a database of an earlier version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from cli.doctor import _store
from cli.doctor_home import devices, mirrors
from cli.wiring import Settings
from engine.contract.wire import DeviceNote, encode
from engine.store.database import migrate, open_engine
from gateway.devices import Devices, Entry
from gateway.journal import Journal
from gateway.mirror_maps import Maps

pytestmark = pytest.mark.flow
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SCALE = Entry(id="d-" + "a" * 13, address="F0:00:00:00:00:01", profile="sig-weight", name="花子の体重計")


def said(home: Path, *listed: Entry) -> list[str]:
    for item in listed:
        Devices(home).replace(item)
    return [f"{found.state} {found.message}" for found in devices(Settings(home=str(home)))]


def test_a_sound_device_gives_no_note(tmp_path: Path) -> None:
    assert said(tmp_path, SCALE) == ["ok 1 devices listed"]


def test_a_device_without_family_key_proof_or_battery_has_one_next_step_each(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.keep_note(SCALE.id, encode(DeviceNote(device=SCALE.id, profile="sig-weight", battery=9)))
    journal.close()
    changed = msgspec.structs.replace
    found = said(
        tmp_path,
        changed(SCALE, paired_at=NOW),
        changed(SCALE, id="d-" + "b" * 13, address="F0:00:00:00:00:02", profile="xiaomi-s400", name=None),
        changed(SCALE, id="d-" + "c" * 13, address="F0:00:00:00:00:03", profile="acme-gone", name="古い"),
    )
    assert found[0] == "ok 3 devices listed"
    assert sorted(found[1:]) == [
        "fault 古い: no family is called acme-gone",
        "note d-bbbbbbbbbbbbb: no key is known (bindkey needed)",
        "note 花子の体重計: battery 9 %",
        "note 花子の体重計: paired, and nothing measured since",
    ]


def test_a_damaged_list_and_a_damaged_map_are_faults_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "devices.json").write_text("{")
    (found,) = devices(Settings(home=str(tmp_path)))
    assert (found.state, found.exit) == ("fault", 11)
    folder = tmp_path / "mirrors"
    folder.mkdir()
    (folder / "hall.toml").write_text("name = 3")
    assert Maps(tmp_path).load()[1]
    (broken,) = mirrors(Settings(home=str(tmp_path)))
    assert broken.state == "fault"
    assert broken.remedy


def test_a_database_of_an_earlier_version_is_no_damage(tmp_path: Path) -> None:
    config = Settings(home=str(tmp_path))
    engine = open_engine(config.database_url)
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num='0001'")
    engine.dispose()
    (found,) = _store(config)
    assert (found.state, found.remedy) == ("note", "start the engine: `phr up` or `phr engine run`")

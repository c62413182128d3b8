"""What a pairing must not do to records that are not its own: those a gateway that died left behind in the journal."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.pair_answers import Wish
from engine.contract.reading import Quantity, Sample
from firmware_profiles.registry import PROFILES
from firmware_profiles.uuids import BODY_COMPOSITION_MEASUREMENT, WEIGHT_MEASUREMENT
from gateway import pairing as machine
from gateway import pairing_room, pairing_run
from gateway.devices import Devices, Entry, entry
from gateway.journal import Journal
from tests.flow.device_home import HOUSEHOLD, TOKYO, device, gateway, home, weights
from tests.flow.pairing_home import HANAKO, TARO, pairing, readings, tally

pytestmark = pytest.mark.flow
HERS = Wish(residents=(HANAKO,), implants="no", yes=True)


@pytest.fixture(autouse=True)
def _no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """One device on the air, which is quick."""
    monkeypatch.setattr(machine, "SETTLE", 0.1)
    monkeypatch.setattr(pairing_run, "PAUSE", 0.1)
    monkeypatch.setattr(pairing_run, "TICK", 0.05)


def left_behind(folder: Path, item: Entry, carrier: str, **values: str) -> None:
    """A record that `item` sent just before the gateway was killed."""
    encode = PROFILES[item.profile].codecs[carrier].encode
    assert encode is not None
    units = {"weight": "kg", "body_fat_percentage": "%"}
    quantities = {name: Quantity(Decimal(value), units[name]) for name, value in values.items()}
    at = datetime.now(TOKYO).replace(microsecond=0, tzinfo=None)
    journal = Journal(folder / "journal.sqlite")
    session = journal.begin_session(item.id, item.profile, datetime.now(UTC))
    journal.append_frame(item.id, session, carrier, encode(Sample(quantities=quantities, time=at)), datetime.now(UTC))
    journal.close()


async def test_what_other_devices_left_in_the_journal_is_read_by_what_the_list_says_of_them(tmp_path: Path) -> None:
    folder, now = tmp_path / "g", datetime.now(UTC)
    folder.mkdir()
    devices = Devices(folder)
    # Somebody was asked a minute ago whether this one's weighing is theirs; that pairing was killed.
    asked = replace(
        entry("F0:00:00:00:00:31", "sig-weight", household=HOUSEHOLD, resident=TARO),
        paired_at=now - timedelta(minutes=1), held_until=now + timedelta(minutes=9),
    )  # fmt: skip
    careful = replace(
        entry("F0:00:00:00:00:32", "sig-body-composition", household=HOUSEHOLD, resident=TARO), weight_only=True
    )
    struck = entry("F0:00:00:00:00:33", "sig-weight", household=HOUSEHOLD)
    for item in (asked, careful):
        devices.replace(item)
    left_behind(folder, asked, WEIGHT_MEASUREMENT, weight="55.50")
    left_behind(folder, careful, BODY_COMPOSITION_MEASUREMENT, weight="81.00", body_fat_percentage="21.5")
    left_behind(folder, struck, WEIGHT_MEASUREMENT, weight="44.40")
    async with home(tmp_path / "air", device("weight-scale")) as air:
        async with pairing(folder, air, HERS) as paired:
            await paired.until("proof")
            await air.ask("weigh", "it", values={"weight": "62.30"})
            assert (await paired.end()).phase == "done"
        made = {reading.device: [(value.kind, value.value) for value in reading.values] for reading in readings(folder)}
        ours = next(item for item in devices.load() if item.address == "F0:00:00:00:00:21")
        assert made == {careful.id: [("body-weight", "81.00")], ours.id: [("body-weight", "62.30")]}
        assert tally(folder) == {"frame:not-listed": 1}
        # Nobody says yes to the waiting one any more: it is filed when its time is over, by whoever runs then.
        devices.change(asked.id, lambda item: replace(item, held_until=now))
        async with gateway(folder, air) as ears:
            assert [reading.device for reading in await ears.count(3)][-1] == asked.id


async def test_the_same_number_again_is_a_proof_once_the_scale_had_fallen_asleep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A scale without a clock: nothing but the pause tells her second weighing from the one that woke it.
    monkeypatch.setattr(machine, "SETTLE", 0.8)
    monkeypatch.setattr(pairing_room, "ASLEEP", timedelta(seconds=1))
    scale = device("profile-broadcast", profile="bthome-v2", aired=1.0)
    folder = tmp_path / "g"
    async with home(tmp_path / "air", scale) as air, pairing(folder, air, HERS) as paired:
        waking = asyncio.create_task(air.ask("weigh", "it", values={"weight": "62.30"}))
        await paired.until("join")
        await waking
        await asyncio.sleep(1.5)
        await air.ask("weigh", "it", values={"weight": "62.30"})
        assert (await paired.end()).phase == "done"
    assert [value.value.rstrip("0") for reading in readings(folder) for value in reading.values] == ["62.3"]


async def test_a_pairing_that_is_killed_leaves_a_list_that_files_nothing_of_the_last_owner_and_loses_nothing_of_hers(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "roster.json").write_text(json.dumps({"v": 1, "residents": [HANAKO]}))
    scale = device("weight-scale", records=weights(2))
    async with home(tmp_path / "air", scale) as air:
        words = ["pair", "--air", air.air, "--for", HANAKO, "--implants", "no", "--yes", "--json"]
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", *words, env={**os.environ, "PHR_HOME": str(folder)}, stdout=PIPE
        )
        assert killed.stdout is not None
        async with asyncio.timeout(30):
            while b'"aside"' not in await killed.stdout.readline():
                pass
        killed.kill()
        await killed.communicate()
        (half,) = Devices(folder).load()
        assert half.held_until is not None
        async with gateway(folder, air) as ears:
            await air.ask("weigh", "it", values={"weight": "62.30"})
            await air.until_delivered(3)
            assert ears.readings() == []
            Devices(folder).change(half.id, lambda item: replace(item, held_until=datetime.now(UTC)))
            assert [value.value for reading in await ears.count(1) for value in reading.values] == ["62.30"]
            assert ears.journal.tally() == {"frame:before-pairing": 2}
        (after,) = Devices(folder).load()
        assert after.proven_at is not None

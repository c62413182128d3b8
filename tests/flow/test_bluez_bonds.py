"""Bonds through our own agent: made, refused, made with a number, lost on the device's side and healed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_profiles.uuids import WEIGHT_MEASUREMENT
from gateway import radio_link
from gateway.link import Link, RadioFailure
from gateway.radio import BleakRadio
from gateway.radio_agent import PairingAgent
from simulators.bluez.tree import DEVICE
from tests.flow.bluez_home import ADDRESS, House, gateway, house
from tests.flow.device_home import device, weights

pytestmark = [pytest.mark.flow, pytest.mark.needs_dbus]
PATH = f"/org/bluez/hci0/dev_{ADDRESS.replace(':', '_')}"
NUMBER = 123_456


@asynccontextmanager
async def connected() -> AsyncIterator[Link]:
    """A link to the scale with nothing of the gateway but its radio."""
    radio, heard = BleakRadio(), asyncio.Event()
    await radio.start(lambda _: heard.set())
    try:
        await heard.wait()
        async with radio.connect(ADDRESS, lambda: None) as link:
            yield link
    finally:
        await radio.stop()


async def bonded(at: House) -> bool:
    return bool(await at.bluez.look(PATH, DEVICE, "Bonded"))


async def new_battery(at: House) -> None:
    """The scale forgets everybody, after it hung up."""
    async with asyncio.timeout(20):
        while await at.bluez.look(PATH, DEVICE, "Connected"):  # noqa: ASYNC110 - another process knows
            await asyncio.sleep(0.05)
    await at.air.ask("lose-bonds", "it")


async def test_a_guarded_scale_is_bonded_with_by_just_works_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(3), secured=True)
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await ears.count(3)
        await at.air.until_delivered(3)
        assert await bonded(at)
        await at.air.ask("close-pairing", "it")
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        await ears.count(4)
        assert len({reading.id for reading in ears.readings()}) == 4


async def test_without_an_agent_nothing_pairs_and_no_call_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radio_link, "CALL_TIMEOUT", 0.5)
    async with house(tmp_path, monkeypatch, device("weight-scale", records=weights(1), secured=True)) as at:
        async with connected() as link:
            for call, code in ((link.subscribe(WEIGHT_MEASUREMENT, print), "timeout"), (link.pair(), "not-paired")):
                with pytest.raises(RadioFailure) as failure:
                    await call
                assert failure.value.code == code
        assert (await at.air.totals())["delivered"] == 0


async def test_a_passkey_must_be_the_right_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers: list[int | None] = [None, 654_321, NUMBER]

    async def read_off(path: str) -> int | None:
        asked.append(path)
        return answers.pop(0)

    scale = device("weight-scale", records=weights(2), secured=True, passkey=NUMBER)
    async with house(tmp_path, monkeypatch, scale) as at:
        async with PairingAgent(read_off):
            for _ in ("nobody", "wrong"):
                with pytest.raises(RadioFailure) as failure:
                    async with connected() as link:
                        await link.pair()
                assert failure.value.code == "not-paired"
                assert not await bonded(at)
            async with connected() as link:
                await link.pair()
                assert await bonded(at)
        assert asked == [PATH] * 3
        # The bond outlives the agent that a person sat at: the gateway's own cannot read numbers.
        async with gateway(tmp_path / "g", at) as ears:
            await ears.count(2)


async def test_a_device_that_wants_no_bond_now_is_not_paired_and_nothing_of_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = device("weight-scale", records=weights(2), secured=True, pairable=False)
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await asyncio.sleep(1.0)
        assert ears.readings() == []
        await at.air.ask("open-pairing", "it")
        await ears.count(2)
    assert '"code": "not-paired"' in capsys.readouterr().err


async def test_a_bond_the_scale_has_lost_is_given_up_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = device("weight-scale", records=weights(2), secured=True)
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await ears.count(2)
        await at.air.until_delivered(2)
        await new_battery(at)
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        await ears.count(3)
        await at.air.until_delivered(3)
        assert await bonded(at)
    said = capsys.readouterr().err
    assert '"unreachable"' in said, "one visit alone is no proof"
    assert said.count('"bond_given_up"') == 1


async def test_a_lost_bond_of_a_scale_that_is_not_in_pairing_mode_asks_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = device("weight-scale", records=weights(2), secured=True)
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await ears.count(2)
        await at.air.until_delivered(2)
        await new_battery(at)
        await at.air.ask("close-pairing", "it")
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        said = ""
        async with asyncio.timeout(30):
            while '"re-pair-needed"' not in said:
                said += capsys.readouterr().err
                await asyncio.sleep(0.1)
        assert len(ears.readings()) == 2
        await at.air.ask("open-pairing", "it")
        await ears.count(3)
        await at.air.until_delivered(3)

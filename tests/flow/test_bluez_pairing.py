"""`phr pair` on bleak's own Linux backend: bonds, numbers read off a display, and what goes wrong in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.pair_answers import Wish
from gateway import pairing as machine
from gateway import pairing_run, pairing_watch, radio_ear
from gateway.devices import Devices
from gateway.journal_peek import peek
from gateway.link import RadioFailure
from gateway.pairing_model import Again, Event, PasskeyTyped, State
from gateway.radio import BleakRadio
from gateway.radio_agent import PairingAgent
from simulators.bluez.bus import BusError
from simulators.bluez.tree import DEVICE
from simulators.household import VirtualDevice
from tests.flow.bluez_home import ADDRESS, House, house
from tests.flow.device_home import device, weights
from tests.flow.pairing_home import HANAKO, Pairing, pairing, readings, tally

pytestmark = [pytest.mark.flow, pytest.mark.needs_dbus]
HERS = Wish(residents=(HANAKO,), implants="no", yes=True)
NUMBER = 123_456
# A person who answers in turn: the number on the display, or nothing at all.
Turns = Sequence[Event | None]


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SETTLE", 0.1)
    monkeypatch.setattr(pairing_run, "PAUSE", 0.3)
    monkeypatch.setattr(pairing_run, "TICK", 0.05)
    monkeypatch.setattr(pairing_watch, "QUIET", timedelta(seconds=0.3))


def shows_a_number(**fields: Any) -> VirtualDevice:
    """A cuff's cousin: a scale that bonds only with whoever types what it displays."""
    return device("weight-scale", secured=True, passkey=NUMBER, aired=60.0, **fields)


@asynccontextmanager
async def sitting(
    folder: Path, at: House, wish: Wish = HERS, *, adapter: str | None = None, numbers: Turns = (), **more: Any
) -> AsyncIterator[Pairing]:
    """A person at `phr pair`: production radio, production agent; `numbers` are typed in turn when asked."""
    left = list(numbers)
    async with pairing(folder, at.air, wish, radio=BleakRadio(adapter), **more) as paired:
        show = paired.helper.show

        def reading_it(state: State) -> None:
            if state.phase != "passkey":
                show(state)
            elif paired.helper.phases[-1:] != ["passkey"]:
                paired.helper.phases.append("passkey")
                if left and (typed := left.pop(0)) is not None:
                    paired.run.send(typed)

        paired.helper.show = reading_it  # type: ignore[method-assign]
        async with PairingAgent(paired.run.passkey):
            yield paired


async def bonded(at: House, adapter: str = "hci0") -> bool:
    """Whether that adapter has a bond with the scale."""
    try:
        return bool(await at.bluez.look(f"/org/bluez/{adapter}/dev_{ADDRESS.replace(':', '_')}", DEVICE, "Bonded"))
    except BusError:
        return False


async def begin(at: House, folder: Path, *words: str) -> asyncio.subprocess.Process:
    """The command, on a machine whose system bus is the house's."""
    environ = {
        **os.environ, "PHR_HOME": str(folder), "PHR_LANG": "en", "DBUS_SYSTEM_BUS_ADDRESS": at.bluez.address,
        "PHR_MQTT_URL": "mqtt://127.0.0.1:9", "PHR_GATEWAY_ID": "g-" + "b" * 13,
    }  # fmt: skip
    command = [sys.executable, "-m", "cli", *words]
    return await asyncio.create_subprocess_exec(*command, env=environ, stdout=PIPE, stderr=PIPE)


async def phr(at: House, folder: Path, *words: str) -> tuple[int, str]:
    """Exit code and stdout of the command."""
    running = await begin(at, folder, *words)
    out, _ = await running.communicate()
    return running.returncode or 0, out.decode()


@asynccontextmanager
async def running_gateway(at: House, folder: Path) -> AsyncIterator[None]:
    """`phr gateway run` in the home kept in `folder`."""
    running = await begin(at, folder, "gateway", "run")
    assert running.stderr is not None
    async with asyncio.timeout(30):
        while b"gateway_started" not in await running.stderr.readline():
            pass
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        await running.communicate()


async def test_a_scale_that_was_a_phone_s_bonds_by_just_works_and_the_bond_ends_when_the_household_forgets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(2), secured=True, pairable=False)
    async with house(tmp_path, monkeypatch, scale) as at:
        heard = await phr(at, tmp_path / "g", "scan", "--seconds", "1", "--json")
        assert (heard[0], [row["address"] for row in json.loads(heard[1])["devices"]]) == (0, [ADDRESS])
        async with sitting(tmp_path / "g", at) as refused:
            assert (await refused.end()).code == "phone-holds-bond"
        assert Devices(tmp_path / "g").load() == ()
        await at.air.ask("open-pairing", "it")
        async with sitting(tmp_path / "g", at) as paired:
            await paired.until("proof")
            await at.air.ask("weigh", "it", values={"weight": "62.30"})
            final = await paired.end()
        assert (final.phase, final.aside) == ("done", 2)
        assert await bonded(at)
        assert [value.value for reading in readings(tmp_path / "g") for value in reading.values] == ["62.30"]
        code, said = await phr(at, tmp_path / "g", "device", "forget", ADDRESS, "--json")
        assert (code, json.loads(said)["unbonded"]) == (0, True)
        assert not await bonded(at)


async def test_the_number_on_the_display_is_typed_in_after_a_wrong_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = [PasskeyTyped("654321"), PasskeyTyped(str(NUMBER))]
    async with house(tmp_path, monkeypatch, shows_a_number(records=weights(1))) as at:
        async with sitting(tmp_path / "g", at, numbers=typed, answers={"failed": Again()}) as paired:
            await paired.until("proof")
            await at.air.ask("weigh", "it", values={"weight": "62.30"})
            assert (await paired.end()).phase == "done"
        assert paired.helper.phases.count("passkey") == 2
        assert await bonded(at)


async def test_while_a_number_is_read_off_no_scan_begins_and_afterwards_the_same_radio_hears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radio_ear, "CALL_TIMEOUT", 0.3)
    told: list[str] = []
    radio = BleakRadio()

    async def slowly(_path: str) -> int:
        async with asyncio.timeout(5):
            while "timeout" not in told:
                try:
                    await radio.check(0.0)
                except RadioFailure as failure:
                    told.append(failure.code)
        return NUMBER

    async with house(tmp_path, monkeypatch, shows_a_number()) as at, PairingAgent(slowly):
        heard = asyncio.Event()
        await radio.start(lambda _: heard.set())
        await heard.wait()
        async with radio.connect(ADDRESS, lambda: None) as link:
            await link.pair()
        heard.clear()
        await at.air.ask("wake", "it")
        # Given up on, the scan would have begun for nobody: InProgress, and an alert until the process ends.
        code = "?"
        async with asyncio.timeout(10):
            while code:
                try:
                    await radio.check(3600.0)
                except RadioFailure as failure:
                    code = failure.code
                    await asyncio.sleep(0.1)
                else:
                    code = ""
            await heard.wait()
        await radio.stop()


async def test_a_number_nobody_types_is_not_taken_for_a_phone_that_holds_the_bond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, shows_a_number()) as at:
        async with sitting(tmp_path / "g", at, numbers=[None], proof_seconds=1.5) as paired:
            final = await paired.end()
        assert (final.phase, final.code) == ("stopped", "wrong-passkey")
        assert not await bonded(at)
        assert Devices(tmp_path / "g").load() == ()


async def test_with_a_gateway_running_the_number_is_asked_of_whoever_sits_at_the_pairing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "g"
    async with house(tmp_path, monkeypatch, shows_a_number(records=weights(1))) as at:
        folder.mkdir()
        async with running_gateway(at, folder):
            async with sitting(folder, at, numbers=[PasskeyTyped(str(NUMBER))], proof_seconds=25.0) as paired:
                await paired.until("proof")
                assert await bonded(at)
                assert readings(folder) == []
                await at.air.ask("weigh", "it", values={"weight": "62.30"})
                assert (await paired.end()).phase == "done"
            async with asyncio.timeout(10):
                while (depth := peek(folder / "journal.sqlite")) is None or depth.waiting == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        assert [value.value for reading in readings(folder) for value in reading.values] == ["62.30"]
        assert tally(folder) == {"frame:before-pairing": 1}


async def test_an_adapter_switched_off_in_the_middle_is_named_and_used_again_when_it_is_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing_run, "MIND", 0.2)
    async with house(tmp_path, monkeypatch, device("weight-scale", secured=True, asleep=True)) as at:
        async with sitting(tmp_path / "g", at) as paired:
            await at.air.ask("wake", "it")
            await paired.until("join")
            await at.bluez.power("hci0", on=False)
            assert (await paired.end()).code == "bluetooth-off"
        assert Devices(tmp_path / "g").load() == ()
        await at.bluez.power("hci0", on=True)
        async with sitting(tmp_path / "g", at) as paired:
            await at.air.ask("weigh", "it", values={"weight": "62.30"})
            assert (await paired.end()).phase == "done"


async def test_the_adapter_that_was_named_bonds_and_the_other_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", secured=True)
    async with house(tmp_path, monkeypatch, scale, adapters=("hci0", "hci1=20")) as at:
        async with sitting(tmp_path / "g", at, adapter="hci1") as paired:
            await paired.until("proof")
            await at.air.ask("weigh", "it", values={"weight": "62.30"})
            assert (await paired.end()).phase == "done"
        assert (await bonded(at, "hci0"), await bonded(at, "hci1")) == (False, True)

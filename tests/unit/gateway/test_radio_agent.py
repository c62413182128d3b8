"""The pairing agent over a real message bus: what BlueZ asks during pairing gets the right answer."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway import radio_agent
from gateway.link import RadioFailure
from gateway.radio_agent import PairingAgent
from simulators.bluez.bus import PrivateBus

pytestmark = [pytest.mark.needs_dbus]
STAND_IN = Path(__file__).with_name("bluez_agents.py")


@pytest.fixture
def bus() -> Iterator[str]:
    with PrivateBus() as private:
        yield private.address


@contextmanager
def started(bus: str, deaf: int = 0) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(STAND_IN), bus, str(deaf)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.terminate()


@pytest.fixture
def bluez(bus: str) -> Iterator["subprocess.Popen[str]"]:
    with started(bus) as process:
        yield process


async def said_by(process: "subprocess.Popen[str]", last: str) -> list[str]:
    import asyncio

    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith(last):
        lines.append((await asyncio.to_thread(process.stdout.readline)).strip())
    return lines


async def test_without_a_person_just_works_is_agreed_and_numbers_are_rejected(
    bus: str, bluez: "subprocess.Popen[str]"
) -> None:
    async with PairingAgent(address=bus):
        lines = await said_by(bluez, "done")
    assert lines[:2] == ["RegisterAgent /phr/agent NoInputNoOutput", "RequestDefaultAgent /phr/agent"]
    assert "RequestAuthorization []" in lines
    rejected = "org.bluez.Error.Rejected"
    assert [line.split()[-1] for line in lines[3:7]] == [rejected] * 4
    assert await said_by(bluez, "UnregisterAgent") == ["UnregisterAgent /phr/agent"]


async def test_a_person_reads_the_passkey_and_confirms_only_the_right_number(
    bus: str, bluez: "subprocess.Popen[str]"
) -> None:
    async def read_off(device: str) -> int:
        assert device.endswith("dev_C0_26_DF_01_E2_3A")
        return 123456

    async with PairingAgent(read_off, address=bus):
        lines = await said_by(bluez, "done")
    assert lines[0] == "RegisterAgent /phr/agent KeyboardDisplay"
    assert lines[3:6] == [
        "RequestPasskey [123456]",
        "RequestConfirmation []",
        "RequestConfirmation org.bluez.Error.Rejected",
    ]


async def test_a_bluez_that_was_started_anew_gets_the_agent_again(bus: str) -> None:
    with started(bus) as first:
        agent = PairingAgent(address=bus)
        await agent.__aenter__()
        await said_by(first, "done")
    with started(bus) as second:
        lines = await said_by(second, "done")
        await agent.__aexit__(None, None, None)
    assert lines[:2] == ["RegisterAgent /phr/agent NoInputNoOutput", "RequestDefaultAgent /phr/agent"]
    assert "RequestAuthorization []" in lines


async def test_a_bluez_that_does_not_listen_yet_is_asked_again(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio_agent, "RETRY_PAUSES", (0.05, 0.05, 0.05))
    with started(bus) as first:
        agent = PairingAgent(address=bus)
        await agent.__aenter__()
        await said_by(first, "done")
    with started(bus, deaf=2) as second:
        lines = await said_by(second, "done")
        await agent.__aexit__(None, None, None)
    assert [line.split()[0] for line in lines[:4]] == ["RegisterAgent"] * 3 + ["RequestDefaultAgent"]


async def test_a_machine_without_bluez_is_a_typed_failure(bus: str) -> None:
    for address in (bus, "unix:path=/nowhere"):
        with pytest.raises(RadioFailure) as failure:
            async with PairingAgent(address=address):
                pass
        assert failure.value.code == "no-bluetooth"

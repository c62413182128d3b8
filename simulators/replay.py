"""Capture files through the production gateway: every payload on the air again, and what became of it, counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from bleak.uuids import normalize_uuid_str

from engine.contract.reading import Reading
from engine.contract.wire import decode_readings
from firmware_profiles.captures import Line
from firmware_profiles.claim import claim, claim_frame
from firmware_profiles.model import Advert, Profile, Subscribe
from firmware_profiles.registry import CHARACTERISTICS, PROFILES
from firmware_profiles.uuids import HEART_RATE_MEASUREMENT, PLX_CONTINUOUS, RSC_MEASUREMENT
from gateway.devices import Devices, entry
from gateway.journal import Journal
from gateway.service import Gateway
from gateway.settings import BrokerAddress, GatewaySettings
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, MANUFACTURER, NAME, SERVICE_DATA_16, short
from simulators.household import Capture, Household, Record, VirtualDevice
from simulators.process import DevicesProcess
from simulators.radio import SimulatedRadio

NOTIFIED: Final = (HEART_RATE_MEASUREMENT, PLX_CONTINUOUS, RSC_MEASUREMENT)
HOUSEHOLD: Final = "h-" + "a" * 13
GATEWAY: Final = "g-" + "a" * 13
# The journal is where this ends: nobody listens on the discard port.
NOWHERE: Final = BrokerAddress(host="127.0.0.1", port=9)
# Longer than any family waits for a fuller advert of the same weighing.
SETTLED: Final = timedelta(minutes=5)
LOOK: Final = 0.05
FOREVER: Final = timedelta(days=3650)


class ReplayError(ValueError):
    """The capture file cannot be replayed; the message names the line."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a capture file becomes: devices on the air, and the lines no profile reads, by reason."""

    lines: int
    devices: tuple[VirtualDevice, ...]
    skipped: dict[str, int]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a replay; what was heard but is a preview, or repeats a reading, is no reading.

    `heard` devices got their bytes across, `readings` were made of them (`profiles`: by family), `refused` counts
    frames by code, `skipped` lines by reason.
    """

    lines: int
    skipped: dict[str, int]
    heard: int
    unheard: int
    readings: int
    refused: dict[str, int]
    profiles: dict[str, int]


def plan_replay(text: Iterable[str], at: datetime) -> Plan:
    """The devices that play the capture lines in `text` as if made `at`; raises ReplayError for a line that is none."""
    devices: list[VirtualDevice] = []
    skipped: Counter[str] = Counter()
    count = 0
    for number, raw in enumerate(text, 1):
        if not raw.strip():
            continue
        count += 1
        try:
            line = msgspec.json.decode(raw, type=Line)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise ReplayError(f"line {number}: {error}") from error
        made = _advertiser(line, len(devices)) if line.transport == "advertisement" else _server(line, len(devices), at)
        if isinstance(made, str):
            skipped[made] += 1
        else:
            devices.append(made)
    return Plan(lines=count, devices=tuple(devices), skipped=dict(skipped))


def _advertiser(line: Line, number: int) -> VirtualDevice | str:
    payloads = [bytes.fromhex(text) for text in (*line.preceding_payloads_hex, line.payload_hex)]
    try:
        adverts = [_advert(line, payload) for payload in payloads]
    except ValueError:
        return "no-profile"
    profile = claim(adverts[-1], PROFILES)
    if not isinstance(profile, Profile):
        return "no-profile"
    structures = tuple(_structures(advert) for advert in adverts)
    return _device(number, "captured-advert", profile, Capture(structures=structures))


def _advert(line: Line, payload: bytes) -> Advert:
    other = line.other_ad
    services = {normalize_uuid_str(k): bytes.fromhex(v) for k, v in (other.service_data if other else {}).items()}
    makers = {int(k): bytes.fromhex(v) for k, v in (other.manufacturer_data if other else {}).items()}
    if line.service_uuid is not None:
        services[normalize_uuid_str(line.service_uuid)] = payload
    elif line.manufacturer_id is not None:
        makers[line.manufacturer_id] = payload
    return Advert(address="", name=line.local_name, service_data=services, manufacturer_data=makers)


def _structures(advert: Advert) -> tuple[tuple[int, str], ...]:
    parts = [GENERAL_DISCOVERABLE]
    parts += [(SERVICE_DATA_16, short(uuid) + data) for uuid, data in advert.service_data.items()]
    parts += [(MANUFACTURER, key.to_bytes(2, "little") + data) for key, data in advert.manufacturer_data.items()]
    parts += [(NAME, advert.name.encode())] if advert.name else []
    return tuple((kind, data.hex()) for kind, data in parts)


def _server(line: Line, number: int, at: datetime) -> VirtualDevice | str:
    try:
        service = normalize_uuid_str(line.service_uuid or "")
        characteristic = normalize_uuid_str(line.characteristic_uuid or "")
    except ValueError:
        return "no-profile"
    profile = claim_frame(service, characteristic, line.local_name, {**PROFILES, **CHARACTERISTICS})
    if not isinstance(profile, Profile):
        return "no-profile"
    if not profile.connects:
        return "no-measurement"
    wanted = (step.characteristic for step in profile.steps if isinstance(step, Subscribe) and not step.optional)
    capture = Capture(
        service=service,
        characteristic=characteristic,
        indicate=characteristic not in NOTIFIED,
        frames=(*line.preceding_payloads_hex, line.payload_hex),
        more=tuple(uuid for uuid in wanted if uuid != characteristic),
    )
    # One stored record: the device is served until its last frame is confirmed.
    served = _device(number, "captured-service", profile, capture)
    return msgspec.structs.replace(served, records=(Record(at=at, values={}),))


def _device(number: int, kind: Any, profile: Profile, capture: Capture) -> VirtualDevice:
    address = f"F0:CA:00:00:{number // 256:02X}:{number % 256:02X}"
    return VirtualDevice(
        name=f"capture-{number}", kind=kind, address=address, profile=profile.id, capture=capture,
        quiet=0.1, heard_after=0.12, asleep=True,
    )  # fmt: skip


def replay(path: Path, state: Path) -> Replayed:
    """Play the capture file at `path` to a production gateway whose files go to `state`; raises ReplayError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path.name}: {error}") from error
    plan = plan_replay(lines, datetime.now(UTC))
    state.mkdir(parents=True, exist_ok=True)
    with (state / "gateway.log").open("w") as log, redirect_stderr(log):
        return asyncio.run(_play(plan, state))


async def _play(plan: Plan, state: Path) -> Replayed:
    process = DevicesProcess(Household(devices=plan.devices), state / "devices")
    await asyncio.to_thread(process.start)
    home = state / "gateway"
    home.mkdir(exist_ok=True)
    for device in plan.devices:
        Devices(home).add(entry(device.address, device.profile, household=HOUSEHOLD))
    settings = GatewaySettings(home=home, gateway=GATEWAY, broker=NOWHERE)
    journal, radio, stop = Journal(settings.journal_path), SimulatedRadio(process.air), asyncio.Event()
    running = asyncio.create_task(Gateway(settings, journal, radio, radio.now).live(stop))
    try:
        heard = [await _hear(process, device) for device in plan.devices]
        # What waits for a fuller advert is settled by a calendar that has moved on.
        at = radio.now() + SETTLED
        await asyncio.to_thread(process.ask, "now", at=at.isoformat())
        stop.set()
        await running
        return _count(plan, journal, sum(heard), at)
    finally:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)
        await radio.close()
        journal.close()
        await asyncio.to_thread(process.stop)


async def _hear(process: DevicesProcess, device: VirtualDevice) -> bool:
    """Whether the gateway got what `device` has to say."""
    told = await asyncio.to_thread(process.ask, "measure" if device.kind == "captured-advert" else "wake", device.name)
    if "heard" in told:
        return bool(told["heard"])
    for _ in range(int(device.aired / LOOK)):
        stats = await asyncio.to_thread(process.ask, "stats")
        if not stats["devices"][device.name]["pending"]:
            return True
        await asyncio.sleep(LOOK)
    return False


def _count(plan: Plan, journal: Journal, heard: int, now: datetime) -> Replayed:
    readings = [one for row in journal.due(now + FOREVER, 1_000_000) for one in _readings(row.payload)]
    return Replayed(
        lines=plan.lines,
        skipped=plan.skipped,
        heard=heard,
        unheard=len(plan.devices) - heard,
        readings=len(readings),
        refused={code: count for code, count in journal.tally().items() if code.startswith("frame:")},
        profiles=dict(sorted(Counter(reading.profile for reading in readings).items())),
    )


def _readings(payload: bytes) -> Sequence[Reading]:
    found = decode_readings(payload)
    return [one for one in found if isinstance(one, Reading)] if isinstance(found, Sequence) else []


def to_json(outcome: Replayed) -> dict[str, Any]:
    """The counts as plain JSON values."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(outcome))
    return plain

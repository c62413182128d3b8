"""A virtual device for every family the gateway connects to: one row each, and what must come out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.contract.kinds import BY_QUANTITY
from engine.contract.reading import Reading
from engine.contract.wire import Binding
from firmware_profiles.model import Body, UserConsent
from firmware_profiles.registry import PROFILES
from gateway.devices import Devices, Entry, entry
from simulators.household import Kind, Record, VirtualDevice
from tests.flow.device_home import HOUSEHOLD, TOKYO

KEY, PIN = "11" * 16, 1111
CONNECTING: Final = tuple(sorted(profile.id for profile in PROFILES.values() if profile.connects))
Told = Counter[tuple[int | None, frozenset[tuple[str, Decimal]]]]
"""Measurements as slot and values by kind; who measured the same twice is counted twice."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One family's device. Its measurements are `values`, the quantity `varies` growing by `step` each time.

    `stored` is how many records it holds before a gateway is there (0: it keeps none), `dated` whether with their times, `cut` after how many pieces of
    them the link breaks; None: while it shows a live one. What notifies keeps nothing: `stored` is then shown live. `paired_by` is the kind that lets itself be paired.
    """

    kind: Kind
    name: str
    values: Mapping[str, str]
    varies: str
    step: str
    slot: int | None = None
    stored: int = 3
    dated: bool = True
    cut: int | None = 1
    paired_by: Kind | None = None
    more: Mapping[str, Any] = {}


def _scale(kind: Kind, name: str, weight: str = "60.10", **more: Any) -> Row:
    return Row(kind=kind, name=name, values={"weight": weight}, varies="weight", step="0.10", **more)


def _composition(kind: Kind, name: str, **more: Any) -> Row:
    values = {"weight": "60.10", "body_fat_percentage": "23.5"}
    return Row(kind=kind, name=name, values=values, varies="weight", step="0.10", **more)


def _cuff(kind: Kind, name: str, **more: Any) -> Row:
    values = {"systolic": "110", "diastolic": "78", "pulse_rate": "66"}
    return Row(kind=kind, name=name, values=values, varies="systolic", step="1", **more)


def _memory(model: str, name: str, slot: int | None, *, key: bool = True) -> Mapping[str, Any]:
    return {
        "kind": "omron-memory",
        "name": name,
        "slot": slot,
        "more": {"model": model} | ({"key": KEY} if key else {}),
    }


def _weigh(kind: Kind, name: str, weight: str, impedance: str | None = None, step: str = "0.10") -> Row:
    values = {"weight": weight} | ({"impedance": impedance} if impedance else {})
    return Row(kind=kind, name=name, values=values, varies="weight", step=step, stored=0, cut=None)


NOTIFIERS: Final = {"heart-rate-mirror", "profile-notifier"}
SERVICE: Final[Kind] = "profile-service"
FEVER: Final[Mapping[str, Any]] = {"values": {"temperature": "36.1"}, "varies": "temperature", "step": "0.1"}
OXYGEN: Final[Mapping[str, Any]] = {"values": {"spo2": "97", "pulse_rate": "61"}, "varies": "pulse_rate", "step": "1"}
STEPS: Final[Mapping[str, Any]] = {"values": {"steps": "11"}, "varies": "steps", "step": "1"}

ROWS: Final[Mapping[str, Row]] = {
    "and-blood-pressure": _cuff("and-cuff", "A&D_UA-651BLE"),
    "and-body-composition": _composition("consent-scale", "UC-421BLE", slot=1),
    "and-scale": _scale("weight-scale", "A&D_UC-352BLE"),
    "and-scale-first": _scale("and-first-scale", "UC-352BLE", "60.1"),
    "and-thermometer": Row(kind=SERVICE, name="A&D_UT201BLE", **FEVER),
    "and-uw302": Row(kind="and-tracker", name="A&D_UW-302BLE", **STEPS, cut=9),
    "beurer-bm85": _cuff(SERVICE, "BM85", slot=0),
    "beurer-consent": _composition("consent-scale", "BF720", slot=1),
    "eufy-p2-connected": _weigh("eufy-scale", "eufy T9149", "58.10", "470.0"),
    "keep-s3": _weigh("keep-scale", "Keep_S3", "55.10", "301"),
    "koogeek-s1": _weigh("koogeek-scale", "Koogeek-S1", "58.3", "470"),
    "lefu-ffb0": Row(kind="lefu-scale", name="SWAN", values={"weight": "64.10", "impedance": "518"}, varies="impedance",
                     step="1", stored=0, cut=None),
    "lefu-hundredths": _weigh("lefu-scale", "Dr Trust Smart 505", "59.10", "600"),
    "lefu-tenths": _weigh("lefu-scale", "SWAN", "64.1", "518"),
    "omron-blood-pressure": _cuff("blood-pressure-monitor", "BLESmart_00000199", slot=1),
    "omron-blood-pressure-memory": _cuff(**_memory("HEM-7155T-EBK", "BLESmart_0000026400", 2)),
    "omron-blood-pressure-memory-old": _cuff(**_memory("HEM-7322T-E", "BLESmart_0000021F00", 2)),
    "omron-hbf-702t-memory": _composition(**_memory("HBF-702T", "BLESmart_0001000C00", 4)),
    "omron-hbf-ageless-memory": _composition(**_memory("VIVA", "VIVA", 3)),
    "omron-hbf-memory": _composition(**_memory("HBF-228T", "BLESmart_0001000B00", 1)),
    "omron-hem-9200t": _cuff("blood-pressure-monitor", "BLESmart_00000016"),
    "omron-hn-300t2-memory": _scale(**_memory("HN-300T2", "BLESmart_0001041200", None, key=False)),
    "omron-oximeter": Row(kind=SERVICE, name="BLESmart_0006", **OXYGEN),
    "omron-scale": _scale("weight-scale", "BLESmart_00010105"),
    "omron-thermometer": Row(kind=SERVICE, name="BLESmart_0013", **FEVER),
    "omron-wrist-memory": _cuff(**_memory("RS7 Intelli IT", "BLESmart_0000024400", 1)),
    "qn-scale": Row(kind="qn-scale", name="QN-Scale", values={"weight": "61.25", "impedance": "509"}, varies="weight",
                    step="0.10", cut=None),
    "renpho-es-wbe28": _scale(SERVICE, "Renpho-Scale", slot=1),
    "renpho-r-msc04": _weigh("msc04-scale", "R-MSC04", "65.55", step="0.05"),
    "robi-s9": _weigh("robi-scale", "Robi S9", "57.250"),
    "sanitas-ffe1": _composition("ffe1-scale", "SANITAS SBF70", slot=1),
    "sig-blood-pressure": _cuff("blood-pressure-monitor", "Minato BP"),
    "sig-body-composition": _composition("body-composition-scale", "Minato Body", slot=1, paired_by="consent-scale"),
    "sig-heart-rate": Row(kind="heart-rate-mirror", name="Minato HR", values={"heart_rate": "61"}, varies="heart_rate",
                          step="1", stored=1, cut=None),
    "sig-physical-activity": Row(kind="activity-monitor", name="Minato Walk", **STEPS, dated=False),
    "sig-pulse-oximeter": Row(kind=SERVICE, name="Minato O2", **OXYGEN),
    "sig-running": Row(kind="profile-notifier", name="Minato Run", values={"speed": "2.5", "cadence": "150"},
                       varies="cadence", step="1", stored=1, cut=None),
    "sig-thermometer": Row(kind=SERVICE, name="Minato Temp", **FEVER),
    "sig-weight": _scale("weight-scale", "Minato Scale"),
    "soehnle-shape": Row(kind=SERVICE, name="Shape200", values={"weight": "61.5", "impedance_50khz": "413"},
                         varies="weight", step="0.1", slot=2),
    "vitafit-vt701": _weigh("vitafit-scale", "Vitafit VT701", "65.00", "393"),
}  # fmt: skip


def values_of(row: Row, number: int) -> dict[str, str]:
    """The values of the device's measurement with that number, from 0."""
    grown = Decimal(row.values[row.varies]) + number * Decimal(row.step)
    return {**row.values, row.varies: str(grown)}


def told(family: str, numbers: Iterable[int]) -> Told:
    """What the measurements with these numbers must become: a kind and a value for all the family may report."""
    profile, row = PROFILES[family], ROWS[family]
    kinds = {name: profile.kinds.get(name) or BY_QUANTITY[name].code for name in row.values}
    return Counter(
        (row.slot, frozenset((kinds[name], Decimal(value)) for name, value in values_of(row, number).items()
                             if kinds[name] in profile.provides))
        for number in numbers
    )  # fmt: skip


def heard(readings: Iterable[Reading]) -> Told:
    """What the engine makes of these readings: half a measurement before a link broke adds nothing to the whole one."""
    said = [((one.device, one.measured_at, one.user_slot), _said(one)) for one in readings]
    return Counter(
        (moment[2], values)
        for moment, values in said
        if not any(moment == other and values < more for other, more in said)
    )


def _said(one: Reading) -> frozenset[tuple[str, Decimal]]:
    return frozenset((value.kind, Decimal(value.value)) for value in one.values)


def stored(row: Row, first: int) -> tuple[Record, ...]:
    """The records in the device's memory: an hour each, the last of them yesterday; `first` numbers them."""
    start = datetime.now(TOKYO).replace(second=0, microsecond=0) - timedelta(days=1, hours=row.stored)
    return tuple(
        Record(at=start + timedelta(hours=at), values=values_of(row, first + at), slot=row.slot)
        for at in range(row.stored)
    )


def device_of(family: str, number: int, *, first: int = 0, **fields: Any) -> VirtualDevice:
    """The family's device, with the address and the name of that number and its records numbered from `first`."""
    row = ROWS[family]
    given: dict[str, Any] = {
        "kind": row.kind, "profile": family, "local_name": row.name, "address": f"F0:00:00:00:{number >> 8:02X}:{number & 255:02X}",
        "records": () if row.kind in NOTIFIERS else stored(row, first), "asleep": True, "interval": 0.15, "quiet": 0.15, "rest": 0.05, "heard_after": 0.3,
        "aired": 15.0, "serial": f"{number:04}", "secured": PROFILES[family].pairing.bond == "just-works",
    }  # fmt: skip
    if row.slot is not None and any(isinstance(step, UserConsent) for step in PROFILES[family].steps):
        given["pins"] = {row.slot: PIN}
    if row.kind == "ffe1-scale":
        given["owners"] = {row.slot: "r"}
    return VirtualDevice(name=f"d{number}", **(given | dict(row.more) | fields))


def entry_of(one: VirtualDevice, resident: str | None = None) -> Entry:
    """The device on the household's list, with what opens it."""
    slot = ROWS[one.profile].slot
    return replace(
        entry(one.address, one.profile, household=HOUSEHOLD),
        bindings=(Binding(slot, resident),) if resident else (),
        pins=dict(one.pins),
        key=one.key,
        bodies={slot: Body()} if slot is not None else {},
    )


def enlist(folder: Path, *devices: VirtualDevice, **fields: Any) -> None:
    """Put the devices on the list in `folder`; `fields` of each entry as they are not."""
    folder.mkdir(exist_ok=True)
    listed = Devices(folder)
    for one in devices:
        listed.replace(replace(entry_of(one), **fields))

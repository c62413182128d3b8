"""The devices and gateways that Observations name: told to a network before the first Observation that does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from engine.contract.ids import is_id
from engine.observation_devices import DEVICE_SYSTEM, GATEWAY_SYSTEM, phd_device, phg_device
from engine.observation_values import Measured
from engine.store import repo_devices, repo_push
from engine.store.database import Connection
from engine.store.repo_push import DEVICE, Owed
from fhir_bridge.plan import FINAL

_REFUSED: Final = timedelta(minutes=10)
_NEVER: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Out(msgspec.Struct, frozen=True, kw_only=True):
    """A device that leaves now."""

    row: Owed
    body: bytes
    digest: str


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """What a network knows of our devices: `there` its ids by ours, None where nothing is known of one here either.

    `waiting` says until when those that are not there hold their Observations back; `parcels` leave now.
    """

    there: dict[str, str | None]
    waiting: dict[str, datetime]
    parcels: list[Out]

    def waits(self, value: Measured) -> datetime | None:
        """Until when a value has to wait for its device or gateway, None when it does not."""
        held = [self.waiting[one] for one in (value.device_id, value.gateway_id) if one in self.waiting]
        return max(held, default=None)


def fleet_of(connection: Connection, network: str, values: Iterable[Measured], now: datetime) -> Fleet:
    """What `network` knows of the devices and gateways of these values; new and changed ones are owed from now on."""
    known = list(values)
    sensors = repo_devices.of(connection, {one.device_id for one in known if one.device_id})
    gateways = {one.gateway_id for one in known if one.gateway_id}
    versions = repo_push.gateway_versions(connection, gateways)
    fleet = Fleet(there={one.device_id: None for one in known if one.device_id}, waiting={}, parcels=[])
    for name in sorted(sensors):
        sensor = sensors[name]

        def body(sensor: repo_devices.Device = sensor) -> dict[str, Any]:
            return phd_device(sensor, repo_push.kinds_of_device(connection, sensor.id))

        _look_at(connection, network, name, phd_device(sensor), body, fleet, now)
    for name in sorted(gateways):
        whole = phg_device(name, versions.get(name))
        _look_at(connection, network, name, whole, partial(dict, whole), fleet, now)
    return fleet


def criteria_of(device: str) -> dict[str, str]:
    """The search that finds a device or gateway of ours by its identifier."""
    system = GATEWAY_SYSTEM if is_id(device, "g") else DEVICE_SYSTEM
    return {"identifier": f"{system}|{device}"}


def _look_at(
    connection: Connection, network: str, name: str, said: dict[str, Any], body: Callable[[], dict[str, Any]],
    fleet: Fleet, now: datetime,
) -> None:  # fmt: skip
    # What sort of device it is follows from its readings; it is not told anew for every kind that comes later.
    digest = hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]
    row = repo_push.device(connection, network, name)
    if row is None:
        repo_push.add(connection, [_new(network, name, now)])
        row = repo_push.device(connection, network, name)
    assert row is not None
    if row.state == "confirmed" and row.digest == digest:
        fleet.there[name] = row.remote_id or name
        return
    fleet.waiting[name] = now
    if row.state == "dead":
        fleet.waiting[name] = now + _REFUSED
    elif row.state in {"pending", "sent"} and row.waits(now):
        fleet.waiting[name] = row.due_at
    else:
        fleet.parcels.append(Out(row=row, body=msgspec.json.encode(body()), digest=digest))


def _new(network: str, name: str, now: datetime) -> Owed:
    return Owed(
        network=network, type=DEVICE, identifier=name, turn=1, resident_id="", patient="", reading_id="",
        device_id=name, kind="", measured_at=_NEVER, wants=FINAL, due_at=now, created_at=now, updated_at=now,
    )  # fmt: skip

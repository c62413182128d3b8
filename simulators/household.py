"""A household of virtual devices as data: what stands where, whose it is, and what it has already measured."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Kind = Literal[
    "weight-scale",
    "body-composition-scale",
    "blood-pressure-monitor",
    "heart-rate-mirror",
    "xiaomi-scale",
    "step-band",
    "omron-memory",
    "and-cuff",
    "and-first-scale",
    "and-tracker",
    "activity-monitor",
    "captured-service",
    "captured-advert",
    "profile-broadcast",
    "profile-notifier",
    "profile-service",
    "consent-scale",
    "ffe1-scale",
    "qn-scale",
    "lefu-scale",
    "koogeek-scale",
    "vitafit-scale",
    "robi-scale",
    "keep-scale",
    "eufy-scale",
    "msc04-scale",
]
Address = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-F]{2}(:[0-9A-F]{2}){5}$")]
Number = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$")]


class HouseholdError(ValueError):
    """The description of a household cannot be read; the message says where."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measurement made at `at` (aware); `values` by quantity name in the unit the device uses."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    values: dict[str, Number]
    slot: Annotated[int, msgspec.Meta(ge=0, le=254)] | None = None


class Capture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes to be played as they were captured; hexadecimal.

    A service: `service`, `characteristic` and `frames`, indicated or notified in turn; `more` names characteristics
    that the captured device had too, though nothing of them was recorded. An advert: `structures`, pairs
    of AD type and data, one list for each frame.
    """

    service: str | None = None
    characteristic: str | None = None
    indicate: bool = True
    frames: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    structures: tuple[tuple[tuple[int, str], ...], ...] = ()


class VirtualDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device. Times are seconds.

    `owner` is whose whole device it is, `owners` whose user slots they are; `pins` the consent codes of the slots.
    `stuck` keeps its clock at 2000-01-01. `secured` refuses unencrypted access with ATT error 15. A storing device
    measures its `records` at first start; a band's or an advert scale's are there for the harness to play one by one.
    It hangs up after `quiet` without news, rests for `rest`, and stays on the air for at most `aired`; a broadcast
    counts as heard once a gateway listened for `heard_after` without a break. `asleep` waits for the command `wake`.
    `key` is what it encrypts with or was given at its last pairing, as hex.
    A `profile-broadcast` broadcasts as its `profile` does. `rssi` is how strongly it is heard (dBm); at -95 and less no
    link to it comes about.
    `passkey` is shown while bonding and must be typed in; `pairable` False refuses to bond until `open-pairing`.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    kind: Kind
    address: Address
    profile: str
    local_name: str | None = None
    maker: str = "Minato"
    model: str = "Virtual"
    serial: str = "0001"
    firmware: str = "1.0.0"
    battery: Annotated[int, msgspec.Meta(ge=0, le=100)] = 80
    owner: str | None = None
    owners: dict[int, str] = {}
    pins: dict[int, Annotated[int, msgspec.Meta(ge=0, le=9999)]] = {}
    stuck: bool = False
    secured: bool = False
    key: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){16}$")] | None = None
    passkey: Annotated[int, msgspec.Meta(ge=0, le=999_999)] | None = None
    pairable: bool = True
    asleep: bool = False
    quiet: float = 0.4
    rest: float = 0.3
    heard_after: float = 1.0
    aired: float = 10.0
    interval: float = 0.025
    rssi: Annotated[int, msgspec.Meta(ge=-110, le=0)] = -50
    source: str = ""
    records: tuple[Record, ...] = ()
    capture: Capture | None = None


class Household(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Devices of one home in one time zone; `description` says, line by line, what is real in it and what is not."""

    zone: str = "Asia/Tokyo"
    description: tuple[str, ...] = ()
    devices: tuple[VirtualDevice, ...]

    def device(self, name: str) -> VirtualDevice:
        """The device called `name`; raises KeyError."""
        for device in self.devices:
            if device.name == name:
                return device
        raise KeyError(name)


def load_household(path: Path) -> Household:
    """The household described in a JSON or TOML file (by its suffix); raises HouseholdError."""
    decode = msgspec.toml.decode if path.suffix == ".toml" else msgspec.json.decode
    try:
        home = decode(path.read_bytes(), type=Household)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise HouseholdError(f"{path.name}: {error}") from error
    except ValueError as error:
        raise HouseholdError(f"{path.name}: not valid TOML: {error}") from error
    for what in ("name", "address"):
        seen = [getattr(device, what) for device in home.devices]
        if len(set(seen)) != len(seen):
            raise HouseholdError(f"{path.name}: two devices have the same {what}")
    return home


def save_household(home: Household, path: Path) -> None:
    """Write `home` as JSON."""
    path.write_bytes(msgspec.json.encode(home))

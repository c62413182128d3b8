"""What stands in the rooms of the clumsy pairings, and what people usually do with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from engine.contract.ids import device_id
from engine.contract.reading import Quantity, Sample
from engine.contract.wire import Binding
from firmware_profiles.sig_scale import encode_weight
from firmware_profiles.uuids import WEIGHT_MEASUREMENT, WEIGHT_SCALE
from firmware_profiles.xiaomi_scale import advertise_v2
from gateway.devices import Entry
from gateway.pairing_model import Phase
from simulators.clumsy import Later, Scenario
from simulators.clumsy_stage import HANAKO, Act, after, measure, nothing, order, press
from simulators.clumsy_store import HOUSEHOLD
from simulators.devices.live import pack, unpack
from simulators.household import Capture, Kind, Record, VirtualDevice

HERE, THERE = "F0:00:00:00:00:21", "F0:00:00:00:00:22"
KEY: Final = "0123456789abcdef0123456789abcdef"
BROADCASTS: Final = frozenset({"xiaomi-scale", "profile-broadcast", "captured-advert"})
PROOF: Final[Mapping[str, Mapping[str, str]]] = {
    "weight": {"weight": "62.30"},
    "body": {"weight": "62.30", "impedance": "500"},
    "whole": {"weight": "62.30", "body_fat_percentage": "31.5", "impedance": "500"},
    "cuff": {"systolic": "128", "diastolic": "76", "pulse_rate": "64"},
    "warmth": {"temperature": "36.5"},
    "pulse": {"heart_rate": "71"},
}
LATER: Final[Mapping[str, Mapping[str, str]]] = {
    "weight": {"weight": "62.50"},
    "body": {"weight": "62.50", "impedance": "505"},
    "whole": {"weight": "62.50", "body_fat_percentage": "31.4", "impedance": "505"},
    "cuff": {"systolic": "131", "diastolic": "78", "pulse_rate": "66"},
    "warmth": {"temperature": "36.7"},
    "pulse": {"heart_rate": "73"},
}
_WAKES: Final[Mapping[str, Mapping[str, str]]] = {
    "body": {"weight": "75.00", "impedance": "480"}, "warmth": {"temperature": "35.9"}, "weight": {"weight": "75.00"},
}  # fmt: skip
_SAYS: Final[Mapping[str, str]] = {
    "xiaomi-scale": "body", "consent-scale": "whole", "blood-pressure-monitor": "cuff", "omron-memory": "cuff",
    "profile-broadcast": "warmth", "heart-rate-mirror": "pulse",
}  # fmt: skip


def device(kind: Kind, profile: str = "", **fields: Any) -> VirtualDevice:
    """A device with small patience; `it` unless it has another name."""
    given: dict[str, Any] = {
        "name": "it", "address": HERE, "rest": 0.1, "heard_after": 0.4, "aired": 4.0, "interval": 0.06,
    }  # fmt: skip
    return VirtualDevice(kind=kind, profile=profile, **(given | fields))


def scale(**fields: Any) -> VirtualDevice:
    """A bathroom scale that is connected."""
    return device("weight-scale", "sig-weight", **fields)


def other(**fields: Any) -> VirtualDevice:
    """The neighbour's scale."""
    return scale(**({"name": "other", "address": THERE, "serial": "9999"} | fields))


def mi_scale(**fields: Any) -> VirtualDevice:
    """A scale that broadcasts and sends a current through the body."""
    return device("xiaomi-scale", "xiaomi-miscale-v2", **fields)


def consent_scale(**fields: Any) -> VirtualDevice:
    """A scale with user slots under codes."""
    return device("consent-scale", "beurer-consent", **({"local_name": "BF720"} | fields))


def cuff(**fields: Any) -> VirtualDevice:
    """A blood-pressure monitor."""
    return device("blood-pressure-monitor", **({"profile": "sig-blood-pressure"} | fields))


def omron(**fields: Any) -> VirtualDevice:
    """A monitor that takes a new partner only while its button is held, and then sets a key."""
    about = {"model": "HEM-7155T-EBK", "key": "22" * 16, "local_name": "BLEsmart_0000026400"}
    return device("omron-memory", "omron-blood-pressure-memory", **(about | fields))


def thermometer(**fields: Any) -> VirtualDevice:
    """A thermometer that encrypts what it says."""
    return device("profile-broadcast", "xiaomi-body-thermometer", key=KEY, **fields)


def shaky(*weights: str) -> VirtualDevice:
    """A broadcasting scale somebody leaves before the number stands still."""
    samples = (Sample(quantities={"weight": Quantity(Decimal(kg), "kg")}, final=False) for kg in weights)
    adverts = (unpack(pack(advertise_v2(sample, HERE), None)) for sample in samples)
    frames = tuple(tuple((kind, data.hex()) for kind, data in advert) for advert in adverts)
    return device("captured-advert", "xiaomi-miscale-v2", capture=Capture(structures=frames))


def named(name: str) -> VirtualDevice:
    """A device of a family nobody here can read, under its maker's name."""
    structures = ((1, "06"), (9, name.encode().hex()))
    return device("captured-advert", "", capture=Capture(structures=(structures,)))


def dated(year: int, kilograms: str) -> VirtualDevice:
    """A scale whose clock stands in another year and cannot be set."""
    time = datetime(year, 1, 1, 0, 5)  # noqa: DTZ001 - a wall clock
    frame = encode_weight(Sample(quantities={"weight": Quantity(Decimal(kilograms), "kg")}, time=time)).hex()
    shown = Capture(service=WEIGHT_SCALE, characteristic=WEIGHT_MEASUREMENT, frames=(frame,))
    return device("captured-service", "sig-weight", capture=shown)


def records(count: int, *, stale: Mapping[str, str] | None = None) -> tuple[Record, ...]:
    """What the last owner left in the memory."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=count)
    return tuple(
        Record(at=start + timedelta(days=day), values=dict(stale or {"weight": f"{90 + day}.00"}))
        for day in range(count)
    )


def entry(one: VirtualDevice, **fields: Any) -> Entry:
    """The device as it has long been on the list."""
    given: dict[str, Any] = {
        "id": device_id(HOUSEHOLD, one.address), "address": one.address, "profile": one.profile, "name": "体重計",
        "bindings": (Binding(None, HANAKO),), "paired_at": datetime(2026, 1, 1, tzinfo=UTC),
        "proven_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Entry(**(given | fields))


def says(one: VirtualDevice) -> str:
    """What sort of thing it measures."""
    return _SAYS.get(one.kind, "weight")


def later(one: VirtualDevice, who: str | None = HANAKO, slot: int | None = None) -> tuple[Later, ...]:
    """One more measurement, days after the pairing."""
    return (Later(who, LATER[says(one)], one.name, slot),)


def usual(scenario: Scenario) -> Mapping[Phase, Act]:
    """What Hanako does where nothing else is written: yes, it is mine, no implants, step on, and stop when it fails."""
    target = scenario.devices[0]
    says_what, broadcasts = says(target), target.kind in BROADCASTS
    slot = 1 if target.kind in {"consent-scale", "omron-memory"} else None
    step_on = measure(HANAKO, target.name, slot, **dict[str, Any](PROOF[says_what]))
    if broadcasts:
        wake = measure(None, target.name, **dict[str, Any](_WAKES.get(says_what, {})))
    else:
        wake = order("wake", target.name) if target.asleep else nothing
    shown = Choices(target)
    # Whoever is written to do something special on the scale waits until it was reached.
    waits = "proof" in scenario.script and not broadcasts
    return {
        "search": wake, "choose": shown, "people": press("person", HANAKO), "implants": press("implants.no"),
        "slot": press("slot", "'1'"), "join": nothing if waits else after(0.5, step_on), "proof": step_on,
        "is-it-now": press("yes"), "is-it-you": press("no"), "failed": press("stop"), "key": press("stop"),
        "passkey": press("stop"), "pin": press("stop"),
    }  # fmt: skip


class Choices:
    """Picks the own device: yes when it is the only one shown, its row in a list."""

    def __init__(self, target: VirtualDevice) -> None:
        self._address = target.address

    async def __call__(self, stage: Any) -> None:
        """Press it."""
        shown = stage.screen.choices if stage.screen else ()
        stage.press("yes" if any(choice.key == "yes" for choice in shown) else "device", self._address)

"""Sensors, gateways and this program as FHIR R4 Devices; sensors and gateways satisfy HL7 PHD 2.0.0.

A Device names no person, no home, no serial number and no radio address: its identifier is our opaque id. What a
device never told of itself is absent with a reason. Codes: IEEE 11073-10101 as PHD 2.0.0 lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from engine.observation_names import ABSENT_EXTENSION, MDC, PHD, TAG_SYSTEM, UNPROVEN_TAG

DEVICE_SYSTEM: Final = "urn:minato-phr:device"
GATEWAY_SYSTEM: Final = "urn:minato-phr:gateway"
SOFTWARE_SYSTEM: Final = "urn:minato-phr:software"
# The program that assembles what is derived, as a Device.
ENGINE_ID: Final = "minato-engine"

_SENSOR: Final = ("65573", "MDC_MOC_VMS_MDS_SIMP")
_GATEWAY: Final = ("531981", "MDC_MOC_VMS_MDS_AHD")
_SOFTWARE: Final = ("531975", "MDC_ID_PROD_SPEC_SW")
_FIRMWARE: Final = ("531976", "MDC_ID_PROD_SPEC_FW")
_ANY: Final = ("528457", "MDC_DEV_SPEC_PROFILE_GENERIC")
_SPECIALIZATIONS: Final = {
    ("528391", "MDC_DEV_SPEC_PROFILE_BP"): {"blood-pressure", "systolic", "diastolic", "mean-arterial-pressure"},
    ("528388", "MDC_DEV_SPEC_PROFILE_PULS_OXIM"): {"spo2", "pulse-amplitude-index"},
    ("528392", "MDC_DEV_SPEC_PROFILE_TEMP"): {"body-temperature"},
    ("528397", "MDC_DEV_SPEC_PROFILE_RESP_RATE"): {"respiratory-rate"},
    ("528399", "MDC_DEV_SPEC_PROFILE_SCALE"): {"body-weight"},
    ("528404", "MDC_DEV_SPEC_PROFILE_BCA"): {
        "body-fat", "fat-mass", "muscle-mass", "muscle-percentage", "skeletal-muscle-percentage", "lean-mass",
        "soft-lean-mass", "body-water-mass", "body-water-percentage", "bone-mass", "bone-percentage", "impedance",
        "impedance-50khz", "impedance-250khz",
    },
    ("528425", "MDC_DEV_SPEC_PROFILE_HF_CARDIO"): {
        "heart-rate", "steps-total", "steps-interval", "distance", "total-distance", "energy-expended", "cadence",
        "speed", "stride-length", "active-minutes", "calories-interval",
    },
}  # fmt: skip


class Sensor(Protocol):
    """What the store keeps of a device (`engine.store.repo_devices.Device` is one)."""

    @property
    def id(self) -> str:
        """Our opaque id."""

    @property
    def maker(self) -> str | None:
        """As the device spells it."""

    @property
    def model(self) -> str | None:
        """As the device spells it."""

    @property
    def firmware(self) -> str | None:
        """As the device spells it."""

    @property
    def experimental(self) -> bool:
        """Whether its family is unproven."""


def phd_device(sensor: Sensor, kinds: Iterable[str] = ()) -> dict[str, Any]:
    """The PhdDevice of `sensor`, as JSON values; `kinds` are those it measured, and tell what sort of device it is."""
    measured = set(kinds)
    sorts = [sort for sort, its in _SPECIALIZATIONS.items() if its & measured] or [_ANY]
    meta: dict[str, Any] = {"profile": [f"{PHD}PhdDevice"]}
    if sensor.experimental:
        meta["tag"] = [{"system": TAG_SYSTEM} | UNPROVEN_TAG]
    return {
        "resourceType": "Device",
        "id": sensor.id,
        "meta": meta,
        "identifier": [{"system": DEVICE_SYSTEM, "value": sensor.id}],
        "status": "active",
        **_told("manufacturer", sensor.maker),
        **_told("modelNumber", sensor.model),
        "type": _concept(_SENSOR),
        "specialization": [{"systemType": _concept(sort), **_told("version", None)} for sort in sorts],
        "version": [_version(_FIRMWARE, sensor.firmware)],
    }


def phg_device(gateway: str, version: str | None) -> dict[str, Any]:
    """The PhgDevice of the gateway with this id and software version (None: it never told), as JSON values."""
    return {
        "resourceType": "Device",
        "id": gateway,
        "meta": {"profile": [f"{PHD}PhgDevice"]},
        "identifier": [{"system": GATEWAY_SYSTEM, "value": gateway}],
        "status": "active",
        "deviceName": [{"name": "Minato PHR home gateway", "type": "model-name"}],
        "type": _concept(_GATEWAY),
        "specialization": [{"systemType": _concept(_ANY)}],
        "version": [_version(_SOFTWARE, version)],
    }


def software_device(version: str) -> dict[str, Any]:
    """The Device that is this program, the assembler of everything derived, as JSON values."""
    return {
        "resourceType": "Device",
        "id": ENGINE_ID,
        "identifier": [{"system": SOFTWARE_SYSTEM, "value": ENGINE_ID}],
        "status": "active",
        "deviceName": [{"name": "Minato PHR engine", "type": "model-name"}],
        "version": [_version(_SOFTWARE, version)],
    }


def _concept(code: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": MDC, "code": code[0]}], "text": code[1]}


def _version(code: tuple[str, str], told: str | None) -> dict[str, Any]:
    # R4 itself demands this value, and not every server takes a reason in its place.
    return {"type": _concept(code), "value": (told or "").strip() or "unknown"}


def _told(name: str, value: str | None) -> dict[str, Any]:
    """The element, or why it is not there: a profile that wants it accepts the reason in its place."""
    text = (value or "").strip()
    return {name: text} if text else {f"_{name}": {"extension": [{"url": ABSENT_EXTENSION, "valueCode": "unknown"}]}}

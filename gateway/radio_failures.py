"""What goes wrong with Bluetooth, as stable reason codes; and the time limit every call gets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from gateway.link import RadioFailure

T = TypeVar("T")
NOT_PAIRED: Final = "Not paired"
_ADAPTER: Final = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: "no-bluetooth",
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: "no-bluetooth",
    BleakBluetoothNotAvailableReason.POWERED_OFF: "bluetooth-off",
    BleakBluetoothNotAvailableReason.DENIED_BY_USER: "bluetooth-denied",
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: "bluetooth-denied",
    BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: "bluetooth-denied",
}
_INSUFFICIENT: Final = {0x05: "not-paired", 0x0C: "not-paired", 0x0F: "not-paired", 0x08: "not-authorized"}
_DBUS: Final = {
    "AuthenticationFailed": "not-paired",
    "AuthenticationCanceled": "not-paired",
    "AuthenticationRejected": "not-paired",
    "AuthenticationTimeout": "not-paired",
    "NotPermitted": "not-authorized",
    "NotAuthorized": "not-authorized",
    "AccessDenied": "bluetooth-denied",
    "ServiceUnknown": "no-bluetooth",
    "NameHasNoOwner": "no-bluetooth",
    "NoReply": "no-bluetooth",
    "Disconnected": "no-bluetooth",
    "UnknownObject": "not-heard",
    "NotReady": "bluetooth-off",
    "NotConnected": "lost",
    "InProgress": "scan-failed",
}


async def bound(call: Awaitable[T], seconds: float) -> T:
    """The result of a Bluetooth call within `seconds`, its failure as RadioFailure with a stable code."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (BleakError, TimeoutError, OSError, EOFError) as error:
        raise RadioFailure(code_of(error), str(error)) from error


def code_of(error: Exception) -> str:
    """The stable reason code of what bleak raised."""
    match error:
        case BleakBluetoothNotAvailableError():
            code = _ADAPTER.get(error.reason, "no-bluetooth")
        case TimeoutError():
            code = "timeout"
        case BleakDeviceNotFoundError():
            code = "not-heard"
        case BleakCharacteristicNotFoundError():
            code = "no-characteristic"
        case BleakGATTProtocolError():
            code = _INSUFFICIENT.get(int(error.args[0]), "refused")
        case BleakDBusError():
            # BlueZ says "not permitted" of a missing bond and of a forbidden write alike: its words tell.
            code = "not-paired" if NOT_PAIRED in str(error) else code_of_dbus(error.dbus_error)
        case _:
            code = _by_words(str(error), "no-bluetooth" if isinstance(error, OSError | EOFError) else "refused")
    return code


def code_of_dbus(name: str) -> str:
    """The stable reason code of a D-Bus error name."""
    if ".Spawn." in name:
        return "no-bluetooth"  # the bus could not start BlueZ again after it died
    return _DBUS.get(name.rsplit(".", 1)[-1], "refused")


def _by_words(text: str, otherwise: str) -> str:
    """BleakError often has no type of its own: the words are all there is."""
    low = text.lower()
    words = {
        "not connected": "lost",
        "disconnected": "lost",
        "adapter '": "no-bluetooth",
        "not found": "not-heard",
        "no bluetooth adapters": "no-bluetooth",
        "turned off": "bluetooth-off",
    }
    return next((code for word, code in words.items() if word in low), otherwise)

"""Bluetooth SIG services and characteristics the profiles use (Assigned Numbers)."""

from __future__ import annotations

from typing import Final

from firmware_profiles.model import uuid16

HEART_RATE: Final = uuid16(0x180D)
THERMOMETER: Final = uuid16(0x1809)
BLOOD_PRESSURE: Final = uuid16(0x1810)
RUNNING: Final = uuid16(0x1814)
BODY_COMPOSITION: Final = uuid16(0x181B)
USER_DATA: Final = uuid16(0x181C)
WEIGHT_SCALE: Final = uuid16(0x181D)
PULSE_OXIMETER: Final = uuid16(0x1822)
CURRENT_TIME_SERVICE: Final = uuid16(0x1805)
DEVICE_INFORMATION: Final = uuid16(0x180A)
BATTERY_SERVICE: Final = uuid16(0x180F)
HUAMI: Final = uuid16(0xFEE0)

DATE_TIME: Final = uuid16(0x2A08)
CURRENT_TIME: Final = uuid16(0x2A2B)
BATTERY_LEVEL: Final = uuid16(0x2A19)
TEMPERATURE: Final = uuid16(0x2A1C)
INTERMEDIATE_TEMPERATURE: Final = uuid16(0x2A1E)
PRESSURE: Final = uuid16(0x2A35)
INTERMEDIATE_CUFF: Final = uuid16(0x2A36)
HEART_RATE_MEASUREMENT: Final = uuid16(0x2A37)
RSC_MEASUREMENT: Final = uuid16(0x2A53)
PLX_SPOT: Final = uuid16(0x2A5E)
PLX_CONTINUOUS: Final = uuid16(0x2A5F)
BODY_COMPOSITION_MEASUREMENT: Final = uuid16(0x2A9C)
WEIGHT_MEASUREMENT: Final = uuid16(0x2A9D)
USER_CONTROL_POINT: Final = uuid16(0x2A9F)
MAKER_NAME: Final = uuid16(0x2A29)
MODEL_NUMBER: Final = uuid16(0x2A24)
SERIAL_NUMBER: Final = uuid16(0x2A25)
FIRMWARE_REVISION: Final = uuid16(0x2A26)

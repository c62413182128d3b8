"""What PHD wants said of a device clock that was wrong: the hour at which the gateway saw that it cannot be believed.

The device's own wrong time is not kept: a gateway puts its own in its place before a reading is filed. PHD 2.0.0 has
a time fault for that, and it stands inside the reading's Observation, so that nothing refers to what was never sent.
"""

from __future__ import annotations

from typing import Any, Final

from engine.observation_names import ABSENT_SYSTEM, MDC, PHD

CLOCK: Final = "clock"
CLOCK_REFERENCE: Final = {
    "url": f"{PHD}CoincidentTimeStampReference",
    "valueReference": {"reference": f"#{CLOCK}"},
}
_WALL_CLOCK: Final = "67975"  # MDC_ATTR_TIME_ABS


def clock_fault(device: str, gateway: str, at: str) -> dict[str, Any]:
    """The contained Observation that the clock of `device` had a fault when `gateway` heard it, by its clock, `at`."""
    return {
        "resourceType": "Observation",
        "id": CLOCK,
        "meta": {"profile": [f"{PHD}PhdCoincidentTimeStampObservation"]},
        "status": "final",
        "code": {"coding": [{"system": MDC, "code": _WALL_CLOCK}], "text": "機器の時計"},
        "subject": {"reference": f"Device/{device}"},
        "effectiveDateTime": at,
        "dataAbsentReason": {"coding": [{"system": ABSENT_SYSTEM, "code": "unknown"}]},
        "device": {"reference": f"Device/{gateway}"},
    }

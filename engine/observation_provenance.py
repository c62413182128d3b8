"""Who made what was derived: this program, from which Observations, by which rule in which version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from engine.observation_devices import ENGINE_ID
from engine.observation_trends import WEIGHT_TREND
from engine.observation_values import fhir_id

_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
# Raised by one whenever the same readings would give another number.
ALGORITHMS: Final = {"bmi": 1, "steps-day": 1, WEIGHT_TREND: 1}


def policy_of(algorithm: str) -> str:
    """The name of an algorithm of `ALGORITHMS` in its present version, as a URI; KeyError for any other."""
    return f"urn:minato-phr:algorithm:{algorithm}:{ALGORITHMS[algorithm]}"


def provenance_of(target: str, sources: Sequence[str], recorded: datetime, policy: str) -> dict[str, Any]:
    """The Provenance of one derived resource, as JSON values.

    `target` and `sources` are references (`Observation/<id>`); `policy` is the URI of the rule or algorithm with its
    version; `recorded` must have a zone. The agent is the Device of this program (`software_device`).
    """
    if recorded.tzinfo is None:
        raise ValueError(recorded.isoformat())
    return {
        "resourceType": "Provenance",
        "id": fhir_id(f"{target} {policy}"),
        "target": [{"reference": target}],
        "recorded": recorded.isoformat(timespec="seconds"),
        "policy": [policy],
        "activity": {"coding": [{"system": _OPERATION, "code": "CREATE"}]},
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "assembler"}]},
                "who": {"reference": f"Device/{ENGINE_ID}"},
            }
        ],
        **({"entity": [{"role": "source", "what": {"reference": source}} for source in sources]} if sources else {}),
    }

"""Clients of the hospital stand-in, what they write, and a stand-in that asks who they are."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fhir_bridge.auth_keys import make_key, public_set
from fhir_bridge.breaker import Rules
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Failure, Write
from fhir_bridge.client_network import Limits, Network
from simulators.hospital.network import Hospital
from simulators.hospital.tokens import Client as Registered

KEYS = {"ES384": make_key("ES384"), "RS384": make_key("RS384")}
HANAKO = {
    "resourceType": "Patient", "id": "hanako", "identifier": [{"system": "urn:oid:1.2", "value": "0012345"}],
}  # fmt: skip
LIMITS = Limits(answer=300_000)
HURRIED = Limits(silence=1.0)
RULES = Rules(failures=1000)


def bmi(name: str, value: str = "22.50", **more: Any) -> bytes:
    said = {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/hanako"},
        "identifier": [{"system": "urn:ours", "value": name}], "code": {"text": "BMI"}, **more,
    }  # fmt: skip
    quantity = f'{{"value":{value},"unit":"kg/m2","system":"http://unitsofmeasure.org","code":"kg/m2"}}'
    return f'{json.dumps(said)[:-1]},"valueQuantity":{quantity}}}'.encode()


def put(name: str, **more: Any) -> Write:
    return Write(kind="Observation", id=name, body=bmi(name), **more)


def network(base: str, **more: Any) -> Network:
    return Network(name="choukai-net", base=base, **{"limits": LIMITS, "rules": RULES, **more})


def reach(base: str, **more: Any) -> Client:
    sleeps: dict[str, Any] = {"sleep": lambda _: None, "rng": Random(1)}
    settings = {name: more.pop(name) for name in ("auth", "tls", "limits", "rules") if name in more}
    return Client(network(base, **settings), **(sleeps | more))


def codes(told: Any) -> list[Any]:
    return [one.code if isinstance(one, Failure) else one.status for one in told]


# -- tokens


def guarded(*, scopes: tuple[str, ...] = ("system/*.cruds",), sort: type[Hospital] = Hospital, **more: Any) -> Hospital:
    keys = public_set([(pem, None) for pem in KEYS.values()])
    made = sort(clients=(Registered(id="minato", keys=keys, scopes=scopes),), **more)
    made.admit(HANAKO)
    return made


def lines(hospital: Hospital) -> list[str]:
    """The paths that were asked, without `/fhir`."""
    return [f"{one.method} {one.target.partition('?')[0].removeprefix('/fhir')}" for one in hospital.ledger.received]

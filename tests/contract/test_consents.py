"""Our Consents, of every purpose and scope and in every state, satisfy FHIR R4 and JP Core."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.consent import PURPOSES
from fhir_bridge.bundle import encode
from fhir_bridge.resources.consents import consents
from tests.bridge.held import everything
from tests.consent_oracle import Talk
from tests.contract.profiles import profile_findings
from tests.homes import HANAKO

pytestmark = pytest.mark.xdist_group("node")
START = datetime(2026, 4, 1, tzinfo=UTC)


def test_what_somebody_said_of_everything_to_everybody_is_accepted_by_the_profiles() -> None:
    talk = Talk(7, START, timedelta(days=30))
    said = talk.history(
        HANAKO, PURPOSES, ("choukai-net", "日本海総合病院", "m-daughterdaug2"), ("body-weight", "spo2"), 80
    )
    held = msgspec.structs.replace(everything(), consents=tuple(said), now=START + timedelta(days=31))
    told = [encode(one.body) for one in consents(held)]
    bodies = [json.loads(one) for one in told]
    assert len(said) > 30
    assert {(one["status"], one["provision"]["type"]) for one in bodies} == {
        ("active", "permit"), ("inactive", "deny"), ("inactive", "permit"),
    }  # fmt: skip
    assert all(one["policy"][0]["uri"].startswith("urn:minato-phr:consent-text:") for one in bodies)
    assert {one["id"]: found for one, found in zip(bodies, profile_findings(told), strict=True) if found} == {}

"""The bridge's client and the tokens it works with: fetched, used, renewed, refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhir_bridge.auth import SCOPES, Smart
from fhir_bridge.auth_keys import make_key
from fhir_bridge.client_answers import Failure
from simulators.hospital.faults import Fault
from simulators.hospital.serving import serving
from tests.bridge.client_world import (
    KEYS,
    bmi,
    codes,
    guarded,
    lines,
    reach,
)

pytestmark = pytest.mark.flow


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_is_fetched_once_and_used_until_it_ends(algorithm: str) -> None:
    moment = datetime.now(UTC)
    smart = Smart(client_id="minato", key=KEYS[algorithm])
    with (
        serving(guarded(now=lambda: moment)) as hospital,
        reach(hospital.base, auth=smart, now=lambda: moment) as client,
    ):
        assert codes(client.put("Observation", name, bmi(name)) for name in "abc") == [201] * 3
        assert lines(hospital).count("POST /oauth/token") == 1
        assert client.missing_scopes == ()
        moment += timedelta(seconds=271)
        assert codes([client.put("Observation", "a", bmi("a"))]) == [200]
        assert lines(hospital).count("POST /oauth/token") == 2
        assert lines(hospital).count("GET /.well-known/smart-configuration") == 1


def test_a_token_that_ended_early_is_renewed_exactly_once() -> None:
    with (
        serving(guarded()) as hospital,
        reach(hospital.base, auth=Smart(client_id="minato", key=KEYS["ES384"])) as client,
    ):
        client.put("Observation", "a", bmi("a"))
        hospital.faults.add(Fault(kind="expire"))
        assert codes([client.put("Observation", "a", bmi("a"))]) == [200]
        assert lines(hospital)[-3:] == ["PUT /Observation/a", "POST /oauth/token", "PUT /Observation/a"]
        hospital.faults.add(Fault(kind="status", status=401, where="PUT", times=2))
        told = client.put("Observation", "a", bmi("a"))
        assert isinstance(told, Failure)
        assert (told.kind, told.status, told.again) == ("auth", 401, True)
        assert lines(hospital)[-3:] == ["PUT /Observation/a", "POST /oauth/token", "PUT /Observation/a"]


def test_what_the_network_does_not_allow_is_named() -> None:
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    allowed = ("system/Observation.cruds", "system/Patient.rs")
    with serving(guarded(scopes=allowed)) as hospital, reach(hospital.base, auth=smart) as client:
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert set(client.missing_scopes) == set(SCOPES) - {"system/Observation.crus", "system/Patient.rs"}
        assert codes([client.read("Device", "x")]) == ["forbidden"]


def test_a_stranger_is_told_why_and_tries_later() -> None:
    stranger = Smart(client_id="minato", key=make_key("ES384"))
    with serving(guarded()) as hospital, reach(hospital.base, auth=stranger) as client:
        told = client.put("Observation", "a", bmi("a"))
    assert isinstance(told, Failure)
    assert (told.kind, told.code, told.unsure, told.again) == ("auth", "invalid-client", False, True)
    assert told.outcome


@pytest.mark.parametrize("hours", [-9, 9])
def test_a_clock_that_goes_wrong_by_hours_does_not_keep_us_out(hours: int) -> None:
    wrong = timedelta(hours=hours)
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    with (
        serving(guarded()) as hospital,
        reach(hospital.base, auth=smart, now=lambda: datetime.now(UTC) + wrong) as client,
    ):
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert client.skew == pytest.approx(-wrong.total_seconds(), abs=3)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault(kind="status", status=503, where="token"), "retry", "server"),
        (Fault(kind="garbage", where="token"), "retry", "garbage"),
        (Fault(kind="drop", after=True, where="token"), "retry", "cut"),
        (Fault(kind="drop", where="smart-configuration"), "retry", "cut"),
        (Fault(kind="garbage", where="smart-configuration"), "retry", "garbage"),
        (Fault(kind="status", status=404, where="smart-configuration"), "auth", "no-smart-configuration"),
    ],
)
def test_trouble_on_the_way_to_a_token_leaves_no_doubt_about_the_resource(fault: Fault, kind: str, code: str) -> None:
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    with serving(guarded()) as hospital, reach(hospital.base, auth=smart) as client:
        hospital.faults.add(fault)
        told = client.put("Observation", "a", bmi("a"))
        assert isinstance(told, Failure)
        assert (told.kind, told.code, told.again) == (kind, code, True)
        assert not told.unsure
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]

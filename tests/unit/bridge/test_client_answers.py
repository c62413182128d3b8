"""Answers and failures of a FHIR server, its abilities and its address, as values."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_bridge.abilities import Abilities, read_abilities
from fhir_bridge.auth import Smart
from fhir_bridge.client_answers import Failure, failure_of, outcome_text, place_of, version_of
from fhir_bridge.client_network import (
    Network,
    Tls,
    address_refusal,
    criteria,
    network_refusal,
    resource_path,
    same_origin,
)
from simulators.hospital.abilities import Abilities as Make
from simulators.hospital.abilities import capability

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["issue", "code", "diagnostics", "details", "text", "expression", "resourceType", "rest"]), inner
    ),
    max_leaves=8,
)  # fmt: skip
STATUSES = {
    400: ("refused", "refused"), 401: ("auth", "unauthorized"), 403: ("refused", "forbidden"),
    404: ("gone", "not-found"), 405: ("refused", "unsupported"), 408: ("retry", "timeout"),
    409: ("conflict", "version"), 410: ("gone", "gone"), 412: ("conflict", "version"), 413: ("too-large", "too-large"),
    415: ("refused", "refused"), 422: ("refused", "unprocessable"), 429: ("retry", "throttled"),
    500: ("retry", "server"), 501: ("refused", "unsupported"), 502: ("retry", "server"), 503: ("retry", "server"),
    504: ("retry", "server"),
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_kind(status: int) -> None:
    told = failure_of(status)
    assert (told.kind, told.code, told.status) == (*STATUSES[status], status)


@given(st.integers(300, 599))
def test_only_what_may_pass_by_itself_is_tried_again_and_only_a_broken_server_leaves_doubt(status: int) -> None:
    told = failure_of(status)
    assert told.again == (status in {401, 408, 425, 429} or (status >= 500 and status != 501))
    assert told.unsure == (status >= 500 or status == 408)


def test_several_hits_of_a_conditional_create_are_not_a_version_conflict() -> None:
    assert failure_of(412, conditional=True).code == "several"
    assert failure_of(409, conditional=True).code == "version"


def test_an_outcome_is_one_line_of_limited_length() -> None:
    issue = {"severity": "error", "code": "invalid", "diagnostics": "line one\nline two", "expression": ["Observation"]}
    said = {"resourceType": "OperationOutcome", "issue": [issue, {"code": "x", "details": {"text": "y" * 900}}]}
    text = outcome_text(said)
    assert text.startswith("invalid line one line two @Observation; x yyy")
    assert len(text) == 500
    assert outcome_text({"resourceType": "Patient", "issue": [issue]}) == ""


@given(JSON)
def test_no_outcome_and_no_capability_statement_can_hurt(said: Any) -> None:
    assert "\n" not in outcome_text({"resourceType": "OperationOutcome", "issue": said})
    for body in (said, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": said}):
        assert isinstance(read_abilities(body), Abilities | Failure)


PLACES = {
    "https://h/fhir/Observation/a-1/_history/3": ("Observation", "a-1", "3"),
    "Observation/a.1": ("Observation", "a.1", None),
    "/fhir/Patient/1": ("Patient", "1", None),
    "https://h/fhir/metadata": None,
    "Observation/a\n": None,
    "Observation/" + "a" * 65: None,
    "": None,
}


@pytest.mark.parametrize("location", PLACES)
def test_where_a_resource_stands_is_read_from_any_form_of_its_address(location: str) -> None:
    assert place_of(location) == PLACES[location]


def test_a_version_is_read_from_any_form_of_etag() -> None:
    forms = ['W/"3"', '"3"', "3", ' W/"3" ', 'W/"a b"', "", None]
    assert [version_of(one) for one in forms] == ["3", "3", "3", "3", None, None, None]


# -- abilities


@pytest.mark.parametrize(
    ("make", "strategy"),
    [
        (Make(), "put"),
        (Make(update_create=False), "conditional"),
        (Make(update_create=False, conditional_create=False), "search"),
        (Make(types=("Patient",)), None),
    ],
)
def test_how_a_resource_is_stored_once_follows_from_what_the_server_says(make: Make, strategy: str | None) -> None:
    told = read_abilities(capability(make, "https://h/fhir", secured=True))
    assert isinstance(told, Abilities)
    assert told.strategy("Observation") == strategy
    assert (told.batch, told.transaction, told.secured) == (True, True, True)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Abilities) == told
    if strategy:
        assert told.searches("Observation", "identifier", "_lastUpdated")
        assert not told.searches("Observation", "identifier", "colour")
        assert told.does("Observation", "vread")
        assert not told.does("Observation", "delete")


def test_a_client_only_statement_promises_nothing() -> None:
    said = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
    entry = {"type": "Observation", "updateCreate": True, "interaction": [{"code": "update"}]}
    asks = read_abilities(said | {"rest": [{"mode": "client", "resource": [entry]}]})
    serves = read_abilities(said | {"rest": [{"mode": "server", "resource": [entry]}]})
    assert isinstance(asks, Abilities)
    assert isinstance(serves, Abilities)
    assert (asks.strategy("Observation"), serves.strategy("Observation")) == (None, "put")


@pytest.mark.parametrize("version", ["4.0.0", "4.3.0", "5.0.0", "3.0.2", ""])
def test_any_other_version_of_fhir_is_refused(version: str) -> None:
    told = read_abilities(capability(Make(fhir_version=version), "https://h", secured=False))
    assert isinstance(told, Failure)
    assert (told.code, told.again) == ("fhir-version", False)


# -- addresses

GOOD = ["https://h.example.jp/fhir", "https://h:8443/fhir/", "http://127.0.0.1:8080/fhir", "http://[::1]/x",
        "http://localhost/fhir"]  # fmt: skip
BAD = {
    "http://h.example.jp/fhir": "not-https", "http://127.0.0.1.example.jp/": "not-https",
    "http://localhost.example.jp/": "not-https", "ftp://h/x": "bad-url",
    "https://user:secret@h/fhir": "bad-url", "https://h/fhir?x=1": "bad-url", "https://h/#x": "bad-url", "": "bad-url",
    "https:///fhir": "bad-url", "https://h:port/": "bad-url", "http://[::1/": "bad-url",
}  # fmt: skip


def test_only_https_is_used_but_on_this_machine() -> None:
    assert [address_refusal(url) for url in GOOD] == [None] * len(GOOD)
    refused = {url: address_refusal(url) for url in BAD}
    assert {url: why.code for url, why in refused.items() if why} == BAD


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://h/fhir/Patient?page=2", True), ("https://h:443/other", True), ("https://H/fhir", True),
        ("http://h/fhir", False), ("https://h:8443/fhir", False), ("https://h.evil.jp/fhir", False),
        ("https://h@evil.jp/fhir", False), ("https://user@h/fhir", False), ("https://evil.jp/https://h/fhir", False),
        ("//h/fhir", False), ("Patient?page=2", False), ("https://h:x/", False), ("", False),
    ],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_port(url: str, same: bool) -> None:
    assert same_origin(url, "https://h/fhir") == same


@pytest.mark.parametrize("id_", ["../metadata", "a/b", "a?x", "", "a" * 65, "あ", "a b", "%2e%2e", "a\n", ".", ".."])
def test_an_id_from_outside_never_leaves_its_place_in_the_address(id_: str) -> None:
    assert resource_path("Patient", id_) is None
    assert resource_path(id_) is None
    assert resource_path("Patient", "a-1.B") == "Patient/a-1.B"


def test_criteria_keep_their_value_whole() -> None:
    assert criteria(identifier="urn:x|a&b=c+09:00") == "identifier=urn%3Ax%7Ca%26b%3Dc%2B09%3A00"


def test_a_network_with_a_bad_key_or_bad_certificates_is_refused_by_name(tmp_path: Any) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    cases = {
        "not-https": Network(name="n", base="http://h/fhir"),
        "bad-key": Network(name="n", base="https://h/fhir", auth=Smart(client_id="x", key=b"x")),
        "bad-tls": Network(name="n", base="https://h/fhir", tls=Tls(ca_file=str(tmp_path / "missing.pem"))),
    }
    found = {name: network_refusal(network) for name, network in cases.items()}
    assert {name: why.code for name, why in found.items() if why} == {name: name for name in cases}
    for tls in (Tls(ca_file=str(bad)), Tls(cert_file=str(bad)), Tls(cert_file=str(tmp_path / "missing.pem"))):
        refusal = network_refusal(Network(name="n", base="https://h/fhir", tls=tls))
        assert refusal is not None
        assert refusal.code == "bad-tls"
    assert network_refusal(Network(name="n", base="https://h/fhir")) is None
    assert json.loads(msgspec.json.encode(cases["not-https"]))["name"] == "n"

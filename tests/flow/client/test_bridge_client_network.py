"""Where the bridge's client goes and never goes: redirects, TLS, proxies, logs, and servers that talk roughly."""

from __future__ import annotations

import json
import logging
import ssl
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fhir_bridge.abilities import Abilities
from fhir_bridge.auth import Smart
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer, Blob, Failure
from fhir_bridge.client_network import Limits, NetworkError, Tls
from simulators.hospital.faults import Fault
from simulators.hospital.network import Hospital
from simulators.hospital.serving import serving
from simulators.hospital.words import Told
from simulators.messaging.serving import Quiet, identity_in, served
from tests.bridge.client_world import (
    HANAKO,
    KEYS,
    LIMITS,
    bmi,
    codes,
    guarded,
    reach,
)

pytestmark = pytest.mark.flow


# -- who may hear what


def test_nothing_of_ours_ever_goes_to_another_origin() -> None:
    smart = Smart(client_id="minato", key=KEYS["ES384"])
    with serving(Hospital()) as other, serving(guarded()) as hospital, reach(hospital.base, auth=smart) as client:
        client.put("Observation", "a", bmi("a"))
        hospital.faults.add(Fault(kind="redirect", location=f"{other.base}/Observation/a", times=3))
        assert codes([client.read("Observation", "a"), client.put("Observation", "a", bmi("a"))]) == ["redirect"] * 2
        assert codes([client.fetch(f"{other.base}/Binary/1", 100)]) == ["foreign-url"]
        assert other.ledger.received == []


def test_a_redirect_within_the_origin_is_followed_by_reading_only(hospital: Hospital, client: Client) -> None:
    client.put("Observation", "a", bmi("a"))
    hospital.faults.add(Fault(kind="redirect", location="/fhir/Observation/a", where="Observation/old"))
    told = client.read("Observation", "old")
    assert isinstance(told, Answer)
    assert told.id == "a"
    hospital.faults.add(Fault(kind="redirect", location="/fhir/Observation/a", where="PUT"))
    assert codes([client.put("Observation", "a", bmi("a"))]) == ["redirect"]


class Listening(Hospital):
    """Remembers the headers that its ledger leaves out."""

    heard: list[dict[str, str]]

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes, *, most: int = 0) -> Told:
        self.heard.append(headers)
        return super().answer(method, target, headers, body, most=most)


def test_the_log_names_requests_and_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hospital, smart = guarded(sort=Listening), Smart(client_id="minato", key=KEYS["ES384"])
    assert isinstance(hospital, Listening)
    hospital.heard = []
    with serving(hospital), reach(hospital.base, auth=smart) as client:
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]
        assert client.search("Patient", {"identifier": "urn:oid:1.2|0012345"})
        assert codes([client.put("Observation", "b", b'{"resourceType":"Observation","id":"b"}')]) == ["refused"]
    ids = [one["x-request-id"] for one in hospital.heard]
    tokens = {one["authorization"].split()[1] for one in hospital.heard if "authorization" in one}
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert (len(set(ids)), len(ids), len(tokens)) == (5, 5, 1)
    assert all(one in said for one in ids)
    assert not any(word in said for word in ("0012345", "hanako", "Observation", "eyJ", *tokens))


# -- TLS


def test_a_certificate_is_trusted_only_when_we_were_told_so(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    hospital = Hospital()
    hospital.admit(HANAKO)
    with serving(hospital, identity=identity):
        with reach(hospital.base) as client:
            told = client.put("Observation", "a", bmi("a"))
            assert isinstance(told, Failure)
            assert (told.kind, told.code, told.unsure) == ("offline", "tls", False)
        with reach(hospital.base, tls=Tls(ca_file=str(identity))) as client:
            assert codes([client.put("Observation", "a", bmi("a"))]) == [201]


def test_mutual_tls_shows_our_certificate(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)

    class Guarded(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
            assert isinstance(self.connection, ssl.SSLSocket)
            known = b'{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}'
            self.answer(200 if self.connection.getpeercert() else 401, known, Content_Type="application/fhir+json")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    context.load_verify_locations(identity)
    context.verify_mode = ssl.CERT_OPTIONAL
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        base, ca = f"https://127.0.0.1:{server.server_port}/fhir", str(identity)
        with reach(base, tls=Tls(ca_file=ca)) as client:
            assert codes([client.get("metadata")]) == ["unauthorized"]
        with reach(base, tls=Tls(ca_file=ca, cert_file=ca, key_file=ca)) as client:
            assert isinstance(client.abilities(), Abilities)
    finally:
        server.shutdown()
        server.server_close()


def test_an_assertion_is_never_sent_to_a_plain_port_of_this_machine_for_a_server_elsewhere(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    with serving(guarded()) as inside:

        class Sly(Quiet):
            def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
                said = json.dumps({"token_endpoint": f"{inside.origin}/oauth/token"}).encode()
                self.answer(200, said, Content_Type="application/json")

        with served(Sly, identity) as origin:
            smart, tls = Smart(client_id="minato", key=KEYS["ES384"]), Tls(ca_file=str(identity))
            with reach(f"{origin}/fhir", auth=smart, tls=tls) as client:
                assert codes([client.put("Observation", "a", bmi("a"))]) == ["not-https"]
        assert inside.ledger.received == []


def test_no_proxy_of_this_machine_hears_of_it(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with reach(hospital.base) as client:
        assert codes([client.put("Observation", "a", bmi("a"))]) == [201]


def test_an_address_that_is_not_to_be_used_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(NetworkError, match="https") as refused:
        reach("http://hospital.example.jp/fhir")
    assert refused.value.refusal.code == "not-https"


# -- rougher servers


class Rough(Quiet):
    """Answers that no server of FHIR should give; the path says which."""

    def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
        what = self.path.rpartition("/")[2]
        if what == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            with suppress(OSError):
                for _ in range(8):
                    self.wfile.write(b" ")
                    time.sleep(0.2)
        elif what == "huge":
            self.answer(200, b" " * 400_000, Content_Type="application/fhir+json")
        elif what == "packed":
            self.answer(200, b"\x1f\x8b", Content_Type="application/fhir+json", Content_Encoding="gzip")
        elif what == "circle":
            self.answer(302, b"", Location="/fhir/circle")
        elif what == "nowhere":
            self.answer(302, b"", Location="http://[::1")
        else:
            self.answer(200, ROUGH[what].encode("utf-8", "surrogateescape"), Content_Type="application/fhir+json")


ROUGH = {
    "number": "17", "list": "[]", "cut": '{"resourceType":"Pat', "text": "", "nameless": '{"id":"a"}', "bytes": "\udcff",
    "deep": "[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("drip", "timeout"), ("huge", "answer-too-large"), ("packed", "garbage"), ("circle", "redirect"),
        ("nowhere", "cut"), ("number", "garbage"), ("list", "garbage"), ("cut", "garbage"), ("nameless", "garbage"),
        ("bytes", "garbage"), ("deep", "garbage"),
    ],
)  # fmt: skip
def test_an_answer_that_no_fhir_server_should_give_is_a_failure(what: str, code: str) -> None:
    limits = Limits(whole=0.7) if what == "drip" else LIMITS
    with served(Rough) as origin, reach(f"{origin}/fhir", limits=limits) as client:
        assert codes([client.get(what)]) == [code]


def test_an_attachment_comes_as_it_is_up_to_the_size_that_is_wanted() -> None:
    with served(Rough) as origin, reach(f"{origin}/fhir") as client:
        assert client.fetch("list", 10) == Blob("application/fhir+json", b"[]")
        assert client.fetch(f"{origin}/fhir/list", 2) == Blob("application/fhir+json", b"[]")
        assert codes([client.fetch("number", 1)]) == ["answer-too-large"]

"""The hospital stand-in without a wire: what it refuses, finds, pages and takes back, asked of `Hospital.answer`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from simulators.hospital.abilities import Abilities
from simulators.hospital.instants import compare, span_of
from simulators.hospital.network import Hospital
from simulators.hospital.outcomes import RefusedError
from simulators.hospital.words import Told, write_json

JSON = {"content-type": "application/fhir+json"}
VITAL = "http://terminology.hl7.org/CodeSystem/observation-category"


def patient(number: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2", "value": number}], **more}


def lab(owner: str, value: str = "6.5", code: str = "4548-4", at: str = "2026-04-01T09:00:00+09:00") -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{owner}"},
        "category": [{"coding": [{"system": VITAL, "code": "laboratory"}]}], "effectiveDateTime": at,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": "検査"},
        "identifier": [{"system": "urn:ours", "value": f"{code}/{at}"}],
        "valueQuantity": {"value": float(value), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    }  # fmt: skip


def ask(hospital: Hospital, method: str, place: str, body: Any = None, **headers: str) -> Told:
    raw = b"" if body is None else body if isinstance(body, bytes) else write_json(body)
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return hospital.answer(method, f"/fhir{place}", JSON | more, raw)


def ids(told: Told) -> list[str]:
    assert told.status == 200, told.resource
    assert told.resource is not None
    Bundle.model_validate(told.resource)
    return [entry["resource"]["id"] for entry in told.resource.get("entry", [])]


@pytest.fixture
def hospital() -> Hospital:
    made = Hospital()
    made.origin = "http://127.0.0.1:1"
    made.admit(patient("1", id="hanako", name=[{"family": "佐藤", "given": ["花子"]}], birthDate="1950-03-01"))
    made.admit(patient("2", id="taro"), agreed=False)
    return made


REFUSED: list[tuple[int, str, Callable[[dict[str, Any]], Any]]] = [
    (400, "Observation.code", lambda o: o.pop("code")),
    (400, "Observation.nope", lambda o: o.update(nope=1)),
    (400, "Observation.code", lambda o: o.update(code={})),
    (400, "Observation", lambda o: o.update(valueString="x")),
    (400, "Observation.effectiveDateTime", lambda o: o.update(effectiveDateTime="2026-04-01T09:00:00")),
    (400, "Observation.valueQuantity.value", lambda o: o["valueQuantity"].update(value="6.5")),
    (400, "Observation.id", lambda o: o.update(id="x" * 65)),
    (400, "Observation", lambda o: o.update(resourceType="Patient")),
    (400, "Observation", lambda o: o.update(contained=[{"resourceType": "Banana"}])),
    (422, "Observation.status", lambda o: o.update(status="banana")),
    (422, "Observation.subject", lambda o: o.update(subject={"reference": "Practitioner/p"})),
    (422, "Observation.performer", lambda o: o.update(performer=[{"reference": "Device/d"}])),
    (422, "Observation", lambda o: o.update(dataAbsentReason={"text": "broken"})),
    (422, "Observation", lambda o: o.update(component=[{"code": o["code"]}])),
    (422, "Observation.category", lambda o: o["code"]["coding"][0].update(code="29463-7")),
    (422, "Observation", lambda o: o.update(subject={"reference": "Patient/nobody"})),
]


@pytest.mark.parametrize("case", REFUSED, ids=[f"{status} {place} {n}" for n, (status, place, _) in enumerate(REFUSED)])
def test_what_r4_refuses_is_refused_with_its_place_and_nothing_is_stored(
    hospital: Hospital, case: tuple[int, str, Callable[[dict[str, Any]], Any]]
) -> None:
    status, place, spoil = case
    body = lab("hanako")
    spoil(body)
    told = ask(hospital, "POST", "/Observation", body)
    assert told.status == status, told.resource
    assert told.resource is not None
    OperationOutcome.model_validate(told.resource)
    assert told.resource["issue"][0]["expression"][0].startswith(place)
    assert hospital.records.all("Observation") == []


def test_every_digit_of_a_measurement_is_kept(hospital: Hospital) -> None:
    raw = json.dumps(lab("hanako")).replace("6.5", "63.50").encode()
    stored = ask(hospital, "POST", "/Observation", raw)
    again = ask(hospital, "GET", "/" + stored.stored[0].partition("/_history")[0])
    assert b'"value":63.50' in write_json(again.resource)


def test_what_the_server_says_about_itself_is_r4_and_follows_its_abilities(hospital: Hospital) -> None:
    told = ask(hospital, "GET", "/metadata").resource
    CapabilityStatement.model_validate(told)
    assert told is not None
    assert {(one["updateCreate"], one["conditionalCreate"]) for one in told["rest"][0]["resource"]} == {(True, True)}
    plain = Hospital(Abilities(update_create=False, conditional_create=False, batch=False, transaction=False))
    said = ask(plain, "GET", "/metadata").resource
    assert said is not None
    assert "interaction" not in said["rest"][0]
    assert {(one["updateCreate"], one["conditionalCreate"]) for one in said["rest"][0]["resource"]} == {(False, False)}


FOUND = [
    ("patient=hanako", ["a", "b", "c", "d"]),
    ("subject=Patient/hanako", ["a", "b", "c", "d"]),
    ("subject:Patient=hanako&code=2085-9", ["d"]),
    ("subject=Patient/nobody", []),
    ("code=http://loinc.org|4548-4", ["a", "b", "c"]),
    ("code=4548-4,2085-9", ["a", "b", "c", "d"]),
    ("code=http://else|4548-4", []),
    ("code:not=4548-4", ["d"]),
    ("category=laboratory&category=vital-signs", []),
    ("identifier=urn:ours|2085-9/2026-05-01", ["d"]),
    ("identifier=urn:ours|2085-9/2026-05", []),
    ("date=2026-04", ["a", "b"]),
    ("date=ge2026-04-01T12:00:00+09:00", ["b", "c", "d"]),
    ("date=gt2026-04-30&date=lt2026-05-02", ["d"]),
    ("date=eb2026-04-01T09:00:00+09:00", []),
    ("date=sa2026-05", ["c"]),
    ("date=ne2026-04", ["c", "d"]),
    ("date=le2026-04-01T09:00:00%2B09:00", ["a"]),
    ("_id=b", ["b"]),
    ("status=final&_sort=-date", ["c", "d", "b", "a"]),
    ("_sort=code,-_id", ["d", "c", "b", "a"]),
]


@pytest.mark.parametrize(("query", "expected"), FOUND)
def test_a_search_finds_what_it_names(hospital: Hospital, query: str, expected: list[str]) -> None:
    hospital.keep(lab("hanako") | {"id": "a"})
    hospital.keep(lab("hanako", at="2026-04-30T23:00:00Z") | {"id": "b"})
    hospital.keep(lab("hanako", at="2026-06-10") | {"id": "c"})
    hospital.keep(lab("hanako", code="2085-9", at="2026-05-01") | {"id": "d"})
    found = ids(ask(hospital, "GET", f"/Observation?{query.replace('+', '%2B')}"))
    assert found == expected if "_sort" in query else sorted(found) == expected
    posted = hospital.answer("POST", "/fhir/Observation/_search", {}, query.replace("+", "%2B").encode())
    assert ids(posted) == found


@pytest.mark.parametrize(
    "query",
    ["nope=1", "date=aa2026", "date=2026-04-01T09:00:00 09:00", "date=2026-13-01", "_sort=nope", "_count=x",
     "code:below=1"],
)  # fmt: skip
def test_a_search_that_is_not_understood_is_refused_not_answered_with_everything(
    hospital: Hospital, query: str
) -> None:
    assert ask(hospital, "GET", f"/Observation?{query}").status == 400


def test_a_lenient_client_is_told_which_search_was_done(hospital: Hospital) -> None:
    assert ask(hospital, "GET", "/Patient?nope=1&identifier=1", prefer="handling=lenient").status == 200


def test_a_bare_date_means_the_day_of_the_servers_zone() -> None:
    for zone, found in ((0, []), (540, ["x"])):
        hospital = Hospital(Abilities(zone=zone))
        hospital.admit(patient("1", id="hanako"))
        hospital.keep(lab("hanako", at="2026-04-01T07:00:00+09:00") | {"id": "x"})
        assert ids(ask(hospital, "GET", "/Observation?date=2026-04-01")) == found


@given(first=st.dates(), second=st.dates())
def test_prefixes_agree_with_the_order_of_days(first: Any, second: Any) -> None:
    if first.year < 9999 and second.year < 9999:
        has, wanted = span_of(first.isoformat(), 0), span_of(second.isoformat(), 0)
        told = {prefix: compare(prefix, has, wanted) for prefix in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")}
        assert told == {
            "eq": first == second, "ne": first != second, "gt": first > second, "lt": first < second,
            "ge": first >= second, "le": first <= second, "sa": first > second, "eb": first < second,
        }  # fmt: skip


def test_pages_are_followed_to_the_end_without_a_gap_while_new_results_arrive(hospital: Hospital) -> None:
    for number in range(7):
        hospital.keep(lab("hanako", code=f"c{number}") | {"id": f"o{number}"})
    told = ask(hospital, "GET", "/Observation?patient=hanako&_count=3&_sort=_id")
    seen = ids(told)
    while told.resource is not None and (links := {one["relation"]: one["url"] for one in told.resource["link"]}):
        assert told.resource["total"] == 7
        if "next" not in links:
            break
        hospital.keep(lab("hanako", code="new"))
        assert links["next"].startswith(hospital.base)
        told = ask(hospital, "GET", links["next"].removeprefix(hospital.base))
        seen += ids(told)
    assert seen == [f"o{number}" for number in range(7)]
    assert ask(hospital, "GET", "/Patient?_page=p1.3").status == 410
    assert ask(hospital, "GET", "/Observation?_page=p9.3").status == 410


def test_last_updated_finds_what_changed_since_a_cursor() -> None:
    clock = [datetime(2026, 4, 1, tzinfo=UTC)]
    hospital = Hospital(now=lambda: clock[0])
    hospital.admit(patient("1", id="hanako"))
    for number in range(4):
        clock[0] += timedelta(minutes=10)
        hospital.keep(lab("hanako") | {"id": f"o{number}"})
    cursor = urlencode({"_lastUpdated": "ge2026-04-01T09:20:00+09:00", "_sort": "-_lastUpdated"})
    assert ids(ask(hospital, "GET", f"/Observation?{cursor}")) == ["o3", "o2", "o1"]
    clock[0] += timedelta(minutes=10)
    hospital.keep(lab("hanako") | {"id": "o0", "status": "amended"})
    assert ids(ask(hospital, "GET", f"/Observation?{cursor}")) == ["o0", "o3", "o2", "o1"]


def test_versions_are_told_by_etag_and_a_stale_one_changes_nothing(hospital: Hospital) -> None:
    body = lab("hanako") | {"id": "x"}
    made = ask(hospital, "PUT", "/Observation/x", body)
    assert (made.status, made.headers["ETag"]) == (201, 'W/"1"')
    assert made.headers["Location"].endswith("/Observation/x/_history/1")
    changed = ask(hospital, "PUT", "/Observation/x", body | {"status": "amended"}, if_match='W/"1"')
    assert (changed.status, changed.headers["ETag"]) == (200, 'W/"2"')
    assert ask(hospital, "PUT", "/Observation/x", body, if_match='W/"1"').status == 412
    assert ask(hospital, "PUT", "/Observation/y", body | {"id": "y"}, if_match='W/"1"').status == 412
    assert ask(hospital, "PUT", "/Observation/x", body | {"id": "z"}).status == 400
    first = ask(hospital, "GET", "/Observation/x/_history/1").resource
    assert first is not None
    assert first["status"] == "final"
    assert ask(hospital, "GET", "/Observation/x/_history/3").status == 404
    assert ids(ask(hospital, "GET", "/Observation/x/_history")) == ["x", "x"]
    assert ask(hospital, "GET", "/Observation/x", if_none_match='W/"2"').status == 304
    assert ask(hospital, "DELETE", "/Observation/x").status == 405


def test_a_server_that_gives_the_ids_itself_refuses_ours_and_answers_conflicts_as_it_likes() -> None:
    hospital = Hospital(Abilities(update_create=False, conflict=409))
    hospital.admit(patient("1", id="hanako"))
    assert ask(hospital, "PUT", "/Observation/x", lab("hanako") | {"id": "x"}).status == 405
    made = ask(hospital, "POST", "/Observation", lab("hanako") | {"id": "x"})
    place = made.stored[0].partition("/_history")[0]
    assert place != "Observation/x"
    body = lab("hanako") | {"id": place.partition("/")[2]}
    assert ask(hospital, "PUT", f"/{place}", body, if_match='W/"7"').status == 409


def test_without_consent_a_patient_can_be_neither_read_nor_searched_nor_written(hospital: Hospital) -> None:
    hospital.keep(lab("taro") | {"id": "t"})
    said = [
        ask(hospital, "GET", "/Patient/taro"),
        ask(hospital, "GET", "/Patient?identifier=" + quote("urn:oid:1.2|2")),
        ask(hospital, "GET", "/Observation?patient=taro"),
        ask(hospital, "GET", "/Observation?subject=Patient/taro"),
        ask(hospital, "GET", "/Observation/t"),
        ask(hospital, "GET", "/Observation/t/_history"),
        ask(hospital, "PUT", "/Observation/t", lab("hanako") | {"id": "t"}),
        ask(hospital, "POST", "/Observation", lab("taro")),
        ask(hospital, "POST", "/Observation", lab("taro"), if_none_exist="identifier=urn:ours|nothing"),
    ]
    logical = lab("taro") | {"subject": {"identifier": {"system": "urn:oid:1.2", "value": "2"}}}
    said.append(ask(hospital, "POST", "/Observation", logical))
    about = {
        "resourceType": "Provenance", "target": [{"reference": "Observation/t"}],
        "recorded": "2026-04-01T09:00:00+09:00", "agent": [{"who": {"display": "x"}}],
    }  # fmt: skip
    said.append(ask(hospital, "POST", "/Provenance", about))
    assert {told.status for told in said} == {403}
    assert ids(ask(hospital, "GET", "/Observation")) == []
    assert ids(ask(hospital, "GET", "/Patient")) == ["hanako"]
    assert len(hospital.records.versions("Observation", "t")) == 1


def test_a_consent_that_ends_between_two_pages_ends_what_they_tell(hospital: Hospital) -> None:
    for number in range(4):
        hospital.keep(lab("hanako", code=f"c{number}"))
    first = ask(hospital, "GET", "/Observation?patient=hanako&_count=2").resource
    assert first is not None
    hospital.consents.change("hanako", given=False)
    following = first["link"][1]["url"].removeprefix(hospital.base)
    assert ids(ask(hospital, "GET", following)) == []


def test_a_conditional_create_makes_one_and_says_so_and_refuses_many(hospital: Hospital) -> None:
    criteria = "identifier=urn:ours|4548-4/2026-04-01T09:00:00%2B09:00"
    told = [ask(hospital, "POST", "/Observation", lab("hanako"), if_none_exist=criteria) for _ in range(3)]
    assert [one.status for one in told] == [201, 200, 200]
    assert {one.headers["Location"] for one in told} == {told[0].headers["Location"]}
    hospital.keep(lab("hanako"))
    assert ask(hospital, "POST", "/Observation", lab("hanako"), if_none_exist=criteria).status == 412
    assert len(hospital.duplicates("Observation")) == 1
    deaf = Hospital(Abilities(conditional_create=False))
    deaf.admit(patient("1", id="hanako"))
    assert [ask(deaf, "POST", "/Observation", lab("hanako"), if_none_exist=criteria).status for _ in "12"] == [201, 201]


def _entry(method: str, url: str, resource: Any = None, full: str = "", **more: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    return entry | ({"resource": resource} if resource else {}) | ({"fullUrl": full} if full else {})


def _bundle(sort: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": sort, "entry": list(entries)}


def _statuses(told: Told) -> list[str]:
    assert told.status == 200, told.resource
    assert told.resource is not None
    Bundle.model_validate(told.resource)
    return [entry["response"]["status"][:3] for entry in told.resource["entry"]]


def test_a_batch_answers_each_entry_for_itself(hospital: Hospital) -> None:
    told = ask(hospital, "POST", "", _bundle(
        "batch",
        _entry("PUT", "Observation/a", lab("hanako") | {"id": "a"}),
        _entry("PUT", "Observation/b", lab("taro") | {"id": "b"}),
        _entry("PUT", "Observation/c", lab("hanako") | {"id": "c", "status": "banana"}),
        _entry("POST", "Observation", lab("hanako"), ifNoneExist="identifier=urn:ours|nothing"),
        _entry("GET", "Observation/a"),
        _entry("GET", "Banana/a"),
        _entry("PUT", "Observation/a", lab("hanako") | {"id": "a"}, ifMatch='W/"9"'),
    ))  # fmt: skip
    assert _statuses(told) == ["201", "403", "422", "201", "200", "404", "412"]
    assert len(told.stored) == 2
    assert {one.id for one in hospital.records.all("Observation")} >= {"a"}


def test_a_transaction_joins_its_entries_and_is_whole_or_not_at_all(hospital: Hospital) -> None:
    device = {"resourceType": "Device", "identifier": [{"system": "urn:ours", "value": "scale"}]}
    body = lab("hanako") | {"device": {"reference": "urn:uuid:1"}, "subject": {"reference": "Patient?identifier=1"}}
    good = _bundle(
        "transaction",
        _entry("PUT", "Observation/a", body | {"id": "a"}),
        _entry("POST", "Device", device, "urn:uuid:1", ifNoneExist="identifier=urn:ours|scale"),
    )
    assert _statuses(ask(hospital, "POST", "", good)) == ["201", "201"]
    assert _statuses(ask(hospital, "POST", "", good)) == ["200", "200"]
    [held] = hospital.records.all("Device")
    stored = hospital.records.current("Observation", "a")
    assert stored is not None
    assert stored.body["device"] == {"reference": f"Device/{held.id}"}
    assert stored.body["subject"] == {"reference": "Patient/hanako"}
    for bad in (
        lab("taro"),
        lab("hanako") | {"status": "banana"},
        lab("hanako") | {"device": {"reference": "Device/0"}},
    ):
        more = _entry("PUT", "Observation/b", bad | {"id": "b"})
        told = ask(hospital, "POST", "", _bundle("transaction", *good["entry"], more))
        assert told.status in {403, 422}, told.resource
    assert len(hospital.records.versions("Observation", "a")) == 2
    assert hospital.records.current("Observation", "b") is None


def test_a_bundle_that_is_too_long_is_refused_whole_with_the_status_of_the_make() -> None:
    statuses: tuple[Literal[400, 413], ...] = (400, 413)
    for over in statuses:
        hospital = Hospital(Abilities(entries=2, over=over))
        hospital.admit(patient("1", id="hanako"))
        entries = [_entry("PUT", f"Observation/{name}", lab("hanako") | {"id": name}) for name in "abc"]
        assert ask(hospital, "POST", "", _bundle("batch", *entries)).status == over
        assert hospital.records.all("Observation") == []
        assert _statuses(ask(hospital, "POST", "", _bundle("batch", *entries[:2]))) == ["201", "201"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (_bundle("collection"), 400),
        (lab("x"), 400),
        (_bundle("batch", {"request": {}}), 400),
        (_bundle("batch", _entry("POST", "")), 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"resourceType":"Bundle","type":"batch","entry":3}', 400),
        (b"[" * 5_000, 400),
    ],
)
def test_a_bundle_that_is_none_is_refused(hospital: Hospital, body: Any, status: int) -> None:
    assert ask(hospital, "POST", "", body).status == status


def test_only_r4_json_is_spoken(hospital: Hospital) -> None:
    assert ask(hospital, "POST", "/Observation", lab("hanako"), content_type="application/xml").status == 415
    five = "application/fhir+json; fhirVersion=5.0"
    assert ask(hospital, "POST", "/Observation", lab("hanako"), content_type=five).status == 415
    assert ask(hospital, "GET", "/Patient/hanako", accept="application/fhir+xml").status == 406
    assert ask(hospital, "GET", "/Patient/hanako", accept="application/fhir+json").status == 200
    small = Hospital(Abilities(largest=10))
    assert ask(small, "POST", "/Observation", lab("hanako")).status == 413


def test_a_journal_brings_everything_back_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Hospital(journal=path)
    first.admit(patient("1", id="hanako"))
    first.admit(patient("2", id="taro"))
    first.consents.change("taro", given=False)
    ask(first, "POST", "/Observation", json.dumps(lab("hanako")).replace("6.5", "6.50").encode())
    with pytest.raises(RefusedError):
        first.keep({"resourceType": "Observation", "status": "final"})
    before = first.records.all("Observation")
    first.close()
    with path.open("ab") as file:
        file.write(b'{"type":"commit","versions":[')
    second = Hospital(journal=path)
    assert second.records.all("Observation") == before
    assert b'"value":6.50' in write_json(second.records.all("Observation")[0].body)
    assert (second.consents.gives("hanako"), second.consents.gives("taro")) == (True, False)
    assert ask(second, "POST", "/Observation", lab("hanako")).status == 201
    second.close()
    third = Hospital(journal=path)
    assert len(third.records.all("Observation")) == 2
    third.close()


SCRAPS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.sampled_from(["batch", "transaction", "Observation", "Bundle", "POST", "PUT", "GET", "Observation/a", "http://["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resourceType", "type", "entry", "request", "method", "url", "resource", "id", "subject",
                         "reference", "identifier", "value", "code", "meta", "fullUrl", "ifNoneExist"]),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
ENTRIES = st.lists(
    st.fixed_dictionaries({
        "request": st.fixed_dictionaries({"method": st.sampled_from(["POST", "PUT", "GET"]), "url": st.sampled_from(
            ["Observation", "Observation/a", "Patient?x", "?", "http://[", "a/b/c/d/e", "Observation/a/_history/x"])}),
        "resource": SCRAPS | st.builds(lambda more: lab("hanako") | more, st.dictionaries(st.sampled_from(
            ["subject", "code", "id", "meta", "identifier", "component", "valueQuantity", "device"]), SCRAPS)),
    }),
    max_size=3,
)  # fmt: skip
BUNDLES = st.builds(lambda sort, entries: _bundle(sort, *entries), st.sampled_from(["batch", "transaction"]), ENTRIES)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH"]),
    place=st.text(max_size=8)
    | st.sampled_from(["", "/", "/Observation", "/Observation/a", "/Observation?date=", "//["]),
    body=st.binary(max_size=8) | SCRAPS.map(write_json) | BUNDLES.map(write_json),
)
def test_whatever_is_sent_is_answered_and_never_with_a_failure(method: str, place: str, body: bytes) -> None:
    hospital = Hospital()
    hospital.origin = "http://127.0.0.1:1"
    hospital.admit(patient("1", id="hanako"))
    told = ask(hospital, method, place, body)
    assert told.status < 500
    if told.resource and told.resource["resourceType"] == "OperationOutcome":
        OperationOutcome.model_validate(told.resource)
    else:
        assert told.status in {200, 201}
    for version in hospital.records.all("Observation"):
        assert ask(hospital, "GET", f"/Observation/{version.id}").status == 200

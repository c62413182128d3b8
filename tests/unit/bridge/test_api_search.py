"""Searches of the read API: understood as R4 writes them, met by the right resources, cut into pages that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_bridge.api_pages import address, place_of, position_of
from fhir_bridge.api_parameters import TABLE
from fhir_bridge.api_search import MOST_PAGE, PAGE, Search, key_of, meets, understood
from fhir_bridge.api_words import Ask, RefusedError, check_format
from fhir_bridge.resources.made import Resource

BASE, ME, TOKEN = "https://phr.example/fhir", "r-hanakohanako2", "minato_token"
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
LOINC, CATEGORY = "http://loinc.org", "http://terminology.hl7.org/CodeSystem/observation-category"


def thing(kind: str = "Observation", id_: str = "one", ago: float = 1, **body: Any) -> Resource:
    made = {"resourceType": kind, "id": id_} | body
    return Resource(kind, id_, NOW - timedelta(days=ago), lambda: made)


WEIGHT = thing(
    id_="weight", ago=1, status="final", effectiveDateTime="2026-11-21T07:01:03+09:00",
    identifier=[{"system": "urn:x", "value": "a,b|c"}],
    code={"coding": [{"system": LOINC, "code": "29463-7"}, {"code": "local"}], "text": "体重"},
    category=[{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}, {"coding": [{"system": "urn:jp", "code": "body"}]}],
    subject={"reference": f"Patient/{ME}"}, device={"reference": "Device/d-1"},
)  # fmt: skip
STEPS = thing(
    id_="steps", ago=2, status="preliminary", code={"coding": [{"system": LOINC, "code": "41950-7"}]},
    effectivePeriod={"start": "2026-11-20T00:00:00+09:00", "end": "2026-11-20T23:59:59+09:00"},
)  # fmt: skip
PERSON = thing("Patient", ME, name=[{"family": "髙橋", "given": ["花子"], "text": "髙橋 花子"}, {"family": "タカハシ"}])  # fmt: skip


def search(query: str, kind: str = "Observation", *, strict: bool = False) -> Search:
    return understood(kind, parse_qsl(query, keep_blank_values=True), strict=strict)


def hits(query: str, *resources: Resource) -> list[str]:
    asked = search(query, resources[0].type)
    return [one.id for one in resources if meets(one, asked.filters, ME, BASE, NOW)]


@pytest.mark.parametrize(
    "query",
    ["code=29463-7", f"code={LOINC}|29463-7", "code=|local", f"category={CATEGORY}|", "code=41950-8,29463-7", "code:not=41950-7",
     "category=vital-signs", "category=body&category=vital-signs", f"category={CATEGORY}|vital-signs",
     "status=final", "status=http://hl7.org/fhir/observation-status|final", "status:not=preliminary",
     "date=2026-11-21", "date=ge2026-11-21T07:01:03%2B09:00&date=lt2026-11-22", "date=sa2026-11-20", "date=2026-11-20T22:01Z",
     "_lastUpdated=gt2026-11-20T12:00:00%2B09:00", "_id=weight", "_id=x,weight", "_id:not=steps",
     "identifier=urn:x|a\\,b\\|c", "device=Device/d-1", "device=d-1", f"device={BASE}/Device/d-1", "device:missing=false",
     f"patient={ME}&status=final", f"subject=Patient/{ME}&status=final", f"patient:Patient={ME}&status=final",
     f"subject={BASE}/Patient/{ME}&_id=weight", "date=ap2026-11-21&code=29463-7"],
)  # fmt: skip
def test_a_search_finds_the_weight_and_not_the_steps(query: str) -> None:
    assert hits(query, WEIGHT, STEPS) == ["weight"]


@pytest.mark.parametrize(
    "query",
    ["code=29463", "code=http://snomed.info/sct|29463-7", "code=|29463-7", "category=vital", "patient=r-tarotarotaro3",
     "subject=Device/r-hanakohanako2", "subject=Group/r-hanakohanako2", "patient=Patient", "date=2025", "_id=WEIGHT",
     "_lastUpdated=gt2027", "identifier=a", "device=d-", "status=final&status=preliminary", "_lastUpdated:missing=true"],
)  # fmt: skip
def test_a_search_finds_neither(query: str) -> None:
    assert hits(query, WEIGHT, STEPS) == []


def test_a_day_is_found_by_its_period() -> None:
    assert hits("date=2026-11-20", WEIGHT, STEPS) == ["steps"]
    assert hits("date=2026-11", WEIGHT, STEPS) == ["weight", "steps"]
    assert hits("date=eb2026-11-21", WEIGHT, STEPS) == ["steps"]
    assert hits("device:missing=true", WEIGHT, STEPS) == ["steps"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("family=髙橋", True), ("name=タカ", True), ("name=ﾀｶﾊｼ", True), ("given=花", True), ("given=子", False), ("given:contains=子", True),
     ("given:exact=花", False), ("given:exact=花子", True), ("name=Sato", False)],
)  # fmt: skip
def test_names_are_found_by_how_they_begin_in_any_width(query: str, found: bool) -> None:
    assert hits(query, PERSON) == ([ME] if found else [])


@pytest.mark.parametrize(
    ("query", "code"),
    [("date=yesterday", "value"), ("date=", None), ("_count=ten", "value"), ("_count=-1", "value"), ("_sort=code", "not-supported"),
     ("_sort=-date,nothing", "not-supported"), ("_include=Observation:device", "not-supported"), ("_has:x:y:z=1", "not-supported"),
     ("_revinclude=x", "not-supported"), ("_elements=id", "not-supported"), ("_summary=text", "not-supported"),
     ("code:in=http://x", "not-supported"), ("date:not=2026", "not-supported"), ("status:missing=perhaps", "value"),
     ("patient:Group=x", "not-supported"), ("_total=some", "value"), ("code=" + ",".join("a" * 300), "too-costly"),
     ("code=" + "a" * 9_000, "too-long"), ("&".join(["code=1"] * 50), "too-long")],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_rather_than_answered_wrongly(query: str, code: str | None) -> None:
    if code is None:
        assert search(query).filters == ()
        return
    with pytest.raises(RefusedError) as refused:
        search(query)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert msgspec.json.decode(refused.value.reply.body)["resourceType"] == "OperationOutcome"


def test_an_unknown_parameter_is_left_out_of_what_was_understood_or_refused_if_so_wished() -> None:
    asked = search("colour=red&code=29463-7&subject.name=x")
    assert address(BASE, asked, None) == f"{BASE}/Observation?code=29463-7"
    for query in ("colour=red", "subject.name=x", "date.x=1"):
        with pytest.raises(RefusedError, match="not searched by"):
            search(query, strict=True)


def test_how_many_is_bounded_and_none_means_only_the_number() -> None:
    assert search("").count == PAGE
    assert search("_count=100000").count == MOST_PAGE
    assert search("_count=0").only_count
    assert search("_summary=count").only_count


@pytest.mark.parametrize("kind", TABLE)
def test_every_parameter_of_the_table_takes_a_value_of_its_type(kind: str) -> None:
    for name, known in TABLE[kind].items():
        asked = search(f"{name}={'ge2026' if known.sort == 'date' else 'x'}", kind, strict=True)
        assert len(asked.filters) == 1
        assert not meets(thing(kind, "other", ago=9_000), asked.filters, ME, BASE, NOW)


def test_what_was_understood_written_out_is_understood_the_same() -> None:
    asked = search("code=a\\,b,c&date=ge2026-11-21T07:01:03%2B09:00&_sort=-date&_count=7&_summary=count&zz=1")
    again = search(urlsplit(address(BASE, asked, None)).query, strict=True)
    assert again == asked


@given(st.data())
def test_pages_tell_everything_once_in_order_while_more_arrives(data: st.DataObject) -> None:
    """Whoever follows `next` reads each resource once, except one that changed meanwhile, which comes again at the end."""
    sort = data.draw(st.sampled_from([(), ("_lastUpdated",), ("date",), ("-date",), ("-date", "_lastUpdated")]))
    days = st.integers(0, 5)
    # Equal instants and missing dates are the rule, not the exception: a scale syncs thirty readings at once.
    rows = data.draw(st.lists(st.tuples(days, st.none() | days), max_size=25))
    held = [dated(f"n{number}", ago, day) for number, (ago, day) in enumerate(rows)]
    asked = Search(type="Observation", sort=sort, count=data.draw(st.integers(1, 7)))
    told: list[str] = []
    position: str | None = None
    for number in range(40):
        page, position = cut(held, asked, position)
        told += [one.id for one in page]
        if position is None:
            break
        # Something changes now, as the clock goes on.
        held.append(dated(f"late{number}", -1 - number, data.draw(st.none() | days)))
    before = [name for name in told if not name.startswith("late")]
    assert sorted(before) == sorted(one.id for one in held if not one.id.startswith("late"))
    assert len(set(told)) == len(told)
    order = [key_of(one, sort) for name in before for one in held if one.id == name]
    assert order == sorted(order)


def dated(name: str, ago: float, day: int | None) -> Resource:
    return thing(id_=name, ago=ago, **({} if day is None else {"effectiveDateTime": f"2026-11-{day + 10}"}))


def cut(held: Sequence[Resource], asked: Search, position: str | None) -> tuple[list[Resource], str | None]:
    place = place_of(msgspec.structs.replace(asked, position=position), TOKEN)
    keyed = sorted(((key_of(one, asked.sort), one) for one in held), key=lambda pair: pair[0])
    left = [pair for pair in keyed if place is None or pair[0] > place]
    page = left[: asked.count]
    return [one for _, one in page], position_of(asked, page[-1][0], TOKEN) if len(left) > len(page) else None


def test_a_place_is_good_for_its_search_and_its_program_alone() -> None:
    asked = search("code=29463-7&_count=1")
    held = position_of(asked, key_of(WEIGHT, ()), TOKEN)
    there = msgspec.structs.replace(asked, position=held)
    assert place_of(there, TOKEN) == key_of(WEIGHT, ())
    assert place_of(asked, TOKEN) is None
    bent = [
        (there, "minato_other"), (msgspec.structs.replace(there, count=2), TOKEN),
        (msgspec.structs.replace(there, filters=()), TOKEN), (msgspec.structs.replace(there, type="Goal"), TOKEN),
        *((msgspec.structs.replace(there, position=text), TOKEN) for text in ("x", "", "あ", "A" * 40, held[:-3], held[2:])),
    ]  # fmt: skip
    for one, token in bent:
        if one.position == "":
            continue
        with pytest.raises(RefusedError) as refused:
            place_of(one, token)
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("accept", "wished", "good"),
    [("", None, True), ("*/*", None, True), ("application/fhir+json", None, True), ("text/html, */*;q=0.1", None, True),
     ("application/fhir+json; fhirVersion=4.0", None, True), ("application/fhir+json; fhirVersion=5.0", None, False),
     ("application/fhir+xml", None, False), ("text/html", None, False), ("text/html", "json", True), ("*/*;q=0", None, False),
     ("", "application/fhir+xml", False), ("", "application/fhir json", True), ("", "application/fhir+json", True),
     ("", "application/json; fhirVersion=4.0", True)],
)  # fmt: skip
def test_only_json_of_r4_is_given(accept: str, wished: str | None, good: bool) -> None:
    query = () if wished is None else (("_format", wished),)
    ask = Ask(method="GET", path=("Patient",), query=query, headers={"accept": accept} if accept else {}, base=BASE)
    if good:
        check_format(ask)
        return
    with pytest.raises(RefusedError) as refused:
        check_format(ask)
    assert refused.value.status == 406

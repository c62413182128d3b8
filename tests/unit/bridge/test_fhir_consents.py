"""FHIR Consents of others: a yes that is not exactly one of ours is refused with its reason, a no is never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.consent import PURPOSES, Event, permits
from engine.consent_texts import text_hash
from engine.refusal import Refusal
from fhir_bridge.imports.fhir_consents import Document, consents_in, said_in, standing_still
from tests.bridge.held import ZONE
from tests.homes import HANAKO, TARO

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
Change = Callable[[dict[str, Any]], object]
NOT = {"url": "http://x.example/not", "valueBoolean": True}


def _named(person: str) -> dict[str, str]:
    return {"system": "urn:minato-phr:resident", "value": person}


def example(type_: str = "permit", **more: Any) -> dict[str, Any]:
    """What another instance of this house writes for one hospital and one kind."""
    hl7 = "http://terminology.hl7.org/CodeSystem/"
    role = {"coding": [{"system": f"{hl7}v3-ParticipationType", "code": "IRCP"}]}
    actor = {"role": role, "reference": {"identifier": {"system": "urn:minato-phr:recipient", "value": "choukai-net"}}}
    provision = {
        "type": type_,
        "period": {"start": "2026-11-01T09:00:00+09:00", "end": "2027-03-31T00:00:00+09:00"},
        "actor": [actor],
        "purpose": [{"system": REASON, "code": "TREAT"}, {"system": "urn:minato-phr:purpose", "code": "care-share"}],
        "code": [{"coding": [{"system": "urn:minato-phr:kind", "code": "systolic"}]}],
    }
    return {
        "resourceType": "Consent", "id": "c1", "status": "active",
        "identifier": [{"system": "urn:minato-phr:consent", "value": "c1"}],
        "scope": {"coding": [{"system": f"{hl7}consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{HANAKO}"}, "dateTime": "2026-11-01T09:00:00+09:00",
        "performer": [{"reference": f"Patient/{HANAKO}"}],
        "policy": [{"uri": f"urn:minato-phr:consent-text:{text_hash('care-share')}"}],
        "policyRule": {"coding": [{"system": f"{hl7}v3-ActCode", "code": "OPTIN"}]},
        "provision": provision,
    } | more  # fmt: skip


def read(consent: dict[str, Any], patients: tuple[str, ...] = ()) -> Document | Refusal:
    return said_in(consent, HANAKO, patients, NOW, ZONE)


def events(consent: dict[str, Any]) -> tuple[Event, ...]:
    found = read(consent)
    assert isinstance(found, Document), found
    return found.events


def code(consent: dict[str, Any]) -> str:
    found = read(consent)
    assert isinstance(found, Refusal), found
    return found.code


def test_a_yes_is_read_with_everything_that_belongs_to_it() -> None:
    [said] = events(example())
    assert said == Event(
        resident=HANAKO, purpose="care-share", granted=True, at=datetime(2026, 11, 1, 0, tzinfo=UTC),
        until=datetime(2027, 3, 30, 15, tzinfo=UTC), recipient="choukai-net", kind="systolic",
        text_hash=text_hash("care-share"),
    )  # fmt: skip


def _purpose(*codings: tuple[str, str]) -> Change:
    return lambda c: c["provision"].update(purpose=[{"system": system, "code": code} for system, code in codings])


def _provision(**more: Any) -> Change:
    return lambda c: c["provision"].update(more)


def _top(**more: Any) -> Change:
    return lambda c: c.update(more)


# What makes a yes something else than one of ours, and the reason with which it is refused.
UNFIT: list[tuple[str, Change]] = [
    ("unknown-purpose", _purpose(("urn:minato-phr:purpose", "research"))),
    ("unknown-purpose", _purpose()),
    ("ambiguous-purpose", _purpose((REASON, "TREAT"))),
    ("ambiguous-purpose", _purpose(("urn:minato-phr:purpose", "care-share"), ("urn:minato-phr:purpose", "learning"))),
    ("ambiguous-purpose", _purpose(("urn:minato-phr:purpose", "care-share"), (REASON, "HRESCH"))),
    ("ambiguous-purpose", _purpose(("urn:minato-phr:purpose", "care-share"), ("http://example.org", "TREAT"))),
    ("unknown-actor", lambda c: c["provision"]["actor"][0].update(reference={"reference": "Organization/1"})),
    ("unknown-actor", lambda c: c["provision"]["actor"][0]["role"]["coding"][0].update(code="AUT")),
    ("unknown-actor", lambda c: c["provision"]["actor"][0]["reference"]["identifier"].pop("system")),
    ("too-fine", lambda c: c["provision"]["code"][0]["coding"][0].update(system="http://loinc.org", code="8480-6")),
    ("unknown-kind", lambda c: c["provision"]["code"][0]["coding"][0].update(code="sistolic")),
    ("too-fine", _provision(dataPeriod={"start": "2026-01-01"})),
    ("too-fine", _provision(securityLabel=[{"system": "http://x.example", "code": "R"}])),
    ("too-fine", _provision(provision=[{"type": "deny"}])),
    ("too-fine", _provision(**{"class": [{"system": "http://x.example", "code": "Observation"}]})),
    ("too-fine", _top(verification=[{"verified": False}])),
    ("bad-period", _provision(period={"start": "2026-11", "end": "2027-03-31"})),
    ("not-yet", _provision(period={"start": "2026-12-01T00:00:00+09:00"})),
    ("not-yet", _top(dateTime="2027-01-01T00:00:00+09:00")),
    ("no-date", lambda c: c.pop("dateTime")),
    ("until-past", _provision(period={"end": "2026-10-01"})),
    ("no-words", lambda c: c.pop("policy")),
    ("no-words", _top(policy=[{"uri": "https://hospital.example/consent/3"}])),
    ("unknown-policy", lambda c: c["policyRule"]["coding"][0].update(code="OPTOUT")),
    ("unknown-category", lambda c: c["category"][0]["coding"][0].update(code="64292-6")),
    ("said-by-another", _top(performer=[{"reference": "RelatedPerson/7"}])),
    ("said-by-another", lambda c: c["performer"][0].update(identifier={"system": "urn:x", "value": "7"})),
    ("said-by-another", _top(performer=[{"display": "山田 太郎"}])),
    ("not-in-force", _top(status="draft")),
    ("not-in-force", _top(status="proposed")),
    ("unknown-status", _top(status="working")),
    ("entered-in-error", _top(status="entered-in-error")),
    ("not-privacy", lambda c: c["scope"]["coding"][0].update(code="research")),
    ("wrong-patient", _top(patient={"reference": "Patient/r-somebodyelse2"})),
    ("wrong-patient", _top(patient={"display": "山田 花子"})),
    ("wrong-patient", lambda c: c["patient"].update(identifier=_named(TARO))),
    ("wrong-patient", _top(patient={"reference": f"Patient/{TARO}", "identifier": _named(HANAKO)})),
    ("modifier", lambda c: c["provision"]["actor"][0].update(modifierExtension=[NOT])),
    ("modifier", lambda c: c["policy"][0].update(modifierExtension=[NOT])),
    ("modifier", _top(modifierExtension=[NOT])),
    ("modifier", _provision(modifierExtension=[NOT])),
    ("modifier", _top(implicitRules="http://x.example/rules")),
    ("not-fhir", _top(dateTime=[3])),
    ("not-fhir", lambda c: c.pop("category")),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "change"), UNFIT)
def test_a_yes_that_is_not_exactly_one_of_ours_is_refused(wanted: str, change: Change) -> None:
    consent = example()
    change(consent)
    assert code(consent) == wanted


def test_a_number_that_a_network_gave_the_person_names_them_where_the_house_knows_it() -> None:
    theirs = example(patient={"reference": "Patient/4711"}, performer=[{"reference": "Patient/4711"}])
    assert code(theirs) == "wrong-patient"
    assert isinstance(read(theirs, ("Patient/4711",)), Document)
    both = {"reference": "Patient/4711", "identifier": _named(HANAKO)}
    assert isinstance(read(example(patient=both, performer=[both])), Document), "our own number beside theirs"
    ours = {"identifier": _named(HANAKO)}
    assert code(example(patient=ours, performer=[{"identifier": _named(TARO)}])) == "said-by-another"


@pytest.mark.parametrize(
    "change",
    [
        _provision(dataPeriod={"start": "2026-01-01"}),
        _provision(actor=[{"role": {"text": "?"}, "reference": {"reference": "Organization/1"}}]),
        _provision(code=[{"text": "all of it"}]),
        _provision(provision=[{"type": "permit"}]),
        lambda c: c.pop("policy"),
        lambda c: c.pop("policyRule"),
        _top(performer=[{"reference": "RelatedPerson/7"}]),
    ],
)
def test_a_no_that_is_finer_than_we_can_keep_closes_the_whole_purpose_or_what_it_names(change: Change) -> None:
    consent = example("deny")
    change(consent)
    [said] = events(consent)
    yes = Event(resident=HANAKO, purpose="care-share", granted=True, at=NOW - 90 * DAY)
    assert not permits([yes, said], "care-share", "choukai-net", "systolic", NOW).granted
    assert said.until is None


def test_a_no_by_hl7s_word_closes_every_purpose_it_covers_and_one_without_a_word_closes_all() -> None:
    treat = example("deny")
    _purpose((REASON, "TREAT"))(treat)
    assert {one.purpose for one in events(treat)} == {"care-share", "nurse-review", "advice"}
    everything = example("deny")
    _provision(purpose=None, actor=None, code=None, period=None)(everything)
    everything["provision"] = {"type": "deny"}
    assert [one.purpose for one in events(everything)] == list(PURPOSES)
    market = example("deny")
    _purpose((REASON, "HMARKT"))(market)
    assert code(market) == "unknown-purpose"


def test_a_yes_that_its_house_ended_is_a_no() -> None:
    for status in ("inactive", "rejected"):
        assert [one.granted for one in events(example(status=status))] == [False]
    over = example(status="inactive")
    over["provision"]["period"]["end"] = "2026-11-10T00:00:00+09:00"
    [said] = events(over)
    assert permits([said], "care-share", "choukai-net", "systolic", NOW).code == "expired"


def test_a_no_from_before_our_last_yes_holds_from_now_on_also_for_a_part_of_it() -> None:
    yes = Event(resident=HANAKO, purpose="care-share", granted=True, at=NOW - DAY, recipient="choukai-net", seq=4)
    whole = example("deny")
    for name in ("actor", "code"):
        del whole["provision"][name]
    [said] = events(whole)
    assert said.at < yes.at
    now = standing_still([yes], said, NOW)
    assert now.at == NOW
    before = Event(resident=HANAKO, purpose="care-share", granted=True, at=NOW - 90 * DAY, seq=4)
    assert standing_still([before], said, NOW) == said
    [other] = events(example("deny"))
    elsewhere = Event(resident=HANAKO, purpose="care-share", granted=True, at=NOW - DAY, recipient="clinic", seq=4)
    assert standing_still([elsewhere], other, NOW) == other


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"{", "damaged-json"), (b"\xff\xfe", "damaged-json"), (b"[" * 100_000, "damaged-json"), (b"[]", "not-fhir"),
        (b"{}", "not-fhir"), (b'{"resourceType":"Patient"}', "no-consent-resource"),
        (b'{"resourceType":"Bundle","entry":[{"resource":3},7]}', "no-consent-resource"),
        (b" " * ((4 << 20) + 1), "too-large"),
        (json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Consent"}}] * 1001}).encode(),
         "too-many-consents"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_consents_is_refused_whole(data: bytes, wanted: str) -> None:
    found = consents_in(data)
    assert isinstance(found, Refusal)
    assert found.code == wanted


def test_a_bundle_gives_its_consents_and_counts_the_rest() -> None:
    entries = [{"resource": {"resourceType": "Patient"}}, {"resource": example()}, {"fullUrl": "urn:x"}]
    found = consents_in(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
    assert found == ([example()], 2)

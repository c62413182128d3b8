"""JP-CLINS Bundles written to their profiles: five kinds of information, each item a fact, an entry or a stated reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.bridge.written_imports import reasons, understood, values

CLINS = Path(__file__).parents[2] / "contract/bridge/clins"


def taken(name: str) -> bytes:
    return (CLINS / f"{name}.json").read_bytes()


def test_conditions_say_what_the_person_was_told() -> None:
    report = understood(taken("conditions"))
    assert report.form == "clins"
    assert [(fact.code, fact.value) for fact in report.understood] == [("has.heart-failure", "1")]
    assert [(one.name, one.status, one.codes[-1].code) for one in report.entries if one.status == "active"] == [
        ("心不全", "active", "I509")]  # fmt: skip
    assert reasons(report) == {"": "withheld"}
    assert "告げていない" not in repr(report)


def test_two_medicines_of_one_prescription_are_two_things() -> None:
    report = understood(taken("medications"))
    assert [fact.code for fact in report.understood] == ["med.glucose-lowering"]
    assert [(one.name, one.detail, one.status) for one in report.entries] == [
        ("メトホルミン塩酸塩錠250mg", "1回1錠 1日2回 朝夕食後 28日分", "active"), ("院内製剤 軟膏", "1日2回 塗布", "active")]  # fmt: skip
    assert {one.until for one in report.entries} == {datetime(2026, 11, 26, 15, tzinfo=UTC)}
    assert len({one.remote for one in report.entries}) == 2
    assert reasons(report) == {"NOCODED": "unknown-code"}, "somebody may want to look at it"


def test_the_same_prescription_in_another_bundle_is_the_same_thing() -> None:
    other = json.loads(taken("medications"))
    other["identifier"]["value"] += "-B"
    other["timestamp"] = "2026-11-08T09:00:00+09:00"
    first, second = understood(taken("medications")), understood(json.dumps(other).encode())
    assert first.channel != second.channel
    assert [one.remote for one in first.entries] == [one.remote for one in second.entries]
    assert all(a.version < b.version for a, b in zip(first.entries, second.entries, strict=True))


def test_an_allergy_has_its_reaction() -> None:
    report = understood(taken("allergies"))
    assert [fact.code for fact in report.understood] == ["allergy.to-food"]
    assert [(one.name, one.detail, one.source) for one in report.entries] == [("そば", "呼吸困難 severe", "hospital")]


def test_laboratory_values_are_known_by_any_of_their_codes() -> None:
    report = understood(taken("labs"))
    assert values(report) == {"lab.hba1c": ("6.8", "%"), "lab.ldl": ("131", "mg/dL")}
    assert {fact.source for fact in report.understood} == {"lab"}
    assert [(one.code, one.name, one.reason) for one in report.unknown] == [("09999", "院内項目", "unknown-code")]

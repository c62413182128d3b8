"""Third parties' payloads against `phr decode`: every one to the values its source states, previews as previews."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles.captures import answer
from firmware_profiles.inspection import mismatches
from firmware_profiles.registry import CHARACTERISTICS, PROFILES

FILE = Path(__file__).parents[2] / "golden/captures/ble_vectors.jsonl"
LINES = FILE.read_text(encoding="utf-8").splitlines()
VECTORS: list[dict[str, Any]] = [json.loads(line) for line in LINES]


def name_of(vector: dict[str, Any]) -> str:
    return f"{vector['id']}-{vector['family']}"


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_a_captured_frame_decodes_to_what_its_source_states(vector: dict[str, Any]) -> None:
    assert list(mismatches(answer(json.dumps(vector), PROFILES), vector)) == []


def test_the_file_holds_all_vectors_once() -> None:
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS) == 96


@pytest.mark.golden
def test_every_answer_is_as_reviewed(golden: Callable[[str, str], None]) -> None:
    answers = (json.dumps(answer(line, PROFILES), ensure_ascii=False) for line in LINES)
    golden("captures/answers.jsonl", "\n".join(answers) + "\n")


def test_a_judge_of_answers_convicts_a_wrong_value_unit_and_finality() -> None:
    vector = next(v for v in VECTORS if v["family"] == "sig-weight")
    told = answer(json.dumps(vector), PROFILES)
    name, said = next(iter(vector["expected"].items()))
    for wrong in ({"final": not vector["final"]}, {"expected": {name: {"value": "x", "unit": said["unit"]}}},
                  {"expected": {name: said | {"unit": "furlong"}}}, {"expected": {"made-up": said}}):  # fmt: skip
        assert list(mismatches(told, vector | wrong)) != []


def test_a_clock_that_was_never_set_gives_no_timestamp() -> None:
    unset = [v for v in VECTORS if "1970" in v.get("note", "")]
    assert len(unset) >= 2
    for vector in unset:
        assert "timestamp" not in answer(json.dumps(vector), PROFILES)["quantities"]


def test_an_encrypted_advert_without_its_key_says_what_to_do() -> None:
    sealed = [v for v in VECTORS if v.get("keys", {}).get("bindkey")]
    assert sealed
    for vector in sealed:
        told = answer(json.dumps({key: value for key, value in vector.items() if key != "keys"}), PROFILES)
        assert told["error"]["code"] == "bindkey-needed"
        assert "--key-file" in told["error"]["message"]


def test_what_is_proven_by_a_capture_has_one_in_the_file() -> None:
    """A layout that several families share is proven for all of them by a capture of any."""
    everyone = {**PROFILES, **CHARACTERISTICS}
    proven: set[object] = set()
    for line, vector in zip(LINES, VECTORS, strict=True):
        profile = everyone.get(answer(line, PROFILES).get("profile", ""))
        if profile is not None and vector["provenance"] == "capture":
            codec = profile.codecs.get(vector.get("characteristic_uuid") or "")
            proven |= {codec.decode if codec else profile.advert}
    for profile in everyone.values():
        layouts = {profile.advert, *(codec.decode for codec in profile.codecs.values())}
        if profile.proof == "capture":
            assert layouts & proven, profile.id

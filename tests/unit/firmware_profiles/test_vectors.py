"""Third parties' payloads against `phr decode`: every family of ours to its stated values, every other a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles.captures import answer
from firmware_profiles.registry import CHARACTERISTICS, PROFILES

FILE = Path(__file__).parents[2] / "golden/captures/ble_vectors.jsonl"
LINES = FILE.read_text(encoding="utf-8").splitlines()
VECTORS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
OURS = ("sig-", "huami-band", "xiaomi-miscale-")
HALF_STEP = 0.0025  # half of 0.005 kg, the finest wire step whose expectation is rounded


def is_ours(vector: dict[str, Any]) -> bool:
    return str(vector["family"]).startswith(OURS)


def name_of(vector: dict[str, Any]) -> str:
    return f"{vector['id']}-{vector['family']}"


@pytest.mark.parametrize("vector", [v for v in VECTORS if is_ours(v)], ids=name_of)
def test_a_frame_of_our_families_decodes_to_what_its_source_states(vector: dict[str, Any]) -> None:
    told = answer(json.dumps(vector), PROFILES)
    assert told["final"] is vector["final"]
    for name, expected in vector["expected"].items():
        found = told["quantities"][name]
        assert found["unit"] == expected["unit"], name
        if isinstance(expected["value"], float):
            assert found["value"] == pytest.approx(expected["value"], abs=HALF_STEP), name
        else:
            assert found["value"] == expected["value"], name


@pytest.mark.parametrize("vector", [v for v in VECTORS if not is_ours(v)], ids=name_of)
def test_a_frame_of_any_other_family_is_refused_and_not_guessed(vector: dict[str, Any]) -> None:
    told = answer(json.dumps(vector), PROFILES)
    assert told["id"] == vector["id"]
    assert told["error"]["code"] == "no-profile"


def test_the_file_holds_all_vectors_once() -> None:
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS) == 96


@pytest.mark.golden
def test_every_answer_is_as_reviewed(golden: Callable[[str, str], None]) -> None:
    answers = (json.dumps(answer(line, PROFILES), ensure_ascii=False) for line in LINES)
    golden("captures/answers.jsonl", "\n".join(answers) + "\n")


def test_a_clock_that_was_never_set_gives_no_timestamp() -> None:
    unset = [v for v in VECTORS if is_ours(v) and "1970" in v.get("note", "")]
    assert len(unset) == 2
    for vector in unset:
        assert "timestamp" not in answer(json.dumps(vector), PROFILES)["quantities"]


def test_what_is_proven_by_a_capture_has_one_in_the_file() -> None:
    captured = {
        answer(line, PROFILES).get("profile")
        for line, v in zip(LINES, VECTORS, strict=True)
        if v["provenance"] == "capture"
    }
    everyone = {**PROFILES, **CHARACTERISTICS}
    assert {p.id for p in everyone.values() if p.proof == "capture"} == captured - {None}

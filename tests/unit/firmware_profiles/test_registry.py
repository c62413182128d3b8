"""Third parties' profiles, firmware variants and the device table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Codec, Match, Profile, Subscribe, UntilIdle, Variant, WriteCurrentTime
from firmware_profiles.registry import CHARACTERISTICS, PROFILES, for_firmware, installed, load
from firmware_profiles.table import device_table
from firmware_profiles.uuids import WEIGHT_MEASUREMENT


class Plugin:
    """What importlib.metadata hands over, without an installed package."""

    def __init__(self, name: str, loaded: Any) -> None:
        self.name, self._loaded = name, loaded

    def load(self) -> Any:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def read_grams(data: bytes) -> Sample:
    return Sample(quantities={"weight": Quantity(Decimal(int.from_bytes(data, "big")), "g")})


# Its firmware 1.x counts grams; from 2.0 on the scale follows the standard and must have its clock set.
SCALE = Profile(
    id="acme-scale",
    maker="Acme",
    model="One",
    match=(Match(name="ACME-"),),
    provides=frozenset({"body-weight"}),
    source="the maker's data sheet",
    steps=(Subscribe(WEIGHT_MEASUREMENT), UntilIdle(5.0)),
    codecs=PROFILES["sig-weight"].codecs,
    variants=(Variant(firmware=r"1\..*", codecs={WEIGHT_MEASUREMENT: Codec(decode=read_grams)}),
              Variant(firmware=r"[2-9]\..*", steps=(WriteCurrentTime(), Subscribe(WEIGHT_MEASUREMENT)))),
    experimental=True,
)  # fmt: skip


def test_a_third_partys_profile_stands_beside_the_built_in_ones() -> None:
    found = load([Plugin("acme", SCALE)])
    assert found.problems == ()
    assert found.profiles.keys() == PROFILES.keys() | {"acme-scale"}


@pytest.mark.parametrize(
    ("loaded", "code"),
    [
        (ImportError("no such module"), "broken"),
        (42, "broken"),
        (["text"], "no-profile"),
        ([], "no-profile"),
        (PROFILES["sig-weight"], "taken"),
        ([SCALE, SCALE], "taken"),
        (msgspec.structs.replace(SCALE, id="sig-time"), "taken"),
        (msgspec.structs.replace(SCALE, id="Acme Scale"), "invalid"),
        (msgspec.structs.replace(SCALE, match=()), "invalid"),
        (msgspec.structs.replace(SCALE, match=(Match(length=3),)), "invalid"),
        (msgspec.structs.replace(SCALE, match=(Match(name="("),)), "invalid"),
        (msgspec.structs.replace(SCALE, steps=()), "invalid"),
        (msgspec.structs.replace(SCALE, codecs={}), "invalid"),
        (msgspec.structs.replace(SCALE, provides=frozenset({"mood"})), "invalid"),
        (msgspec.structs.replace(SCALE, experimental=False), "invalid"),
        (msgspec.structs.replace(SCALE, model="x" * 65), "invalid"),
        (msgspec.structs.replace(SCALE, maker=""), "invalid"),
    ],
)
def test_a_broken_plug_in_is_reported_and_the_others_still_work(loaded: object, code: str) -> None:
    found = load([Plugin("bad", loaded), Plugin("acme", SCALE)])
    assert [(problem.name, problem.code) for problem in found.problems] == [("bad", code)]
    assert found.problems[0].message
    assert "acme-scale" in found.profiles


def test_what_is_installed_includes_everything_built_in() -> None:
    assert installed().profiles.keys() >= PROFILES.keys()
    assert PROFILES.keys().isdisjoint(CHARACTERISTICS)


def test_the_firmware_revision_chooses_the_variant() -> None:
    old, new = for_firmware(SCALE, "1.0.3"), for_firmware(SCALE, "2.0")
    frame = bytes.fromhex("00b036")
    assert old.codecs[WEIGHT_MEASUREMENT].decode(frame).quantities["weight"].unit == "g"
    assert new.codecs[WEIGHT_MEASUREMENT].decode(frame).quantities["weight"].unit == "kg"
    assert (old.steps, new.steps[0]) == (SCALE.steps, WriteCurrentTime())


@pytest.mark.parametrize("revision", [None, "", "0.9", "x1.0", "10.1"])
def test_an_unknown_revision_changes_nothing(revision: str | None) -> None:
    assert for_firmware(SCALE, revision) is SCALE


def test_the_device_table_has_a_row_for_every_profile() -> None:
    rows = device_table().splitlines()
    assert len(rows) == 2 + len(PROFILES)
    for profile in PROFILES.values():
        assert any(row.startswith(f"| `{profile.id}` | {profile.maker} |") for row in rows)
    assert all(row.count("|") == rows[0].count("|") for row in rows)


def test_a_family_without_a_capture_is_marked_experimental() -> None:
    unproven = {p.id for p in PROFILES.values() if p.proof != "capture"}
    assert {p.id for p in PROFILES.values() if p.experimental} >= unproven
    assert unproven >= {"sig-thermometer", "and-scale-first", "omron-oximeter"}

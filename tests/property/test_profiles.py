"""Laws of the whole registry: a new profile is under them from the moment it is listed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.contract.reading import Sample
from firmware_profiles import laws
from firmware_profiles.captures import materials
from firmware_profiles.laws import Breach, judge_advert, judge_claim, judge_frame, judge_join, judge_session, plainest
from firmware_profiles.model import Advert, DecodeError, Match, Profile
from firmware_profiles.noise import Known, change, draw_advert, try_once
from firmware_profiles.registry import CHARACTERISTICS, PROFILES, claim, claim_frame, find_fault

EVERYONE: dict[str, Profile] = {**PROFILES, **CHARACTERISTICS}
CODECS = [(p.id, uuid) for p in EVERYONE.values() for uuid in p.codecs]
BROADCASTERS = [p.id for p in PROFILES.values() if p.advert]
LINES = (Path(__file__).parents[1] / "golden/captures/ble_vectors.jsonl").read_text("utf-8").splitlines()
VECTORS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
KNOWN = materials(LINES, PROFILES)
SEEDS = st.integers(0, 2**32).map(Random)
# Seventy families share one machine of laws: a third of the usual examples for each is still thousands for the machine.
each_family = settings(max_examples=max(20, settings().max_examples // 3))


def holds(breaches: Iterable[Breach]) -> None:
    assert list(breaches) == []


def frames(name: str, characteristic: str) -> st.SearchStrategy[bytes]:
    """Noise, real frames of the characteristic, and real frames with bytes changed."""
    real = KNOWN.get(name, Known()).frames.get(characteristic, ())
    noise = st.one_of(st.binary(max_size=8), st.binary(min_size=12, max_size=40), st.binary(min_size=13, max_size=13))
    if not real:
        return noise
    return st.one_of(noise, st.sampled_from(list(real)), st.builds(change, st.sampled_from(list(real)), SEEDS))


def adverts(name: str) -> st.SearchStrategy[Advert]:
    """Adverts with random data where the profile looks for its own, and real ones changed."""
    return st.builds(draw_advert, st.just(PROFILES[name]), st.just(KNOWN.get(name, Known())), SEEDS)


def fitting(match: Match, draw: Any) -> str | None:
    return None if match.name is None else draw(st.from_regex(match.name, fullmatch=True))


@pytest.mark.fuzz
@pytest.mark.parametrize(("name", "uuid"), CODECS)
@each_family
@given(data=st.data())
def test_a_codec_keeps_every_law_on_any_bytes(name: str, uuid: str, data: st.DataObject) -> None:
    holds(judge_frame(EVERYONE[name], uuid, data.draw(frames(name, uuid))))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", BROADCASTERS)
@each_family
@given(data=st.data())
def test_an_advert_reader_keeps_every_law_on_any_advert(name: str, data: st.DataObject) -> None:
    holds(judge_advert(PROFILES[name], data.draw(adverts(name)), PROFILES))


@pytest.mark.parametrize("name", [p.id for p in PROFILES.values() if p.decrypt])
@each_family
@given(data=st.data())
def test_encryption_is_undone_by_its_key_and_by_nothing_else(name: str, data: st.DataObject) -> None:
    advert, key = data.draw(adverts(name)), data.draw(st.binary(min_size=16, max_size=16))
    holds(laws.judge_cipher(PROFILES[name], advert, key, data.draw(st.integers(0, 2**24 - 1))))
    holds(laws.judge_sealed(PROFILES[name], advert, data.draw(st.none() | st.binary(max_size=20))))


@pytest.mark.parametrize("name", [p.id for p in PROFILES.values() if p.join_adverts])
@each_family
@given(data=st.data())
def test_joining_never_makes_a_preview_final_nor_invents_a_value(name: str, data: st.DataObject) -> None:
    profile = PROFILES[name]
    assert profile.advert is not None
    try:
        first, second = (profile.advert(data.draw(adverts(name))) for _ in range(2))
    except DecodeError:
        return
    if first is not None and second is not None:
        holds(judge_join(profile, first, second))


@pytest.mark.parametrize("name", sorted(PROFILES))
@each_family
@given(data=st.data())
def test_each_profile_wins_its_own_advert_and_no_other_claims_it(name: str, data: st.DataObject) -> None:
    holds(judge_claim(PROFILES[name], PROFILES, lambda match: fitting(match, data.draw)))


@pytest.mark.parametrize("name", [p.id for p in PROFILES.values() if p.codecs])
@each_family
@given(data=st.data())
def test_a_session_gives_every_frame_to_at_most_one_measurement(name: str, data: st.DataObject) -> None:
    uuids = st.sampled_from(sorted(PROFILES[name].codecs))
    one = uuids.flatmap(lambda uuid: st.tuples(st.just(uuid), frames(name, uuid)))
    holds(judge_session(PROFILES[name], data.draw(st.lists(one, max_size=8))))


@given(
    st.builds(
        Advert,
        address=st.just(laws.ADDRESS),
        name=st.none() | st.sampled_from(["Renpho-Scale", "BM85", "MIBCS", "Mi Band"]) | st.text(max_size=8),
        services=st.lists(
            st.sampled_from(sorted({m.service for p in PROFILES.values() for m in p.match if m.service}))
        ).map(tuple),
        service_data=st.dictionaries(
            st.sampled_from(sorted({m.service_data for p in PROFILES.values() for m in p.match if m.service_data})),
            st.sampled_from([0, 2, 4, 10, 13, 21]).map(bytes),
            max_size=1,
        ),
    )
)
def test_an_advert_with_one_kind_of_evidence_has_one_claimant_or_none(advert: Advert) -> None:
    found = claim(advert, PROFILES)
    assert found is None or isinstance(found, Profile)


def test_every_known_advert_has_one_claimant_or_none() -> None:
    for vector in VECTORS:
        payload = bytes.fromhex(vector["payload_hex"])
        if vector["transport"] == "advertisement":
            uuid, company = vector.get("service_uuid"), vector.get("manufacturer_id")
            advert = Advert(
                address=laws.ADDRESS,
                name=vector.get("local_name"),
                service_data={} if uuid is None else {uuid: payload},
                manufacturer_data={} if company is None else {company: payload},
            )
            assert claim(advert, PROFILES) is None or isinstance(claim(advert, PROFILES), Profile)
        else:
            place = (vector["service_uuid"], vector.get("characteristic_uuid", ""), vector.get("local_name"))
            found = claim_frame(*place, EVERYONE)
            # Records out of a memory carry no name: several models share the characteristic they are read from.
            assert found is None or isinstance(found, Profile) or "memory" in vector["family"]


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_built_in_profile_is_sound(name: str) -> None:
    profile = PROFILES[name]
    assert find_fault(profile) is None
    assert profile.id == name
    assert profile.source
    assert profile.connects or profile.live


def test_the_laws_find_what_breaks_them() -> None:
    """A judge who never convicts is no judge."""
    good = PROFILES["xiaomi-miscale-v1"]
    match = good.match[0]
    advert = plainest(match, None)

    def crash(_: Advert) -> Any:
        raise IndexError

    def wrong(_: Sample, address: str) -> Advert:
        return Advert(address=address)

    bad = {
        "total": replace(good, advert=crash),
        "inverse": replace(good, encode_advert=wrong),
        "provides": replace(good, provides=frozenset()),
    }
    for law, profile in bad.items():
        real = list(KNOWN[good.id].adverts) or [advert]
        assert law in {b.law for item in real for b in judge_advert(profile, item, PROFILES)}, law
    rng = Random(1)
    assert [b for _ in range(20) for b in try_once(good, KNOWN[good.id], PROFILES, rng)] == []

"""Laws of the whole registry: a new profile is under them from the moment it is listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.reading import Sample, Value, values_of
from firmware_profiles.model import Advert, Codec, DecodeError, Match, Profile
from firmware_profiles.registry import CHARACTERISTICS, PROFILES, claim, claim_frame, find_fault
from firmware_profiles.session import Assembled, Assembler
from firmware_profiles.uuids import HEART_RATE_MEASUREMENT

EVERYONE: dict[str, Profile] = {**PROFILES, **CHARACTERISTICS}
CODECS = [(p.id, uuid) for p in EVERYONE.values() for uuid in p.codecs]
BROADCASTERS = [p.id for p in PROFILES.values() if p.advert]
VECTORS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "golden/captures/ble_vectors.jsonl").read_text("utf-8").splitlines()
]
# The one format whose list runs to the end of the frame: cut after an interval, it is a shorter list and legal.
OPEN_ENDED = {HEART_RATE_MEASUREMENT}
ADDRESS = "C0:FF:EE:00:00:01"


def frames(characteristic: str) -> st.SearchStrategy[bytes]:
    """Noise, real frames of the characteristic, and real frames with bytes changed."""
    real = [bytes.fromhex(v["payload_hex"]) for v in VECTORS if v.get("characteristic_uuid") == characteristic]
    noise = st.one_of(st.binary(max_size=8), st.binary(min_size=12, max_size=40), st.binary(min_size=13, max_size=13))
    return st.one_of(noise, st.sampled_from(real).flatmap(changed)) if real else noise


def changed(frame: bytes) -> st.SearchStrategy[bytes]:
    def patch(edits: list[tuple[int, int]]) -> bytes:
        edited = bytearray(frame)
        for at, byte in edits:
            edited[at] = byte
        return bytes(edited)

    return st.lists(st.tuples(st.integers(0, len(frame) - 1), st.integers(0, 255)), max_size=3).map(patch)


def read(codec: Codec, data: bytes) -> Sample | None:
    try:
        return codec.decode(data)
    except DecodeError as error:
        refusal = error
    assert refusal.code
    assert str(refusal)
    return None


def adverts(profile: Profile) -> st.SearchStrategy[Advert]:
    """Adverts with random data where the profile looks for its own, in every length it knows and some it does not."""
    lengths = sorted({match.length or 0 for match in profile.match} | {0, 21})
    data = st.sampled_from(lengths).flatmap(lambda size: st.binary(min_size=size, max_size=size))
    uuids = sorted({match.service_data for match in profile.match if match.service_data})
    companies = sorted({match.company for match in profile.match if match.company is not None})
    return st.builds(
        Advert,
        address=st.just(ADDRESS),
        service_data=st.dictionaries(st.sampled_from(uuids), data) if uuids else st.just({}),
        manufacturer_data=st.dictionaries(st.sampled_from(companies), data) if companies else st.just({}),
    )


def own_advert(match: Match, draw: Any) -> Advert:
    """The plainest advert on which `match` holds."""
    data = bytes(match.length or 0)
    return Advert(
        address=ADDRESS,
        name=None if match.name is None else draw(st.from_regex(match.name, fullmatch=True)),
        services=() if match.service is None else (match.service,),
        service_data={} if match.service_data is None else {match.service_data: data},
        manufacturer_data={} if match.company is None else {match.company: data},
    )


@pytest.mark.fuzz
@pytest.mark.parametrize(("name", "uuid"), CODECS)
@given(data=st.data())
def test_decoders_answer_any_bytes_with_a_sample_or_a_coded_refusal(name: str, uuid: str, data: st.DataObject) -> None:
    codec = EVERYONE[name].codecs[uuid]
    frame = data.draw(frames(uuid))
    read(codec, frame)
    if codec.is_part is not None:
        assert codec.is_part(frame) in {True, False}


@pytest.mark.parametrize(("name", "uuid"), CODECS)
@given(data=st.data())
def test_encoding_a_decoded_sample_and_decoding_it_again_changes_nothing(
    name: str, uuid: str, data: st.DataObject
) -> None:
    codec = EVERYONE[name].codecs[uuid]
    assert codec.encode is not None, "every codec has its inverse"
    sample = read(codec, data.draw(frames(uuid)))
    if sample is not None:
        assert codec.decode(codec.encode(sample)) == sample


@pytest.mark.parametrize(("name", "uuid"), CODECS)
@given(data=st.data())
def test_a_truncated_frame_is_refused(name: str, uuid: str, data: st.DataObject) -> None:
    codec = EVERYONE[name].codecs[uuid]
    assert codec.encode is not None
    sample = read(codec, data.draw(frames(uuid)))
    if sample is None:
        return
    frame = codec.encode(sample)
    for length in range(len(frame)):
        part = read(codec, frame[:length])
        assert part is None or (uuid in OPEN_ENDED and is_shorter(part, sample))


def is_shorter(part: Sample, whole: Sample) -> bool:
    lists = [
        (q.value, whole.quantities[name].value) for name, q in part.quantities.items() if isinstance(q.value, list)
    ]
    return bool(lists) and all(isinstance(long, list) and short == long[: len(short)] for short, long in lists)


@pytest.mark.parametrize(("name", "uuid"), CODECS)
@given(data=st.data())
def test_what_a_profile_reports_is_what_it_provides_in_digits_the_wire_takes(
    name: str, uuid: str, data: st.DataObject
) -> None:
    sample = read(EVERYONE[name].codecs[uuid], data.draw(frames(uuid)))
    if sample is not None:
        assert_reportable(EVERYONE[name], sample)


def assert_reportable(profile: Profile, sample: Sample) -> None:
    values = values_of(sample)
    assert {value.kind for value in values} <= profile.provides
    for value in values:
        assert msgspec.json.decode(msgspec.json.encode(value), type=Value) == value
    assert sample.time is None or sample.time.tzinfo is None


@pytest.mark.fuzz
@pytest.mark.parametrize("name", BROADCASTERS)
@given(data=st.data())
def test_advert_readers_are_total_and_their_encoders_inverse(name: str, data: st.DataObject) -> None:
    profile = PROFILES[name]
    assert profile.advert is not None
    assert profile.encode_advert is not None, "every advert reader has its inverse"
    sample = profile.advert(data.draw(adverts(profile)))
    if sample is not None:
        assert_reportable(profile, sample)
        advert = profile.encode_advert(sample, ADDRESS)
        assert profile.advert(advert) == sample
        assert claim(advert, PROFILES) is profile


@pytest.mark.parametrize("name", BROADCASTERS)
@given(data=st.data())
def test_joining_never_makes_a_preview_final_nor_mixes_weighings(name: str, data: st.DataObject) -> None:
    profile = PROFILES[name]
    if profile.advert is None or profile.join_adverts is None:
        return
    first, second = (profile.advert(data.draw(adverts(profile))) for _ in range(2))
    if first is None or second is None:
        return
    assert profile.join_adverts(first, first) == first
    joined = profile.join_adverts(first, second)
    assert joined is None or (joined in (first, second) and joined.time == first.time == second.time)


@pytest.mark.parametrize("name", sorted(PROFILES))
@given(data=st.data())
def test_each_profile_wins_its_own_advert_and_no_other_claims_it(name: str, data: st.DataObject) -> None:
    for match in PROFILES[name].match:
        assert claim(own_advert(match, data.draw), PROFILES) is PROFILES[name]


@given(
    st.builds(
        Advert,
        address=st.just(ADDRESS),
        name=st.none() | st.sampled_from(["Renpho-Scale", "BM85", "MIBCS", "Mi Band"]) | st.text(max_size=8),
        services=st.lists(
            st.sampled_from(sorted({m.service for p in PROFILES.values() for m in p.match if m.service}))
        ).map(tuple),
        service_data=st.dictionaries(
            st.sampled_from(sorted({m.service_data for p in PROFILES.values() for m in p.match if m.service_data})),
            st.sampled_from([0, 2, 4, 10, 13, 21]).map(bytes),
        ),
        manufacturer_data=st.dictionaries(
            st.sampled_from([0x0157, 0x006B, 0x0100]), st.sampled_from([0, 8, 24]).map(bytes)
        ),
    )
)
def test_an_advert_with_one_kind_of_broadcast_has_one_claimant_or_none(advert: Advert) -> None:
    found = claim(advert, PROFILES)
    # Two different scales' service data in one advert is the only thing that may stay undecided.
    assert found is None or isinstance(found, Profile) or len(advert.service_data) > 1


def test_every_known_advert_has_one_claimant_or_none() -> None:
    for vector in VECTORS:
        payload = bytes.fromhex(vector["payload_hex"])
        if vector["transport"] == "advertisement":
            uuid, company = vector.get("service_uuid"), vector.get("manufacturer_id")
            advert = Advert(
                address=ADDRESS,
                name=vector.get("local_name"),
                service_data={} if uuid is None else {uuid: payload},
                manufacturer_data={} if company is None else {company: payload},
            )
            assert claim(advert, PROFILES) is None or isinstance(claim(advert, PROFILES), Profile)
        else:
            place = (vector["service_uuid"], vector.get("characteristic_uuid", ""), vector.get("local_name"))
            found = claim_frame(*place, EVERYONE)
            assert found is None or isinstance(found, Profile)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_built_in_profile_is_sound(name: str) -> None:
    profile = PROFILES[name]
    assert find_fault(profile) is None
    assert profile.id == name
    assert profile.source
    assert profile.connects or profile.live


@given(data=st.data())
def test_a_session_gives_every_frame_to_at_most_one_measurement(data: st.DataObject) -> None:
    profile = PROFILES[data.draw(st.sampled_from([p.id for p in PROFILES.values() if p.connects]))]
    uuids = st.sampled_from(sorted(profile.codecs))
    session = data.draw(st.lists(uuids.flatmap(lambda uuid: st.tuples(st.just(uuid), frames(uuid))), max_size=8))
    assembler, refused = Assembler(profile), list[int]()
    done = list[Assembled]()
    for number, (uuid, frame) in enumerate(session):
        try:
            done += assembler.feed(uuid, frame)
        except DecodeError:
            refused.append(number)
    done += assembler.finish()
    used = [number for item in done for number in item.frames]
    assert sorted(used + refused) == list(range(len(session)))
    assert all(item.raw == b"".join(session[number][1] for number in item.frames) for item in done)
    assert assembler.finish() == ()

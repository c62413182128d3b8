"""The laws every profile is under, as judgements over given bytes: no breach, or what was broken and by which bytes.

Total on arbitrary bytes; truncation is a refusal; a preview never becomes a reading; what is reported is provided, in
digits the wire takes; decode(encode(x)) == x; no frame counts twice; exactly one claimant. Property tests, the fuzz
campaign and `phr profile check` all ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from engine.contract.reading import Sample, Value, values_of
from firmware_profiles.claim import claim
from firmware_profiles.model import Advert, Codec, DecodeError, Match, Profile
from firmware_profiles.session import Assembled, Assembler
from firmware_profiles.uuids import HEART_RATE_MEASUREMENT

T = TypeVar("T")
# The one format whose list runs to the end of the frame: cut after an interval, it is a shorter list and legal.
OPEN_ENDED: Final = frozenset({HEART_RATE_MEASUREMENT})
ADDRESS: Final = "C0:FF:EE:00:00:01"


class Breach(msgspec.Struct, frozen=True):
    """A law that does not hold for `profile`; `by` is the frame or advert as text that shows it."""

    law: str
    profile: str
    by: str


class _Broken(Exception):  # noqa: N818 - a decoder that fails in a way it must not
    pass


def judge_frame(profile: Profile, characteristic: str, frame: bytes) -> Iterator[Breach]:
    """The laws of one codec on one frame."""
    codec, by = profile.codecs[characteristic], f"{characteristic} {frame.hex()}"
    try:
        sample = _ask(lambda: codec.decode(frame))
        if codec.is_part is not None and _ask(lambda: codec.is_part and codec.is_part(frame)) not in {True, False}:
            yield Breach("total", profile.id, by)
        if sample is None:
            return
        yield from _judge_report(profile, sample, by)
        yield from _judge_inverse(profile, codec, characteristic, sample, by)
    except _Broken as error:
        yield Breach("total", profile.id, f"{by}: {error}")


def _judge_inverse(profile: Profile, codec: Codec, characteristic: str, sample: Sample, by: str) -> Iterator[Breach]:
    if codec.encode is None:
        yield Breach("inverse", profile.id, f"{characteristic} has no encoder")
        return
    try:
        again = codec.encode(sample)
    except Exception as error:  # noqa: BLE001 - what an encoder says of a sample its own decoder made
        yield Breach("inverse", profile.id, f"{by}: {type(error).__name__} {error}")
        return
    if _ask(lambda: codec.decode(again)) != sample:
        yield Breach("inverse", profile.id, f"{by} became {again.hex()}")
    for length in range(len(again)):
        cut = again[:length]
        part = _ask(lambda cut=cut: codec.decode(cut))  # type: ignore[misc]
        if part is not None and not (characteristic in OPEN_ENDED and _is_shorter(part, sample)):
            yield Breach("truncation", profile.id, f"{again.hex()} cut to {length} bytes")


def judge_advert(profile: Profile, advert: Advert, profiles: Mapping[str, Profile]) -> Iterator[Breach]:
    """The laws of an advert reader on one advert in the clear."""
    reader, by = profile.advert, _show(advert)
    if reader is None:
        return
    try:
        sample = _ask(lambda: reader(advert))
    except _Broken as error:
        yield Breach("total", profile.id, f"{by}: {error}")
        return
    if sample is None:
        return
    yield from _judge_report(profile, sample, by)
    if profile.encode_advert is None:
        yield Breach("inverse", profile.id, "adverts have no encoder")
        return
    try:
        again = profile.encode_advert(sample, advert.address)
        read = _ask(lambda: reader(again))
    except Exception as error:  # noqa: BLE001 - as above
        yield Breach("inverse", profile.id, f"{by}: {type(error).__name__} {error}")
        return
    if read != sample:
        yield Breach("inverse", profile.id, f"{by} became {_show(again)}")
    if claim(again, profiles) is not profile:
        yield Breach("claimant", profile.id, _show(again))


def judge_cipher(profile: Profile, advert: Advert, key: bytes, counter: int) -> Iterator[Breach]:
    """The laws of encryption on one advert in the clear: inverse, keyless and wrong keys refused by name."""
    decrypt, encrypt = profile.decrypt, profile.encrypt
    if decrypt is None or profile.advert is None or _quiet(profile.advert, advert) is None:
        return
    if encrypt is None:
        yield Breach("inverse", profile.id, "encrypted adverts have no encoder")
        return
    sealed, other = encrypt(advert, key, counter), bytes(255 - byte for byte in key)
    if _quiet(profile.advert, decrypt(sealed, key)) != _quiet(profile.advert, advert):
        yield Breach("inverse", profile.id, f"encrypted {_show(advert)}")
    for wrong, code in ((None, "bindkey-needed"), (other, "bindkey-wrong")):
        try:
            decrypt(sealed, wrong)
            said = "nothing"
        except DecodeError as error:
            said = error.code
        except Exception as error:  # noqa: BLE001 - as above
            said = type(error).__name__
        if said != code:
            yield Breach("cipher", profile.id, f"{_show(sealed)}: {said} instead of {code}")


def judge_sealed(profile: Profile, advert: Advert, key: bytes | None) -> Iterator[Breach]:
    """Decryption is total: any bytes under any key give an advert or a coded refusal."""
    if profile.decrypt is None:
        return
    try:
        profile.decrypt(advert, key)
    except DecodeError:
        return
    except Exception as error:  # noqa: BLE001 - as above
        yield Breach("total", profile.id, f"{_show(advert)}: {type(error).__name__} {error}")


def judge_join(profile: Profile, first: Sample, second: Sample) -> Iterator[Breach]:
    """Joining invents nothing: every quantity comes from one of the two frames, a preview stays a preview."""
    if profile.join_adverts is None:
        return
    by = f"{first} and {second}"
    if profile.join_adverts(first, first) != first:
        yield Breach("join", profile.id, f"{first} with itself")
    joined = profile.join_adverts(first, second)
    if joined is None:
        return
    known = {*map(_item, first.quantities.items()), *map(_item, second.quantities.items())}
    if not {*map(_item, joined.quantities.items())} <= known or joined.time not in (first.time, second.time):
        yield Breach("join", profile.id, by)
    if joined.final and not (first.final or second.final):
        yield Breach("preview", profile.id, by)


def judge_session(profile: Profile, session: Sequence[tuple[str, bytes]]) -> Iterator[Breach]:
    """Every frame of a session is used by at most one measurement, and the same frames give the same measurements."""
    by = " ".join(f"{uuid[4:8]}:{frame.hex()}" for uuid, frame in session)
    try:
        (done, refused), again = _assemble(profile, session), _assemble(profile, session)
    except _Broken as error:
        yield Breach("total", profile.id, f"{by}: {error}")
        return
    used = [number for item in done for number in item.frames]
    if len(set(used)) != len(used) or not set(used) <= set(range(len(session))):
        yield Breach("once", profile.id, by)
    # Only a codec that looks back may leave a frame without a measurement of its own.
    gathers = any(codec.gather for codec in profile.codecs.values())
    if not gathers and sorted(used + refused) != list(range(len(session))):
        yield Breach("lost", profile.id, by)
    if (done, refused) != again:
        yield Breach("same", profile.id, by)
    for item in done:
        yield from _judge_report(profile, item.sample, by)


def judge_claim(
    profile: Profile, profiles: Mapping[str, Profile], names: Callable[[Match], str | None]
) -> Iterator[Breach]:
    """The plainest advert of each of its matches is nobody else's; `names` makes a fitting name, or None to skip it."""
    for match in profile.match:
        name = names(match)
        if name is None and match.name is not None:
            continue
        found = claim(plainest(match, name), profiles)
        if found is not profile:
            rival = found.id if isinstance(found, Profile) else found
            yield Breach("claimant", profile.id, f"{match} goes to {rival}")


def plainest(match: Match, name: str | None) -> Advert:
    """The plainest advert on which `match` holds, given a name that fits its pattern."""
    data = bytearray(match.at + len(match.holds) if match.length is None else match.length)
    data[match.at : match.at + len(match.holds)] = match.holds
    return Advert(
        address=ADDRESS,
        name=name,
        services=() if match.service is None else (match.service,),
        service_data={} if match.service_data is None else {match.service_data: bytes(data)},
        manufacturer_data={} if match.company is None else {match.company: bytes(data)},
    )


def _judge_report(profile: Profile, sample: Sample, by: str) -> Iterator[Breach]:
    values = values_of(sample, profile.kinds)
    extra = {value.kind for value in values} - profile.provides
    if extra and sample.final:
        yield Breach("provides", profile.id, f"{by}: {sorted(extra)}")
    for value in values:
        try:
            msgspec.json.decode(msgspec.json.encode(value), type=Value)
        except msgspec.MsgspecError:
            yield Breach("digits", profile.id, f"{by}: {value}")
    if sample.time is not None and sample.time.tzinfo is not None:
        yield Breach("wall-clock", profile.id, by)


def _assemble(profile: Profile, session: Iterable[tuple[str, bytes]]) -> tuple[list[Assembled], list[int]]:
    """The measurements of a session, and the numbers of the frames that were refused."""
    assembler, done, refused = Assembler(profile), list[Assembled](), list[int]()
    for number, (uuid, frame) in enumerate(session):
        found = _ask(lambda uuid=uuid, frame=frame: assembler.feed(uuid, frame))  # type: ignore[misc]
        refused += [number] if found is None else []
        done += found or ()
    return [*done, *assembler.finish()], refused


def _ask(question: Callable[[], T]) -> T | None:
    """The answer, None for a coded refusal; anything else is a broken promise."""
    try:
        return question()
    except DecodeError as error:
        if error.code and str(error):
            return None
        raise _Broken("a refusal without a code or a message") from error
    except Exception as error:
        raise _Broken(f"{type(error).__name__}: {error}") from error


def _quiet(reader: Callable[[Advert], Sample | None], advert: Advert) -> Sample | None:
    try:
        return reader(advert)
    except DecodeError:
        return None


def _item(item: tuple[str, object]) -> tuple[str, str]:
    return item[0], str(item[1])


def _is_shorter(part: Sample, whole: Sample) -> bool:
    lists = [
        (q.value, whole.quantities[name].value) for name, q in part.quantities.items() if isinstance(q.value, list)
    ]
    return bool(lists) and all(isinstance(long, list) and short == long[: len(short)] for short, long in lists)


def _show(advert: Advert) -> str:
    data = [f"{uuid[4:8]}={raw.hex()}" for uuid, raw in advert.service_data.items()]
    data += [f"{company:04x}={raw.hex()}" for company, raw in advert.manufacturer_data.items()]
    return " ".join(data) or "an advert without data"

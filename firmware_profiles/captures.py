"""One line of a capture file in, one answer out: what `phr decode` says about recorded Bluetooth payloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.contract.reading import Quantity, Sample
from engine.contract.units import convert
from firmware_profiles.model import Advert, DecodeError, Profile, is_part, read_advert, uuid16
from firmware_profiles.noise import Known
from firmware_profiles.registry import CHARACTERISTICS, Ambiguous, claim, claim_frame, claim_slug
from firmware_profiles.session import Assembler

Hex = Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2})*$")]
Company = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
# Units a device may use beside those of the closed list of quantities, and what the list has instead.
CLOSED: Final = {"kPa": "mm[Hg]", "[degF]": "Cel"}
_CLOSED_DECIMALS: Final = 3
# A clock that was never set stands at its epoch: 1970, 2000, 2010 and the like.
_UNSET_YEAR: Final = 2012
_SHORT_UUID: Final = 4


class OtherAd(msgspec.Struct, frozen=True):
    """Further structures of the same advert, as hex."""

    manufacturer_data: dict[str, Hex] = {}
    service_data: dict[str, Hex] = {}


class Keys(msgspec.Struct, frozen=True):
    """What decrypts an advert: the device's bindkey and, when the advert does not carry it, its address."""

    bindkey: Hex | None = None
    mac: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A capture; fields the answer does not need (source, expected, ...) are ignored."""

    id: str
    device: str | None = None
    transport: Literal["advertisement", "notification"]
    payload_hex: Hex
    service_uuid: str | None = None
    characteristic_uuid: str | None = None
    manufacturer_id: Company | None = None
    local_name: str | None = None
    address: str | None = None
    other_ad: OtherAd | None = None
    keys: Keys | None = None
    preceding_payloads_hex: tuple[Hex, ...] = ()


class _Identified(msgspec.Struct, frozen=True):
    id: str


def answer(line: str, profiles: Mapping[str, Profile]) -> dict[str, Any]:
    """The JSON object that answers `line`; total: whatever is wrong becomes `error` with a code and a message.

    Codes: `bad-json`, `bad-line`, `no-profile`, `no-measurement`, `profile-failed`, and those of DecodeError.
    """
    try:
        text = line.encode()
        # Raw checks the grammar only: a number too large for a machine word is still JSON.
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        return _refuse(None, "bad-json", str(error))
    try:
        capture = msgspec.json.decode(text, type=Line)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        return _refuse(_read_id(text), "bad-line", str(error))
    try:
        profile, sample = _decode(capture, profiles)
    except DecodeError as error:
        return _refuse(capture.id, error.code, str(error))
    except Exception as error:  # noqa: BLE001 - a third party's profile may fail in any way
        return _refuse(capture.id, "profile-failed", f"{type(error).__name__}: {error}")
    told = _tell(sample, always_time=profile.id in CHARACTERISTICS)
    return {"id": capture.id, "profile": profile.id, "final": sample.final, "quantities": told}


def _read_id(text: bytes) -> str | None:
    try:
        return msgspec.json.decode(text, type=_Identified).id
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def _refuse(name: str | None, code: str, message: str) -> dict[str, Any]:
    # An error of the JSON reader may quote what could not be encoded.
    clean = message.encode("utf-8", "replace").decode()
    return {"id": name, "error": {"code": code, "message": clean}}


def _decode(capture: Line, profiles: Mapping[str, Profile]) -> tuple[Profile, Sample]:
    payloads = [bytes.fromhex(text) for text in (*capture.preceding_payloads_hex, capture.payload_hex)]
    profile = _claimant(capture, payloads[-1], profiles)
    if capture.transport == "advertisement":
        return profile, _hear(profile, [_advert(capture, payload) for payload in payloads], _key(capture))
    return profile, _listen(profile, _characteristic(capture, profiles), payloads)


def materials(lines: Iterable[str], profiles: Mapping[str, Profile]) -> dict[str, Known]:
    """The real bytes of each profile in a capture file, adverts in the clear where their key is known; total."""
    frames: dict[str, dict[str, list[bytes]]] = {}
    adverts: dict[str, list[Advert]] = {}
    for line in lines:
        try:
            capture = msgspec.json.decode(line, type=Line)
            payloads = [bytes.fromhex(text) for text in (*capture.preceding_payloads_hex, capture.payload_hex)]
            profile = _claimant(capture, payloads[-1], profiles)
            if capture.transport == "notification":
                characteristic = _characteristic(capture, profiles)
                frames.setdefault(profile.id, {}).setdefault(characteristic, []).extend(payloads)
                continue
            heard = [_advert(capture, payload) for payload in payloads]
            plain = [profile.decrypt(item, _key(capture)) if profile.decrypt else item for item in heard]
            adverts.setdefault(profile.id, []).extend(plain)
        except (msgspec.MsgspecError, DecodeError, ValueError):
            continue
    return {name: Known(frames.get(name, {}), adverts.get(name, ())) for name in frames.keys() | adverts.keys()}


def _claimant(capture: Line, payload: bytes, profiles: Mapping[str, Profile]) -> Profile:
    """The profile that reads this capture; DecodeError `no-profile`."""
    if capture.transport == "advertisement":
        return _one(claim(_advert(capture, payload), profiles))
    everyone, service = {**profiles, **CHARACTERISTICS}, long_uuid(capture.service_uuid)
    characteristic = _characteristic(capture, profiles)
    found = claim_slug(capture.device, characteristic, everyone)
    return _one(found or claim_frame(service, characteristic, capture.local_name, everyone))


def _one(found: Profile | Ambiguous | None) -> Profile:
    if isinstance(found, Profile):
        return found
    rivals = f": {', '.join(found.ids)} claim it alike" if found else ""
    raise DecodeError("no-profile", f"no profile reads this{rivals}")


def _listen(profile: Profile, characteristic: str, payloads: Sequence[bytes]) -> Sample:
    """The measurement the last frame of a session ends in."""
    assembler = Assembler(profile)
    for payload in payloads[:-1]:
        # A bad earlier frame is its own line's business.
        try:
            assembler.feed(characteristic, payload)
        except DecodeError:
            continue
    done = (*assembler.feed(characteristic, payloads[-1]), *assembler.finish())
    # A frame that later ones would need is read alone.
    return done[-1].sample if done else profile.codecs[characteristic].decode(payloads[-1])


def _characteristic(capture: Line, profiles: Mapping[str, Profile]) -> str:
    """Where the payload came from; a named device's capture that does not say means the only one the device has."""
    if capture.characteristic_uuid is not None or capture.local_name is None:
        return long_uuid(capture.characteristic_uuid)
    owner = claim(Advert(address="", name=capture.local_name, services=(long_uuid(capture.service_uuid),)), profiles)
    codecs = tuple(owner.codecs) if isinstance(owner, Profile) else ()
    return codecs[0] if len(codecs) == 1 else ""


def _key(capture: Line) -> bytes | None:
    text = capture.keys.bindkey if capture.keys else None
    return bytes.fromhex(text) if text else None


def _hear(profile: Profile, adverts: Sequence[Advert], key: bytes | None) -> Sample:
    """The sample of the last advert, joined with earlier ones of the same measurement."""
    samples = [_read(profile, advert, key) for advert in adverts]
    if not samples or samples[-1] is None:
        raise DecodeError("no-measurement", f"an advert of {profile.id} without a measurement")
    heard = samples[-1]
    for earlier in reversed(samples[:-1]):
        if earlier is not None and is_part(profile, earlier) and heard.final and profile.join_adverts is not None:
            heard = profile.join_adverts(earlier, heard) or heard
    return heard


def _read(profile: Profile, advert: Advert, key: bytes | None) -> Sample | None:
    """What the advert says; a recording in the clear is read as such, whoever sent it."""
    try:
        return read_advert(profile, advert, key)
    except DecodeError as error:
        if error.code != "bindkey-unused":
            raise
        return read_advert(profile, advert)


def _advert(capture: Line, payload: bytes) -> Advert:
    other = capture.other_ad or OtherAd()
    try:
        company_data = {int(key): bytes.fromhex(value) for key, value in other.manufacturer_data.items()}
    except ValueError as error:
        raise DecodeError("bad-line", "a company id of other_ad is no integer") from error
    service_data = {long_uuid(key): bytes.fromhex(value) for key, value in other.service_data.items()}
    if capture.service_uuid is not None:
        service_data[long_uuid(capture.service_uuid)] = payload
    elif capture.manufacturer_id is not None:
        company_data[capture.manufacturer_id] = payload
    return Advert(
        address=capture.address or (capture.keys.mac if capture.keys else None) or "",
        name=capture.local_name,
        service_data=service_data,
        manufacturer_data=company_data,
    )


def long_uuid(text: str | None) -> str:
    """The 128-bit lower-case form; anything else stays as it is and matches nothing."""
    short = (text or "").lower().removeprefix("0x")
    try:
        return uuid16(int(short, 16)) if len(short) == _SHORT_UUID else short
    except ValueError:
        return short


def _tell(sample: Sample, *, always_time: bool) -> dict[str, Any]:
    """The quantities as plain JSON, with what the sample says beside them: slot, record number and clock."""
    told = {name: _plain(quantity) for name, quantity in sample.quantities.items()}
    if sample.user_slot is not None:
        told["user_id"] = {"value": sample.user_slot, "unit": "1"}
    if sample.sequence is not None:
        told["sequence"] = {"value": sample.sequence, "unit": "1"}
    if sample.time is not None and (always_time or sample.time.year > _UNSET_YEAR):
        told["timestamp"] = {"value": sample.time.isoformat(timespec="seconds"), "unit": "local-datetime"}
    return told


def _plain(quantity: Quantity) -> dict[str, Any]:
    value, unit = quantity.value, quantity.unit
    if isinstance(value, Decimal):
        closed = CLOSED.get(unit, unit)
        return {"value": to_json_number(convert(value, unit, closed, _CLOSED_DECIMALS)), "unit": closed}
    return {"value": value, "unit": unit}


def to_json_number(value: Decimal) -> int | float:
    """`value` as the JSON number that prints the same digits, without zeros that say nothing."""
    return int(value) if value == value.to_integral_value() else float(value)

"""What a device family is: how to recognise it, what to do when connected, how to read its bytes.

A profile is data built from these blocks. Where a protocol talks back it also carries a sans-I/O generator. Nothing
here touches a radio: the gateway executes the steps, the simulators mirror them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from engine.contract.reading import Sample

BASE: Final = "-0000-1000-8000-00805f9b34fb"


def uuid16(number: int) -> str:
    """The 128-bit form, lower case, of a Bluetooth SIG 16-bit UUID."""
    return f"0000{number:04x}{BASE}"


class DecodeError(ValueError):
    """Bytes that are not a measurement; `code` is a stable reason such as `truncated` or `unsuccessful`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Advert(msgspec.Struct, frozen=True, kw_only=True):
    """One advertisement as the radio heard it; UUID keys are 128-bit lower case, company ids are integers."""

    address: str
    name: str | None = None
    rssi: int | None = None
    services: tuple[str, ...] = ()
    service_data: Mapping[str, bytes] = {}
    manufacturer_data: Mapping[int, bytes] = {}


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that must all hold; at least one is set. Specificity: service data > company > name > service.

    `length` restricts the service data (or the company data when `company` is set), and so does `holds`: bytes that
    must stand at offset `at` (a product id). `company_mask` are the bits of the company id that count, `name` is a
    regular expression matched at the start of the local name. `unless_name` and `unless_services` hand the advert
    over: to nobody (a look-alike with another layout) or to a richer profile.
    """

    service_data: str | None = None
    company: int | None = None
    company_mask: int = 0xFFFF
    length: int | None = None
    at: int = 0
    holds: bytes = b""
    name: str | None = None
    service: str | None = None
    unless_name: str | None = None
    unless_services: tuple[str, ...] = ()


class WriteCurrentTime(msgspec.Struct, frozen=True):
    """Write Current Time (0x2A2B) if the device has it; refused or absent is no failure."""


class WriteDateTime(msgspec.Struct, frozen=True):
    """Write Date Time (0x2A08) inside `service`, for devices that keep their clock there."""

    service: str


class Subscribe(msgspec.Struct, frozen=True):
    """Enable the characteristic's CCCD; missing is a failure unless `optional`."""

    characteristic: str
    optional: bool = False


class UserConsent(msgspec.Struct, frozen=True):
    """Unlock the household's user slots by User Control Point consent, one after the other, with their PINs."""


class UntilIdle(msgspec.Struct, frozen=True):
    """Stay connected until the device hangs up or nothing came for `seconds`."""

    seconds: float


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a scale must be told of a person to compute a composition; height in cm."""

    height: Decimal | None = None
    birth: date | None = None
    sex: Literal["male", "female"] | None = None


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialogue may know: the household's wall clock, PINs and bodies by user slot, the device's key, its memory.

    `memory` holds what earlier dialogues asked to be remembered (`Remember`), such as the last record fetched.
    `pairing` is true while a person stands at the device to pair it: only then may a slot be registered or a key set.
    """

    now: datetime
    address: str = ""
    pins: Mapping[int, int] = {}
    bodies: Mapping[int, Body] = {}
    key: bytes | None = None
    memory: Mapping[str, int] = {}
    pairing: bool = False


class Write(msgspec.Struct, frozen=True):
    """Write `data`, with response unless `response` is false (then the device need not offer acknowledged writes).

    `optional`: a device that lacks the characteristic or refuses the write is no failure.
    """

    characteristic: str
    data: bytes
    response: bool = True
    optional: bool = False


class Read(msgspec.Struct, frozen=True):
    """Read the characteristic; the dialogue is sent its value as `Told`."""

    characteristic: str


class Receive(msgspec.Struct, frozen=True):
    """Wait for the next notification or indication of `characteristics` (empty: of any the dialogue listens to).

    The dialogue is sent it as `Told`, or None when nothing came for `seconds` or the device hung up.
    """

    characteristics: tuple[str, ...] = ()
    seconds: float = 10.0


class Keep(msgspec.Struct, frozen=True):
    """Journal a record the dialogue put together; `carrier` is the key of the codec that reads it.

    On disk when the dialogue goes on: only now may the device be told to forget it.
    """

    carrier: str
    data: bytes


class Remember(msgspec.Struct, frozen=True):
    """Keep a number for the next dialogue with this device (see `Setting.memory`)."""

    name: str
    value: int


class Told(msgspec.Struct, frozen=True):
    """What the device said."""

    characteristic: str
    data: bytes


Action = Write | Read | Receive | Keep | Remember
Talk = Generator[Action, Told | None, str]
"""A sans-I/O dialogue; its return value is a result word such as `granted`, `done` or `not-authorized`.

Write, Keep and Remember are answered with None. A lost link or a refused call ends the dialogue from outside.
"""


class Converse(msgspec.Struct, frozen=True):
    """Hold a dialogue, with the characteristics of `listens` enabled first (those the device offers).

    Notifications of a characteristic that has a codec are journalled inside the radio's callback before the dialogue
    hears them, so an acknowledgement it writes never comes too early. A result word other than `done` ends the
    session under that word.
    """

    talk: Callable[[Setting], Talk]
    listens: tuple[str, ...] = ()


Step = WriteCurrentTime | WriteDateTime | Subscribe | UserConsent | UntilIdle | Converse


class Gathered(msgspec.Struct, frozen=True):
    """A measurement put together from frames of a session; `raw` are the bytes that identify it.

    `parts` are earlier frames that went into it: with it they are done. `keeps` says that the frame that brought it
    out is itself still needed (the next person's weight).
    """

    sample: Sample
    raw: bytes
    parts: tuple[bytes, ...] = ()
    keeps: bool = False


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """How to read one characteristic. `decode` raises DecodeError and nothing else, whatever the bytes.

    `encode` is the inverse, for simulators and proofs: ValueError for a sample the layout cannot hold.
    When `is_part(frame)` is true the measurement spans two frames of a session: `join` puts the two samples together;
    a part left alone at the end of the session stands for itself.
    Where a frame can only be read with earlier ones of its characteristic (a unit told at the start, a measurement in
    many parts), `gather(earlier frames, this frame)` gives the measurement this frame completes, or None for a frame
    that will be needed later; `decode` then reads the frame alone. `gather` raises DecodeError and nothing else.
    `settle(all frames)` gives what was still waiting to be completed when the session ended (a weight whose impedance
    never came), None for nothing; it never raises.
    `assembled` says that it reads records a dialogue puts together (`Keep`): a notification of its characteristic is
    only a piece of the talk and is no record.
    """

    decode: Callable[[bytes], Sample]
    encode: Callable[[Sample], bytes] | None = None
    is_part: Callable[[bytes], bool] | None = None
    join: Callable[[Sample, Sample], Sample] | None = None
    gather: Callable[[tuple[bytes, ...], bytes], Gathered | None] | None = None
    settle: Callable[[tuple[bytes, ...]], Gathered | None] | None = None
    assembled: bool = False


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """What pairing this family takes, and which body action or button wakes the device.

    `wake`: step-on, cuff (start a measurement), wear, mouth, finger, look, none; `button` when a button must be held
    for the device to accept a new partner. `bond`: none, just-works or passkey (shown on the device). `slots` is how
    many people it tells apart by itself (0: none); `register` lets us take a free slot and choose its PIN.
    `evicts` warns that the maker's own app loses the device. `restarts` says that it forgets us at a battery change.
    `bodies`: its dialogue must know a person's height, birth date and sex; else none of that is kept beside the device.
    `key`: the household makes up a 16-byte key (`Setting.key`), which the pairing dialogue sets in the device.
    """

    wake: Literal["step-on", "cuff", "wear", "mouth", "finger", "look", "none"] = "none"
    button: bool = False
    bond: Literal["none", "just-works", "passkey"] = "none"
    slots: int = 0
    register: bool = False
    evicts: bool = False
    restarts: bool = False
    bodies: bool = False
    key: bool = False


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A firmware range with its own behaviour: fields of the profile replaced when the revision matches `firmware`.

    `firmware` is a regular expression over the whole Device Information firmware revision.
    """

    firmware: str
    codecs: Mapping[str, Codec] = {}
    steps: tuple[Step, ...] | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One device family. `provides` are kind codes it may report; `source` names where its layout is published.

    Connecting families have `steps` and `codecs` (by characteristic UUID); broadcasting ones have `advert`, which
    returns None when the advert carries no measurement. `join_adverts` merges a frame with a later, fuller one of the
    same measurement heard within `join_seconds` (None: they are different measurements). `begins` tells which frames
    that are not final wait for such a later frame; one that waits in vain is kept as `incomplete`, never a reading.
    `encode_advert(sample, address)` is the inverse of `advert`. `steady` leaves the counters and clocks that run on
    while one measurement is repeated out of company data: the rest tells a repetition from a new one.
    Encrypted families have `decrypt`: the advert with its data in the clear (unchanged when it already is), given the
    device's 16-byte key; DecodeError `bindkey-needed` (no key), `bindkey-wrong`, `bindkey-unused` (a measurement in
    the clear although there is a key). `encrypt(plain advert, key, counter)` is its inverse. `read_advert` does both.
    `kinds` overrides what a quantity name means here (a room sensor's `temperature` is no body's; "" is no reading).
    `slug` is a regular expression over the device slugs of capture files, for records that carry no name.
    `live` says that frames carry no stored records, so the receive time is the time of measurement.
    `counts_daily` says that running totals start at 0 every local midnight.
    """

    id: str
    maker: str
    model: str
    match: tuple[Match, ...]
    provides: frozenset[str]
    source: str
    steps: tuple[Step, ...] = ()
    codecs: Mapping[str, Codec] = {}
    advert: Callable[[Advert], Sample | None] | None = None
    encode_advert: Callable[[Sample, str], Advert] | None = None
    join_adverts: Callable[[Sample, Sample], Sample | None] | None = None
    join_seconds: float = 0.0
    begins: Callable[[Sample], bool] | None = None
    steady: Callable[[bytes], bytes] | None = None
    decrypt: Callable[[Advert, bytes | None], Advert] | None = None
    encrypt: Callable[[Advert, bytes, int], Advert] | None = None
    kinds: Mapping[str, str] = {}
    slug: str | None = None
    pairing: Pairing = Pairing()
    variants: tuple[Variant, ...] = ()
    live: bool = False
    counts_daily: bool = False
    experimental: bool = False
    battery_unreliable: bool = False
    proof: Literal["capture", "fixture", "specification"] = "specification"

    @property
    def connects(self) -> bool:
        """Whether the gateway must connect to hear this family."""
        return bool(self.steps)


def is_part(profile: Profile, sample: Sample) -> bool:
    """Whether an advert's `sample` is final or begins a measurement that a later frame completes."""
    return sample.final or (profile.begins is not None and profile.begins(sample))


def read_advert(profile: Profile, advert: Advert, key: bytes | None = None) -> Sample | None:
    """The sample `advert` carries, decrypted with `key` where it must be; DecodeError as `Profile` says."""
    if profile.advert is None:
        return None
    return profile.advert(advert if profile.decrypt is None else profile.decrypt(advert, key))


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Device Information service strings, as read; battery in percent."""

    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    battery: int | None = None

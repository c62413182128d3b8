"""What a device family is: how to recognise it, what to do when connected, how to read its bytes.

A profile is data built from these blocks. Where a protocol talks back it also carries a sans-I/O generator. Nothing
here touches a radio: the gateway executes the steps, the simulators mirror them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
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

    `length` restricts the service data (or the company data when `company` is set), `company_mask` the bits of the
    company id that count, `name` is a regular expression matched at the start of the local name. `unless_name` and
    `unless_services` hand the advert over: to nobody (a look-alike with another layout) or to a richer profile.
    """

    service_data: str | None = None
    company: int | None = None
    company_mask: int = 0xFFFF
    length: int | None = None
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


Step = WriteCurrentTime | WriteDateTime | Subscribe | UserConsent | UntilIdle


class Write(msgspec.Struct, frozen=True):
    """What a talk wants written; the generator is sent the next indication of the same characteristic."""

    characteristic: str
    data: bytes


Talk = Generator[Write, bytes, str]
"""A sans-I/O dialogue; its return value is a result word such as `granted` or `not-authorized`."""


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """How to read one characteristic. `decode` raises DecodeError and nothing else, whatever the bytes.

    `encode` is the inverse, for simulators and proofs: ValueError for a sample the layout cannot hold.
    When `is_part(frame)` is true the measurement spans two frames of a session: `join` puts the two samples together;
    a part left alone at the end of the session stands for itself.
    """

    decode: Callable[[bytes], Sample]
    encode: Callable[[Sample], bytes] | None = None
    is_part: Callable[[bytes], bool] | None = None
    join: Callable[[Sample, Sample], Sample] | None = None


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
    same measurement heard within `join_seconds` (None: they are different measurements).
    `encode_advert(sample, address)` is the inverse of `advert`.
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


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Device Information service strings, as read; battery in percent."""

    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    battery: int | None = None

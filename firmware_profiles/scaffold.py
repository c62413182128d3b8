"""The first file of a new device family: a working profile to be corrected, not a form to be filled."""

from __future__ import annotations

import re
from string import Template
from typing import Final

import msgspec

_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of it: `service_data` or `company` of a broadcaster, else `service` and `characteristic`."""

    id: str
    maker: str
    model: str
    service_data: str | None = None
    company: int | None = None
    service: str | None = None
    characteristic: str | None = None
    name: str | None = None


class ScaffoldError(ValueError):
    """A plan nothing can be made of; `code` is bad-id or bad-plan."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def scaffold(plan: Plan) -> str:
    """The Python source of a profile that keeps every law from the start; raises ScaffoldError."""
    if not _ID.fullmatch(plan.id):
        raise ScaffoldError("bad-id", "an id is lower-case words with hyphens, such as acme-scale-2")
    ways = [plan.service_data is not None, plan.company is not None, plan.characteristic is not None]
    if sum(ways) != 1 or (plan.characteristic is not None and plan.service is None):
        raise ScaffoldError(
            "bad-plan", "say one of --service-data, --company, or --service with --characteristic: where its data stand"
        )
    words = {"id": plan.id, "maker": plan.maker, "model": plan.model, "match": _match(plan)}
    if plan.characteristic is not None:
        words["blocks"] = "Codec, DecodeError, Match, Pairing, Profile, Subscribe, UntilIdle"
        return _HEAD.substitute(words) + _CONNECTING.substitute(words, characteristic=plan.characteristic)
    place, entry = (
        (f"advert.service_data.get({plan.service_data!r})", f"service_data={{{plan.service_data!r}: encode(sample)}}")
        if plan.service_data is not None
        else (f"advert.manufacturer_data.get({plan.company})", f"manufacturer_data={{{plan.company}: encode(sample)}}")
    )
    words["blocks"] = "Advert, DecodeError, Match, Pairing, Profile"
    name = "" if plan.name is None else f"name={plan.name!r}, "
    return _HEAD.substitute(words) + _BROADCASTING.substitute(words, place=place, entry=f"{name}{entry}")


def _match(plan: Plan) -> str:
    parts = {"service_data": plan.service_data, "company": plan.company, "service": plan.service}
    said = [f"{key}={value!r}" for key, value in parts.items() if value is not None]
    said += ["length=4"] if plan.characteristic is None else []
    said += [f"name={re.escape(plan.name)!r}"] if plan.name is not None else []
    return f"Match({', '.join(said)})"


_HEAD: Final = Template('''"""$maker $model.

Layout as published by: say where.
"""

from __future__ import annotations

from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import $blocks
from firmware_profiles.numbers import Reader, count_steps, fixed
from firmware_profiles.sample import need

LENGTH = 4
STABLE = 0x01


def decode(data: bytes) -> Sample:
    """Weight u16 in 0.01 kg, a status byte whose bit 0 says stable, one byte unused; DecodeError: truncated, length."""
    if len(data) > LENGTH:
        raise DecodeError("length", f"{len(data)} bytes, {LENGTH} expected")
    reader = Reader(data)
    weight, status, _ = reader.unsigned(2), reader.unsigned(1), reader.unsigned(1)
    return Sample(quantities={"weight": Quantity(fixed(weight, 2), "kg")}, final=bool(status & STABLE))


def encode(sample: Sample) -> bytes:
    """The inverse of `decode`."""
    return count_steps(need(sample, "weight"), fixed(1, 2), 2) + bytes((STABLE if sample.final else 0, 0))


''')

_BROADCASTING: Final = Template('''def read(advert: Advert) -> Sample | None:
    """The sample an advert carries, None when it carries none."""
    data = $place
    return None if data is None else decode(data)


def advertise(sample: Sample, address: str) -> Advert:
    """The advert the device at `address` sends for `sample`."""
    return Advert(address=address, $entry)


PROFILE = Profile(
    id="$id",
    maker="$maker",
    model="$model",
    match=($match,),
    provides=frozenset({"body-weight"}),
    source="say where the layout is published",
    advert=read,
    encode_advert=advertise,
    live=True,
    experimental=True,
    pairing=Pairing(wake="step-on"),
)
''')

_CONNECTING: Final = Template("""PROFILE = Profile(
    id="$id",
    maker="$maker",
    model="$model",
    match=($match,),
    provides=frozenset({"body-weight"}),
    source="say where the layout is published",
    steps=(Subscribe("$characteristic"), UntilIdle(10.0)),
    codecs={"$characteristic": Codec(decode=decode, encode=encode)},
    experimental=True,
    pairing=Pairing(wake="step-on"),
)
""")

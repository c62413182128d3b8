"""Any broadcasting family on the air: a device built on the inverse of the profile that reads it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.contract.kinds import BY_QUANTITY
from engine.contract.reading import Quantity, Sample
from firmware_profiles.model import Advert, Profile
from firmware_profiles.registry import PROFILES
from simulators.devices.live import UNSTEADY, Broadcaster, pack, unpack
from simulators.ledger import Entry, Frame

# What BTHome and worn thermometers say besides what has a kind of its own.
_UNITS: Final = {
    "temperature_1": "Cel", "temperature_2": "Cel", "count": "1", "count_1": "1", "count_2": "1", "packet_id": "1",
    "duration": "s", "impedance": "Ohm",
}  # fmt: skip
_FRAMES_EACH: Final = 16
_ROLLS: Final = 3
_FULL: Final = 0xFFFF


def sample_for(values: dict[str, str], *, time: datetime | None, slot: int | None, final: bool = True) -> Sample:
    """The sample of `values`, in the units devices commonly use; KeyError for a quantity nobody measures."""
    found = {
        name: Quantity(Decimal(value), _UNITS[name] if name in _UNITS else BY_QUANTITY[name].unit)
        for name, value in values.items()
    }
    return Sample(quantities=found, time=time, user_slot=slot, final=final)


def spread(profile: Profile, sample: Sample, address: str) -> list[Sample]:
    """`sample` over as many frames as the family needs, each with all it has room for; ValueError when none has."""
    frames, rest = list[Sample](), dict(sample.quantities)
    while rest:
        items = list(rest.items())
        heads = (msgspec.structs.replace(sample, quantities=dict(items[:end])) for end in range(len(items), 0, -1))
        frame = next((head for head in heads if _can_say(profile, head, address)), None)
        if frame is None:
            raise ValueError(f"{profile.id} cannot say {items[0][0]}")
        for name, quantity in items:
            fuller = msgspec.structs.replace(frame, quantities={**frame.quantities, name: quantity})
            frame = fuller if _can_say(profile, fuller, address) else frame
        frames.append(frame)
        rest = {name: quantity for name, quantity in items if name not in frame.quantities}
    return frames


def _can_say(profile: Profile, sample: Sample, address: str) -> bool:
    encode, read = profile.encode_advert, profile.advert
    if encode is None or read is None:
        raise ValueError(f"{profile.id} does not broadcast")
    try:
        heard = read(encode(sample, address))
    except (ValueError, KeyError):
        return False
    return heard is not None and sample.quantities.keys() <= heard.quantities.keys()


class ProfileBroadcast(Broadcaster):
    """A device of the family `profile`: values that settle, then the measurement, each frame encrypted with `key`."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.profile = PROFILES[self.spec.profile]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """The frames of a measurement, in the order the family sends them."""
        samples = spread(self.profile, sample_for(values, time=wall, slot=slot), self.spec.address)
        first = len(self.ledger.entries()) * _FRAMES_EACH
        adverts = [self._advert(sample, first + at) for at, sample in enumerate(samples, 1)]
        aired = [rolled for advert in adverts for rolled in self._roll(advert)]
        return [Frame("advert", pack(advert, self.spec.local_name)) for advert in aired]

    async def _air_previews(self, entry: Entry) -> None:
        """The weight while somebody still steps on, where the family shows it."""
        shown = {name: value for name, value in entry.values.items() if name == "weight"}
        halves = {name: format(Decimal(value) / 2, "f") for name, value in shown.items()}
        try:
            preview = sample_for(halves, time=self.clock.show(entry.at), slot=entry.slot, final=False)
            if halves and not self._is_final(preview):
                advert = self._advert(preview, entry.number * _FRAMES_EACH)
                await self.advertise(unpack(pack(advert, self.spec.local_name)), self.spec.interval)
                await asyncio.sleep(UNSTEADY)
        except ValueError:
            # Half of this weight is between two steps of the scale.
            return

    def _is_final(self, sample: Sample) -> bool:
        read, encode = self.profile.advert, self.profile.encode_advert
        heard = read(encode(sample, self.spec.address)) if read and encode else None
        return heard is None or heard.final

    def _advert(self, sample: Sample, counter: int) -> Advert:
        if self.profile.encode_advert is None:
            raise ValueError(f"{self.profile.id} does not broadcast")
        advert = self.profile.encode_advert(sample, self.spec.address)
        if self.spec.key is None or self.profile.encrypt is None:
            return advert
        return self.profile.encrypt(advert, bytes.fromhex(self.spec.key), counter)

    def _roll(self, advert: Advert) -> list[Advert]:
        """The advert again and again as a family sends it whose company id counts the frames."""
        mask = min((match.company_mask for match in self.profile.match), default=_FULL)
        if mask == _FULL:
            return [advert]
        step = ~mask & -~mask & _FULL
        return [
            msgspec.structs.replace(
                advert,
                manufacturer_data={
                    company & mask | company + turn * step & ~mask & _FULL: data
                    for company, data in advert.manufacturer_data.items()
                },
            )
            for turn in range(_ROLLS)
        ]

"""What is on the air while a person looks for their device: known families, strangers, and what was already said."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from firmware_profiles.claim import Ambiguous, claim
from firmware_profiles.model import Advert, DecodeError, Profile
from gateway.adverts import essence
from gateway.link import Heard
from gateway.pairing_model import Event, Found, Seen, Stranger

EVERY: Final = timedelta(seconds=0.5)
# Longer than BlueZ takes to tell an unchanged advert again.
ASLEEP: Final = timedelta(seconds=15)
# Makers whose devices tell what they measured only to their own app, and say their name on the air.
OWN_APP_ONLY: Final = re.compile(
    r"tanita|innerscan|withings|fitbit|aria air|garmin|terumo|panasonic|citizen|huawei|samsung", re.IGNORECASE
)
MOST_STRANGERS: Final = 500


class Room:
    """Sorts what the radio hears into events; `listed` gives the name a device has on the household's list."""

    def __init__(
        self, profiles: Mapping[str, Profile], listed: Callable[[str], str | None], send: Callable[[Event], None]
    ) -> None:
        self._profiles, self._listed, self._send = profiles, listed, send
        self._told: dict[str, datetime] = {}
        self._said: dict[str, set[bytes]] = {}
        self._closed: dict[str, frozenset[bytes]] = {}
        self._heard: dict[str, datetime] = {}
        self.strangers: set[str] = set()

    def hear(self, heard: Heard) -> None:
        """Tell about the device if it is worth choosing; strangers are counted."""
        advert = heard.advert
        profile = claim(advert, self._profiles)
        if profile is None or isinstance(profile, Ambiguous):
            self._count(advert)
            return
        address = advert.address.upper()
        if profile.advert is not None:
            self._note(address, essence(profile, advert), heard.received_at)
        last = self._told.get(address)
        if last is None or heard.received_at - last >= EVERY or heard.received_at < last:
            self._told[address] = heard.received_at
            self._send(Seen(self._found(profile, advert, address)))

    def _note(self, address: str, said: bytes, at: datetime) -> None:
        last, self._heard[address] = self._heard.get(address, at), at
        if at - last > ASLEEP:
            # Somebody woke it anew: the same number again is another measurement.
            self._said[address] = set()
            self._closed.pop(address, None)
        self._said.setdefault(address, set()).add(said)

    def said_before(self, address: str, *, forever: bool) -> Callable[[], frozenset[bytes]]:
        """What the device broadcast until now: a measurement of somebody who woke it, not the proof.

        Until it fell asleep; `forever` where others keep what they hear and cannot tell when that was.
        """
        self._closed[address] = said = frozenset(self._said.get(address, set()))
        return (lambda: said) if forever else (lambda: self._closed.get(address, frozenset()))

    def is_old(self, profile: Profile, advert: Advert) -> bool:
        """Whether the device said just this before it was chosen."""
        return essence(profile, advert) in self._closed.get(advert.address.upper(), frozenset())

    def _found(self, profile: Profile, advert: Advert, address: str) -> Found:
        return Found(
            address=address,
            family=profile.id,
            name=advert.name,
            rssi=advert.rssi,
            listed=self._listed(address),
            needs_key=needs_key(profile, advert),
        )

    def _count(self, advert: Advert) -> None:
        if len(self.strangers) < MOST_STRANGERS:
            self.strangers.add(advert.address)
        if advert.name and (known := OWN_APP_ONLY.search(advert.name)):
            self._send(Stranger(known[0].lower()))


def needs_key(profile: Profile, advert: Advert) -> bool:
    """Whether the advert can only be read with the device's key."""
    return key_fault(profile, advert, None) == "bindkey-needed"


def key_fault(profile: Profile, advert: Advert, key: bytes | None) -> str | None:
    """Why the advert cannot be read with `key`: bindkey-needed or bindkey-wrong; None when that is not the reason."""
    if profile.decrypt is None:
        return None
    try:
        profile.decrypt(advert, key)
    except DecodeError as error:
        return error.code if error.code.startswith("bindkey-") else None
    return None

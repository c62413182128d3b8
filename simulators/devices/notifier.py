"""Any profile with one live characteristic that needs no dialogue: a device built on the inverse of its codec."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bumble.core import UUID
from bumble.gatt import Service

from firmware_profiles.registry import PROFILES
from simulators.devices.broadcast import sample_for
from simulators.devices.live import HeartRateMirror
from simulators.devices.peripheral import GENERAL_DISCOVERABLE, NAME, SERVICES_16, Structures, short
from simulators.ledger import Frame


class ProfileNotifier(HeartRateMirror):
    """Notifies while a gateway listens and keeps nothing, such as a foot pod."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._profile = PROFILES[self.spec.profile]
        (self._measurement,) = self._profile.codecs
        self._service = next(match.service for match in self._profile.match if match.service)
        self._told = self.told(self._measurement, indicate=False)

    def structures(self) -> Structures:
        """Flags, the service and the name."""
        name = (self.spec.local_name or self.spec.name).encode()
        return (GENERAL_DISCOVERABLE, (SERVICES_16, short(self._service)), (NAME, name))

    def services(self) -> list[Any]:
        """The one service."""
        return [Service(UUID(self._service), [self._told])]

    def frames(self, wall: datetime, values: dict[str, str], slot: int | None) -> list[Frame]:
        """A value of this moment."""
        del wall
        encode = self._profile.codecs[self._measurement].encode
        if encode is None:
            raise ValueError(f"{self._profile.id} has no encoder")
        return [Frame(self._measurement, encode(sample_for(values, time=None, slot=slot)))]

"""What the gateway needs of a radio, without naming one: adverts in, connections out, failures with a reason code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import msgspec

from firmware_profiles.model import Advert

Receive = Callable[[bytes], None]


class RadioFailure(Exception):  # noqa: N818 - a failure with a code, raised and caught inside the gateway
    """The radio or a device did not do what was asked; `code` is stable.

    Adapter: no-bluetooth, bluetooth-off, bluetooth-denied, scan-failed. Device: not-heard, unreachable, timeout, lost,
    not-paired, not-authorized, no-characteristic, refused; bond-lost (the device forgot us, our half was given up) and
    re-pair-needed (it is not willing to bond again: a person must put it into pairing mode).
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class Heard(msgspec.Struct, frozen=True):
    """An advertisement with the time it was heard; `changed` False when it repeats the previous one of its device."""

    advert: Advert
    received_at: datetime
    changed: bool = True


class Link(Protocol):
    """An open connection to one device; every call ends within its timeout or raises RadioFailure."""

    @property
    def connected(self) -> bool:
        """Whether the device is still there."""
        ...

    def has(self, characteristic: str, service: str | None = None) -> bool:
        """Whether the device offers the characteristic (inside `service`)."""
        ...

    async def read(self, characteristic: str) -> bytes:
        """The characteristic's value."""
        ...

    async def write(
        self, characteristic: str, data: bytes, service: str | None = None, *, response: bool = True
    ) -> None:
        """Write, with the device's confirmation unless `response` is false."""
        ...

    async def subscribe(self, characteristic: str, receive: Receive) -> None:
        """Enable notifications or indications; `receive` is called inside the radio's own callback."""
        ...

    async def pair(self) -> None:
        """Bond with the device."""
        ...


class Radio(Protocol):
    """One adapter."""

    async def start(self, listen: Callable[[Heard], None]) -> None:
        """Scan until `stop`; raises RadioFailure when there is no usable adapter."""
        ...

    async def stop(self) -> None:
        """Stop scanning."""
        ...

    async def check(self, silence: float) -> bool:
        """Start the scan anew when nothing at all was heard for `silence` seconds; whether it was."""
        ...

    def connect(self, address: str, gone: Callable[[], None]) -> AbstractAsyncContextManager[Link]:
        """A connection to a device that was heard; `gone` is called when it hangs up."""
        ...

"""What one device says, as capture lines without anybody's address: for contributors who add a family.

Adverts are only listened to. Connecting is asked for explicitly: a device may delete a record once it was taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, Protocol

from firmware_profiles.model import Advert
from gateway.link import Heard, Link, RadioFailure

# A locally administered address that belongs to nobody.
NOBODY: Final = "02:00:00:00:00:01"
_ADDRESS_BYTES: Final = 6


class TellingLink(Link, Protocol):
    """A link that can name what it may be told."""

    def tellers(self) -> Sequence[tuple[str, str]]:
        """(service, characteristic) of everything that notifies or indicates."""
        ...


class RecordingRadio(Protocol):
    """A radio whose links can name their characteristics."""

    async def start(self, listen: Callable[[Heard], None]) -> None:
        """Scan until `stop`."""
        ...

    async def stop(self) -> None:
        """Stop scanning."""
        ...

    def connect(self, address: str, gone: Callable[[], None]) -> AbstractAsyncContextManager[TellingLink]:
        """A connection to a device that was heard."""
        ...


def scrub(raw: bytes, address: str) -> bytes:
    """`raw` with the device's address, in either byte order, replaced by nobody's."""
    real, fake = bytes.fromhex(address.replace(":", "")), bytes.fromhex(NOBODY.replace(":", ""))
    if len(real) != _ADDRESS_BYTES:
        return raw
    return raw.replace(real, fake).replace(real[::-1], fake[::-1])


def scrub_name(name: str | None, address: str) -> str | None:
    """`name` without the device's address or the end of it, which makers like to put there."""
    if name is None:
        return None
    digits = address.replace(":", "")
    found = name
    for length in (12, 8, 6, 4):
        tail = digits[-length:]
        at = found.upper().find(tail)
        found = found if at < 0 else found[:at] + "0" * length + found[at + length :]
    return found


def advert_lines(advert: Advert, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One capture line for each service data and company data of an advert; the rest of it under `other_ad`."""
    address = advert.address
    services = {uuid: scrub(raw, address).hex() for uuid, raw in advert.service_data.items()}
    companies = {company: scrub(raw, address).hex() for company, raw in advert.manufacturer_data.items()}
    base = about | {"transport": "advertisement", "local_name": scrub_name(advert.name, address), "address": NOBODY}
    for uuid, raw in services.items():
        rest = {key: value for key, value in services.items() if key != uuid}
        yield base | {"service_uuid": uuid, "payload_hex": raw} | _other(rest, companies)
    for company, raw in companies.items():
        others = {key: value for key, value in companies.items() if key != company}
        yield base | {"manufacturer_id": company, "payload_hex": raw} | _other(services, others)


def _other(services: dict[str, str], companies: dict[int, str]) -> dict[str, Any]:
    if not services and not companies:
        return {}
    named = {str(company): raw for company, raw in companies.items()}
    return {"other_ad": {"service_data": services, "manufacturer_data": named}}


async def record_adverts(
    radio: RecordingRadio, address: str, seconds: float, write: Callable[[dict[str, Any]], None], about: dict[str, Any]
) -> int:
    """Write every new advert of `address` for `seconds`; how many lines.

    RadioFailure: `not-heard` when it did not show up, and what scanning may raise.
    """
    count, there, seen = 0, False, set[str]()

    def hear(heard: Heard) -> None:
        nonlocal count, there
        if heard.advert.address.upper() != address.upper():
            return
        there = True
        for line in advert_lines(heard.advert, about):
            if repr(line) not in seen:
                seen.add(repr(line))
                count += 1
                write(line)

    await radio.start(hear)
    try:
        await asyncio.sleep(seconds)
    finally:
        await radio.stop()
    if not there:
        raise RadioFailure("not-heard", address)
    return count


async def record_frames(
    radio: RecordingRadio, address: str, seconds: float, write: Callable[[dict[str, Any]], None], about: dict[str, Any]
) -> int:
    """Connect when the device is heard and write every notification; how many lines.

    RadioFailure: `not-heard` when it does not show up within `seconds`, and what connecting may raise.
    """
    there, gone, count = asyncio.Event(), asyncio.Event(), 0

    def hear(heard: Heard) -> None:
        if heard.advert.address.upper() == address.upper():
            there.set()

    def listener(service: str, characteristic: str) -> Callable[[bytes], None]:
        def receive(raw: bytes) -> None:
            nonlocal count
            count += 1
            place = {"service_uuid": service, "characteristic_uuid": characteristic}
            write(about | place | {"transport": "notification", "payload_hex": scrub(raw, address).hex()})

        return receive

    await radio.start(hear)
    try:
        async with asyncio.timeout(seconds):
            await there.wait()
        async with radio.connect(address, gone.set) as link:
            for service, characteristic in link.tellers():
                # One characteristic that wants a bond is no reason to miss the others.
                with suppress(RadioFailure):
                    await link.subscribe(characteristic, listener(service, characteristic))
            await asyncio.wait_for(gone.wait(), seconds)
    except TimeoutError:
        if not there.is_set():
            raise RadioFailure("not-heard", address) from None
    finally:
        await radio.stop()
    return count

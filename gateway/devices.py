"""The household's list of devices: which to listen to, whose slots they are, and the PINs that unlock them.

A JSON file in PHR_HOME, mode 0600, replaced atomically. People are opaque ids in it; what the household calls a device
(花子の体重計) never leaves it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from typing import Annotated, Final

import msgspec

from engine.contract.ids import device_id, is_id, new_id
from engine.contract.reading import END, DeviceId, Instant, ResidentId
from engine.contract.wire import Binding
from firmware_profiles.model import Body

FILE: Final = "devices.json"
_ADDRESS = re.compile(r"([0-9A-F]{2}:){5}[0-9A-F]{2}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
LAST_SLOT: Final = 254
LAST_PIN: Final = 9999
LAST_NAME: Final = 40
_DELETE: Final = 0x7F
Slot = Annotated[int, msgspec.Meta(ge=0, le=254)]
Pin = Annotated[int, msgspec.Meta(ge=0, le=9999)]
Key = Annotated[str, msgspec.Meta(pattern=rf"^[0-9a-f]{{24,64}}{END}")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=rf"^[^\u0000-\u001f\u007f]+{END}")]


class DeviceError(ValueError):
    """A device that cannot be listed.

    Codes: bad-address, bad-device, bad-resident, bad-slot, bad-pin, bad-name, name-taken, already-listed, damaged.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Newcomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person who is to get a user slot under `pin` when the device is next connected."""

    resident: ResidentId
    pin: Pin
    body: Body | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device of the household. `bindings` say whose slots it has, `waiting` who still waits for one.

    `pins` unlock slots, `key` (hex) decrypts adverts or proves who we are, `bodies` are what a scale must be told of a
    person; none of them leaves this file. `paired_at` is when a person paired it, `proven_at` when a real measurement
    showed that it works: older records are somebody else's. `weight_only` drops body composition (an implant, or
    nobody knows). `reads` says what a quantity of a do-it-yourself device means, such as `count` -> `steps`.
    While a person pairs it, what it measures waits until `held_until` for a yes; what was received up to
    `disowned_until` got a no.
    """

    id: DeviceId
    address: str
    profile: str
    name: Name | None = None
    bindings: tuple[Binding, ...] = ()
    pins: Mapping[Slot, Pin] = {}
    key: Key | None = None
    bodies: Mapping[Slot, Body] = {}
    weight_only: bool = False
    reads: Mapping[str, str] = {}
    paired_at: Instant | None = None
    proven_at: Instant | None = None
    waiting: tuple[Newcomer, ...] = ()
    held_until: Instant | None = None
    disowned_until: Instant | None = None


def is_name(text: str) -> bool:
    """Whether a device can be called so."""
    return 0 < len(text) <= LAST_NAME and not any(ord(sign) < ord(" ") or ord(sign) == _DELETE for sign in text)


def key_of(item: Entry | None) -> bytes | None:
    """The device's key, None when it has none."""
    return bytes.fromhex(item.key) if item and item.key else None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: int = 1
    devices: tuple[Entry, ...] = ()


class Devices:
    """The list as it is in `home`; a missing file is an empty list."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def load(self) -> tuple[Entry, ...]:
        """Every listed device; raises DeviceError `damaged`."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File).devices
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DeviceError("damaged", f"{FILE} cannot be read: {error}") from error

    def stamp(self) -> tuple[int, int]:
        """Changes whenever the file does."""
        try:
            state = self._path.stat()
        except OSError:
            return 0, 0
        return state.st_mtime_ns, state.st_ino

    def add(self, entry: Entry) -> Entry:
        """List a device, or further slots or meanings of one already listed; raises DeviceError `already-listed`."""
        with self._turn():
            known = next((item for item in self.load() if item.address == entry.address), None)
            return self._put(entry if known is None else _with_more(known, entry))

    def replace(self, entry: Entry) -> Entry:
        """Put `entry` in the place of the listed device with its address, or list it."""
        with self._turn():
            return self._put(entry)

    def change(self, device: str, alter: Callable[[Entry], Entry]) -> Entry | None:
        """Replace the entry with that id by what `alter` makes of it as it is now; None when it is not listed."""
        with self._turn():
            known = next((item for item in self.load() if item.id == device), None)
            changed = None if known is None else alter(known)
            return changed if changed is None or changed == known else self._put(changed)

    def find(self, name: str) -> Entry | None:
        """The listed device with that id, address or name, None when there is none or two share the name."""
        wanted = name.casefold()
        found = [item for item in self.load() if wanted in {item.id, item.address.casefold()}]
        found = found or [item for item in self.load() if (item.name or "").casefold() == wanted]
        return found[0] if len(found) == 1 else None

    def rename(self, name: str, wanted: str) -> Entry | None:
        """Call a device `wanted`; None when it is not listed. DeviceError: bad-name, name-taken."""
        if not is_name(wanted):
            raise DeviceError("bad-name", f"a name is one line of at most {LAST_NAME} characters")
        known = self.find(name)
        if known is None:
            return None
        other = self.find(wanted)
        if other is not None and other.id != known.id:
            raise DeviceError("name-taken", f"{other.id} is called that already")
        return self.change(known.id, lambda item: msgspec.structs.replace(item, name=wanted))

    def forget(self, name: str) -> Entry | None:
        """Strike a device by id, address or name; what it was, None when it is not listed."""
        with self._turn():
            found = self.find(name)
            if found is not None:
                self._save(tuple(item for item in self.load() if item.address != found.address))
            return found

    def forget_resident(self, resident: str) -> int:
        """Drop every binding and PIN of a person; how many devices changed."""
        with self._turn():
            listed = self.load()
            without = tuple(_without(item, resident) for item in listed)
            if without != listed:
                self._save(without)
        return sum(1 for before, after in zip(listed, without, strict=True) if before != after)

    def _put(self, entry: Entry) -> Entry:
        self._save((*(item for item in self.load() if item.address != entry.address), entry))
        return entry

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One change at a time: the gateway and a person who pairs write the same file."""
        if not self._path.parent.is_dir():  # nothing can be listed, so nothing can be in the way
            yield
            return
        handle = os.open(self._path.with_name(f".{FILE}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _save(self, devices: tuple[Entry, ...]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(_File(devices=devices))))


def entry(
    address: str,
    profile: str,
    *,
    household: str | None = None,
    name: str | None = None,
    resident: str | None = None,
    slot: int | None = None,
    pin: int | None = None,
) -> Entry:
    """A list entry out of what a person typed; raises DeviceError with a code for each thing that cannot be.

    The id follows from household and address, so that two gateways of a home agree; without a household it is `name`
    or a random one.
    """
    address = address.strip().upper()
    if not _ADDRESS.fullmatch(address):
        raise DeviceError("bad-address", "an address looks like C0:26:DF:01:E2:3A")
    if name is not None and not is_id(name, "d"):
        raise DeviceError("bad-device", "a device id is d- and 13 letters or digits")
    if resident is not None and not is_id(resident, "r"):
        raise DeviceError("bad-resident", "a resident id is r- and 13 letters or digits")
    if slot is not None and not 0 <= slot <= LAST_SLOT:
        raise DeviceError("bad-slot", "a user slot is a number from 0 to 254")
    if pin is not None and (slot is None or not 0 <= pin <= LAST_PIN):
        raise DeviceError("bad-pin", "a PIN is a number from 0 to 9999 and needs a slot")
    return Entry(
        id=name or (device_id(household, address) if household else new_id("d", SystemRandom())),
        address=address,
        profile=profile,
        bindings=(Binding(slot, resident),) if resident else (),
        pins={slot: pin} if slot is not None and pin is not None else {},
    )


def _with_more(known: Entry, more: Entry) -> Entry:
    taken = {binding.slot: binding.resident for binding in known.bindings}
    theirs = any(taken.get(binding.slot, binding.resident) != binding.resident for binding in more.bindings)
    fresh = tuple(binding for binding in more.bindings if binding.slot not in taken)
    pins = {slot: pin for slot, pin in more.pins.items() if slot not in known.pins}
    reads = {**known.reads, **more.reads}
    if known.profile != more.profile or theirs or not (fresh or pins or reads != known.reads):
        raise DeviceError("already-listed", f"this device is already listed as {known.id}")
    return msgspec.structs.replace(known, bindings=known.bindings + fresh, pins={**known.pins, **pins}, reads=reads)


def _without(item: Entry, resident: ResidentId) -> Entry:
    gone = {binding.slot for binding in item.bindings if binding.resident == resident}
    waiting = tuple(newcomer for newcomer in item.waiting if newcomer.resident != resident)
    if not gone and waiting == item.waiting:
        return item
    return msgspec.structs.replace(
        item,
        bindings=tuple(binding for binding in item.bindings if binding.resident != resident),
        pins={slot: pin for slot, pin in item.pins.items() if slot not in gone},
        bodies={slot: body for slot, body in item.bodies.items() if slot not in gone},
        waiting=waiting,
    )


def with_slot(item: Entry, newcomer: Newcomer, slot: int) -> Entry:
    """`item` once the device gave `newcomer` the user `slot`: theirs, unlocked by their PIN."""
    return msgspec.structs.replace(
        item,
        bindings=(*(b for b in item.bindings if b.slot not in {None, slot}), Binding(slot, newcomer.resident)),
        pins={**item.pins, slot: newcomer.pin},
        bodies={**item.bodies, slot: newcomer.body} if newcomer.body else item.bodies,
        waiting=tuple(other for other in item.waiting if other.resident != newcomer.resident),
    )


def prove(item: Entry, at: datetime) -> Entry:
    """`item` proven by the measurement received at `at`; what waited for a person's yes is free."""
    return msgspec.structs.replace(item, proven_at=item.proven_at or at, held_until=None)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically, mode 0600, on disk when this returns."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise

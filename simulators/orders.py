"""What a harness may tell the devices' process: one JSON object a line, answered by one JSON object a line."""

from __future__ import annotations

import json
import socket
from typing import Annotated, Any, Literal

import msgspec

from simulators.address import Place, parse_place
from simulators.household import Number

Verb = Literal[
    "measure",
    "weigh",
    "steps",
    "advertise",
    "play",
    "wake",
    "sleep",
    "drop-link",
    "set-clock",
    "lose-bonds",
    "open-pairing",
    "close-pairing",
    "move",
    "stats",
    "ledger",
    "now",
    "stop",
]


class OrderError(Exception):
    """The devices' process refused an order; `code` is stable: bad-order, no-device, not-possible, gone."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order. `weigh`, `measure`, `steps`, `advertise` mean the same: make a measurement of `values` now, or `at`.

    `play` makes the next `count` planned records of a broadcaster, turning the calendar to each; `now` turns the
    calendar to `at` (none: real time). `lose-bonds` is what a new battery does; `open-pairing` and `close-pairing` are
    the button. `move` puts the device where it is heard with `rssi` dBm. `set-clock` makes a device's clock `stuck` or
    not. `drop-link` cuts the link without a goodbye, after `after` further confirmed records if given. `stats` counts;
    `ledger` lists what could be heard.
    """

    do: Verb
    device: str | None = None
    at: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    values: dict[str, Number] = {}
    slot: Annotated[int, msgspec.Meta(ge=0, le=254)] | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    after: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    stuck: bool = False
    rssi: Annotated[int, msgspec.Meta(ge=-110, le=0)] = -50


class Remote:
    """A harness's line to the devices' process at `place`; blocking, one connection for each order."""

    def __init__(self, place: Place | str, *, timeout: float = 120.0) -> None:
        self.place = parse_place(place) if isinstance(place, str) else place
        self.timeout = timeout

    def ask(self, do: Verb, device: str | None = None, **fields: Any) -> dict[str, Any]:
        """Give an order and return the answer; raises OrderError."""
        line = json.dumps({"do": do, "device": device, **fields}, default=str).encode() + b"\n"
        try:
            with self._dial() as wire, wire.makefile("rwb") as file:
                file.write(line)
                file.flush()
                answer = file.readline()
        except OSError as error:
            raise OrderError("gone", f"no devices at {self.place}: {error}") from error
        if not answer:
            raise OrderError("gone", f"the devices at {self.place} hung up")
        found: dict[str, Any] = json.loads(answer)
        if "error" in found:
            raise OrderError(found["error"], found["message"])
        return found

    def _dial(self) -> socket.socket:
        place = self.place
        if place.path is not None:
            wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            wire.settimeout(self.timeout)
            wire.connect(place.path)
            return wire
        return socket.create_connection((place.host, place.port), timeout=self.timeout)

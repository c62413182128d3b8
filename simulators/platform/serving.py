"""The broker over real HTTP on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulators.hospital.faults import Fault
from simulators.messaging.serving import Quiet
from simulators.platform.broker import ENTITIES, Platform, hidden, measured, refusal
from simulators.platform.control import control
from simulators.platform.faults import BrokerFault
from simulators.platform.refusals import RefusedError
from simulators.wire import Call, Said, on_the_wire

_NAMES = {413: "RequestEntityTooLarge", 429: "TooManyRequests", 503: "ServiceUnavailable"}


@contextmanager
def serving(platform: Platform, *, port: int = 0, identity: Path | None = None) -> Iterator[Platform]:
    """Serves `platform` at `platform.origin` until the end of the block; with `identity` (a PEM) over TLS."""
    with on_the_wire(_Front(platform), port=port, identity=identity) as origin:
        platform.origin = origin
        yield platform


class _Front:
    """The broker as the wire wants it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.ledger, self.faults, self.now = platform.ledger, platform.faults, platform.now

    @property
    def elsewhere(self) -> str:
        return f"{self._platform.origin}{ENTITIES}"

    def read(self, handler: Quiet) -> bytes:
        """The body; nothing, and the end of the line, where its length is unsaid or more than is even read."""
        said, abilities = handler.headers.get("Content-Length", "0"), self._platform.abilities
        if (
            not measured(said)
            or "Transfer-Encoding" in handler.headers
            or (abilities.hangs_up and int(said) > abilities.largest)
        ):
            handler.close_connection = True
            return b""
        return handler.body()

    def written(self, target: str, body: bytes) -> bytes:
        return hidden(target, body)

    def order(self, method: str, target: str, body: bytes) -> Said:
        return control(self._platform, method, target, body)

    def carry_out(self, call: Call, fault: Fault) -> Said:
        only = fault.only if isinstance(fault, BrokerFault) else None
        return self._platform.answer(call, largest=fault.limit if fault.kind == "small" else None, only=only)

    def trouble(self, status: int, headers: dict[str, str]) -> Said:
        return refusal(RefusedError(status, _NAMES.get(status, "InternalServerError"), "a fault", headers=headers))

    def expire(self) -> None:
        self._platform.tokens.expire()

"""The hospital over real HTTP on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from simulators.hospital.control import control
from simulators.hospital.faults import Fault, Faults
from simulators.hospital.ledger import Ledger
from simulators.hospital.network import BASE, Hospital
from simulators.hospital.outcomes import outcome
from simulators.hospital.words import Told, write_json
from simulators.messaging.serving import Quiet
from simulators.wire import Call, Said, on_the_wire


@contextmanager
def serving(hospital: Hospital, *, port: int = 0, identity: Path | None = None) -> Iterator[Hospital]:
    """Serves `hospital` at `hospital.origin` until the end of the block; with `identity` (a PEM) over TLS."""
    with on_the_wire(_Front(hospital), port=port, identity=identity) as origin:
        hospital.origin = origin
        yield hospital


class _Front:
    """The hospital as the wire wants it."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self.ledger: Ledger = hospital.ledger
        self.faults: Faults = hospital.faults
        self.now: Callable[[], datetime] = hospital.now

    @property
    def elsewhere(self) -> str:
        return f"{self._hospital.origin}{BASE}/metadata"

    def read(self, handler: Quiet) -> bytes:
        return handler.body()

    def written(self, _target: str, body: bytes) -> bytes:
        return body

    def order(self, method: str, target: str, body: bytes) -> Said:
        return _said(control(self._hospital, method, target, body))

    def carry_out(self, call: Call, fault: Fault) -> Said:
        most = fault.limit if fault.kind == "small" else 0
        return _said(self._hospital.answer(call.method, call.target, call.headers, call.body, most=most))

    def trouble(self, status: int, headers: dict[str, str]) -> Said:
        return _said(Told(status=status, resource=outcome(status, "a fault"), headers=headers))

    def expire(self) -> None:
        self._hospital.tokens.expire()


def _said(told: Told) -> Said:
    body = write_json(told.resource) if told.resource is not None else b""
    kind = {"Content-Type": "application/fhir+json; charset=utf-8"}
    return Said(told.status, body, kind | told.headers, told.stored)

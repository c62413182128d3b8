"""A stand-in of somebody's server over real HTTP on this machine, with the faults where they happen: on the connection.

A front is what stands behind the connection: it answers orders below /control, and requests that are written down.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import msgspec

from simulators.hospital.faults import Fault, Faults
from simulators.hospital.journal import Answered
from simulators.hospital.ledger import Ledger
from simulators.messaging.serving import Quiet, running

CONTROL = "/control/"
_PAGE = "<!DOCTYPE html><html lang=ja><title>ログイン</title><p>接続するにはログインしてください。</html>".encode()
_CALM = Fault(kind="slow", seconds=0.0)


class Said(msgspec.Struct, frozen=True):
    """An answer as bytes; `stored` names what was written; `hang_up` ends the connection after it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    stored: tuple[str, ...] = ()
    hang_up: bool = False


class Call(msgspec.Struct, frozen=True):
    """A request as it arrived, with its number in the ledger; headers in lower case."""

    number: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Front(Protocol):
    """What a stand-in shows to the wire."""

    @property
    def ledger(self) -> Ledger:
        """Where requests and answers are written down."""

    @property
    def faults(self) -> Faults:
        """The faults to come."""

    @property
    def now(self) -> Callable[[], datetime]:
        """Its clock."""

    @property
    def elsewhere(self) -> str:
        """Where a redirect points when its fault names no place."""

    def read(self, handler: Quiet) -> bytes:
        """The body of the request."""

    def written(self, target: str, body: bytes) -> bytes:
        """The body as the ledger may keep it."""

    def order(self, method: str, target: str, body: bytes) -> Said:
        """What an order of the harness gets."""

    def carry_out(self, call: Call, fault: Fault) -> Said:
        """Do what was asked, or only as much of it as a fault lets it."""

    def trouble(self, status: int, headers: dict[str, str]) -> Said:
        """An error of the front's own kind."""

    def expire(self) -> None:
        """End all tokens."""


class _Server(ThreadingHTTPServer):
    """Remembers its connections: when it ends, they end."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[Quiet]) -> None:
        self.connected: set[socket.socket] = set()
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextmanager
def on_the_wire(front: Front, *, port: int = 0, identity: Path | None = None) -> Iterator[str]:
    """Serves `front` until the end of the block, its origin; with `identity` (a PEM) over TLS."""
    server = _Server(("127.0.0.1", port), _handler(front))
    try:
        with running(server, identity) as origin:
            yield origin
    finally:
        for connection in tuple(server.connected):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(front: Front) -> type[Quiet]:
    class Handler(Quiet):
        # One packet per answer: headers and body apart would wait for each other's acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True
        server: _Server

        def setup(self) -> None:
            super().setup()
            self.server.connected.add(self.connection)

        def finish(self) -> None:
            self.server.connected.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def one(self) -> None:
            _serve(front, self)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = one  # noqa: N815 - the base class calls them so

    return Handler


def _serve(front: Front, handler: Quiet) -> None:
    """One request: written down, struck or not, carried out or not, answered or not, and that written down too."""
    body, method, target = front.read(handler), handler.command, handler.path
    headers = {name.lower(): value for name, value in handler.headers.items()}
    if target.startswith(CONTROL):
        _tell(handler, front.order(method, target, body))
        return
    number = front.ledger.receive(front.now, method, target, headers, front.written(target, body))
    fault = front.faults.strike(method, target)
    name = fault.name if fault else ""
    fault = fault or _CALM
    said = None if fault.after else _instead(front, fault)
    if fault.kind == "slow" and not fault.after:
        time.sleep(fault.seconds)
    if said is None and (fault.kind != "drop" or fault.after):
        said = front.carry_out(Call(number, method, target, headers, body), fault)
    stored = said.stored if said else ()
    if fault.after and (instead := _instead(front, fault)):
        said = instead
    silent = said is None or fault.kind in {"drop", "cut"}
    # Written before the answer goes out: who has the answer finds it in the ledger.
    status = 0 if silent or said is None else said.status
    front.ledger.answer(Answered(number, status, name, stored))
    if fault.kind == "slow" and fault.after:
        time.sleep(fault.seconds)
    if said is None or fault.kind == "drop":
        _hang_up(handler)
    elif fault.kind == "cut":
        _cut(handler, said)
    else:
        _tell(handler, said)


def _instead(front: Front, fault: Fault) -> Said | None:
    """The answer that a fault puts in the place of the server's own; None when it puts none there."""
    if fault.kind == "status":
        return front.trouble(fault.status, {"Retry-After": fault.retry_after} if fault.retry_after else {})
    if fault.kind == "garbage":
        return Said(200, _PAGE, {"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "redirect":
        return Said(307, headers={"Location": fault.location or front.elsewhere})
    if fault.kind == "expire":
        front.expire()
    return None


def _tell(handler: Quiet, said: Said) -> None:
    # A client that is not told would send its next request into a line that ends.
    closing = {"Connection": "close"} if said.hang_up or handler.close_connection else {}
    handler.answer(said.status, said.body, **said.headers, **closing)
    if said.hang_up:
        handler.wfile.flush()
        _hang_up(handler)


def _cut(handler: Quiet, said: Said) -> None:
    """Half of the answer, then nothing."""
    handler.send_response(said.status)
    for name, value in said.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(said.body) + 1))
    handler.end_headers()
    handler.wfile.write(said.body[: len(said.body) // 2])
    handler.wfile.flush()
    _hang_up(handler)


def _hang_up(handler: Quiet) -> None:
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)

"""The hospital over real HTTP on this machine, with the faults where they happen: on the connection."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from simulators.hospital.control import CONTROL, control
from simulators.hospital.faults import Fault
from simulators.hospital.journal import Answered
from simulators.hospital.network import BASE, Hospital
from simulators.hospital.outcomes import outcome
from simulators.hospital.words import Told, write_json
from simulators.messaging.serving import Quiet

_PAGE = "<!DOCTYPE html><html lang=ja><title>ログイン</title><p>接続するにはログインしてください。</html>".encode()
_CALM = Fault(kind="slow", seconds=0.0)


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
def serving(hospital: Hospital, *, port: int = 0, identity: Path | None = None) -> Iterator[Hospital]:
    """Serves `hospital` at `hospital.origin` until the end of the block; with `identity` (a PEM) over TLS."""
    server = _Server(("127.0.0.1", port), _handler(hospital))
    scheme = "http"
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    hospital.origin = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hospital
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
        for connection in tuple(server.connected):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(hospital: Hospital) -> type[Quiet]:
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
            _serve(hospital, self)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = one  # noqa: N815 - the base class calls them so

    return Handler


def _serve(hospital: Hospital, handler: Quiet) -> None:
    """One request: written down, struck or not, carried out or not, answered or not, and that written down too."""
    body, method, target = handler.body(), handler.command, handler.path
    headers = {name.lower(): value for name, value in handler.headers.items()}
    if target.startswith(CONTROL):
        _tell(handler, control(hospital, method, target, body))
        return
    number = hospital.ledger.receive(hospital.now, method, target, headers, body)
    fault = hospital.faults.strike(method, target)
    name = fault.name if fault else ""
    fault = fault or _CALM
    told = None if fault.after else _instead(hospital, fault)
    if fault.kind == "slow" and not fault.after:
        time.sleep(fault.seconds)
    if told is None and (fault.kind != "drop" or fault.after):
        told = hospital.answer(method, target, headers, body, most=fault.limit if fault.kind == "small" else 0)
    stored = told.stored if told else ()
    if fault.after and (instead := _instead(hospital, fault)):
        told = instead
    silent = told is None or fault.kind in {"drop", "cut"}
    # Written before the answer goes out: who has the answer finds it in the ledger.
    status = 0 if silent or told is None else told.status
    hospital.ledger.answer(Answered(number, status, name, stored))
    if fault.kind == "slow" and fault.after:
        time.sleep(fault.seconds)
    if told is None or fault.kind == "drop":
        _hang_up(handler)
    elif fault.kind == "cut":
        _cut(handler, told)
    else:
        _tell(handler, told)


def _instead(hospital: Hospital, fault: Fault) -> Told | None:
    """The answer that a fault puts in the place of the server's own; None when it puts none there."""
    if fault.kind == "status":
        retry = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        return Told(status=fault.status, resource=outcome(fault.status, "a fault"), headers=retry)
    if fault.kind == "garbage":
        return Told(status=200, headers={"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "redirect":
        return Told(status=307, headers={"Location": fault.location or f"{hospital.origin}{BASE}/metadata"})
    if fault.kind == "expire":
        hospital.tokens.expire()
    return None


def _raw(told: Told) -> tuple[bytes, dict[str, str]]:
    headers = {"Content-Type": "application/fhir+json; charset=utf-8", **told.headers}
    if headers["Content-Type"].startswith("text/html"):
        return _PAGE, headers
    return (write_json(told.resource) if told.resource is not None else b""), headers


def _tell(handler: Quiet, told: Told) -> None:
    body, headers = _raw(told)
    handler.answer(told.status, body, **headers)


def _cut(handler: Quiet, told: Told) -> None:
    """Half of the answer, then nothing."""
    body, headers = _raw(told)
    handler.send_response(told.status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body) + 1))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    _hang_up(handler)


def _hang_up(handler: Quiet) -> None:
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)

"""A FHIR server that nobody here wrote, in a process of its own, and faults on the way to any server."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from simulators.hospital.faults import Fault, Faults
from simulators.messaging.serving import Quiet, served
from tests.node_packages import node_server

_PASSED = ("Content-Type", "If-Match", "If-None-Exist", "Prefer", "Host", "Accept")
_TOLD = ("Content-Type", "ETag", "Location", "Last-Modified")


@contextmanager
def fhir_router() -> Iterator[str]:
    """Npm @medplum/fhir-router with an empty memory store (tests/npm/fhir-server); the address of its base."""
    with node_server("fhir-server/server.mjs") as (base, _):
        yield base


@contextmanager
def faulty(base: str, faults: Faults) -> Iterator[str]:
    """The server at `base` as one reaches it by a bad line: drop, cut, status, garbage, slow, each also `after`."""
    target = urlsplit(base)

    class Line(Quiet):
        def one(self) -> None:
            body, fault = self.body(), faults.strike(self.command, self.path)
            if fault and not fault.after and fault.kind in {"drop", "status", "garbage"}:
                self._instead(fault)
                return
            if fault and fault.kind == "slow":
                time.sleep(fault.seconds)
            status, headers, answer = self._forward(body)
            if fault and fault.kind != "slow":
                self._instead(fault, answer)
            else:
                self.answer(status, answer, **headers)

        def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            server = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
            passed = {name: self.headers[name] for name in _PASSED if name in self.headers}
            server.request(self.command, self.path, body or None, passed)
            told = server.getresponse()
            answer = told.read()
            server.close()
            return told.status, {name: told.headers[name] for name in _TOLD if name in told.headers}, answer

        def _instead(self, fault: Fault, answer: bytes = b"") -> None:
            if fault.kind == "status":
                self.answer(fault.status, b"", **({"Retry-After": fault.retry_after} if fault.retry_after else {}))
            elif fault.kind == "garbage":
                self.answer(200, b"<html>log in</html>", Content_Type="text/html")
            else:
                if fault.kind == "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer) + 1))
                    self.end_headers()
                    self.wfile.write(answer[: len(answer) // 2])
                    self.wfile.flush()
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PUT = one  # noqa: N815 - the base class calls them so

    with served(Line) as origin:
        yield f"{origin}{target.path}"

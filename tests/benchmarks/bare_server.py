"""A server that stores nothing and checks nothing: it answers a batch of PUTs as fast as Python can read it."""

from __future__ import annotations

import re
import socket
import sys

_URL = re.compile(rb'"url":"(Observation/[^"]+)"')
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")


def serve(listener: socket.socket) -> None:
    """Answer one connection after the other, each for as long as it stays."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while (body := _read(connection)) is not None:
                connection.sendall(_answer(body))


def _read(connection: socket.socket) -> bytes | None:
    """The body of the next request; None when there is none."""
    parts, size, needed = list[bytes](), 0, -1
    while needed < 0 or size < needed:
        part = connection.recv(1 << 20)
        if not part:
            return None
        parts.append(part)
        size += len(part)
        if needed < 0:
            head = b"".join(parts)
            end = head.find(b"\r\n\r\n")
            if end >= 0:
                found = _LENGTH.search(head[:end])
                needed = end + 4 + int(found[1] if found else 0)
    return b"".join(parts)


def _answer(body: bytes) -> bytes:
    entries = b",".join(
        b'{"response":{"status":"201 Created","location":"%s/_history/1","etag":"W/\\"1\\""}}' % url
        for url in _URL.findall(body)
    )
    told = b'{"resourceType":"Bundle","type":"batch-response","entry":[%s]}' % entries
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n" % len(told)
    return head + told


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}/fhir\n")
        sys.stdout.flush()
        serve(listening)

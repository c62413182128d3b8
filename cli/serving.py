"""The socket a page is served on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from cli.exits import Exit
from cli.output import fail


@contextmanager
def listening(address: str, port: int) -> Iterator[socket.socket]:
    """A listening socket at `address` (port 0: a free one); exit code 8 when it is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((address, port))
            door.listen()
        except OSError as error:
            fail(Exit.NETWORK, "port-taken", f"cannot serve on {address} port {port}: {error.strerror or error}")
        yield door

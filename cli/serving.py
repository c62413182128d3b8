"""The socket a page is served on, and staying there until somebody says stop."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event

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


def stay(house: AbstractContextManager[object], port: int, tell: Callable[[], None]) -> None:
    """Keep `house` open until SIGTERM or Ctrl-C, after `tell`; exit code 8 when it cannot listen at `port`."""
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        with house:
            tell()
            # Not one endless wait: a signal is heard between two.
            while not stopping.wait(1):
                continue
    except OSError as error:
        fail(Exit.NETWORK, "cannot-listen", f"port {port}: {error.strerror}")

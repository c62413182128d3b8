"""`python -m simulators.bluez`: org.bluez on a message bus, over simulated air; says `ready` when it is there."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from dbus_fast.aio import MessageBus

from simulators.bluez.adapter import Adapter, BondedReceiver, Manners
from simulators.bluez.agents import Agents
from simulators.bluez.tree import Tree

NO_DAEMON = 1


def main() -> int:
    """Run until a signal, or until whoever started this is gone; 1 when the bus or the air cannot be reached."""
    parser = argparse.ArgumentParser(prog="simulators.bluez")
    parser.add_argument("--bus", required=True, help="address of the message bus")
    parser.add_argument("--air", required=True, help="the devices' air: host:port or unix:/path")
    parser.add_argument("--state", type=Path, required=True, help="folder of addresses and bonds")
    parser.add_argument("--adapter", action="append", default=[], help="NAME or NAME=LOSS (dB weaker); repeatable")
    parser.add_argument("--quiet", type=float, default=10.5, help="seconds until an unchanged advert is told again")
    parser.add_argument("--temporary", type=float, default=30.0, help="seconds until a silent device is forgotten")
    parser.add_argument("--goodbye", type=float, default=2.0, help="seconds that hanging up takes")
    parser.add_argument("--experimental", action="store_true", help="offer passive scanning")
    chosen = parser.parse_args()
    # A shell that starts its parent in the background has all of them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(_serve(chosen))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return NO_DAEMON
    return 0


async def _serve(chosen: argparse.Namespace) -> None:
    chosen.state.mkdir(parents=True, exist_ok=True)
    manners = Manners(
        quiet=chosen.quiet, temporary=chosen.temporary, goodbye=chosen.goodbye, experimental=chosen.experimental
    )
    bus = await MessageBus(bus_address=chosen.bus, negotiate_unix_fd=True).connect()
    tree = Tree(bus)
    agents = Agents(tree)
    for text in chosen.adapter or ["hci0"]:
        name, _, loss = text.partition("=")
        receiver = BondedReceiver(chosen.air, chosen.state, name)
        await Adapter(tree, agents, name, receiver, manners, int(loss or 0)).open()
    await tree.open()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _end_with_parent)
    await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


def _end_with_parent() -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())

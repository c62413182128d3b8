"""`python -m simulators.devices`: a household of virtual devices; the first line of output says where they listen."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from simulators.address import parse_place
from simulators.devices.room import Ready, run_devices
from simulators.household import HouseholdError, load_household

USAGE = 2


def main() -> int:
    """Run until the order `stop` or a signal; 2 for a description or a place that cannot be used."""
    parser = argparse.ArgumentParser(prog="simulators.devices")
    parser.add_argument("--household", type=Path, required=True, help="description, JSON or TOML")
    parser.add_argument("--state", type=Path, required=True, help="folder of the devices' memory")
    parser.add_argument("--listen", default="127.0.0.1:0", help="the air: host:port or unix:/path")
    parser.add_argument("--orders", default="127.0.0.1:0", help="the order channel: host:port or unix:/path")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin does, with whoever started this")
    chosen = parser.parse_args()
    # A shell that starts its parent in the background has all of them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    say = _say_and_watch if chosen.until_eof else _say
    try:
        home, air, orders = load_household(chosen.household), parse_place(chosen.listen), parse_place(chosen.orders)
        asyncio.run(run_devices(home, chosen.state, air, orders, say))
    except (HouseholdError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except KeyboardInterrupt:
        return 130
    return 0


def _say(ready: Ready) -> None:
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()


def _say_and_watch(ready: Ready) -> None:
    _say(ready)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _end_with_parent)


def _end_with_parent() -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())

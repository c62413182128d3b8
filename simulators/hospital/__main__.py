"""`python -m simulators.hospital`: the hospital in a process of its own; says its origin when it listens."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from simulators.hospital.faults import Faults
from simulators.hospital.network import Hospital
from simulators.hospital.process import Settings
from simulators.hospital.serving import serving

NO_START = 1


def main() -> int:
    """Run until a signal or the end of stdin; 1 when settings, journal or port cannot be used."""
    parser = argparse.ArgumentParser(prog="simulators.hospital")
    parser.add_argument("--settings", type=Path, required=True, help="JSON of simulators.hospital.process.Settings")
    parser.add_argument("--journal", type=Path, required=True, help="the file it remembers everything in")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        settings = msgspec.json.decode(chosen.settings.read_bytes(), type=Settings)
        faults = Faults(*settings.script, weather=settings.weather, seed=settings.seed)
        hospital = Hospital(settings.abilities, clients=settings.clients, journal=chosen.journal, faults=faults)
        with suppress(KeyboardInterrupt), serving(hospital, port=chosen.port):
            sys.stdout.write(f"{hospital.origin}\n")
            sys.stdout.flush()
            sys.stdin.read()
    except (OSError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return NO_START
    hospital.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

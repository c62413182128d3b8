"""Exit codes, one meaning each; the same table stands in README.md and a test compares the two."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a finished `phr` command tells its caller."""

    DONE = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    ALREADY = 4
    REFUSED = 5
    NO_BLUETOOTH = 6
    DEVICE_LOST = 7
    NETWORK = 8
    NO_CONSENT = 9
    CONFIGURATION = 10
    DAMAGED = 11
    INTERRUPTED = 130


MEANING: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.BUG: "a bug of ours",
    Exit.USAGE: "wrong usage or a value that cannot be",
    Exit.NOT_FOUND: "nothing found",
    Exit.ALREADY: "already there",
    Exit.REFUSED: "refused by a person or by a rule",
    Exit.NO_BLUETOOTH: "no Bluetooth, off or not permitted",
    Exit.DEVICE_LOST: "device lost",
    Exit.NETWORK: "broker or network",
    Exit.NO_CONSENT: "consent missing",
    Exit.CONFIGURATION: "configuration",
    Exit.DAMAGED: "data damaged",
    Exit.INTERRUPTED: "interrupted",
}

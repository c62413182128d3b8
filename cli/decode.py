"""`phr decode`: recorded Bluetooth payloads as JSON Lines in, readings as JSON Lines out."""

from __future__ import annotations

import json
import sys
from typing import BinaryIO


def decode() -> None:
    """Decode captures: JSON Lines on stdin, one JSON line on stdout for every line that is not empty."""
    answer_lines(sys.stdin.buffer, sys.stdout.buffer)


def answer_lines(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every non-empty line of `source`, flushed one by one so that a pipe sees each answer at once."""
    from firmware_profiles.captures import answer
    from firmware_profiles.registry import installed

    profiles = installed().profiles
    for raw in source:
        # Bytes that are not UTF-8 become lone surrogates, which no JSON text may hold: the answer is `bad-json`.
        line = raw.strip().decode("utf-8", "surrogateescape")
        if line:
            sink.write(json.dumps(answer(line, profiles), ensure_ascii=False, allow_nan=False).encode() + b"\n")
            sink.flush()

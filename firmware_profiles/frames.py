"""What vendors' frames have in common: a head, a length, a checksum."""

from __future__ import annotations

from functools import reduce
from operator import xor

from firmware_profiles.model import DecodeError


def sum8(data: bytes) -> int:
    """The sum of the bytes, eight bits of it."""
    return sum(data) & 0xFF


def xor8(data: bytes) -> int:
    """The exclusive or of the bytes."""
    return reduce(xor, data, 0)


def expect_length(data: bytes, length: int) -> None:
    """DecodeError `truncated` or `length` unless `data` has exactly `length` bytes."""
    if len(data) < length:
        raise DecodeError("truncated", f"{length} bytes expected, {len(data)} there")
    if len(data) > length:
        raise DecodeError("length", f"{len(data)} bytes, {length} expected")


def expect_head(data: bytes, head: bytes) -> None:
    """DecodeError `truncated` or `no-measurement` unless `data` begins with `head`."""
    if len(data) < len(head):
        raise DecodeError("truncated", f"a frame begins with {head.hex()}")
    if not data.startswith(head):
        raise DecodeError("no-measurement", f"a measurement begins with {head.hex()}, this with {data[:4].hex()}")


def expect_checksum(stated: int, computed: int) -> None:
    """DecodeError `checksum` unless they are the same."""
    if stated != computed:
        raise DecodeError("checksum", f"checksum {stated:02x}, computed {computed:02x}")


def big(data: bytes, at: int, size: int = 2) -> int:
    """The big-endian number at `at`; the caller has checked the length."""
    return int.from_bytes(data[at : at + size], "big")


def little(data: bytes, at: int, size: int = 2) -> int:
    """The little-endian number at `at`; the caller has checked the length."""
    return int.from_bytes(data[at : at + size], "little")

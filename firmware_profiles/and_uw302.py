"""A&D UW-302BLE step tracker: sectors of one-minute records, fetched over two characteristics.

Facts: A&D's sample application for Android (copies on GitHub; UUIDs, commands and offsets only); no capture is known.
A minute with steps becomes one reading. Minutes are the only pieces that never change between two visits: an hour or a
day put together here would grow at the next visit and count twice.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from decimal import Decimal
from typing import Final

from engine.contract.reading import Sample
from firmware_profiles.model import (
    Action,
    Codec,
    Converse,
    DecodeError,
    Keep,
    Match,
    Pairing,
    Profile,
    Receive,
    Remember,
    Setting,
    Talk,
    Told,
    Write,
    WriteDateTime,
)
from firmware_profiles.numbers import Reader
from firmware_profiles.sample import need, quantities

CONTROL_SERVICE: Final = "11127000-b364-11e4-ab27-0800200c9a66"
CONTROL: Final = "11127001-b364-11e4-ab27-0800200c9a66"
DATA_SERVICE: Final = "1a0934f0-b364-11e4-ab27-0800200c9a66"
DATA: Final = "1a0934f1-b364-11e4-ab27-0800200c9a66"

TRANSFER: Final = 0x58
ASK_NEW, ASK_ALL = bytes.fromhex("0401580000"), bytes.fromhex("0401580001")
GO_ON, FINISH = bytes.fromhex("03015801"), bytes.fromhex("03011300")
BEGUN, BLOCK_END, OVER = 0, 1, 3
PACKETS, SECTOR, PAUSE_AFTER = 13, 256, 10
SECTOR_HEAD: Final = bytes((0x50, 0x27))
RECORD_SIZE, RECORDS, FIRST_RECORD = 12, 20, 3
STEPS_AT: Final = 5
ASLEEP_AT: Final = 9
FIRST_YEAR: Final = 2005
COMPLETE: Final = "uw302-complete"
PATIENCE: Final = 10.0


def decode_minute(data: bytes) -> Sample:
    """The steps in the minute of a 12-byte record.

    DecodeError: `truncated`, `empty` (a place that was never written, or a minute without steps).
    """
    record = Reader(data).take(RECORD_SIZE)
    if not any(record[:4]) or not record[STEPS_AT]:
        raise DecodeError("empty", "nobody walked in this minute")
    return Sample(quantities=quantities({"steps": (Decimal(record[STEPS_AT]), "{steps}")}), time=_time(record))


def encode_minute(sample: Sample) -> bytes:
    """The 12-byte record of `sample`; ValueError without a time or for more steps than a byte holds."""
    steps, time = need(sample, "steps"), sample.time
    if steps != int(steps) or not 0 < steps <= 255:  # noqa: PLR2004 - one byte
        raise ValueError(f"{steps} steps do not fit a minute")
    # A clock that was never set stands in the month that does not exist.
    year, month, day, hour, minute = (0, 15, 0, 0, 0) if time is None else time.timetuple()[:5]
    if time is not None:
        year, month = year - FIRST_YEAR, month - 1
    if not 0 <= year < 64:  # noqa: PLR2004 - six bits
        raise ValueError(f"the record has no year {year + FIRST_YEAR}")
    bits = (year & 7) << 29 | month << 25 | day << 20 | hour << 15 | minute << 9 | year >> 3
    return bits.to_bytes(4, "big") + bytes((0, int(steps), 0, 0, 0, 1, 0, 0))


def _time(record: bytes) -> datetime | None:
    bits = int.from_bytes(record[:4], "big")
    year = FIRST_YEAR + (bits >> 29 | (bits & 7) << 3)
    try:
        return datetime(year, (bits >> 25 & 15) + 1, bits >> 20 & 31, bits >> 15 & 31, bits >> 9 & 63)  # noqa: DTZ001
    except ValueError:
        return None


def fetch(setting: Setting) -> Talk:
    """Fetch the minutes the tracker has not handed over yet; all of them when the last transfer was cut off.

    Ends in `done` or `no-answer`. What is whole is kept before the tracker is told to go on.
    """
    yield Write(CONTROL, ASK_NEW if setting.memory.get(COMPLETE) else ASK_ALL)
    yield Remember(COMPLETE, 0)
    sector = _Sector()
    while True:
        told = yield Receive((CONTROL, DATA), PATIENCE)
        if told is None:
            return "no-answer"
        if told.characteristic == DATA:
            yield from sector.add(told.data)
        elif told.data[2:4] == bytes((TRANSFER, BEGUN)):
            sector = _Sector()
        elif told.data[2:4] == bytes((TRANSFER, OVER)):
            break
    yield Write(CONTROL, FINISH)
    yield Remember(COMPLETE, 1)
    return "done"


class _Sector:
    """256 bytes in 13 packets, put together."""

    def __init__(self) -> None:
        self._data, self._packets, self._kept = b"", 0, 0

    def add(self, packet: bytes) -> Generator[Action, Told | None, None]:
        """Take the next packet; the tracker waits for a word after the tenth."""
        self._data, self._packets = self._data + packet, self._packets + 1
        if self._packets == PAUSE_AFTER:
            yield from self._keep()
            yield Write(CONTROL, GO_ON)
        elif self._packets == PACKETS:
            yield from self._keep()
            self._data, self._packets, self._kept = b"", 0, 0

    def _keep(self) -> Generator[Action, Told | None, None]:
        """Keep the minutes that are whole by now and have not been kept."""
        whole = min(RECORDS, (len(self._data) - FIRST_RECORD) // RECORD_SIZE)
        if self._data[:2] != SECTOR_HEAD:
            return
        for at in range(self._kept, whole):
            begin = FIRST_RECORD + at * RECORD_SIZE
            record = self._data[begin : begin + RECORD_SIZE]
            if any(record[:4]) and record[STEPS_AT]:
                yield Keep(DATA, record)
        self._kept = max(self._kept, whole)


TRACKER: Final = Profile(
    id="and-uw302",
    maker="A&D",
    model="UW-302BLE",
    match=(Match(name=r"(A&D_)?UW-?302BLE"),),
    provides=frozenset({"steps-interval"}),
    source="A&D sample application for Android (ADGattUUID, BleReceivedService)",
    steps=(WriteDateTime(DATA_SERVICE), Converse(fetch, listens=(DATA, CONTROL))),
    codecs={DATA: Codec(decode=decode_minute, encode=encode_minute, assembled=True)},
    kinds={"steps": "steps-interval"},
    pairing=Pairing(wake="wear", button=True, bond="just-works"),
    experimental=True,
)

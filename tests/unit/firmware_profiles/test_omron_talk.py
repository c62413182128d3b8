"""OMRON's memory dialogue, word by word: what it says to a device that refuses, damages, stays silent or is unknown."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from zlib import crc32

import pytest

from firmware_profiles.model import Action, DecodeError, Keep, Read, Receive, Remember, Setting, Talk, Told, Write
from firmware_profiles.omron_memory import carrier
from firmware_profiles.omron_models import BOX_NAMES, HBF_702T, PLAIN, SWAPPED, WRIST, Memory, find_memory
from firmware_profiles.omron_records import decode_pressure_record
from firmware_profiles.omron_talk import (
    ANSWER,
    CLOSE,
    OPEN,
    READ,
    RX,
    TX,
    UNLOCK,
    Frame,
    decode_frame,
    encode_frame,
    read_talk,
    unlock_talk,
)

NOW = datetime(2026, 11, 22, 9, 30)
KEY = bytes(range(16))
ONE = (
    Memory(
        models=("HEM-TEST",), starts=(0x0100, 0x0200), count=4, size=16, block=0x20, index=0x0010, index_size=8,
        cursors=(0, 2),
    ),
)  # fmt: skip
# github.com/eigger/hass-omron issue 92 (captured), with other systolic values.
RECORD = bytes.fromhex("7d5d461a2b2541160000200000010200")
CARRIERS = {None: carrier(None), 1: carrier(1), 2: carrier(2)}
Answer = Callable[[Frame], list[bytes]]


def record(number: int) -> bytes:
    return bytes((0x60 + number,)) + RECORD[1:]


class Device:
    """The bytes of a device: an image of its memory, and a way to misbehave."""

    def __init__(self, image: dict[int, bytes], twist: Callable[[Frame, bytes], bytes | None] | None = None) -> None:
        self.image = bytearray(b"\xff" * 0x400)
        for at, data in image.items():
            self.image[at : at + len(data)] = data
        self.twist = twist
        self.asked: list[Frame] = []
        self.kept: list[tuple[str, bytes]] = []
        self.remembered: dict[str, int] = {}

    def hold(self, talk: Talk) -> str:
        """Answer `talk` to its end; its result word."""
        told: Told | None = None
        answers: list[Told] = []
        try:
            while True:
                told = self._act(talk.send(told), answers)
        except StopIteration as end:
            return str(end.value)

    def _act(self, action: Action, answers: list[Told]) -> Told | None:
        match action:
            case Write(channel, data):
                assert channel == TX[0]
                answers[:] = self._answer(decode_frame(data))
            case Receive():
                return answers.pop(0) if answers else None
            case Keep(where, data):
                self.kept.append((where, data))
            case Remember(name, value):
                self.remembered[name] = value
            case Read():
                raise AssertionError("one map leaves no choice")
        return None

    def _answer(self, request: Frame) -> Iterator[Told]:
        self.asked.append(request)
        data = bytes(self.image[request.address : request.address + request.size]) if request.kind == READ else b""
        raw = encode_frame(Frame(request.kind | ANSWER, request.address, len(data), data))
        said = self.twist(request, raw) if self.twist else raw
        if said is not None:
            for channel, at in zip(RX, range(0, len(said), 16), strict=False):
                yield Told(channel, said[at : at + 16])


def visit(device: Device, memory: dict[str, int] | None = None) -> str:
    setting = Setting(now=NOW, memory=memory or {})
    return device.hold(read_talk(ONE, CARRIERS, decode_pressure_record)(setting))


def two_users(first: int, second: int) -> dict[int, bytes]:
    rings = {0x0100 + 16 * at: record(at) for at in range(min(first, 4))}
    rings |= {0x0200 + 16 * at: record(8 + at) for at in range(min(second, 4))}
    return rings | {0x0010: bytes((first, 0, second, 0x80, 0, 0, 0, 0))}


def test_each_user_s_records_are_kept_oldest_first_and_the_transfer_is_closed() -> None:
    device = Device(two_users(3, 1))
    assert visit(device) == "done"
    assert device.kept == [(carrier(1), record(at)) for at in range(3)] + [(carrier(2), record(8))]
    assert [frame.kind for frame in device.asked[:1] + device.asked[-1:]] == [OPEN, CLOSE]
    assert device.remembered == {"record-1": 2 << 32 | crc32(record(2)), "record-2": crc32(record(8))}


def test_a_later_visit_reads_only_what_follows_the_newest_record_we_have() -> None:
    device = Device(two_users(3, 1))
    assert visit(device, {"record-1": 1 << 32 | crc32(record(1)), "record-2": crc32(record(8))}) == "done"
    assert device.kept == [(carrier(1), record(2))]


def test_a_ring_that_was_overwritten_or_erased_since_is_read_whole() -> None:
    device = Device({0x0010: b"\x02" + bytes(7), 0x0100: b"".join(record(at) for at in (4, 5, 2, 3))})
    assert visit(device, {"record-1": 1 << 32 | crc32(record(1))}) == "done"
    assert [data for _, data in device.kept] == [record(2), record(3), record(4), record(5)]


def test_a_cursor_that_means_nothing_hides_no_record() -> None:
    device = Device({**two_users(3, 0), 0x0010: b"\x77"})
    assert visit(device) == "done"
    assert [data for _, data in device.kept] == [record(0), record(1), record(2)]


def test_a_damaged_answer_is_asked_for_again() -> None:
    spoilt: list[Frame] = []

    def spoil(request: Frame, raw: bytes) -> bytes:
        if request.kind == READ and request not in spoilt:
            spoilt.append(request)
            return raw[:-1] + bytes((raw[-1] ^ 1,))
        return raw

    device = Device(two_users(2, 1), spoil)
    assert visit(device) == "done"
    assert len(device.kept) == 3
    assert spoilt


def test_an_answer_to_an_earlier_question_is_not_taken_for_this_one() -> None:
    def late(request: Frame, raw: bytes) -> bytes:
        stale = encode_frame(Frame(READ | ANSWER, 0x0300, 8, bytes(8)))
        return stale if request.kind == READ else raw

    device = Device(two_users(2, 1), late)
    assert visit(device) == "no-answer"
    assert device.kept == []
    assert device.asked[-1].kind == CLOSE


def test_the_records_of_a_user_the_device_does_not_show_are_left_out() -> None:
    def refuse(request: Frame, raw: bytes) -> bytes:
        if request.kind == READ and request.address >= 0x0200:
            return encode_frame(Frame(READ | ANSWER, request.address, request.size, b"", 5))
        return raw

    device = Device(two_users(2, 2), refuse)
    assert visit(device) == "done"
    assert [where for where, _ in device.kept] == [carrier(1)] * 2


@pytest.mark.parametrize("silent", [OPEN, READ])
def test_a_device_that_stops_answering_is_still_told_that_it_is_over(silent: int) -> None:
    device = Device(two_users(2, 1), lambda request, raw: None if request.kind == silent else raw)
    assert visit(device) == "no-answer"
    assert device.asked[-1].kind == CLOSE


def unlock(answers: list[bytes | None], *, memory: Memory = HBF_702T, **setting: object) -> tuple[str, list[bytes]]:
    """The word the key dialogue ends in, and what it wrote, given the device's answers in turn."""
    talk = unlock_talk((memory,))(Setting(now=NOW, **setting))  # type: ignore[arg-type]
    said: list[bytes] = []
    told: Told | None = None
    try:
        while True:
            action = talk.send(told)
            told = None
            if isinstance(action, Write):
                said.append(action.data)
            else:
                answer = answers.pop(0)
                told = None if answer is None else Told(UNLOCK, answer)
    except StopIteration as end:
        return str(end.value), said


def test_our_key_opens_the_device() -> None:
    assert unlock([b"\x81\x00"], key=KEY) == ("done", [b"\x01" + KEY])


@pytest.mark.parametrize(
    ("answers", "key", "pairing", "word"),
    [
        ([], None, False, "key-needed"),
        ([], KEY[:8], True, "key-needed"),
        ([b"\x81\x01"], KEY, False, "key-refused"),
        ([None], KEY, False, "no-answer"),
        ([b"\x82\x01", b"\x81\x01"], KEY, True, "not-in-pairing-mode"),
        ([b"\x82\x01", b"\x81\x00"], KEY, True, "done"),
        ([b"\x82\x00", b"\x80\x01"], KEY, True, "not-in-pairing-mode"),
        ([b"\x82\x00", b"\x80\x00", b"\x81\x00"], KEY, True, "done"),
    ],
)
def test_every_end_of_the_key_dialogue_has_its_word(
    answers: list[bytes | None], key: bytes | None, pairing: bool, word: str
) -> None:
    assert unlock(answers, key=key, pairing=pairing)[0] == word


def test_a_key_is_set_only_while_a_person_pairs() -> None:
    _, said = unlock([b"\x81\x01"], key=KEY)
    assert [data[0] for data in said] == [1]
    _, said = unlock([b"\x82\x00", b"\x80\x00", b"\x81\x00"], key=KEY, pairing=True)
    assert said == [b"\x02" + bytes(16), b"\x00" + KEY, b"\x01" + KEY]


def test_a_token_must_come_back_as_it_was_sent() -> None:
    (newer,) = (memory for memory in PLAIN if "HEM-7188T1" in memory.models)
    token = bytes((22, 9, 30, 0))
    word, said = unlock([b"\x91\x00" + token], memory=newer)
    assert (word, said[0][:5], len(said[0])) == ("done", b"\x11" + token, 20)
    assert unlock([b"\x91\x00" + b"abcd"], memory=newer)[0] == "key-refused"
    assert unlock([None, b"\x91\x00" + token], memory=newer)[0] == "done"
    assert unlock([None, None], memory=newer)[0] == "no-answer"


def test_frames_are_those_everybody_describes() -> None:
    assert encode_frame(Frame(OPEN, size=0x10)).hex() == "0800000000100018"
    assert encode_frame(Frame(CLOSE)).hex() == "080f000000000007"
    assert encode_frame(Frame(READ, 0x02C0, 0x20)).hex() == "08010002c02000eb"
    answer = Frame(READ | ANSWER, 0x02C0, 4, b"abcd")
    assert decode_frame(encode_frame(answer) + b"padding") == answer


@pytest.mark.parametrize("raw", ["", "08", "0700", "0800000000100019", "ff00000000000000"])
def test_what_is_no_frame_is_refused(raw: str) -> None:
    with pytest.raises(DecodeError):
        decode_frame(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("model", "start", "count"),
    [
        ("HEM-7322T-D", (0x02AC, 0x0824), 100), ("EVOLV", (0x02AC,), 100), ("HCR-7800T", (0x02E8,), 90),
        ("HEM-7155T-EBK\0", (0x0098, 0x0458), 60), ("HEM-7155T_K4-D", (0x02E8, 0x06A8), 60),
        ("HCR-7501T", (0x0098,), 100), ("X2+ Connect", (0x01C4,), 30), ("HEM-6232T-E", (0x02E8, 0x0860), 100),
    ],
)  # fmt: skip
def test_a_device_s_own_word_for_its_model_finds_its_map(model: str, start: tuple[int, ...], count: int) -> None:
    found = find_memory(model, (*PLAIN, *SWAPPED, *WRIST))
    assert found is not None
    assert (found.starts, found.count) == (start, count)


def test_no_map_runs_into_another_and_every_box_name_leads_somewhere() -> None:
    for memory in (*PLAIN, *SWAPPED, *WRIST, HBF_702T):
        spans = [(start, start + memory.count * memory.size) for start in memory.starts]
        spans.append((memory.index, memory.index + memory.index_size))
        ordered = sorted(spans)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(ordered)), memory.models
        assert max(memory.cursors) < memory.index_size
        assert memory.block + 8 <= 64
    assert all(find_memory(name, (*PLAIN, *SWAPPED, *WRIST)) for name in BOX_NAMES)
    assert find_memory("HEM-9999T", (*PLAIN, *SWAPPED, *WRIST)) is None


def test_a_model_nobody_has_described_is_said_to_be_unknown_and_nothing_is_read() -> None:
    for talk in (unlock_talk(PLAIN), read_talk(PLAIN, CARRIERS, decode_pressure_record)):
        running = talk(Setting(now=NOW, key=KEY))
        assert isinstance(next(running), Read)
        with pytest.raises(StopIteration) as end:
            running.send(Told("", b"HEM-9999T"))
        assert end.value.value == "unknown-model"

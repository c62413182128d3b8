"""Dialogues word by word against what the makers' apps were heard to say."""

# ruff: noqa: DTZ001 - device clocks have no zone

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from firmware_profiles.eufy_talk import HELLO, PROOF, key_of, open_sealed, pieces, read_piece, seal
from firmware_profiles.keep_s3 import GREETING, STREAM, request
from firmware_profiles.keep_s3 import talk as talk_keep
from firmware_profiles.lefu_ffb0 import talk as talk_lefu
from firmware_profiles.model import Action, Body, Keep, Receive, Remember, Setting, Talk, Told, Write
from firmware_profiles.qn_scale import MEMORY, NOTIFY, NOTIFY_OLD, information
from firmware_profiles.qn_talk import ORDERS, ORDERS_OLD
from firmware_profiles.qn_talk import talk as talk_qn
from firmware_profiles.renpho_msc04 import RESULTS
from firmware_profiles.renpho_msc04 import talk as talk_renpho
from firmware_profiles.sanitas_ffe1 import CHANNEL, halves_of
from firmware_profiles.sanitas_talk import talk as talk_ffe1
from firmware_profiles.vendor_scales import KOOGEEK_STREAM, VITAFIT_STREAM
from firmware_profiles.vendor_scales_talk import talk_koogeek, talk_soehnle, talk_vitafit

SETTING = Setting(now=datetime(2026, 11, 22, 7, 30, 0), address="C0:FF:EE:00:00:01")
RECORD = bytes((1,)) + bytes.fromhex("6a21f4c6068701b500df0209018d00e907170aa20108")


def hold(talk: Talk, *heard: Told | None) -> tuple[list[Action], str]:
    """All a dialogue does when it hears `heard` and then nothing more, and its result word."""
    left, actions, answer = list(heard), list[Action](), None
    try:
        while True:
            action = talk.send(answer)
            actions.append(action)
            answer = left.pop(0) if isinstance(action, Receive) and left else None
    except StopIteration as end:
        return actions, str(end.value)


def written(actions: Sequence[Action]) -> list[str]:
    return [action.data.hex() for action in actions if isinstance(action, Write)]


def test_lefu_is_greeted_with_the_frames_of_a_capture() -> None:
    """ble-scale-sync issue 254: two HCI captures of the maker's app."""
    actions, word = hold(talk_lefu(SETTING))
    assert written(actions) == [
        "ac02fa010000ccc7", "ac02fb021fa5cc8d", "ac02fde20101ccad", "ac02fc010000ccc9", "ac02fe060000ccd0"
    ]  # fmt: skip
    assert word == "done"


def test_vitafit_is_greeted_and_acknowledged_as_its_app_does() -> None:
    """openScale, Vitafit tests with captured frames."""
    heard = [bytes.fromhex("5a0a26100100002121437eaa"), bytes.fromhex("5a0a26100200002121340aaa")]
    heard += [bytes.fromhex("5a0b26110000000000 0189b4aa")]
    actions, _ = hold(talk_vitafit(SETTING), *(Told(VITAFIT_STREAM, data) for data in heard))
    assert written(actions)[:3] == ["a5052633 0010aa".replace(" ", ""), "a504264466aa", "a50526170135aa"]
    assert [frame[6:10] for frame in written(actions)[3:]] == ["1002", "1100"]


def test_koogeek_gets_the_two_answers_it_waits_for_and_nothing_for_a_weighing() -> None:
    """ble-scale-sync issue 270."""
    hello = bytes.fromhex("55aa55aa010d010101162601735500000000001a")
    asks = bytes.fromhex("55aa55aa07010500")
    weighing = bytes.fromhex("55aa55aa0307010000030f01d6de")
    actions, _ = hold(talk_koogeek(SETTING), *(Told(KOOGEEK_STREAM, data) for data in (hello, asks, weighing)))
    assert written(actions) == ["55aa55aa81010181", "55aa55aa87010583"]


def test_a_keep_scale_that_stops_answering_is_said_to() -> None:
    first = bytes.fromhex("0253380000 80".replace(" ", ""))
    actions, word = hold(talk_keep(SETTING), Told(STREAM, first))
    assert written(actions) == [request(GREETING[0]).hex(), request(GREETING[1]).hex()]
    assert word == "no-answer"


def test_renpho_hears_a_guest_the_household_s_time_and_an_answer_to_every_state() -> None:
    """ble-scale-sync issue 434; the acknowledgement is of the capture in issue 117."""
    state = bytes.fromhex("55aa200005020901005080")
    actions, _ = hold(talk_renpho(SETTING), Told(RESULTS, state), Told(RESULTS, state[:-1] + b"\0"))
    guest, clock, heard = written(actions)
    assert guest[:-2] == "55aab20009000906a41b58a9ff02"
    assert clock[:18] == "55aab3000b01070101"
    assert heard[:-2] == "55aab000020201"


def test_soehnle_is_asked_for_the_memory_of_each_of_its_seven_people() -> None:
    assert written(hold(talk_soehnle(SETTING))[0]) == [f"09{person:02x}" for person in range(1, 8)]


# -- QN


def test_qn_says_each_word_once_where_the_scale_listens() -> None:
    """ble-scale-sync issues 213, 235, 269: start, time and report frames with their checksums."""
    info, ready, asks = (
        information(2),
        bytes.fromhex("140bff0000010000000 01f".replace(" ", "")),
        bytes.fromhex("2105ff0126"),
    )
    for notify, orders in ((NOTIFY, ORDERS), (NOTIFY_OLD, ORDERS_OLD)):
        heard = [Told(notify, data) for data in (info, info, ready, asks, asks)]
        actions, word = hold(talk_qn(SETTING), *heard)
        said = [a.data.hex() for a in actions if isinstance(a, Write) and a.characteristic == orders]
        assert [frame[:2] for frame in said] == ["13", "20", "a2", "a0", "a0", "22"]
        assert said[0] == "1309ff01100000002c"
        assert said[-1] == "2206ff00032a"
        assert word == "done"


def test_a_qn_scale_that_says_nothing_first_is_spoken_to() -> None:
    actions, _ = hold(talk_qn(SETTING))
    assert {a.characteristic for a in actions if isinstance(a, Write) and a.optional} == {ORDERS, ORDERS_OLD}


# As captured in ble-scale-sync issue 235: a record of 13 August 2026, 06:05:06.
OLD = bytes.fromhex("b42c0401f01001121b1032361a" + "00" * 30 + "a5")


@pytest.mark.parametrize(
    ("grams", "at", "kept"),
    [(0, 0, 1), (67100, 839916306, 0), (67100, 839916306 + 301, 1), (67100 + 101, 839916306, 1)],
)
def test_a_record_is_kept_once_and_not_at_all_when_it_was_heard_live(grams: int, at: int, kept: int) -> None:
    memory = {"heard-at": at, "heard-grams": grams}
    setting = Setting(now=SETTING.now, memory=memory)
    actions, _ = hold(talk_qn(setting), *(Told(NOTIFY, OLD) for _ in range(3)))
    assert [action for action in actions if isinstance(action, Keep)] == [Keep(MEMORY, OLD)] * kept


def test_a_settled_weight_is_acknowledged_and_remembered_a_passing_one_is_not() -> None:
    passing, settled = bytes.fromhex("100eff0100025801fd01fb0033a5"), bytes.fromhex("100eff0102025801fd01fb0033a7")
    actions, _ = hold(talk_qn(SETTING), Told(NOTIFY, information(1)), Told(NOTIFY, passing))
    assert not [a for a in actions if isinstance(a, Remember)]
    actions, _ = hold(talk_qn(SETTING), Told(NOTIFY, information(1)), Told(NOTIFY, settled))
    assert {a.name: a.value for a in actions if isinstance(a, Remember)}["heard-grams"] == 60000
    assert written(actions)[-1][:8] == "1f05ff10"


# -- FFE1


def script(*frames: str | bytes) -> list[Told]:
    return [Told(CHANNEL, bytes.fromhex(item) if isinstance(item, str) else item) for item in frames]


@pytest.mark.parametrize(("bodies", "emptied"), [({1: Body()}, True), ({2: Body()}, False), ({}, False)])
def test_a_memory_is_emptied_after_it_was_kept_and_only_for_who_lives_here(
    bodies: dict[int, Body], emptied: bool
) -> None:
    first, second = halves_of(0xE7, 0x42, 2, 1, RECORD)
    heard = script("e600", "e7f04f00501e140100000001", "e7f033000108", "e7340101" + "00" * 7 + "01" + "41420046",
                   "e7f0410200", first, second, "e7f0430000")  # fmt: skip
    actions, word = hold(talk_ffe1(Setting(now=SETTING.now, bodies=bodies)), *heard)
    kept = [index for index, action in enumerate(actions) if action == Keep("sanitas-record", RECORD)]
    order = [index for index, a in enumerate(actions) if isinstance(a, Write) and a.data[1:2] == b"\x43"]
    assert len(kept) == 1
    assert bool(order) is emptied
    assert all(index > kept[0] for index in order)
    assert [w for w in written(actions) if w.startswith("e7f1")] == ["e7f1340101", "e7f1420201", "e7f1420202"]
    assert word == "done"


def test_a_memory_that_breaks_off_is_not_emptied_and_its_half_record_is_nobody_s() -> None:
    first, _ = halves_of(0xE7, 0x42, 4, 1, RECORD)
    heard = script("e600", "e7f04f00501e140100000001", "e7f033000108", "e7340101" + "00" * 7 + "01" + "41420046",
                   "e7f0410400", first)  # fmt: skip
    actions, _ = hold(talk_ffe1(Setting(now=SETTING.now, bodies={1: Body()})), *heard)
    assert not [a for a in actions if isinstance(a, Keep)]
    assert not [w for w in written(actions) if w.startswith("e743")]


def test_a_scale_that_answers_with_the_other_half_is_spoken_to_in_it() -> None:
    actions, _ = hold(talk_ffe1(SETTING), None, *script("f600"))
    assert [frame[:2] for frame in written(actions)] == ["e6", "f6", "f9", "f7", "f7"]


def test_a_scale_that_never_greets_back_is_said_to() -> None:
    assert hold(talk_ffe1(SETTING))[1] == "no-answer"


# -- Eufy


def test_a_name_goes_out_in_frames_of_fifteen_and_damaged_frames_are_left_out() -> None:
    text = b"A" * 24
    frames = pieces(HELLO, text)
    assert [frame[:4].hex() for frame in frames] == ["c0020018", "c0020118"]
    assert [len(frame) for frame in frames] == [20, 14]
    assert b"".join(piece[2] for frame in frames if (piece := read_piece(HELLO, frame))) == text
    assert read_piece(HELLO, frames[0][:-1] + b"\0") is None
    assert read_piece(PROOF, frames[0]) is None


def test_a_sealed_name_is_opened_by_its_key_and_by_nothing_else() -> None:
    """bdr99/eufylife-ble-client: the key is the MD5 of the address, the vector sixteen zeros in ASCII."""
    key, other = key_of("CF:E8:07:12:20:9D"), key_of("CF:E8:07:12:20:9E")
    assert key == bytes.fromhex("95438a02380ea8ff7aa01abdcbeea4fc")
    sealed = seal(b"0123456789abcde", key)
    assert open_sealed(sealed, key) == b"0123456789abcde"
    assert open_sealed(sealed, other) is None
    assert open_sealed(sealed[:-4], key) is None
    assert open_sealed(b"not base64", key) is None

"""The dialogue that unlocks a person's slot: what is written, and what each answer means."""

from __future__ import annotations

import pytest

from firmware_profiles.model import DecodeError, Receive, Talk, Told, Write
from firmware_profiles.sig_user import Request, consent, decode_request, encode_request, register, registered_slot
from firmware_profiles.uuids import USER_CONTROL_POINT


def speak(talk: Talk, answer: str) -> tuple[bytes, str]:
    write = next(talk)
    assert isinstance(write, Write)
    assert write.characteristic == USER_CONTROL_POINT
    assert isinstance(talk.send(None), Receive)
    with pytest.raises(StopIteration) as end:
        talk.send(Told(USER_CONTROL_POINT, bytes.fromhex(answer)))
    return write.data, end.value.value


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("200201", "granted"),
        ("200202", "not-supported"),
        ("200203", "invalid"),
        ("200204", "failed"),
        ("200205", "not-authorized"),
        ("200277", "unexpected"),
        ("20010103", "unexpected"),
        ("2002", "unexpected"),
        ("", "unexpected"),
    ],
)
def test_every_answer_to_a_consent_has_its_word(answer: str, word: str) -> None:
    assert speak(consent(3, 1234), answer) == (bytes.fromhex("0203d204"), word)


def test_the_slot_comes_from_the_scale_and_is_never_guessed() -> None:
    data, word = speak(register(9999), "20010103")
    assert data == bytes.fromhex("010f27")
    assert registered_slot(word) == 3
    assert registered_slot(speak(register(1), "200104")[1]) is None
    assert registered_slot(speak(register(1), "200101")[1]) is None


@pytest.mark.parametrize("request_", [Request("register", None, 0), Request("consent", 254, 9999), Request("delete")])
def test_a_scale_reads_the_request_the_gateway_wrote(request_: Request) -> None:
    data = encode_request(request_)
    assert decode_request(data) == request_
    for length in range(len(data)):
        with pytest.raises(DecodeError) as refusal:
            decode_request(data[:length])
        assert refusal.value.code == "truncated"


@pytest.mark.parametrize("wire", ["04", "20", "011027"])
def test_a_scale_refuses_what_is_no_request(wire: str) -> None:
    with pytest.raises(DecodeError):
        decode_request(bytes.fromhex(wire))


def test_a_pin_has_at_most_four_digits_and_consent_a_slot() -> None:
    for bad in (Request("register", None, 10_000), Request("register"), Request("consent", None, 1)):
        with pytest.raises(ValueError, match=r"PIN|slot"):
            encode_request(bad)

"""User Data Service 0x181C: the User Control Point 0x2A9F that unlocks a person's slot of a scale.

Layout: Bluetooth SIG, User Data Service 1.1. Slots and PINs are a person's secrets: they never go into a log.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from engine.contract.reading import Sample
from firmware_profiles.model import Codec, DecodeError, Profile, Receive, Talk, Told, Write
from firmware_profiles.numbers import Reader
from firmware_profiles.sample import need, quantities
from firmware_profiles.uuids import USER_CONTROL_POINT

REGISTER, CONSENT, DELETE, RESPONSE = 1, 2, 3, 0x20
SUCCESS: Final = 1
NOT_AUTHORIZED: Final = 5
MAX_PIN: Final = 9999
RESULTS: Final = {
    SUCCESS: "granted",
    2: "not-supported",
    3: "invalid",
    4: "failed",
    NOT_AUTHORIZED: "not-authorized",
}
UNEXPECTED: Final = "unexpected"
NO_ANSWER: Final = "no-answer"
_REGISTERED: Final = "registered-"


class Request(msgspec.Struct, frozen=True):
    """What a collector writes to the control point: register with a PIN, consent for a slot, or delete the slot."""

    what: Literal["register", "consent", "delete"]
    slot: int | None = None
    pin: int | None = None


def encode_request(request: Request) -> bytes:
    """The bytes of `request`; ValueError for a PIN outside 0..9999 or a missing slot."""
    if request.what == "delete":
        return bytes((DELETE,))
    if request.pin is None or not 0 <= request.pin <= MAX_PIN:
        raise ValueError("a PIN is a number from 0 to 9999")
    pin = request.pin.to_bytes(2, "little")
    if request.what == "register":
        return bytes((REGISTER,)) + pin
    if request.slot is None:
        raise ValueError("consent needs a user slot")
    return bytes((CONSENT, request.slot)) + pin


def decode_request(data: bytes) -> Request:
    """The request in `data`, as a scale reads it; DecodeError: `truncated`, `unknown-opcode`, `out-of-range`."""
    reader = Reader(data)
    opcode = reader.unsigned(1)
    if opcode == DELETE:
        return Request("delete")
    if opcode not in {REGISTER, CONSENT}:
        raise DecodeError("unknown-opcode", f"control point opcode {opcode}")
    slot = reader.unsigned(1) if opcode == CONSENT else None
    pin = reader.unsigned(2)
    if pin > MAX_PIN:
        raise DecodeError("out-of-range", "a PIN is a number from 0 to 9999")
    return Request("register" if opcode == REGISTER else "consent", slot, pin)


def decode_reply(data: bytes) -> Sample:
    """The control point's answer, final only when it is a success; DecodeError: `truncated`, `unknown-opcode`."""
    reader = Reader(data)
    opcode, asked, result = reader.unsigned(1), reader.unsigned(1), reader.unsigned(1)
    if opcode != RESPONSE:
        raise DecodeError("unknown-opcode", f"control point opcode {opcode} is no reply")
    registered = asked == REGISTER and result == SUCCESS
    fields = {"request_opcode": (Decimal(asked), "1"), "result": (Decimal(result), "1")}
    slot = reader.unsigned(1) if registered else None
    return Sample(quantities=quantities(fields), final=result == SUCCESS, user_slot=slot)


def encode_reply(sample: Sample) -> bytes:
    """The control point's answer as a scale sends it."""
    asked, result = int(need(sample, "request_opcode")), int(need(sample, "result"))
    slot = b"" if sample.user_slot is None else bytes((sample.user_slot,))
    return bytes((RESPONSE, asked, result)) + slot


def consent(slot: int, pin: int) -> Talk:
    """Unlock `slot` with its PIN; returns a word of RESULTS, `unexpected` or `no-answer`."""
    yield Write(USER_CONTROL_POINT, encode_request(Request("consent", slot, pin)))
    answer = yield Receive((USER_CONTROL_POINT,))
    return _read_result(answer, CONSENT)[0]


def register(pin: int) -> Talk:
    """Ask the scale for a new slot under `pin`.

    Returns `registered-<slot>`, a word of RESULTS, `unexpected` or `no-answer`.
    """
    yield Write(USER_CONTROL_POINT, encode_request(Request("register", None, pin)))
    answer = yield Receive((USER_CONTROL_POINT,))
    word, slot = _read_result(answer, REGISTER)
    return word if slot is None else f"{_REGISTERED}{slot}"


def registered_slot(word: str) -> int | None:
    """The slot in the result word of `register`, None when no slot was given."""
    return int(word.removeprefix(_REGISTERED)) if word.startswith(_REGISTERED) else None


def _read_result(answer: Told | None, asked: int) -> tuple[str, int | None]:
    if answer is None:
        return NO_ANSWER, None
    try:
        reply = decode_reply(answer.data)
    except DecodeError:
        return UNEXPECTED, None
    if need(reply, "request_opcode") != asked:
        return UNEXPECTED, None
    return RESULTS.get(int(need(reply, "result")), UNEXPECTED), reply.user_slot


USER: Final = Profile(
    id="sig-user-control-point",
    maker="Bluetooth SIG",
    model="User Data Service",
    match=(),
    provides=frozenset(),
    source="Bluetooth SIG, User Data Service 1.1",
    codecs={USER_CONTROL_POINT: Codec(decode=decode_reply, encode=encode_reply)},
    proof="capture",
)

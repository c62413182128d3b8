"""Eufy P2 scales that tell nothing in their adverts: a handshake in four acts, then frames on FFF2.

Published by github.com/bdr99/eufylife-ble-client and github.com/KristianP26/ble-scale-sync (issue 289). The key is the
scale's own address, so the handshake proves no more than that one has read the protocol; a scale that answers nothing
to it is of the kind that wants none.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Generator
from hashlib import md5
from typing import Final

from firmware_profiles.eufy import FFF2, P2
from firmware_profiles.frames import xor8
from firmware_profiles.model import (
    Action,
    Converse,
    Match,
    Pairing,
    Profile,
    Receive,
    Setting,
    Talk,
    Told,
    Write,
    uuid16,
)

SERVICE: Final = uuid16(0xFFF0)
ORDERS: Final = uuid16(0xFFF1)
ANSWERS: Final = uuid16(0xFFF4)
HELLO, REPLY, PROOF, VERDICT = 0xC0, 0xC1, 0xC2, 0xC3
VECTOR: Final = b"0" * 16
PIECE: Final = 15
NAME_LENGTH: Final = 15
# Written faster than this, some scales hang up.
PAUSE: Final = 1.0
SOON, QUIET = 5.0, 20.0
_HEADER: Final = 4
_BLOCK_BITS: Final = 128


def talk(setting: Setting) -> Talk:
    """Shake hands and listen; `not-authorized` from a scale that refuses, else `done`."""
    key = key_of(setting.address)
    # Only to be another one each time.
    own = md5(f"{setting.address} {setting.now}".encode(), usedforsecurity=False).hexdigest()[:NAME_LENGTH].encode()
    yield from _say(HELLO, seal(own, key))
    theirs = open_sealed((yield from _listen(REPLY)), key)
    if theirs is not None:
        yield from _say(PROOF, seal(own + b"_" + theirs, key))
        verdict = yield from _listen(VERDICT)
        if verdict != b"\0":
            return "not-authorized" if verdict else "no-answer"
    while (yield Receive((FFF2,), QUIET)) is not None:
        pass
    return "done"


def key_of(address: str) -> bytes:
    """The key of the scale at `address`."""
    return md5(address.replace(":", "").upper().encode(), usedforsecurity=False).digest()


def seal(text: bytes, key: bytes) -> bytes:
    """`text` as it goes over the air: AES-128-CBC in Base64."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    padder, cipher = PKCS7(_BLOCK_BITS).padder(), Cipher(algorithms.AES(key), modes.CBC(VECTOR)).encryptor()
    return b64encode(cipher.update(padder.update(text) + padder.finalize()) + cipher.finalize())


def open_sealed(sealed: bytes, key: bytes) -> bytes | None:
    """What `seal` sealed with `key`; None for anything else."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    unpadder, cipher = PKCS7(_BLOCK_BITS).unpadder(), Cipher(algorithms.AES(key), modes.CBC(VECTOR)).decryptor()
    try:
        data = b64decode(sealed, validate=True)
        return (unpadder.update(cipher.update(data) + cipher.finalize()) + unpadder.finalize()) or None
    except (Base64Error, ValueError):
        return None


def pieces(act: int, text: bytes) -> list[bytes]:
    """`text` in frames of the act, fifteen bytes each."""
    parts = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
    bodies = (bytes((act, len(parts), index, len(text))) + part for index, part in enumerate(parts))
    return [body + bytes((xor8(body),)) for body in bodies]


def read_piece(act: int, frame: bytes) -> tuple[int, int, bytes] | None:
    """How many pieces there are, which this is and what it says; None for a frame of another act or a damaged one."""
    if len(frame) <= _HEADER or frame[0] != act or xor8(frame[:-1]) != frame[-1]:
        return None
    return frame[1], frame[2], frame[_HEADER:-1]


def _say(act: int, text: bytes) -> Generator[Action, Told | None, None]:
    for index, frame in enumerate(pieces(act, text)):
        if index:
            # Nothing is said before the whole act was heard: this only waits.
            yield Receive((FFF2,), PAUSE)
        yield Write(ORDERS, frame)


def _listen(act: int) -> Generator[Action, Told | None, bytes]:
    """The text of an act, empty when it does not come."""
    text = b""
    while (told := (yield Receive((ANSWERS,), SOON))) is not None:
        piece = read_piece(act, told.data)
        if piece is None:
            continue
        count, index, part = piece
        text = part if index == 0 else text + part
        if index == count - 1:
            return text
    return b""


CONNECTED: Final = Profile(
    id="eufy-p2-connected",
    maker="Eufy",
    model="P2 (T9148), P2 Pro (T9149) without data in their adverts",
    match=(Match(name="eufy T914[89]", service=SERVICE),),
    provides=frozenset({"body-weight", "impedance"}),
    source="github.com/bdr99/eufylife-ble-client, github.com/KristianP26/ble-scale-sync issue 289",
    steps=(Converse(talk, (ANSWERS, FFF2)),),
    codecs=P2.codecs,
    pairing=Pairing(wake="step-on"),
    live=True,
    proof="capture",
)

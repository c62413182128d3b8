"""Why a pairing did not work, and the one thing to do about each: a closed table (pure).

`ending` is the kind of exit the command leaves with, `retry` where trying again begins.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Ending = Literal[
    "not-found", "already", "refused", "no-bluetooth", "device-lost", "no-consent", "usage", "damaged", "bug"
]


class Reason(msgspec.Struct, frozen=True):
    """A failure: its code, its kind of exit, where Again leads (None: only stopping helps), and whom to call."""

    code: str
    ending: Ending
    retry: Literal["search", "join", "people", "key", "slot", "anew"] | None
    call: Literal["family", "maker", "nurse", "support"]


_TABLE: Final = (
    Reason("nothing-found", "not-found", "search", "family"),
    Reason("not-supported", "not-found", None, "nurse"),
    Reason("already-paired", "already", "anew", "family"),
    Reason("ambiguous-device", "not-found", None, "support"),
    Reason("weak-signal", "device-lost", "join", "family"),
    Reason("stepped-off", "device-lost", "join", "family"),
    Reason("flat-battery", "device-lost", "join", "family"),
    Reason("phone-holds-bond", "device-lost", "join", "family"),
    Reason("wrong-passkey", "refused", "join", "family"),
    Reason("slot-refused", "refused", "slot", "maker"),
    Reason("no-slot", "refused", "slot", "maker"),
    Reason("not-answering", "device-lost", "join", "maker"),
    Reason("unproven", "device-lost", "join", "family"),
    Reason("wrong-device", "device-lost", "search", "family"),
    Reason("only-old-records", "device-lost", "join", "family"),
    Reason("wrong-person", "refused", "join", "family"),
    Reason("device-clock", "refused", "join", "maker"),
    Reason("bindkey-needed", "usage", "key", "maker"),
    Reason("bindkey-wrong", "usage", "key", "maker"),
    Reason("no-consent", "no-consent", "people", "nurse"),
    Reason("nobody-here", "no-consent", None, "nurse"),
    Reason("bluetooth-off", "no-bluetooth", "search", "support"),
    Reason("bluetooth-denied", "no-bluetooth", "search", "support"),
    Reason("no-bluetooth", "no-bluetooth", "search", "support"),
    Reason("gateway-started", "already", None, "support"),
    Reason("pairing-now", "already", None, "family"),
    Reason("damaged", "damaged", None, "support"),
    Reason("stopped", "refused", None, "family"),
    Reason("bug", "bug", None, "support"),
)
REASONS: Final = {reason.code: reason for reason in _TABLE}
# What the radio and the dialogues say, in the words of the table.
_MEANT: Final = {
    "not-paired": "phone-holds-bond",
    "not-authorized": "phone-holds-bond",
    "re-pair-needed": "phone-holds-bond",
    "bond-lost": "phone-holds-bond",
    "key-needed": "phone-holds-bond",
    "key-refused": "phone-holds-bond",
    "not-in-pairing-mode": "phone-holds-bond",
    "unknown-model": "not-supported",
    "timeout": "not-answering",
    "no-answer": "not-answering",
    "unreachable": "weak-signal",
    "not-heard": "stepped-off",
    "lost": "stepped-off",
    "no-characteristic": "not-answering",
    "refused": "not-answering",
    "scan-failed": "no-bluetooth",
    "full": "damaged",
    "busy": "damaged",
    "newer": "damaged",
    "list-unwritable": "damaged",
    "gateway-running": "gateway-started",
}


def reason_of(code: str) -> Reason:
    """The entry for a reason code of this table, the radio or a dialogue; whatever has none is a device's silence."""
    return REASONS.get(code) or REASONS[_MEANT.get(code, "not-answering")]

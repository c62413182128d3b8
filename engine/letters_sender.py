"""Who writes: the operator's `PHR_HOME/letters.toml` with the sender of each town and the envelope as it was measured.

What nobody wrote down is not invented: without it a letter names its town and no address.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from engine.letters_window import Envelope, assumed, window_of
from engine.refusal import Refusal

FILE: Final = "letters.toml"
_Word = Annotated[str, msgspec.Meta(max_length=60)]


class Sender(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The office that writes to a town's residents; what is "" is not printed."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    section: _Word = ""
    postcode: Annotated[str, msgspec.Meta(pattern=r"^(\d{3}-\d{4})?$")] = ""
    address: _Word = ""
    phone: Annotated[str, msgspec.Meta(pattern=r"^[0-9-]{0,15}$")] = ""


class Stationery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `letters.toml` holds: the envelope, and senders by municipality code."""

    envelope: Envelope = msgspec.field(default_factory=assumed)
    sender: dict[str, Sender] = {}

    def of(self, code: str, town: str) -> Sender:
        """Who writes to the residents of that municipality; its name alone where nobody wrote more down."""
        return self.sender.get(code) or Sender(name=town)


def stationery_of(home: Path | None) -> Stationery | Refusal:
    """The operator's file, or what goes without one; refused as bad-letters, too-small-window and the like.

    What of the envelope nobody wrote down is as it is assumed.
    """
    if home is None or not (home / FILE).exists():
        return Stationery()
    try:
        found = msgspec.convert(_filled(msgspec.toml.decode((home / FILE).read_text(encoding="utf-8"))), Stationery)
    except msgspec.MsgspecError as error:
        return Refusal("bad-letters", f"{FILE}: {error}")
    except (OSError, UnicodeDecodeError) as error:
        return Refusal("bad-letters", f"{FILE}: {type(error).__name__}")
    fits = window_of(found.envelope)
    return fits if isinstance(fits, Refusal) else found


def _filled(written: dict[str, Any]) -> dict[str, Any]:
    envelope = written.get("envelope")
    if not isinstance(envelope, dict):
        return written
    return written | {"envelope": msgspec.to_builtins(assumed()) | {"source": ""} | envelope}

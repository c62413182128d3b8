"""What `phr doctor` found out about one thing."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "note", "fault"]


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: what it is like, and what to do when it is a fault; `exit` says which kind of fault."""

    check: str
    state: State
    message: str
    remedy: str = ""
    exit: int = 0

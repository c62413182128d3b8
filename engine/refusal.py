"""Why something a person entered is not taken: a value, never an exception."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """A stable reason `code`, a `message` for the person who typed it, and the `field` where a form was read."""

    code: str
    message: str
    field: str | None = None

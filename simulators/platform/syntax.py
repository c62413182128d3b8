"""Which characters, names and depths the broker takes.

Facts: Orion 4.1.0 as tried, FIWARE-NGSI v2 "Field syntax restrictions", Orion's manual "Forbidden characters".
"""

from __future__ import annotations

import re
from typing import Any

from simulators.platform.refusals import bad_request

FORBIDDEN = frozenset("<>\"'=;()")
DEEPEST = 50
_NAME = re.compile(r"[!-~]{1,256}")
_NOT_IN_NAMES = FORBIDDEN | frozenset("&?/#")


def check_name(what: str, name: object) -> str:
    """The name itself: printable ASCII, 1 to 256 characters; raises RefusedError (400) otherwise."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise bad_request(f"{what} is 1 to 256 printable ASCII characters without blanks")
    if _NOT_IN_NAMES.intersection(name):
        raise bad_request(f"{what} holds a character that names may not have")
    return name


def check_text(what: str, text: str) -> str:
    """The text itself when nothing forbidden is in it; raises RefusedError (400)."""
    if FORBIDDEN.intersection(text):
        raise bad_request(f"{what} holds a forbidden character")
    return text


def check_value(what: str, value: Any, depth: int = 0) -> None:
    """Refuses (400) forbidden characters in any text of a value, and nesting deeper than 50; keys are not looked at."""
    if isinstance(value, str):
        check_text(what, value)
    elif isinstance(value, dict | list):
        if depth >= DEEPEST:
            raise bad_request(f"{what} is nested deeper than {DEEPEST}")
        for inner in value.values() if isinstance(value, dict) else value:
            check_value(what, inner, depth + 1)

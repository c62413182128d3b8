"""Pages of a search: where the next one begins, said so that only its reader can use it and nobody can bend it. Pure.

A place is the key of the last resource told, not a number of resources: what arrives meanwhile moves nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode

import msgspec

from fhir_bridge.api_search import POSITION, Key, Search
from fhir_bridge.api_words import RefusedError

_MARK: Final = 16
_KEYS: Final = msgspec.json.Decoder(list[int | str])


def address(base: str, search: Search, position: str | None) -> str:
    """The address of a page of the search, with what was understood of it and nothing else."""
    query = [*search.written, *([(POSITION, position)] if position else [])]
    return f"{base}/{search.type}" + (f"?{urlencode(query)}" if query else "")


def position_of(search: Search, last: Key, token: str) -> str:
    """The place after `last` of this search, for the holder of `token` alone."""
    said = msgspec.json.encode(last)
    return base64.urlsafe_b64encode(_mark(search, said, token) + said).decode("ascii").rstrip("=")


def place_of(search: Search, token: str) -> Key | None:
    """The key after which the page of `search` begins, None at its beginning; raises RefusedError (400) for no place.

    A place of another search, or of another program, is none.
    """
    if search.position is None:
        return None
    try:
        raw = base64.b64decode(search.position + "=" * (-len(search.position) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    mark, said = raw[:_MARK], raw[_MARK:]
    if not hmac.compare_digest(mark, _mark(search, said, token)):
        raise RefusedError(400, "value", "this link to a page was not made for this search and this program")
    return tuple(_KEYS.decode(said))


def _mark(search: Search, said: bytes, token: str) -> bytes:
    what = msgspec.json.encode([search.type, search.written]) + b"\0" + said
    return hmac.digest(b"page " + token.encode(), what, hashlib.sha256)[:_MARK]

"""Secrets at rest: sealed with one key that lies in a file beside the database, never in it (AES-256-GCM)."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal:
    """Seals short texts; `about` names what a text is and whose, and only the same `about` opens it again."""

    def __init__(self, key: bytes) -> None:
        self._box = AESGCM(_derived(key, b"seal"))
        self._mac = _derived(key, b"mac")

    def seal(self, plain: str, about: str) -> str:
        """`plain` so that nobody without the key can read or change it, as URL-safe text."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._box.encrypt(nonce, plain.encode(), about.encode())).decode()

    def open(self, sealed: str, about: str) -> str | None:
        """What was sealed, None when it was not sealed by this key for `about`."""
        try:
            raw = base64.b64decode(sealed.encode("ascii"), altchars=b"-_", validate=True)
            if base64.urlsafe_b64encode(raw).decode() != sealed:
                return None  # the spare bits of the last character: the same bytes in other letters
            return self._box.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about.encode()).decode()
        except (InvalidTag, ValueError):
            return None

    def mac(self, text: str, about: str) -> str:
        """A code over `text` that only a holder of the key can make, as 64 hex digits."""
        return hmac.new(self._mac, f"{about}\0{text}".encode(), sha256).hexdigest()

    def drawn(self, text: str, about: str, length: int) -> bytes:
        """`length` secret bytes (at most 32), the same for the same `text` and key: a secret that need not be kept."""
        return hmac.new(self._mac, f"{about}\0drawn\0{text}".encode(), sha256).digest()[:length]


def key_of(home: Path) -> bytes:
    """The key in PHR_HOME/web/key, readable by its owner alone; made once, by whoever comes first.

    Raises ValueError when the file is there and holds no key: what was sealed cannot be opened with another one.
    """
    place = home / "web" / "key"
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = place.with_name(f"key.{secrets.token_hex(8)}")
    if not place.exists():
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex().encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, never replaces a key that another process made in this moment.
            os.link(made, place)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    key = bytes.fromhex(place.read_text(encoding="ascii").strip())
    if len(key) != KEY_BYTES:
        raise ValueError("PHR_HOME/web/key holds no key")
    return key


@cache
def seal_of(home: Path | None) -> Seal:
    """The seal of a PHR_HOME; without one, a seal that lasts as long as this process."""
    return Seal(secrets.token_bytes(KEY_BYTES) if home is None else key_of(home))


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=b"minato phr " + purpose).derive(key)

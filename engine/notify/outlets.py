"""Everything a running program can send with: the sinks its operator configured, the seal of addresses, the page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.notify.line import Line
from engine.notify.mail import Mail
from engine.notify.port import Sink
from engine.notify.push import Push
from engine.sealing import Seal

_DIGITS: Final = 6


@dataclass(frozen=True, kw_only=True)
class Outlets:
    """The ways out; `base` is the address of the sign-in page's site as residents reach it, without a last slash."""

    base: str
    key: bytes
    mail: Mail | None = None
    line: Line | None = None
    push: Push | None = None

    @property
    def seal(self) -> Seal:
        """What opens addresses."""
        return Seal(self.key)

    @property
    def sinks(self) -> dict[str, Sink]:
        """The channels that are configured."""
        found: dict[str, Sink | None] = {"mail": self.mail, "line": self.line, "push": self.push}
        return {name: sink for name, sink in found.items() if sink is not None}

    def number_of(self, address: str) -> str:
        """The six digits that prove that who gave the address with this id reads it."""
        drawn = self.seal.drawn(address, "address", 8)
        return f"{int.from_bytes(drawn) % 10**_DIGITS:0{_DIGITS}}"


def push_of(home: Path, contact: str) -> Push:
    """Web push with the key in PHR_HOME/web/push.pem (0600), made once: browsers subscribe to this key."""
    path = home / "web" / "push.pem"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(made)
        except FileExistsError:
            pass  # another process was first: its key holds
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("push.pem holds no key on P-256")  # noqa: TRY004 - the file is wrong, not the program
    return Push(key, contact, lambda: datetime.now(UTC))

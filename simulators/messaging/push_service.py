"""A web push service with a browser behind it: RFC 8030 requests, VAPID checked (8292), bodies opened (8291)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from simulators.messaging.serving import Quiet, served

_LARGEST = 4_096


@dataclass
class Browser:
    """A browser that subscribed: what it was shown, and which faults come next (`404`, `410`, `429`, `500`)."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))
    shown: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    origin: str = ""

    def subscription(self) -> str:
        """What the page's script would send home."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _text(point), "auth": _text(self.auth)}
        return json.dumps({"endpoint": f"{self.origin}/send/1", "expirationTime": None, "keys": keys})

    def take(self, headers: Any, body: bytes) -> int:
        """The status of one push message."""
        if self.faults:
            return self.faults.pop(0)
        if not headers.get("TTL", "").isdigit() or headers.get("Content-Encoding") != "aes128gcm":
            return 400
        if len(body) > _LARGEST:
            return 413
        if not self._known(headers.get("Authorization", "")):
            return 403
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        self.asked.append({name: headers.get(name, "") for name in ("TTL", "Topic", "Urgency")})
        self.shown.append(json.loads(plain))
        return 201

    def _known(self, said: str) -> bool:
        """Whether the sender signed for this origin with the key it names, for a day at most."""
        scheme, _, rest = said.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if scheme != "vapid" or {"t", "k"} - parts.keys():
            return False
        point = base64.urlsafe_b64decode(parts["k"] + "==")
        key = ECKey.import_key(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
        try:
            claims = jwt.decode(parts["t"], key, algorithms=["ES256"]).claims
        except JoseError:
            return False
        return claims.get("aud") == self.origin and str(claims.get("sub", "")).startswith(("mailto:", "https:"))


@contextmanager
def push_service(browser: Browser, identity: Path) -> Iterator[Browser]:
    """Serves the browser's endpoint over TLS with the identity of `serving.identity_in`."""

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802 - the base class calls it so
            self.answer(browser.take(self.headers, self.body()), Retry_After="9")

    with served(Handler, identity) as origin:
        browser.origin = origin
        yield browser


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")

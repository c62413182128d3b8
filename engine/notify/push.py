"""Web push: RFC 8030 delivery of messages encrypted by RFC 8291, with the sender named by VAPID (RFC 8292)."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import http_ece
import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from engine.notify.message import Message
from engine.notify.port import Failed, Sent

# A subscription is typed in by a browser: only services that are known to be push services are ever called.
SERVICES: Final = (
    "fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com", "notify.windows.com",
)  # fmt: skip
_TIMEOUT: Final = 10.0
_LIFE: Final = timedelta(hours=12)
_TTL: Final = timedelta(days=2)
_GONE: Final = frozenset({404, 410})
_WAITS: Final = frozenset({408, 425, 429})
_BROKEN: Final = 500
_POINT: Final = 65
_AUTH: Final = 16


class Keys(msgspec.Struct, frozen=True):
    """The browser's half: an uncompressed P-256 point and 16 secret bytes, base64url."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """What a browser's PushSubscription says of itself."""

    endpoint: str
    keys: Keys


def read_subscription(text: str, services: Collection[str] = SERVICES) -> Subscription | None:
    """A subscription that can be called: HTTPS, at a known service, with keys of the right size; else None."""
    try:
        found = msgspec.json.decode(text, type=Subscription)
        place = urlsplit(found.endpoint)
        sizes = len(_bytes(found.keys.p256dh)), len(_bytes(found.keys.auth))
    except (msgspec.MsgspecError, ValueError):
        return None
    host = place.hostname or ""
    known = any(host == one or host.endswith(f".{one}") for one in services)
    good = place.scheme == "https" and known and place.username is None and sizes == (_POINT, _AUTH)
    return found if good else None


class Push:
    """The web push sink; `key` is the sender's own, `contact` a mailto: or https: for the push service's operator."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        now: Callable[[], datetime],
        *,
        services: Collection[str] = SERVICES,
        client: httpx.Client | None = None,
    ) -> None:
        self._key, self._contact, self._now = key, contact, now
        self.services = services
        # A push service never redirects; following one would lead anywhere.
        self._client = client or httpx.Client(timeout=_TIMEOUT, follow_redirects=False)

    @property
    def public_key(self) -> str:
        """The application server key a browser subscribes with, base64url."""
        return _text(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def send(self, address: str, message: Message) -> Sent | Failed:
        """Encrypt the message for one subscription and hand it over."""
        found = read_subscription(address, self.services)
        if found is None:
            return Failed("bad-subscription", gone=True)
        try:
            body = _sealed(found, message)
            answer = self._client.post(found.endpoint, content=body, headers=self._headers(found, message))
        except httpx.HTTPError:
            return Failed("network")
        except (http_ece.ECEException, ValueError):
            return Failed("bad-subscription", gone=True)
        if answer.is_success:
            return Sent()
        passing = answer.status_code in _WAITS or answer.status_code >= _BROKEN
        said = answer.headers.get("Retry-After", "")
        after = timedelta(seconds=min(int(said), 86_400)) if passing and said.isdigit() else None
        return Failed(f"refused-{answer.status_code}", gone=answer.status_code in _GONE, after=after)

    def _headers(self, found: Subscription, message: Message) -> dict[str, str]:
        place = urlsplit(found.endpoint)
        until = int((self._now() + _LIFE).timestamp())
        claims = {"aud": f"{place.scheme}://{place.netloc}", "exp": until, "sub": self._contact}
        token = jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, ECKey.import_key(self._key))
        # A later try replaces an earlier one that still waits at the service.
        topic = _text(hashlib.sha256(message.key.encode()).digest())[:32]
        return {
            "Authorization": f"vapid t={token}, k={self.public_key}", "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream", "TTL": str(int(_TTL.total_seconds())), "Topic": topic,
            "Urgency": "high" if message.urgent else "normal",
        }  # fmt: skip


def _sealed(found: Subscription, message: Message) -> bytes:
    plain = msgspec.json.encode({"title": message.subject, "link": message.link})
    made: bytes = http_ece.encrypt(
        plain, salt=os.urandom(16), private_key=ec.generate_private_key(ec.SECP256R1()), dh=_bytes(found.keys.p256dh),
        auth_secret=_bytes(found.keys.auth), version="aes128gcm",
    )  # fmt: skip
    return made


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")

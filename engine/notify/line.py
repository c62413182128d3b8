"""LINE Messaging API: push messages with a retry key, fixed replies, account linking, and signed web hooks.

Facts: developers.line.biz, Messaging API reference (push, reply, link token, X-Line-Retry-Key, X-Line-Signature). What
people write to the account is answered with one fixed text and kept nowhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from engine.notify.message import Message
from engine.notify.port import Failed, Sent

API: Final = "https://api.line.me"
DIALOG: Final = "https://access.line.me/dialog/bot/accountLink"
_TIMEOUT: Final = 10.0
_SPACE: Final = uuid.UUID("6a1c6e0e-2a52-5f0f-9a55-6f1a6f0d1b77")
_TAKEN_BEFORE: Final = 409
_BUSY: Final = 429
_BROKEN: Final = 500


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """The city's official account: its long-lived token and the secret that signs web hooks."""

    token: str
    secret: str
    api: str = API


class Source(msgspec.Struct, frozen=True):
    """Who an event is from; of groups and rooms nothing is read."""

    type: str
    userId: str | None = None  # noqa: N815 - the field's name on the wire


class Link(msgspec.Struct, frozen=True):
    """The end of an account linking: `ok` or `failed`, and the nonce we made."""

    result: str
    nonce: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an event as is needed to answer it: never what somebody wrote."""

    type: str
    source: Source | None = None
    replyToken: str | None = None  # noqa: N815 - the field's name on the wire
    link: Link | None = None


class Hook(msgspec.Struct, frozen=True):
    """A web hook's body."""

    events: tuple[Event, ...] = ()


class Line:
    """The LINE sink, and what else the account does."""

    def __init__(self, channel: Channel, client: httpx.Client | None = None) -> None:
        self._channel = channel
        self._client = client or httpx.Client(timeout=_TIMEOUT)

    def send(self, address: str, message: Message) -> Sent | Failed:
        """Push one message to a user id; tried again with the same key it arrives once (409 is taken before)."""
        body = {"to": address, "messages": [{"type": "text", "text": message.body}]}
        key = {"X-Line-Retry-Key": str(uuid.uuid5(_SPACE, message.key))}
        answer = self._post("/v2/bot/message/push", body, key)
        if isinstance(answer, Failed):
            return answer
        if answer.is_success or answer.status_code == _TAKEN_BEFORE:
            return Sent()
        if answer.status_code == _BUSY or answer.status_code >= _BROKEN:
            return Failed(f"refused-{answer.status_code}", after=_wait(answer))
        # 400 for a user id that never was or blocked us for good; 401 and 403 are our own token.
        return Failed(f"refused-{answer.status_code}", gone=answer.status_code == httpx.codes.BAD_REQUEST)

    def reply(self, token: str, words: str) -> bool:
        """Answer an event; whether LINE took it. A reply token works once: no second try."""
        body = {"replyToken": token, "messages": [{"type": "text", "text": words}]}
        answer = self._post("/v2/bot/message/reply", body, {})
        return not isinstance(answer, Failed) and answer.is_success

    def link_token(self, user: str) -> str | None:
        """A token (10 minutes, once) with which `user` can link their account here; None when LINE gives none."""
        answer = self._post(f"/v2/bot/user/{quote(user, safe='')}/linkToken", {}, {})
        if isinstance(answer, Failed) or not answer.is_success:
            return None
        try:
            found: dict[str, Any] = answer.json()
        except ValueError:
            return None
        token = found.get("linkToken")
        return token if isinstance(token, str) else None

    def read(self, body: bytes, signature: str) -> Hook | None:
        """The web hook if LINE signed it and it can be read; None otherwise."""
        if not self.signed(body, signature):
            return None
        try:
            return msgspec.json.decode(body, type=Hook)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def signed(self, body: bytes, signature: str) -> bool:
        """Whether `signature` is the base64 HMAC-SHA256 of the body with the account's secret."""
        made = base64.b64encode(hmac.new(self._channel.secret.encode(), body, hashlib.sha256).digest())
        return hmac.compare_digest(made, signature.encode("ascii", "replace"))

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response | Failed:
        mine = {"Authorization": f"Bearer {self._channel.token}"} | headers
        try:
            return self._client.post(f"{self._channel.api}{path}", json=body, headers=mine)
        except httpx.HTTPError:
            return Failed("network")


def _wait(answer: httpx.Response) -> timedelta | None:
    said = answer.headers.get("Retry-After", "")
    return timedelta(seconds=min(int(said), 86_400)) if said.isdigit() else None

"""LINE's Messaging API as a stand-in: tokens, retry keys, reply tokens used once, link tokens, signed web hooks.

Facts: developers.line.biz, Messaging API reference. It refuses what LINE refuses, and can be told to be busy, to break
or to lose an answer after it took a message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from simulators.messaging.serving import Quiet, served

_USER = re.compile(r"U[0-9a-f]{32}")
_RETRY = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_LONGEST = 5_000
_AT_ONCE = 5


@dataclass
class Account:
    """An official account: who are its friends, what they got, and which faults come next (`429`, `500`, `lost`)."""

    token: str = "token"  # noqa: S105 - a stand-in's
    secret: str = "secret"  # noqa: S105 - a stand-in's
    friends: set[str] = field(default_factory=set)
    got: list[tuple[str, str]] = field(default_factory=list)
    replies: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    origin: str = ""
    _keys: set[str] = field(default_factory=set)
    _reply_tokens: set[str] = field(default_factory=set)
    _links: dict[str, str] = field(default_factory=dict)

    def event(self, kind: str, user: str, **more: Any) -> tuple[bytes, str]:
        """A web hook's body with one event of `user`, and its signature."""
        token = hashlib.sha256(f"{kind}{user}{len(self._reply_tokens)}".encode()).hexdigest()[:32]
        self._reply_tokens.add(token)
        source = {"type": "user", "userId": user}
        event = {"type": kind, "mode": "active", "timestamp": 0, "source": source, "replyToken": token} | more
        body = json.dumps({"destination": f"U{'0' * 32}", "events": [event]}, ensure_ascii=False).encode()
        return body, self.sign(body)

    def sign(self, body: bytes) -> str:
        """The X-Line-Signature of a body."""
        return base64.b64encode(hmac.new(self.secret.encode(), body, hashlib.sha256).digest()).decode()

    def linked(self, token: str, nonce: str) -> tuple[bytes, str]:
        """What happens after a user of link `token` came to the dialog with our nonce: the accountLink event."""
        return self.event("accountLink", self._links.pop(token), link={"result": "ok", "nonce": nonce})

    def push(self, body: dict[str, Any], key: str | None) -> int:
        """The status of a push."""
        if key is not None and not _RETRY.fullmatch(key):
            return 400
        if key is not None and key in self._keys:
            return 409
        if not _USER.fullmatch(str(body.get("to"))) or body["to"] not in self.friends or not _messages(body):
            return 400
        if key is not None:
            self._keys.add(key)
        self.got += [(body["to"], message["text"]) for message in body["messages"]]
        return 200

    def reply(self, body: dict[str, Any]) -> int:
        """The status of a reply."""
        if body.get("replyToken") not in self._reply_tokens or not _messages(body):
            return 400
        self._reply_tokens.discard(body["replyToken"])
        self.replies += [(body["replyToken"], message["text"]) for message in body["messages"]]
        return 200

    def link_token(self, user: str) -> str | None:
        """A link token of a friend."""
        if user not in self.friends:
            return None
        token = hashlib.sha256(f"link{user}{len(self._links)}".encode()).hexdigest()[:40]
        self._links[token] = user
        return token


@contextmanager
def line(account: Account) -> Iterator[Account]:
    """Serves the account at `account.origin`."""

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802 - the base class calls it so
            raw = self.body()
            fault = account.faults.pop(0) if account.faults else ""
            if fault.isdigit():
                self.answer(int(fault), b"{}", Retry_After="7")
                return
            status, body = _route(account, self.path, self.headers, raw)
            if fault == "lost":
                self.close_connection = True
                self.connection.close()
                return
            self.answer(status, body, Content_Type="application/json")

    with served(Handler) as origin:
        account.origin = origin
        yield account


def _route(account: Account, path: str, headers: Any, raw: bytes) -> tuple[int, bytes]:
    if headers.get("Authorization") != f"Bearer {account.token}":
        return 401, b'{"message":"Authentication failed."}'
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        return 400, b'{"message":"The request body could not be parsed as JSON."}'
    if path == "/v2/bot/message/push":
        return account.push(body, headers.get("X-Line-Retry-Key")), b"{}"
    if path == "/v2/bot/message/reply":
        return account.reply(body), b"{}"
    found = re.fullmatch(r"/v2/bot/user/(U[0-9a-f]{32})/linkToken", path)
    token = account.link_token(found[1]) if found else None
    return (200, json.dumps({"linkToken": token}).encode()) if token else (404, b"{}")


def _messages(body: dict[str, Any]) -> bool:
    said = body.get("messages")
    if not isinstance(said, list) or not 1 <= len(said) <= _AT_ONCE:
        return False
    return all(one.get("type") == "text" and 0 < len(one.get("text", "")) <= _LONGEST for one in said)

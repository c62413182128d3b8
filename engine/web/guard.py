"""What stands before every page: known host names only, small bodies only, strict headers, no traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT: Final = 64 * 1024
LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
# A file's address names its content: it never changes, and holds nothing about anybody.
STATIC_CACHE: Final = "public, max-age=31536000, immutable"
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# A year, as browsers ask for before they trust it; only said where HTTPS is all there is.
HSTS: Final = "max-age=31536000"
# What was typed travels through signing in, sealed and therefore longer than it was.
_CARRIED: Final = frozenset({"/signin", "/unlock", "/one-id/start", "/one-id/link"})
CARRIED_LIMIT: Final = 4 * BODY_LIMIT
# No keyboard has it, and PostgreSQL keeps no text that holds it.
_NUL: Final = b"%00"
_LOG: Final = logging.getLogger("engine.web")


class Guard:
    """ASGI middleware; `sorry(status)` is the page shown instead of what was asked for, `secure` that HTTPS is all.

    `apart` are answers for programs instead of that page, by how the paths begin that are theirs.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        sorry: Callable[[int], str],
        secure: bool = False,
        apart: Mapping[str, Callable[[int], Response]] | None = None,
    ) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": HSTS} if secure else {})
        self._hosts = LOCAL | {host.lower() for host in hosts}
        self._sorry = sorry
        self._apart = apart or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def strict(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                kept = headers.get("Cache-Control") == STATIC_CACHE
                for name, value in self._headers.items():
                    headers[name] = value
                if kept:
                    headers["Cache-Control"] = STATIC_CACHE
            await send(message)

        status, body = await self._judge(scope, receive)
        try:
            if status is None:
                await self._app(scope, _replay(body, receive), strict)
        except Exception as error:  # noqa: BLE001 - the last net: a visitor sees no traceback, the log no values
            where = traceback.extract_tb(error.__traceback__)[-1]
            _LOG.error("bug: %s at %s:%s", type(error).__name__, where.name, where.lineno)
            status = 500
        if status is not None and not started:
            await self._refusal(scope["path"], status)(scope, receive, strict)

    def _refusal(self, path: str, status: int) -> Response:
        answer = next((made for start, made in self._apart.items() if path.startswith(start)), None)
        return HTMLResponse(self._sorry(status), status) if answer is None else answer(status)

    async def _judge(self, scope: Scope, receive: Receive) -> tuple[int | None, bytes]:
        """The status to refuse with, if any, and the body that was read to find out."""
        headers = Headers(scope=scope)
        # A page elsewhere may point its own name at 127.0.0.1 and read what it gets: its name is not ours.
        if _name(headers.get("host", "")) not in self._hosts:
            return 400, b""
        # Another program on this machine is another origin, but the same site: its cookies come along.
        if scope["method"] == "POST" and headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return 403, b""
        # No form here sends files, and what comes in parts may name a coding of its own that makes no text.
        if headers.get("content-type", "").lower().startswith("multipart/"):
            return 400, b""
        body, limit = b"", CARRIED_LIMIT if scope["path"] in _CARRIED else BODY_LIMIT
        more = scope["method"] in {"POST", "PUT", "PATCH", "DELETE"}
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = bool(message.get("more_body", False))
            if len(body) > limit:
                return 413, b""
        is_form = headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")
        if "\0" in scope["path"] or _NUL in scope["query_string"] or (is_form and (_NUL in body or b"\0" in body)):
            return 400, b""
        return None, body


def _name(host: str) -> str:
    """The host without its port, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again

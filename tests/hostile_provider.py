"""An identity provider that lies: it signs whatever a test wants, with whatever key, and answers however it wants."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from simulators.messaging.serving import Quiet, served

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


@cache
def key_of(kid: str) -> RSAKey | ECKey:
    """A key of that name, the same for every test of this process; names that begin with `ec` are on a curve."""
    if kid.startswith("ec"):
        return ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig"})
    return RSAKey.generate_key(2048, parameters={"kid": kid, "use": "sig"})


@dataclass
class Liar:
    """What the provider says next; `asked` is what came to it."""

    issuer: str = ""
    published: list[str] = field(default_factory=lambda: ["k1"])
    token: str = ""
    access: str | None = "access"
    told: dict[str, Any] = field(default_factory=dict)
    answer: Callable[[Quiet, str], bool] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/leave", "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.told  # fmt: skip

    def keys(self) -> dict[str, Any]:
        return {"keys": [key_of(kid).as_dict(private=False) for kid in self.published]}

    def claims(self, now: datetime, nonce: str, **more: Any) -> dict[str, Any]:
        """An ID token's claims as they should be; None takes one out."""
        at = int(now.timestamp())
        said = {
            "iss": self.issuer, "sub": "sub-1", "aud": "phr", "iat": at, "exp": at + 300, "auth_time": at,
            "nonce": nonce, "sid": "sid-1", "acr": "urn:card",
        } | more  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def order(self, now: datetime, **more: Any) -> dict[str, Any]:
        """A logout token's claims as they should be; None takes one out."""
        at = int(now.timestamp())
        said = {
            "iss": self.issuer, "aud": "phr", "iat": at, "exp": at + 120, "jti": "j1", "sub": "sub-1", "sid": "sid-1",
            "events": {EVENT: {}},
        } | more  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}


def signed(claims: Mapping[str, Any], by: str = "k1", **header: Any) -> str:
    """A token with the key of that name, as a good provider makes it."""
    key = key_of(by)
    algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
    whole = {name: value for name, value in ({"alg": algorithm, "kid": by} | header).items() if value is not None}
    return jwt.encode(whole, dict(claims), key, algorithms=[algorithm])


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    """A token nobody signed (alg none)."""
    return f"{_part({'alg': 'none'} | header)}.{_part(claims)}."


def confused(claims: Mapping[str, Any], kid: str = "k1") -> str:
    """A token signed with HS256 and the provider's public key, which everybody can read, as the secret."""
    head = f"{_part({'alg': 'HS256', 'kid': kid})}.{_part(claims)}"
    secret = key_of(kid).as_pem(private=False)
    return f"{head}.{_coded(hmac.new(secret, head.encode(), sha256).digest())}"


@contextmanager
def lying(identity: Path | None = None) -> Iterator[Liar]:
    """The provider, served on this machine; over TLS with the key and certificate in `identity`."""
    liar = Liar()

    class Desk(Quiet):
        def one(self) -> None:
            body = self.body().decode()
            path = self.path.partition("?")[0]
            liar.asked.append((path, body))
            if liar.answer is not None and liar.answer(self, path):
                return
            known: dict[str, Callable[[], Any]] = {
                "/.well-known/openid-configuration": liar.discovery, "/keys": liar.keys,
                "/token": lambda: {"id_token": liar.token, "token_type": "Bearer"} | ({"access_token": liar.access} if liar.access else {}),
            }  # fmt: skip
            said = known[path]() if path in known else {}
            self.answer(200, json.dumps(said).encode(), Content_Type="application/json")

        do_GET = do_POST = one  # noqa: N815 - the base class calls them so

    with served(Desk, identity) as origin:
        liar.issuer = origin
        yield liar


def status(code: int, text: bytes = b"") -> Callable[[Quiet, str], bool]:
    """An answer with this status to everything."""

    def say(line: Quiet, _path: str) -> bool:
        line.answer(code, text)
        return True

    return say


def only(path: str, say: Callable[[Quiet, str], bool]) -> Callable[[Quiet, str], bool]:
    """That answer at one address alone."""
    return lambda line, asked: asked == path and say(line, asked)


def huge(line: Quiet, _path: str) -> bool:
    """An answer of three megabytes."""
    line.answer(200, b'{"keys":["' + b"x" * 3_000_000 + b'"]}', Content_Type="application/json")
    return True


def elsewhere(line: Quiet, path: str) -> bool:
    """A redirect to where the same would be answered rightly."""
    line.answer(302, b"", Location=f"{path}?again")
    return True


def slow(line: Quiet, _path: str) -> bool:
    """A byte now and then, for longer than anybody waits."""
    line.send_response(200)
    line.send_header("Content-Length", "1000")
    line.end_headers()
    try:
        for _ in range(40):
            line.wfile.write(b" ")
            line.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass
    line.close_connection = True
    return True


def _part(value: Mapping[str, Any]) -> str:
    return _coded(json.dumps(value).encode())


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

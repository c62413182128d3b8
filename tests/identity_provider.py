"""An identity provider that nobody here wrote, in a process of its own, and a person with a browser who goes there."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tests.node_packages import node_server

CARD: Final = "urn:test:card"
SECRET: Final = "a secret with & = + % in it, long enough"


@dataclass(frozen=True)
class Provider:
    """The provider's issuer, and its order to change keys."""

    issuer: str
    process: subprocess.Popen[str]

    def rotate(self) -> None:
        """From now on it signs with new keys and publishes those alone."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("rotate\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "rotate done\n"


def client(client_id: str, base: str, *, secret: str | None = SECRET, algorithm: str = "RS256") -> dict[str, Any]:
    """One service as the provider knows it; its pages are at `base`."""
    return {
        "client_id": client_id, "redirect_uris": [f"{base}/one-id/back"], "response_types": ["code"],
        "grant_types": ["authorization_code"], "subject_type": "pairwise",
        "post_logout_redirect_uris": [f"{base}/signin"], "backchannel_logout_uri": f"{base}/one-id/logout",
        "backchannel_logout_session_required": True, "id_token_signed_response_alg": algorithm,
        "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        **({"client_secret": secret} if secret else {}),
    }  # fmt: skip


@contextmanager
def provider_of(clients: Sequence[Mapping[str, Any]]) -> Iterator[Provider]:
    """Npm oidc-provider (tests/npm/oidc-provider) with these clients."""
    with node_server("oidc-provider/server.mjs", json.dumps(list(clients))) as (issuer, process):
        yield Provider(issuer, process)


def visit_provider(browser: httpx.Client, address: str, login: str, *, card: bool = False, stop: bool = False) -> str:
    """Go to the provider as a person does, say who one is where it asks, and stop where it sends one back to us.

    The address it sends to; redirects within the provider are followed.
    """
    home = urlsplit(address).netloc
    for _ in range(10):
        answer = browser.get(address, follow_redirects=False)
        if answer.status_code == httpx.codes.OK and "/interaction/" in answer.text:
            form = {"do": "stop"} if stop else {"do": "in", "login": login} | ({"card": "on"} if card else {})
            answer = browser.post(address, data=form, follow_redirects=False)
        if answer.status_code == httpx.codes.OK and "Submitting Callback" in answer.text:
            # Somebody else was signed in there: a page that sends itself on, as the script on it does in a browser.
            [action] = re.findall(r'action="([^"]+)"', answer.text)
            hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', answer.text))
            answer = browser.post(action, data=hidden, follow_redirects=False)
        assert answer.is_redirect, f"{answer.status_code}: {answer.text[:500]}"
        address = str(answer.url.join(answer.headers["location"]))
        if urlsplit(address).netloc != home:
            return address
    raise AssertionError("the provider sends round in circles")


def way_in(page: str) -> str:
    """Where a page of ours goes on to."""
    [found] = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    return html.unescape(found)

"""The pages served at localhost, and a provider of the city's ID at 127.0.0.1: two houses to every browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from engine.one_id import Client
from engine.web.oidc import OneId
from tests.identity_provider import CARD, SECRET, Provider, client, provider_of, visit_provider, way_in
from tests.web.browsing import Site, site
from tests.web.desks import Page

PHR = "phr"


@dataclass
class City:
    """Our pages with a real provider behind them; `base` is how residents reach us."""

    site: Site
    provider: Provider
    base: str

    def now(self) -> datetime:
        """The provider's clock is the real one: so is ours at this moment."""
        self.site.clock[0] = datetime.now(UTC)
        return self.site.clock[0]

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, timeout=20)

    def start(self, browser: httpx.Client, purpose: str = "sign-in", **more: str) -> str:
        """Press the button and read where it leads."""
        self.now()
        answer = browser.post("/one-id/start", data={"purpose": purpose} | more)
        assert answer.status_code == 200, answer.text
        return way_in(answer.text)

    def sign_in(self, browser: httpx.Client, login: str, *, card: bool = False, **more: str) -> httpx.Response:
        """There and back: the answer to the return."""
        returned = visit_provider(browser, self.start(browser, **more), login, card=card)
        self.now()
        return browser.get(returned)

    def link(self, browser: httpx.Client, login: str, code: str, month: str = "5", day: str = "5") -> httpx.Response:
        """The first time: there, back, and the code of the desk."""
        asked = self.sign_in(browser, login)
        form = Page(asked.text).forms["/one-id/link"]
        return browser.post("/one-id/link", data=form | {"code": code, "month": month, "day": day})


@contextmanager
def city(folder: Path, *, card: str | None = None, public: bool = False, clients: Any = None) -> Iterator[City]:
    """Our pages and npm oidc-provider, each knowing the other."""
    with site(folder, datetime.now(UTC)) as made:
        base = f"http://localhost:{urlsplit(made.url).port}"
        secret = None if public else SECRET
        with provider_of([client(PHR, base, secret=secret, algorithm="ES256" if public else "RS256")]) as provider:
            one_id = OneId(Client(issuer=provider.issuer, client_id=PHR, secret=secret, card=card))
            made.app.state.desk = replace(made.app.state.desk, one_id=one_id)
            yield City(made, provider, base)
            one_id.close()


__all__ = ["CARD", "PHR", "City", "city"]

"""A real Chromium on the real pages: served by uvicorn, driven by Playwright, every request watched, read by axe."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import Engine

from engine.access import Identity, Role
from engine.identity_staff import about_totp
from engine.locale import Language
from engine.sealing import seal_of
from engine.store import repo_staff
from engine.store.database import write
from engine.store.repo_staff import Keys
from engine.web.app import create_app
from engine.web.links import Links
from engine.web.sessions import Sessions, cookie_name
from tests.homes import HANAKO
from tests.node_packages import FOLDER, install
from tests.web import town
from tests.web.accounts import SECRET, hashed
from tests.web.desks import furnished

NURSE, SECOND, PHYSICIAN = "s-nursenursenur", "s-secondsecondd", "s-physicianphys"
# JIS X 8341-3:2016 AA is WCAG 2.0 AA; the newer levels come on top.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Site:
    """The pages of one store, served; the clock stands until it is moved."""

    engine: Engine
    app: FastAPI
    url: str
    clock: list[datetime]
    foreign: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def enter(
        self, browser: Browser, *roles: Role, by: str = NURSE, name: str = "鈴木 保健師", lang: Language = "ja",
        towns: frozenset[str] | None = frozenset({"062049"}), **context: Any,
    ) -> Page:  # fmt: skip
        """A page of somebody who has signed in, in a browser context of its own."""
        who = Identity(id=by, name=name, roles=frozenset(roles), municipalities=towns)
        cookie, _ = Sessions(self.engine).start(who, lang, self.clock[0])
        page = self.visit(browser, **context)
        page.context.add_cookies([{"name": cookie_name(secure=False), "value": cookie, "url": self.url}])
        return page

    def enter_as(self, browser: Browser, name: str, **context: Any) -> Page:
        """A page of one of the town's staff."""
        who = town.identity(name)
        return self.enter(browser, *who.roles, by=name, name=who.name, **context)

    def at_home(self, browser: Browser, name: str = HANAKO, called: str = "山田 花子", **context: Any) -> Page:
        """A page of a resident, or of family when `name` is theirs."""
        role: Role = "resident" if name.startswith("r-") else "family"
        return self.enter(browser, role, by=name, name=called, towns=frozenset(), **context)

    def visit(self, browser: Browser, **context: Any) -> Page:
        """A page of somebody who has not."""
        made: BrowserContext = browser.new_context(base_url=self.url, locale="ja-JP", **context)
        self.contexts.append(made)
        made.on("close", lambda _: self.contexts.remove(made))
        page = made.new_page()
        page.set_default_timeout(40_000)
        page.on("request", lambda request: self._watch(request.url))
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._hear(page.url, said.type, said.text))
        return page

    def _watch(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:", "about:", "blob:")):
            self.foreign.append(url)

    def _hear(self, where: str, kind: str, text: str) -> None:
        # A refused form is an answer with a status, which the browser tells as an error of loading: that is wanted.
        if kind == "error" and "Failed to load resource" not in text:
            self.problems.append(f"{where}: {text}")


def site(folder: Path, now: datetime, **more: Any) -> AbstractContextManager[Site]:
    """The pages on a furnished store; at the end nothing foreign was asked for and no script failed."""
    return _site(folder, furnished(folder), now, **more)


def town_site(folder: Path, **more: Any) -> AbstractContextManager[Site]:
    """The pages of the whole town, on its own morning."""
    return _site(folder, town.built(folder), town.NOW, **more)


@contextmanager
def _site(folder: Path, engine: Engine, now: datetime, **more: Any) -> Iterator[Site]:
    clock = [now]
    app = create_app(engine, Links(folder / "links"), lambda: clock[0], os_user="tester", home=folder, **more)
    with served(app) as url:
        made = Site(engine, app, url, clock)
        yield made
        # A page that listens for news holds its line until it is closed.
        for context in list(made.contexts):
            context.close()
    engine.dispose()
    assert made.foreign == []
    assert made.problems == []


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serves an application on a free port of this machine, in a thread."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < end, "the pages were never served"
        time.sleep(0.02)
    [door] = [sock for one in server.servers for sock in one.sockets]
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def axe_source() -> str:
    """The text of axe-core, installed by its lock."""
    install()
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, source: str) -> list[str]:
    """What axe finds wrong with a page: rule, help and the elements, each as one line."""
    page.evaluate(source)
    run = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
    result = page.evaluate(run, AXE_TAGS)
    return [
        f"{one['id']}: {one['help']}: {', '.join(node['target'][0] if node['target'] else '?' for node in one['nodes'][:5])}"
        for one in result["violations"]
    ]


def sideways(page: Page) -> int:
    """How many CSS pixels the page must be scrolled sideways."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


def enrolled(made: Site, folder: Path, *names: str) -> None:
    """Gives staff of the town a password and an authenticator, sealed as this program seals them."""
    seal = seal_of(folder)
    with write(made.engine) as connection:
        for name in names:
            keys = Keys(password_hash=hashed(), totp_secret=seal.seal(SECRET, about_totp(name)))
            repo_staff.keep_keys(connection, name, keys)

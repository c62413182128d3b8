"""A desk on a real store, and a browser without eyes: requests over ASGI, forms read from the page like a person does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.routing import BaseRoute

from engine.access import Identity, Role
from engine.people import Resident
from engine.review import Item, rank
from engine.store import repo_advice, repo_residents
from engine.store.database import open_engine, write
from engine.web.app import create_app
from engine.web.context import COOKIE
from engine.web.links import Links
from engine.web.sessions import Session, Sessions
from tests.homes import HANAKO, TARO, resident
from tests.stores import furnished_file

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SECRET = "9876"
EVIDENCE: dict[str, Any] = {
    "as_of": "2026-11-21T18:00:00+09:00",
    "rule": {"id": "bmi-above-target", "version": 1, "text_version": 1, "case": "middle-50", "boundary": "24.9 is in"},
    "sources": [{"title": "食事摂取基準", "edition": "2024", "section": "表1", "checked": "reprint"}],
    "reasons": ["bmi = 28.4 >= 25.0"],
    "signals": {
        "bmi": {"value": "28.4", "low": None, "high": None, "unit": "kg/m2", "count": 1, "note": None,
                "inputs": ["rrrr1"], "inputs_total": 1},
        "age": {"value": "50", "low": None, "high": None, "unit": "a", "count": 1, "note": None, "inputs": []},
    },
    "ask": ["pregnancy", "cancer"], "note": {"ja": "BMI 28.4 です。", "en": "BMI 28.4."}, "first": True,
}  # fmt: skip


def item(name: str, severity: str = "routine", **more: Any) -> Item:
    """An open item of the desk's morning."""
    fields: dict[str, Any] = {
        "id": f"a-{name:a<13}", "resident_id": TARO, "topic": "weight", "rule_id": "bmi-above-target",
        "rule_version": 1, "text_version": 1, "state": "open", "version": 1, "severity": severity,
        "text_ja": f"BMIは {SECRET}です。\n話しましょう。", "text_en": f"Your BMI is {SECRET}.\nTalk to us.",
        "evidence": EVIDENCE, "snapshot_hash": "f" * 64, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Item(**(fields | more))


def put(engine: Engine, *items: Item) -> None:
    """The items in the queue."""
    with write(engine) as connection:
        for one in items:
            repo_advice.add(connection, one, rank(one, NOW), actor="engine", os_user="test")


def rename(engine: Engine, name: str, **fields: str) -> None:
    """A resident with other words in the record."""
    with write(engine) as connection:
        person = repo_residents.get(connection, name)
        assert isinstance(person, Resident)
        changed = msgspec.structs.replace(person, version=person.version + 1, **fields)
        assert isinstance(repo_residents.edit(connection, changed, NOW, actor="test", os_user="test"), Resident)


class Page(HTMLParser):
    """What a page holds: headings, forms by where they go, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.tags.append((tag, held))
        if tag == "form":
            self._form = self.forms.setdefault(held["action"] or "", {})
        if tag == "input" and held.get("type") == "hidden":
            self._form[held["name"] or ""] = held["value"] or ""


@dataclass
class Desk:
    """The application under test with its clock, which stands until it is moved."""

    engine: Engine
    links: Links
    app: FastAPI
    clock: list[datetime]
    browser: httpx.AsyncClient

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.engine)

    def wait(self, span: timedelta) -> None:
        self.clock[0] += span

    async def sign_in(self, name: str = "鈴木 保健師", browser: httpx.AsyncClient | None = None) -> httpx.Response:
        """Follow a fresh link as a person does."""
        token = self.links.issue(self.clock[0])
        visitor = browser or self.browser
        offered = await visitor.get("/signin", params={"token": token})
        form = Page(offered.text).forms["/signin"]
        return await visitor.post("/signin", data=form | {"name": name})

    def enter_as(
        self,
        *roles: Role,
        by: str = "s-nursenursenur",
        name: str = "鈴木 保健師",
        towns: Collection[str] | None = ("062049",),
        browser: httpx.AsyncClient | None = None,
    ) -> Session:
        """Sit down as somebody who has signed in already: `by` is their id, `towns` None for every town."""
        who = Identity(
            id=by, name=name, roles=frozenset(roles), municipalities=None if towns is None else frozenset(towns)
        )
        cookie, session = Sessions(self.engine).start(who, "ja", self.clock[0])
        (browser or self.browser).cookies.set(COOKIE, cookie)
        return session

    async def send(self, name: str, verb: str, **fields: Any) -> httpx.Response:
        """Open an item and send one of its forms."""
        page = await self.browser.get(f"/advice/{name}")
        return await self.browser.post(
            f"/advice/{name}/{verb}", data=Page(page.text).forms[f"/advice/{name}/{verb}"] | fields
        )

    def another(self) -> httpx.AsyncClient:
        """A second browser."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1:8321")


def furnished(folder: Path) -> Engine:
    """A store of its own with two residents, who agreed to record, advice and the nurses' look."""
    return furnished_file(folder / "engine.sqlite")


@cache
def _routes() -> list[BaseRoute]:
    # Routes hold no state of a desk, but FastAPI works each out anew in every application, which takes half a second.
    return create_app(open_engine("sqlite://"), Links(Path()), lambda: NOW).router.routes


def opened(engine: Engine, links: Links, now: Callable[[], datetime], **more: Any) -> FastAPI:
    """`create_app` with the routes of this process's first."""
    app = create_app(engine, links, now, **more)
    app.router.routes[:] = _routes()
    return app


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with two residents and an empty queue."""
    engine = furnished(tmp_path)
    links, clock = Links(tmp_path / "links"), [NOW]
    app = opened(engine, links, lambda: clock[0], os_user="tester")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8321") as browser:
        yield Desk(engine, links, app, clock, browser)
    engine.dispose()


__all__ = ["HANAKO", "NOW", "SECRET", "TARO", "Desk", "Page", "desk", "item", "put", "rename", "resident"]


def heading(text: str) -> str:
    """The one h1 of a page, without tags."""
    [found] = re.findall(r"<h1>(.*?)</h1>", text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", "", found).split())

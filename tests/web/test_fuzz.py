"""Every route with odd values in every place: whatever is sent, a page answers, and none of them says "our fault".

What is thrown is what a browser, a script or a person with a strange keyboard can send. 150 shots are thrown in
each run, as many as FUZZ says in a campaign.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from engine.access import ROLES, Role, rights_of
from engine.notify.outlets import Outlets
from engine.web.context import HERE
from engine.web.door import OPEN
from tests.web.matrix_world import OWN
from tests.web.test_matrix import ENDLESS, Asked, app, engine, enter, furnished, routes_of, visit

__all__ = ["app", "engine", "furnished"]
SEED: Final = 20261122
SHOTS: Final = int(os.environ.get("FUZZ", "150"))
# A paper is made by another program, a second each; it reads no field.
SLOW: Final = frozenset({*ENDLESS, "/me/export/paper"})
# No browser sends a longer address.
LONGEST: Final = 6_000
ODD: Final = (
    "", " ", "0", "-1", "1e309", "NaN", "9" * 25, "9" * 5_000, "²", "٣", "½", "1\x00", "\x00", "\r\nSet-Cookie: a=b",
    "%", "%_\\", "'\"><svg onload=1>", "{name}", "{0.__class__}", "%(a)s", "😀", "\ud800", "\u202e", "\ufffe", "が" * 3,
    "あ" * 5_000, "../../etc/passwd", "//evil.example/", "/\\evil.example", "9999-12-31", "0001-01-01", "2026-02-30",
    "99999-01-01", "24:61", "[]", "{}", "a-" + "b" * 13, "r-" + "z" * 13, "javascript:alert(1)", "a=b&c=d", "&;=", "1,2",
    "+" * 300, "120/80/", "Ⅻ", "－１", "1_0", " 1", "inf", "0x10", "true", "null",
)  # fmt: skip
# Words that fit, so that a field gets past the ones beside it.
PLAIN: Final = {
    "version": "1", "reason": "長い理由をここに書きます。", "text": "歩きましょう。", "text_ja": "歩きましょう。", "text_en": "Walk.",
    "granted": "yes", "purpose": "advice", "kind": "call", "code": "lab.hba1c", "value": "6.1", "source": "nurse",
    "weight": "60.0", "upper": "120", "lower": "80", "relation": "child", "see": "weight", "days": "30", "to": OWN.id("s"),
    "end": "phoned", "how": "phone", "outcome": "reached", "channel": "mail", "town": OWN.town, "view": "unseen",
    "when": "date", "form": "symptoms", "way": "code", "name": "山田", "next": "1", "lang": "ja", "count": "1",
}  # fmt: skip
# A field by its name, also where a macro of the page makes it.
_FIELD: Final = re.compile(r'name="([a-z_.]+)"|pick\("[a-z-]+", "([a-z_]+)"')


def names_of(asked: Asked) -> list[str]:
    """The fields a route may read: those it declares, else those of every form there is beside it."""
    own = [*asked.fields, *asked.queries]
    if asked.method == "POST" and not set(asked.fields) - {"csrf"}:
        own += sorted(
            {
                name
                for page in pages_of(asked.path)
                for found in _FIELD.findall(page.read_text("utf-8"))
                for name in found
                if name
            }
        )
    return [name for name in dict.fromkeys(own) if name != "csrf"]


def pages_of(path: str) -> list[Path]:
    """The templates whose forms a route may be sent: of the folder that is named like it, else of all about people."""
    first = path.split("/")[1]
    folder = HERE / "templates" / ("me" if first == "family" else first)
    return sorted((folder if folder.is_dir() else HERE / "templates" / "record").rglob("*.html"))


def shots(asked: Asked) -> Iterator[tuple[str, dict[str, str]]]:
    """Every odd value in every place of a route, alone among plain ones: the address, and the fields."""
    held = OWN.holds()
    fields = {name: PLAIN.get(name) or held.get(name, "1") for name in names_of(asked)}
    for odd in ODD:
        for name in fields:
            yield asked.at(OWN), fields | {name: odd}
        for name in asked.needs:
            quoted = httpx.QueryParams({"a": odd.encode("utf-8", "replace").decode()})
            place = str(quoted)[2:].replace("+", "%20")[:2_000]
            yield re.sub(rf"{{{name}(:\w+)?}}", place, asked.path).replace("{", "").replace("}", ""), fields


def role_for(right: str | None) -> Role | None:
    """Somebody who may use a route."""
    return next((role for role in ROLES if right in rights_of([role])), None)


def sent(browser: httpx.AsyncClient, asked: Asked, path: str, fields: dict[str, str], csrf: str) -> httpx.Request:
    if asked.method == "GET":
        words = {name: value[:LONGEST].encode("utf-8", "replace").decode() for name, value in fields.items()}
        return browser.build_request("GET", path, params=words)
    plain: dict[str, Any] = {name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}
    body = urlencode(plain | {"csrf": csrf})
    kind = "application/x-www-form-urlencoded"
    return browser.build_request("POST", path, content=body, headers={"content-type": kind})


@pytest.fixture
def told(app: FastAPI, tmp_path: Path) -> FastAPI:
    """The pages with a place for notices, without which their forms would answer before they read anything."""
    object.__setattr__(app.state.desk, "outlets", Outlets(base="https://phr.example", key=b"k" * 32))
    return app


async def test_whatever_is_sent_no_route_breaks(told: FastAPI, engine: Any, caplog: pytest.LogCaptureFixture) -> None:
    routes = [asked for asked in routes_of(told) if asked.path not in SLOW]
    thrown = [(asked, path, fields) for asked in routes for path, fields in shots(asked)]
    thrown = Random(SEED).sample(thrown, min(len(thrown), SHOTS))
    faults: dict[str, str] = {}
    people: dict[Role | None, httpx.AsyncClient] = {}
    marks: dict[Role | None, str] = {None: ""}
    for asked, path, fields in thrown:
        role = None if asked.right == OPEN else role_for(asked.right)
        if role not in people:
            people[role] = visit(told)
            if role is not None:
                marks[role] = enter(engine, people[role], role).csrf
        caplog.clear()
        answer = await people[role].send(sent(people[role], asked, path, fields, marks[role]))
        if answer.status_code >= 500:
            where = f"{asked.method} {asked.path} {[record.message for record in caplog.records]}"
            faults.setdefault(where, str({name: value[:30] for name, value in fields.items() if value in ODD})[:300])
        if "onload=1>" in answer.text:
            faults.setdefault(f"{asked.method} {asked.path} writes markup", "")
        if "evil.example" in answer.headers.get("location", "").partition("?")[0]:
            faults.setdefault(f"{asked.method} {asked.path} leads away", answer.headers["location"])
    for browser in people.values():
        await browser.aclose()
    assert not faults, "\n".join(f"{where}: {what}" for where, what in faults.items())
